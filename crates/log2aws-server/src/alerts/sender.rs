//! Sends a message to a webhook.
//!
//! The client is ureq, which this program already contains for Parameter Store and the agent, and
//! which needs no runtime on the thread of a background task. It uses the proxy and the certificate
//! authorities of the environment, as other requests of `serve` do.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::alert::{Message, payload};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::config::{Webhook, WebhookError, WebhookUrl};

/// The time for one request in all, with the lookup of the name.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest head of a response, in bytes. The body is not read.
const MAX_HEAD: usize = 16 << 10;

/// Why a webhook did not take a message. Contains no URL: what it is a secret of is in its path, and
/// the errors of the HTTP client can have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It answers with an error.
    #[error("it answers with the status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// It leads elsewhere, where the message was not meant to go.
    #[error(
        "it answers with a redirect ({0}), which is not followed: set the URL that it leads to"
    )]
    Redirect(u16),
    /// It did not answer in time.
    #[error("it does not answer within 10 seconds")]
    Timeout,
    /// The name is unknown.
    #[error("its host name is unknown")]
    UnknownHost,
    /// Nothing listens there, or the connection broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(std::io::ErrorKind),
    /// The proxy or TLS failed, or what answers is no HTTP server.
    #[error("{0}")]
    Other(&'static str),
}

/// Why a webhook was not told. Contains no URL.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// Its URL cannot be used.
    #[error(transparent)]
    Url(#[from] WebhookError),
    /// It did not take the message.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The message cannot be written.
    #[error("the message cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// A client for webhooks.
#[derive(Clone, Debug)]
pub struct Sender {
    agent: ureq::Agent,
}

impl Default for Sender {
    fn default() -> Self {
        Self::new()
    }
}

impl Sender {
    /// A client. It opens no connection yet.
    pub fn new() -> Self {
        Self::with_timeout(TIMEOUT)
    }

    /// A client with another limit of time.
    pub(super) fn with_timeout(timeout: Duration) -> Self {
        let roots = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<_> =
            roots.iter().map(|root| Certificate::from_der(root.as_ref()).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::from(roots))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD)
            .http_status_as_error(false)
            // A connection that was kept may be gone when the next message comes.
            .max_idle_connections(0)
            .user_agent(concat!("log2aws/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent() }
    }

    /// Tells a webhook; `link` leads to the alerts in the dashboard. Blocks for at most ten seconds.
    ///
    /// # Errors
    /// [`TellError`]. The webhook may have taken the message nevertheless.
    pub fn tell(
        &self,
        webhook: &Webhook,
        message: &Message,
        link: Option<&str>,
        now: Timestamp,
    ) -> Result<(), TellError> {
        let url = webhook.url.read(&webhook.name)?;
        let body = payload(message, webhook.format, webhook.language, link)?;
        Ok(self.send(&url, &message.id, &body, now)?)
    }

    /// Sends a body; `id` is the same when it is repeated. Blocks for at most ten seconds.
    ///
    /// # Errors
    /// [`SendError`]. The webhook may have taken the message nevertheless.
    fn send(
        &self,
        url: &WebhookUrl,
        id: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SendError> {
        let request = self
            .agent
            .post(url.expose())
            .header("content-type", "application/json")
            .header("idempotency-key", id);
        let response = request.send(body).map_err(|error| plain(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            return Err(SendError::Redirect(status.as_u16()));
        }
        let header = response.headers().get("retry-after");
        let retry_after = header.and_then(|value| retry_after(value.to_str().ok()?, now));
        Err(SendError::Status { status: status.as_u16(), retry_after })
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text.trim()).ok()?;
    until.duration_since(now.into()).ok()
}

/// The kind of an error. Its text can contain the URL.
fn plain(error: &ureq::Error) -> SendError {
    use ureq::Error;
    match error {
        Error::Timeout(_) => SendError::Timeout,
        Error::HostNotFound => SendError::UnknownHost,
        Error::ConnectionFailed => SendError::Unreachable(std::io::ErrorKind::ConnectionRefused),
        Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => SendError::Timeout,
        Error::Io(error) => SendError::Unreachable(error.kind()),
        Error::Tls(_) | Error::Rustls(_) => SendError::Other(
            "TLS fails: check its certificate, and the authorities of this machine",
        ),
        Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => {
            SendError::Other("the proxy of the environment does not connect to it")
        }
        Error::BadUri(_) => SendError::Other("its URL cannot be used"),
        _ => SendError::Other("what answers is no HTTP server"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_seconds_or_until_a_date() {
        let now: Timestamp = "2026-11-29T03:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 30 ", now), Some(Duration::from_secs(30)));
        let date = "Sun, 29 Nov 2026 03:02:00 GMT";
        assert_eq!(retry_after(date, now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 29 Nov 2026 02:02:00 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
    }
}
