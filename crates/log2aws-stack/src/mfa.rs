//! A profile whose role wants a code (`role_arn`, `mfa_serial`): the SDK never asks for one.

use std::fmt;
use std::io;
use std::time::SystemTime;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use aws_types::service_config::ServiceConfigKey;

use crate::error::StackError;
use crate::fault;

/// Asks whoever sits at the terminal for the code of this device.
#[derive(Clone, Copy)]
pub struct AskCode(pub fn(device: &str) -> io::Result<String>);

impl fmt::Debug for AskCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskCode")
    }
}

/// A setting of the profile in use.
fn setting(config: &SdkConfig, name: &str) -> Option<String> {
    // The SDK wants a variable, too. No variable has an empty name.
    let key = ServiceConfigKey::builder().service_id("STS").env("").profile(name).build().ok()?;
    config.service_config()?.load_config(key).filter(|value| !value.is_empty())
}

/// The temporary keys of a role with MFA; `None` if the profile is no such role, or nobody can be
/// asked. Keys in the environment come first, as in the SDK.
///
/// Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider".
pub(crate) async fn keys(
    ask_code: Option<AskCode>,
    profile: Option<&str>,
    config: &SdkConfig,
) -> Result<Option<SharedCredentialsProvider>, StackError> {
    let in_environment = std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.is_empty());
    let names = ["role_arn", "mfa_serial", "source_profile"].map(|name| setting(config, name));
    let (Some(AskCode(ask)), [Some(role), Some(device), Some(source)], false) =
        (ask_code, names, in_environment)
    else {
        return Ok(None);
    };
    let mut provider = ProviderConfig::without_region()
        .with_region(config.region().map(|region| Region::new(region.to_string())));
    if let Some(client) = config.http_client() {
        provider = provider.with_http_client(client);
    }
    let provider =
        ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(source).build();
    let source = config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider));
    let failed = |why: String| {
        let profile = profile.map(str::to_owned);
        StackError::NoCredentials { profile, why }
    };
    let shown = device.clone();
    // On a thread of its own, so that Ctrl-C works in the meantime.
    let code = tokio::task::spawn_blocking(move || ask(&shown)).await;
    let code = code.map_err(io::Error::other).and_then(|code| code);
    let code = code.map_err(|error| failed(format!("the MFA code cannot be read: {error}")))?;
    let code = code.trim();
    if code.is_empty() {
        return Err(failed(format!("no code of the MFA device {device} was given")));
    }
    let seconds = setting(config, "duration_seconds").and_then(|text| text.parse().ok());
    let session = setting(config, "role_session_name").unwrap_or_else(|| "log2aws".to_owned());
    let assumed = aws_sdk_sts::Client::new(&source.build())
        .assume_role()
        .role_arn(&role)
        .role_session_name(session)
        .set_external_id(setting(config, "external_id"))
        .set_duration_seconds(seconds)
        .serial_number(&device)
        .token_code(code)
        .send()
        .await
        .map_err(|error| {
            let refused = error.code() == Some("AccessDenied");
            let why = fault::call(format!("assuming {role} with MFA"), &error).to_string();
            if !refused {
                return failed(why);
            }
            failed(format!(
                "{why}; if the code of {device} was mistyped or used before, wait for the next one and \
                 run the command again"
            ))
        })?;
    let keys = assumed.credentials().ok_or_else(|| failed("STS sent no credentials".to_owned()))?;
    let keys = Credentials::new(
        keys.access_key_id(),
        keys.secret_access_key(),
        Some(keys.session_token().to_owned()),
        SystemTime::try_from(*keys.expiration()).ok(),
        "AssumeRole with MFA",
    );
    Ok(Some(SharedCredentialsProvider::new(keys)))
}
