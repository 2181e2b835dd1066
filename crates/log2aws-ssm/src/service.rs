//! Signed requests to AWS services with a JSON API or the query protocol.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use url::Url;

/// Why a request failed. Contains no key and no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The certificates to trust are invalid.
    #[error("the certificates to trust cannot be read: {0}")]
    Roots(String),
    /// The request could not be signed.
    #[error("the request to {service} cannot be signed: {problem}")]
    Sign {
        /// The service, as people call it.
        service: &'static str,
        /// What went wrong.
        problem: String,
    },
    /// There was no response.
    #[error("{service} at {host} cannot be reached: {problem}")]
    Unreachable {
        /// The service, as people call it.
        service: &'static str,
        /// The host of the request.
        host: String,
        /// What went wrong.
        problem: String,
    },
    /// The response is an error.
    #[error("{service} answers {status} ({code}): {message}")]
    Answer {
        /// The service, as people call it.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// AWS's error code, e.g. `AccessDeniedException`.
        code: String,
        /// AWS's message, shortened.
        message: String,
    },
    /// The response is not valid for the service.
    #[error("the answer of {host} is not one of {service}")]
    Strange {
        /// The service, as people call it.
        service: &'static str,
        /// The host of the request.
        host: String,
    },
}

impl RequestError {
    /// Whether a retry may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Answer { status, code, .. } => {
                *status >= 500 || code.contains("Throttling") || code.contains("TooManyRequests")
            }
            Self::Roots(_) | Self::Sign { .. } | Self::Strange { .. } => false,
        }
    }
}

/// Where a service is, with timeout and retries.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its URL.
    pub url: Url,
    /// The certificates to trust.
    pub roots: RootCerts,
    /// The total timeout of one request.
    pub timeout: Duration,
    /// The number of attempts, at least one, without a delay between them. Only transient errors
    /// are retried.
    pub attempts: u32,
}

/// The names of a service, and its response limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The name in the scope of a signature.
    pub(crate) scope: &'static str,
    /// The name in messages.
    pub(crate) name: &'static str,
    /// The content type of requests.
    pub(crate) content_type: &'static str,
    /// The maximum size of a response, in bytes.
    pub(crate) max_answer: u64,
}

/// The content type of services with JSON 1.1.
pub(crate) const JSON_1_1: &str = "application/x-amz-json-1.1";

/// A client for a service in one region.
#[derive(Clone)]
pub(crate) struct Service {
    kind: Kind,
    agent: Agent,
    url: Url,
    attempts: u32,
    region: String,
    credentials: Credentials,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, region) = (&self.kind.scope, &self.region);
        f.debug_struct("Service")
            .field("kind", kind)
            .field("region", region)
            .finish_non_exhaustive()
    }
}

/// A successful response.
pub(crate) struct Posted {
    /// Lambda's `X-Amz-Function-Error`: the function ran, and failed.
    pub(crate) function_failed: bool,
    pub(crate) body: Vec<u8>,
}

/// The headers of a signed request. Has no `Debug`, because they contain signature and token.
pub(crate) struct Signed(pub(crate) Vec<(String, String)>);

#[derive(Deserialize, Default)]
struct Fault {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl Fault {
    /// The fault of a service with the query protocol: `<Error><Code>…</Code><Message>…`.
    fn of_xml(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let of = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            rest.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
        };
        Self { code: of("Code").unwrap_or_default(), message: of("Message").unwrap_or_default() }
    }
}

impl Service {
    /// A client. It opens no connection yet. It uses the proxy from the environment.
    pub(crate) fn new(kind: Kind, place: Place, region: &str, credentials: Credentials) -> Self {
        let Place { url, roots, timeout, attempts } = place;
        let agent = https_agent(roots, timeout);
        Self { kind, agent, url, attempts, region: region.to_owned(), credentials }
    }

    /// Sends a request and parses the response. Blocks. `now` is the time in the signature.
    ///
    /// # Errors
    /// [`RequestError`]; for a transient error, after the last attempt.
    pub(crate) fn ask<A: for<'a> Deserialize<'a>>(
        &self,
        target: &'static str,
        request: &impl Serialize,
        now: Timestamp,
    ) -> Result<A, RequestError> {
        let bytes = self.send(target, request, now)?;
        serde_json::from_slice(&bytes).map_err(|_| self.strange())
    }

    /// The answer is not one of the service.
    pub(crate) fn strange(&self) -> RequestError {
        RequestError::Strange { service: self.kind.name, host: self.host() }
    }

    /// The same, but returns the response unparsed.
    pub(crate) fn send(
        &self,
        target: &'static str,
        request: &impl Serialize,
        now: Timestamp,
    ) -> Result<Vec<u8>, RequestError> {
        let body = serde_json::to_vec(request).map_err(|error| self.unsigned(&error))?;
        self.send_bytes(Some(target), &body, now)
    }

    /// The same in the query protocol: a form that names its operation itself.
    pub(crate) fn send_form(&self, form: &str, now: Timestamp) -> Result<Vec<u8>, RequestError> {
        self.send_bytes(None, form.as_bytes(), now)
    }

    fn send_bytes(
        &self,
        target: Option<&'static str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, RequestError> {
        let mut attempt = 1;
        loop {
            match self.post(&self.url, target, body, now) {
                Err(error) if error.is_passing() && attempt < self.attempts => attempt += 1,
                done => return done.map(|posted| posted.body),
            }
        }
    }

    /// Sends a body once to a path of the service; any 2xx is a success.
    pub(crate) fn post_to(
        &self,
        path: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Posted, RequestError> {
        let url = self.url.join(path).map_err(|error| self.unsigned(&error))?;
        self.post(&url, None, body, now)
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn post(
        &self,
        url: &Url,
        target: Option<&'static str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Posted, RequestError> {
        let mut request = self.agent.post(url.as_str());
        for (name, value) in self.sign(url, target, body, now)?.0 {
            request = request.header(name, value);
        }
        let unreachable = |error: ureq::Error| RequestError::Unreachable {
            service: self.kind.name,
            host: self.host(),
            problem: error.to_string(),
        };
        let mut response = request.send(body).map_err(unreachable)?;
        let status = response.status().as_u16();
        let fault = response.headers().get("x-amz-function-error").is_some();
        let bytes = response.body_mut().with_config().limit(self.kind.max_answer).read_to_vec();
        let bytes = bytes.map_err(unreachable)?;
        if (200..300).contains(&status) {
            Ok(Posted { function_failed: fault, body: bytes })
        } else {
            Err(self.fault(status, &bytes))
        }
    }

    pub(crate) fn sign(
        &self,
        url: &Url,
        target: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Signed, RequestError> {
        let refused = |error: &dyn fmt::Display| self.unsigned(error);
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.kind.scope)
            .time(SystemTime::from(now))
            .settings(SigningSettings::default())
            .build()
            .map_err(|e| refused(&e))?
            .into();
        let told =
            [Some(("content-type", self.kind.content_type)), target.map(|t| ("x-amz-target", t))];
        let told: Vec<(&str, &str)> = told.into_iter().flatten().collect();
        let request = SignableRequest::new(
            "POST",
            url.as_str(),
            told.iter().copied(),
            SignableBody::Bytes(body),
        )
        .map_err(|e| refused(&e))?;
        let (signed, _) = sign(request, &params).map_err(|e| refused(&e))?.into_parts();
        let (signed, _) = signed.into_parts();
        let told = told.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = signed.iter().map(|h| (h.name().to_owned(), h.value().to_owned()));
        Ok(Signed(told.chain(headers).collect()))
    }

    fn unsigned(&self, error: &dyn fmt::Display) -> RequestError {
        RequestError::Sign { service: self.kind.name, problem: error.to_string() }
    }

    fn fault(&self, status: u16, bytes: &[u8]) -> RequestError {
        let fault = serde_json::from_slice(bytes).unwrap_or_else(|_| Fault::of_xml(bytes));
        // Some services prefix the code with a namespace.
        let code = fault.code.rsplit('#').next().unwrap_or_default();
        let (code, message) = (shortened(code, 64), shortened(&fault.message, 300));
        RequestError::Answer { service: self.kind.name, status, code, message }
    }
}

/// An HTTP client that trusts `roots` and limits each request to `timeout` in total. An HTTP error
/// status is a response, not an error. It uses the proxy from the environment.
pub fn https_agent(roots: RootCerts, timeout: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .http_status_as_error(false);
    config.build().new_agent()
}

/// The certificates in a PEM file, as the only trusted ones.
///
/// # Errors
/// [`RequestError::Roots`]: the file is invalid, or contains no certificate.
pub fn roots_of(pem: &[u8]) -> Result<RootCerts, RequestError> {
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => roots.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(RequestError::Roots(error.to_string())),
        }
    }
    if roots.is_empty() {
        return Err(RequestError::Roots("the file holds no certificate".to_owned()));
    }
    Ok(RootCerts::from(roots))
}

fn shortened(text: &str, characters: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(characters).collect()
}
