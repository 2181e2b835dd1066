//! The client for S3: where it connects to, with which keys, how patiently.

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Region};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long S3 may be silent before it has begun to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a request is made in all before its fault is told.
const ATTEMPTS: u32 = 4;

/// An access key, its secret and, for temporary keys, the session token. Prints none of them.
#[derive(Clone)]
pub struct Keys(Credentials);

impl Keys {
    /// Keys as AWS or `serve` gave them out; an empty session token is none.
    pub fn new(access_key: &str, secret_key: &str, session_token: Option<&str>) -> Self {
        let token = session_token.filter(|token| !token.is_empty()).map(str::to_owned);
        Self(Credentials::new(access_key, secret_key, token, None, "log2aws"))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(REDACTED)")
    }
}

/// Where S3 is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The AWS region, e.g. `ap-northeast-1`.
    pub region: String,
    /// An S3 that is not AWS's, e.g. `http://127.0.0.1:8750`; its buckets stand in the path.
    /// `None` is AWS's own, reached over IPv4 or IPv6.
    pub endpoint: Option<String>,
    /// The certificates to trust, as PEM; `None` trusts those of the machine.
    pub roots: Option<Vec<u8>>,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum S3PlaceError {
    /// The certificates to trust are none.
    #[error("the certificates to trust cannot be read: {0}")]
    Roots(String),
}

/// A client for one S3. Opens no connection yet.
///
/// # Errors
/// [`S3PlaceError`]: the certificates to trust are none.
pub fn client(place: &S3Place, keys: Keys) -> Result<Client, S3PlaceError> {
    let mut tls = TlsContext::builder();
    if let Some(roots) = &place.roots {
        tls = tls.with_trust_store(TrustStore::empty().with_pem_certificate(roots.as_slice()));
    }
    let tls = tls.build().map_err(|error| S3PlaceError::Roots(error.to_string()))?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    let mut config = Builder::new()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(Region::new(place.region.clone()))
        .credentials_provider(keys.0)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .http_client(http);
    config = match &place.endpoint {
        Some(endpoint) => config.endpoint_url(endpoint).force_path_style(true),
        None => config.use_dual_stack(true),
    };
    Ok(Client::from_conf(config.build()))
}
