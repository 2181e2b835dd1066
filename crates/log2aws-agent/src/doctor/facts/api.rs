//! The API's response to a request for a URL, and the connections to the API and to the store that
//! it names.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::doctor::DoctorConfig;
use crate::ship::answer::{self, SOURCE_HEADER, UrlRequest};
use crate::ship::http::{Client, HttpError, Reply};
use crate::ship::{ApiUrl, CaError};
use crate::world::World;

use super::connection::{self, Login, ProxyHop, Reachability, Target};
use super::tls;

/// The timeout of the request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The connection to the API, and its response.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) target: Target,
    /// The proxy, or the variable with an invalid one.
    pub(crate) proxy: Result<Option<ProxyHop>, &'static str>,
    /// Whether the CA file is valid.
    pub(crate) ca: Result<(), CaError>,
    /// `None` if only a whole request can test it.
    pub(crate) connection: Option<Reachability>,
    /// `None` if the connection failed.
    pub(crate) said: Option<Result<ApiResponse, String>>,
}

/// Any response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Log2aws-Source`: our address as the API sees it.
    pub(crate) source: Option<IpAddr>,
    /// Its message, if that can be repeated.
    pub(crate) said: Option<String>,
    /// When the URL of a 200 expires, or why it is not trusted.
    pub(crate) url: Option<Result<Option<Timestamp>, String>>,
}

/// A response, and the connection to the store.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    pub(crate) answer: Answer,
    /// The server's clock, and ours before and after.
    pub(crate) date: Option<Timestamp>,
    pub(crate) before: Timestamp,
    pub(crate) after: Timestamp,
    /// The target of uploads.
    pub(crate) store: Option<(Target, Option<ProxyHop>, Option<Reachability>)>,
}

/// Requests a URL for an empty log of `day`.
pub(crate) fn ask(
    api: &ApiUrl,
    server: &ServerName,
    day: Day,
    config: &DoctorConfig,
    world: &World<'_>,
) -> Api {
    let target = target(api.url());
    let client = match Client::new(&config.network) {
        Ok(client) => client,
        Err(error) => {
            return Api { target, proxy: Ok(None), ca: Err(error), connection: None, said: None };
        }
    };
    let roots = if target.tls { client.roots() } else { Vec::new() };
    let (proxy, connection) = match hop(api.url(), &client) {
        Ok(hop) => {
            let connection = connection_to(&target, hop.as_ref(), &roots);
            (Ok(hop), connection)
        }
        Err(variable) => (Err(variable), None),
    };
    let passable = proxy.is_ok() && connection.as_ref().is_none_or(Reachability::can_send_request);
    let said = passable.then(|| {
        let asked = UrlRequest {
            server,
            day,
            size: 0,
            sha256: Sha256::digest([]).into(),
            tls: target.tls,
            api: api.url(),
            upload_hosts: &config.upload_hosts,
        };
        let before = world.time.now();
        let reply = client.get(&asked.request(), TIMEOUT).map_err(|error| error.to_string())?;
        let after = world.time.now();
        Ok(said(&reply, &asked, &client, before, after))
    });
    Api { target, proxy, ca: Ok(()), connection, said }
}

fn said(
    reply: &Reply,
    asked: &UrlRequest<'_>,
    client: &Client,
    before: Timestamp,
    after: Timestamp,
) -> ApiResponse {
    #[derive(Deserialize)]
    struct Life {
        expires_at: Timestamp,
    }
    let asked = UrlRequest { tls: reply.tls, ..asked.clone() };
    let upload = (reply.status.as_u16() == 200).then(|| answer::check(&reply.body, &asked));
    let life = serde_json::from_slice::<Life>(&reply.body).ok().map(|life| life.expires_at);
    let store = upload.as_ref().and_then(|upload| upload.as_ref().ok()).map(|upload| {
        let url = upload.url.expose();
        let target = target(url);
        let hop = hop(url, client).ok().flatten();
        let roots = if target.tls { client.roots() } else { Vec::new() };
        let connection = connection_to(&target, hop.as_ref(), &roots);
        (target, hop, connection)
    });
    ApiResponse {
        answer: Answer {
            status: reply.status.as_u16(),
            source: reply.header(SOURCE_HEADER).and_then(|text| text.parse::<IpAddr>().ok()),
            said: answer::detail(&reply.body),
            url: upload.map(|upload| upload.map(|_| life).map_err(|error| error.to_string())),
        },
        date: reply.header("date").and_then(tls::parse_date),
        before,
        after,
        store,
    }
}

fn target(url: &Url) -> Target {
    Target {
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().unwrap_or(443),
        tls: url.scheme() == "https",
    }
}

/// `None` if only a whole request can test it: TLS to the proxy itself.
fn connection_to(
    target: &Target,
    hop: Option<&ProxyHop>,
    roots: &[CertificateDer<'static>],
) -> Option<Reachability> {
    hop.is_none_or(|hop| !hop.tls).then(|| connection::go(target, hop, roots))
}

/// The proxy for `url`, chosen as for a delivery.
fn hop(url: &Url, client: &Client) -> Result<Option<ProxyHop>, &'static str> {
    let proxy = match client.proxy(url) {
        Err(HttpError::Proxy(variable)) => return Err(variable),
        proxy => proxy.ok().flatten(),
    };
    Ok(proxy.map(|proxy| ProxyHop {
        host: proxy.host().to_owned(),
        port: proxy.port(),
        tls: proxy.protocol() == ureq::ProxyProtocol::Https,
        login: proxy.username().map(|user| Login {
            user: user.to_owned(),
            password: proxy.password().unwrap_or_default().to_owned(),
        }),
    }))
}
