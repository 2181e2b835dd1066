//! The client for S3: endpoint, credentials, timeouts and retries.

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Region};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long S3 may take to start its response.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How many attempts a request gets in all.
const ATTEMPTS: u32 = 4;

/// An access key, its secret and, for temporary credentials, the session token. Never printed.
#[derive(Clone)]
pub struct Keys(Credentials);

impl Keys {
    /// Credentials as AWS or `serve` issued them; an empty session token counts as none.
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

/// Where S3 is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The AWS region, e.g. `ap-northeast-1`.
    pub region: String,
    /// The endpoint of an S3 other than AWS's, e.g. `http://127.0.0.1:8750`, which is addressed
    /// path-style. `None` is AWS's own, over IPv4 or IPv6.
    pub endpoint: Option<String>,
    /// The CA certificates to trust, as PEM; `None` trusts those of the machine.
    pub roots: Option<Vec<u8>>,
}

/// Why no client can be built.
#[derive(Debug, thiserror::Error)]
pub enum S3PlaceError {
    /// The PEM has no valid CA certificates.
    #[error("the certificates to trust cannot be read: {0}")]
    Roots(String),
}

/// A client for one S3. Does not connect yet.
///
/// # Errors
/// [`S3PlaceError`]: the CA certificates are invalid.
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
