//! Access to AWS with the operator's own credentials: one region, one account.

use std::fmt;
use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_types::service_config::ServiceConfigKey;
use url::Url;

use log2aws_ssm::service_host::{Variant, iam_host, variant_host};

use crate::error::StackError;
use crate::fault;
use crate::mfa::{self, AskCode};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long AWS may take to start its response.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// How many attempts a request gets in all, with growing delays.
const ATTEMPTS: u32 = 8;

/// The region, credentials and endpoint of AWS.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The region; else that of the environment or the profile.
    pub region: Option<String>,
    /// The profile of the AWS config files; else that of the environment.
    pub profile: Option<String>,
    /// The only account that may be changed.
    pub account: Option<String>,
    /// An endpoint other than AWS's, used for every service.
    pub endpoint_url: Option<String>,
    /// Asks for the code of a role with MFA; none without a terminal.
    pub ask_code: Option<AskCode>,
}

/// The services, the region and the account that they belong to.
#[derive(Clone)]
pub struct Cloud {
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) access: Access,
    /// Region, endpoints and switches, for the services that have no SDK client here.
    config: SdkConfig,
    /// The region.
    pub region: String,
    /// The account, 12 digits.
    pub account: String,
    /// The caller's identity, as AWS names it.
    pub identity: String,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (region, account) = (&self.region, &self.account);
        f.debug_struct("Cloud")
            .field("region", region)
            .field("account", account)
            .finish_non_exhaustive()
    }
}

/// The region from the flags, the environment or the profile. Sends no request: on EC2 too, the
/// region must be given.
pub async fn region(access: &Access) -> Option<String> {
    let named = access.region.clone().filter(|region| !region.is_empty()).map(Region::new);
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &access.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(named)
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .region()
        .await
        .map(|region| region.to_string())
}

async fn load(access: &Access, region: &str) -> Result<SdkConfig, StackError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client()?)
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build());
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &access.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    Ok(loader.load().await)
}

/// The certificates that `AWS_CA_BUNDLE` names instead of the machine's own, as PEM.
///
/// # Errors
/// [`StackError::State`]: the file cannot be read.
pub(crate) fn ca_bundle() -> Result<Option<Vec<u8>>, StackError> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let shown = path.display();
    let pem = std::fs::read(&path).map_err(|error| {
        StackError::State(format!("the file {shown} of AWS_CA_BUNDLE cannot be read: {error}"))
    })?;
    match log2aws_ssm::roots_of(&pem) {
        Ok(_) => Ok(Some(pem)),
        Err(error) => {
            Err(StackError::State(format!("the file {shown} of AWS_CA_BUNDLE is no PEM: {error}")))
        }
    }
}

/// TLS with the machine's own CA certificates or those of `AWS_CA_BUNDLE`, through the proxy in the
/// environment.
fn http_client() -> Result<SharedHttpClient, StackError> {
    let store = match ca_bundle()? {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(|error| StackError::State(error.to_string()))?;
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build();
    let connector = SharedHttpConnector::new(connector);
    Ok(http_client_fn(move |_, _| connector.clone()))
}

/// The SDK configuration, the source of the credentials, and the region.
pub(crate) async fn reach(
    access: &Access,
) -> Result<(SdkConfig, SharedCredentialsProvider, String), StackError> {
    let region = region(access)
        .await
        .ok_or_else(|| StackError::NoRegion { profile: access.profile.clone() })?;
    let mut config = load(access, &region).await?;
    if let Some(keys) = mfa::keys(access.ask_code, access.profile.as_deref(), &config).await? {
        config = config.into_builder().credentials_provider(keys).build();
    }
    let provider = config
        .credentials_provider()
        .ok_or_else(|| access.without_credentials(&CredentialsError::not_loaded_no_source()))?;
    provider.provide_credentials().await.map_err(|error| access.without_credentials(&error))?;
    Ok((config, provider, region))
}

/// A client for S3 alone, with the operator's own credentials. Sends no request, because an
/// operator who may only read a bucket may lack other permissions.
///
/// # Errors
/// [`StackError`]: there is no region, or there are no credentials.
pub async fn s3(access: &Access) -> Result<aws_sdk_s3::Client, StackError> {
    let (config, ..) = reach(access).await?;
    Ok(s3_of(&config))
}

/// An S3 other than AWS's is addressed path-style.
fn s3_of(config: &SdkConfig) -> aws_sdk_s3::Client {
    let s3 = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(config.endpoint_url().is_some())
        .build();
    aws_sdk_s3::Client::from_conf(s3)
}

impl Cloud {
    /// Finds region and credentials, and requests the caller's identity.
    ///
    /// # Errors
    /// [`StackError`] says which of them is missing, or that the account is not the one given.
    pub async fn connect(access: &Access) -> Result<Self, StackError> {
        let (config, provider, region) = reach(access).await?;
        let sts = aws_sdk_sts::Client::new(&config);
        let asked = sts.get_caller_identity().send().await;
        let host = || variant_host("sts", &region, variant(&config));
        let place = config.endpoint_url().map_or_else(host, str::to_owned);
        let what = format!("asking {place} who you are");
        let identity = asked.map_err(|error| fault::call(what, &error))?;
        let account = identity.account().unwrap_or_default().to_owned();
        if let Some(wanted) = access.account.as_ref().filter(|wanted| **wanted != account) {
            return Err(StackError::OtherAccount {
                wanted: wanted.clone(),
                account,
                identity: identity.arn().unwrap_or_default().to_owned(),
            });
        }
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            s3: s3_of(&config),
            credentials: provider,
            access: access.clone(),
            config,
            region,
            account,
            identity: identity.arn().unwrap_or_default().to_owned(),
        })
    }
}

impl Cloud {
    /// The endpoint of a service without an SDK client; see [`endpoint`].
    pub(crate) fn endpoint(&self, host: &str, id: &str) -> Result<Url, StackError> {
        endpoint(&self.access, &self.config, &self.region, host, id)
    }

    /// The endpoint of IAM, and the region to sign for.
    pub(crate) fn iam(&self) -> Result<(Url, &'static str), StackError> {
        let (host, region) = iam_host(&self.region, variant(&self.config));
        Ok((endpoint_of(&self.access, &self.config, &host, "IAM")?, region))
    }
}

/// The switches for FIPS and dual stack.
fn variant(config: &SdkConfig) -> Variant {
    let [fips, dual_stack] =
        [config.use_fips(), config.use_dual_stack()].map(|on| on == Some(true));
    Variant { fips, dual_stack }
}

/// The endpoint of a service in a region. `host` is the first part of AWS's name, `id` the SDK's name
/// of the service.
pub(crate) fn endpoint(
    access: &Access,
    config: &SdkConfig,
    region: &str,
    host: &str,
    id: &str,
) -> Result<Url, StackError> {
    endpoint_of(access, config, &variant_host(host, region, variant(config)), id)
}

/// The endpoint of a service, found as the SDK finds it: flag, variable of the service or its
/// `services` section, variable or key for all services, then AWS's own host. `id` is the SDK's name
/// of the service.
///
/// Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints" and "Dual-stack and FIPS
/// endpoints".
fn endpoint_of(
    access: &Access,
    config: &SdkConfig,
    host: &str,
    id: &str,
) -> Result<Url, StackError> {
    let key = ServiceConfigKey::builder()
        .service_id(id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let configured = || config.service_config()?.load_config(key.ok()?);
    let named = access.endpoint_url.clone().or_else(configured);
    let named = named.or_else(|| config.endpoint_url().map(str::to_owned));
    let url = named.unwrap_or_else(|| format!("https://{host}"));
    url.parse().map_err(|_| {
        StackError::State(format!(
            "the endpoint {url:?} is no URL; look at AWS_ENDPOINT_URL and at the services section of \
             the AWS config file"
        ))
    })
}

impl Access {
    /// The error for missing credentials. The provider's errors contain neither keys nor tokens.
    pub(crate) fn without_credentials(&self, error: &CredentialsError) -> StackError {
        let why = match error {
            CredentialsError::CredentialsNotLoaded(_) => "there are none".to_owned(),
            error => fault::innermost(error),
        };
        let named = || std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        let profile = self.profile.clone().or_else(named);
        let why = fault::credentials(&why, profile.as_deref());
        StackError::NoCredentials { profile, why }
    }
}
