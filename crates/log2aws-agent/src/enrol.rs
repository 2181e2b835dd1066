//! Enrolment: puts this server's public key where an operator accepts it.

use std::time::Duration;

use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::encrypted_url::{Fresh, RequestId};
use log2aws_core::key_registry::EnrolmentCode;
use log2aws_core::server_key::PublicKey;
use log2aws_core::server_name::ServerName;
use sha2::{Digest as _, Sha256};
use ureq::http::StatusCode;

use crate::net::client::Client;
use crate::net::error::HttpError;
use crate::net::{CaError, Network};
use crate::ship::answer::{self, Target, UrlRequest};
use crate::ship::{ApiUrl, HostPattern};
use crate::world::Time;

/// The time limit of each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where a key is enrolled.
#[derive(Clone, Debug)]
pub struct EnrolConfig {
    /// The API.
    pub api: ApiUrl,
    /// This server's name.
    pub server: ServerName,
    /// Further hosts that may be put to, besides the API's own host and S3.
    pub upload_hosts: Vec<HostPattern>,
    /// Proxy, certificates and timeouts.
    pub network: Network,
}

/// Why a key was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The code is another server's.
    #[error(
        "the code is for {0}, and this server is {1}; ask for a code of its own, or name the \
         server with --server"
    )]
    OtherServer(ServerName, ServerName),
    /// The code is too old.
    #[error(
        "the code was good until {0}; ask an operator for another: log2aws key register --code"
    )]
    Expired(jiff::Timestamp),
    /// The clock is outside the years that logs can have.
    #[error("the clock says {0}; set it")]
    Clock(jiff::civil::Date),
    /// The CA file cannot be used.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[source] std::io::Error),
    /// A request failed.
    #[error("the key was not delivered: {0}; run the same again")]
    Request(String),
    /// The API or the store refused.
    #[error("the key was not taken: {0}")]
    Refused(String),
}

/// Puts `key`, with the proof that this server has the code.
///
/// # Errors
/// [`EnrolError`]; the same can be tried again as long as the code is good.
pub fn run(
    config: &EnrolConfig,
    code: &EnrolmentCode,
    key: &PublicKey,
    time: &dyn Time,
) -> Result<(), EnrolError> {
    if code.server != config.server {
        return Err(EnrolError::OtherServer(code.server.clone(), config.server.clone()));
    }
    let now = time.now();
    if now >= code.expires {
        return Err(EnrolError::Expired(code.expires));
    }
    // A request for a URL has a day; which it is does not matter here.
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = Day::from_date(today).ok_or(EnrolError::Clock(today))?;
    let body = code.request(key).to_json();
    let random = time.random().map_err(EnrolError::Random)?;
    let request_id = RequestId::generate(&Fresh::new(random));
    let asked = UrlRequest {
        server: &config.server,
        day,
        size: body.len() as u64,
        sha256: Sha256::digest(&body).into(),
        tls: config.api.url().scheme() == "https",
        api: config.api.url(),
        upload_hosts: &config.upload_hosts,
        request_id: &request_id,
        keys: &[],
        what: Target::Enrolment,
    };
    let client = Client::new(&config.network)?;
    let failed = |error: HttpError| EnrolError::Request(error.to_string());
    let reply = client.get(&asked.request(), TIMEOUT).map_err(failed)?;
    if reply.status != StatusCode::OK {
        let detail = answer::detail(&reply.body).unwrap_or_default();
        let (api, status) = (&config.api, reply.status.as_u16());
        return Err(EnrolError::Refused(format!("the API {api} answers {status}: {detail}")));
    }
    let asked = UrlRequest { tls: reply.tls, ..asked };
    let upload = answer::check(reply.header("content-type"), &reply.body, &asked)
        .map_err(|error| EnrolError::Refused(format!("{}: {error}", config.api)))?;
    let (url, origin) = (upload.url.expose(), upload.url.origin());
    let put = client.put(url, &upload.headers, &mut body.as_slice(), TIMEOUT).map_err(failed)?;
    if put.status != StatusCode::OK {
        let code = answer::store_code(&put.body).unwrap_or_default();
        let status = put.status.as_u16();
        return Err(EnrolError::Refused(format!("the store {origin} answers {status} {code}")));
    }
    let (etag, checksum) = (put.header("etag"), put.header("x-amz-checksum-sha256"));
    match answer::not_from_a_store(etag, checksum, &put.body, &asked.sha256) {
        Some(fault) => Err(EnrolError::Request(format!(
            "{origin} answered 200, but not as a store does: {fault}"
        ))),
        None => Ok(()),
    }
}
