//! The API's response to a request for a URL, and the steps of the connections to the API and to the
//! store that it names.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::encrypted_url::{Fresh, RequestId};
use log2aws_core::server_name::ServerName;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::doctor::DoctorConfig;
use crate::net::CaError;
use crate::net::client::{Client, Reply};
use crate::net::endpoint::Endpoint;
use crate::net::error::HttpError;
use crate::net::proxy::ProxyEndpoint;
use crate::net::trace::Trace;
use crate::server_keys::ServerKeys;
use crate::ship::ApiUrl;
use crate::ship::answer::{self, SOURCE_HEADER, Target, UrlRequest};
use crate::world::World;

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request: its steps, and how it ended.
#[derive(Debug)]
pub(crate) struct Probe<T> {
    pub(crate) trace: Trace,
    /// The clock of a server whose certificate is not valid at this time by our clock.
    pub(crate) date: Option<Timestamp>,
    pub(crate) result: Result<T, HttpError>,
}

/// Any response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Log2aws-Source`: our address as the API sees it.
    pub(crate) source: Option<IpAddr>,
    /// Its message, if that can be repeated.
    pub(crate) detail: Option<String>,
    /// Whether it is refused for its key, not for its address.
    pub(crate) is_about_a_key: bool,
    /// When the URL of a 200 expires, or why it is not trusted.
    pub(crate) url: Option<Result<Option<Timestamp>, String>>,
    /// The proxy that may have answered in the API's place.
    pub(crate) proxy: Option<ProxyEndpoint>,
}

/// A response, and the connection to the store.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    pub(crate) answer: Answer,
    /// The server's clock, and ours before and after.
    pub(crate) date: Option<Timestamp>,
    pub(crate) before: Timestamp,
    pub(crate) after: Timestamp,
    /// The request to the store, unless that is the API's own host and port.
    pub(crate) store: Option<Probe<()>>,
}

/// Requests a URL for an empty log of `day`, as `ship` would.
///
/// # Errors
/// The CA file is invalid.
pub(crate) fn ask(
    api: &ApiUrl,
    server: &ServerName,
    day: Day,
    config: &DoctorConfig,
    keys: &ServerKeys,
    world: &World<'_>,
) -> Result<Probe<ApiResponse>, CaError> {
    let client = Client::new(&config.network)?;
    let random = world.time.random().unwrap_or_default();
    let request_id = RequestId::generate(&Fresh::new(random));
    let asked = UrlRequest {
        server,
        day,
        size: 0,
        sha256: Sha256::digest([]).into(),
        tls: api.url().scheme() == "https",
        api: api.url(),
        upload_hosts: &config.upload_hosts,
        request_id: &request_id,
        keys: keys.private(),
        what: Target::Log,
    };
    let before = world.time.now();
    let reply = client.get(&asked.request(), TIMEOUT);
    let after = world.time.now();
    let probe = probe(&client, api.url(), reply);
    Ok(Probe {
        trace: probe.trace,
        date: probe.date,
        result: probe.result.map(|reply| response(&reply, &asked, &client, before, after)),
    })
}

/// The steps of the request that just ended.
fn probe<T>(client: &Client, url: &Url, result: Result<T, HttpError>) -> Probe<T> {
    let trace = client.take_trace();
    let fault = trace.tls.as_ref().and_then(|tls| tls.verdict.as_ref().err());
    let date = fault
        .filter(|fault| fault.is_about_time())
        .and_then(|_| client.unverified_date(url, TIMEOUT));
    Probe { trace, date, result }
}

fn response(
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
    let media_type = reply.header("content-type");
    let upload =
        (reply.status.as_u16() == 200).then(|| answer::check(media_type, &reply.body, &asked));
    let opened = answer::open(media_type, &reply.body, &asked).ok();
    let life = opened
        .and_then(|body| serde_json::from_slice::<Life>(&body).ok())
        .map(|life| life.expires_at);
    let store = upload.as_ref().and_then(|upload| {
        let url = upload.as_ref().ok()?.url.expose();
        // What leads to the API leads to the store, too.
        (Endpoint::of(url) != Endpoint::of(asked.api)).then(|| {
            let reached = client.head(url, TIMEOUT).map(|_| ());
            probe(client, url, reached)
        })
    });
    ApiResponse {
        answer: Answer {
            status: reply.status.as_u16(),
            source: reply.header(SOURCE_HEADER).and_then(|text| text.parse::<IpAddr>().ok()),
            detail: answer::detail(&reply.body),
            is_about_a_key: answer::is_about_a_key(&reply.body),
            url: upload.map(|upload| upload.map(|_| life).map_err(|error| error.to_string())),
            proxy: reply.proxy.clone(),
        },
        date: reply.date(),
        before,
        after,
        store,
    }
}
