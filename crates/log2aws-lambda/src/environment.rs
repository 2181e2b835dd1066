//! The environment variables that Lambda and the template set.

use std::fmt;
use std::num::NonZeroU32;

use log2aws_core::key::KeyPrefix;
use log2aws_service::analyze::ChartFormats;
use log2aws_service::http::{DEFAULT_FINAL_AFTER_DAYS, DayRules, StoreId};
use log2aws_service::signer::{Addressing, Credentials, EndpointError, SigV4Signer};
use log2aws_ssm::env_name::EnvName;
use log2aws_ssm::service_host::service_host;
use url::{Position, Url};

/// The credentials of the function's role, valid for the life of the process. Never printed.
#[derive(Clone)]
pub struct RoleKeys {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

impl RoleKeys {
    /// Passes access key, secret and session token to `wrap`, the only access to them.
    pub fn give<T>(&self, wrap: impl FnOnce(&str, &str, Option<&str>) -> T) -> T {
        wrap(&self.access_key, &self.secret_key, self.session_token.as_deref())
    }
}

impl fmt::Debug for RoleKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoleKeys(REDACTED)")
    }
}

/// Why a function cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is not set.
    #[error("{0} is not set; Lambda sets AWS_*, the template sets LOG2AWS_*")]
    Missing(&'static str),
    /// A variable has an invalid value.
    #[error("{name} is {value:?}, and should be {right}")]
    Wrong {
        /// The variable.
        name: &'static str,
        /// Its value, shortened.
        value: String,
        /// The valid values.
        right: &'static str,
    },
    /// The endpoint of S3 does not make a URL.
    #[error("AWS_ENDPOINT_URL_S3: {0}")]
    Endpoint(#[from] EndpointError),
}

/// The environment of a function, read once.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `LOG2AWS_ENV`: the environment whose parameters are read.
    pub env: EnvName,
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    pub keys: RoleKeys,
    /// `LOG2AWS_KEY_PREFIX`: `spread` or `off`, which is the default.
    pub key_prefix: KeyPrefix,
    /// `LOG2AWS_IP_ADDRESS_TYPE`: `dualstack` or `ipv4`, which is the default.
    pub dual_stack: bool,
    /// `LOG2AWS_URL_SUFFIX`: the domain of AWS's services, by default that of the region.
    pub domain: Option<String>,
    /// `LOG2AWS_CHARTS`: `svg`, `png` or `svg,png`, which is the default.
    pub charts: ChartFormats,
    /// `LOG2AWS_DAYS_BACK`, `LOG2AWS_DAYS_AHEAD`, `LOG2AWS_FINAL_AFTER_DAYS` (0: never).
    pub days: DayRules,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`: the endpoint of an S3 other than AWS's.
    pub s3_endpoint: Option<Url>,
    /// `AWS_ENDPOINT_URL_SSM` or `AWS_ENDPOINT_URL`: the endpoint of a Parameter Store other than
    /// AWS's.
    pub ssm_endpoint: Option<Url>,
    /// `AWS_CA_BUNDLE`: a file of CA certificates to trust instead of the default ones.
    pub ca_bundle: Option<String>,
    /// Whether a server without a registered key gets no URL.
    pub require_keys: bool,
}

impl Environment {
    /// Reads the variables. `variable` returns a variable's value; an empty one counts as unset.
    ///
    /// # Errors
    /// [`EnvironmentError`] names the first variable that is missing or invalid.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let need = |name: &'static str| get(name).ok_or(EnvironmentError::Missing(name));
        let endpoint = |name: &'static str| {
            let value = get(name).or_else(|| get("AWS_ENDPOINT_URL"));
            value
                .map(|value| {
                    value.parse::<Url>().map_err(|_| EnvironmentError::Wrong {
                        name,
                        // A URL may contain a password.
                        value: "not shown".to_owned(),
                        right: "a URL, e.g. http://127.0.0.1:8750",
                    })
                })
                .transpose()
        };
        let key_prefix = match get("LOG2AWS_KEY_PREFIX").as_deref() {
            None | Some("off") => KeyPrefix::Off,
            Some("spread") => KeyPrefix::Spread,
            Some(other) => {
                return Err(EnvironmentError::Wrong {
                    name: "LOG2AWS_KEY_PREFIX",
                    value: other.chars().take(64).collect(),
                    right: "off or spread",
                });
            }
        };
        let dual_stack = match get("LOG2AWS_IP_ADDRESS_TYPE").as_deref() {
            None | Some("ipv4") => false,
            Some("dualstack") => true,
            Some(other) => {
                return Err(EnvironmentError::Wrong {
                    name: "LOG2AWS_IP_ADDRESS_TYPE",
                    value: other.chars().take(64).collect(),
                    right: "ipv4 or dualstack",
                });
            }
        };
        let require_keys = match get("LOG2AWS_REQUIRE_KEYS").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(EnvironmentError::Wrong {
                    name: "LOG2AWS_REQUIRE_KEYS",
                    value: other.chars().take(64).collect(),
                    right: "true or false",
                });
            }
        };
        let charts = get("LOG2AWS_CHARTS").map_or(Ok(ChartFormats::SvgAndPng), |text| {
            text.parse().map_err(|_| EnvironmentError::Wrong {
                name: "LOG2AWS_CHARTS",
                value: text.chars().take(64).collect(),
                right: "svg, png or svg,png",
            })
        })?;
        let count = |name: &'static str, usual: u32| {
            get(name).map_or(Ok(usual), |text| {
                text.parse::<u32>().map_err(|_| EnvironmentError::Wrong {
                    name,
                    value: text.chars().take(64).collect(),
                    right: "a whole number of days",
                })
            })
        };
        let usual = DayRules::default();
        let days = DayRules {
            days_back: count("LOG2AWS_DAYS_BACK", usual.days_back)?,
            days_ahead: count("LOG2AWS_DAYS_AHEAD", usual.days_ahead)?,
            final_after_days: NonZeroU32::new(count(
                "LOG2AWS_FINAL_AFTER_DAYS",
                DEFAULT_FINAL_AFTER_DAYS,
            )?),
        };
        let env = need("LOG2AWS_ENV")?;
        let env = env.parse().map_err(|_| EnvironmentError::Wrong {
            name: "LOG2AWS_ENV",
            value: env.chars().take(64).collect(),
            right: "1 to 20 lower-case letters, digits and '-', e.g. dev",
        })?;
        Ok(Self {
            env,
            region: need("AWS_REGION")?,
            keys: RoleKeys {
                access_key: need("AWS_ACCESS_KEY_ID")?,
                secret_key: need("AWS_SECRET_ACCESS_KEY")?,
                session_token: get("AWS_SESSION_TOKEN"),
            },
            key_prefix,
            dual_stack,
            domain: get("LOG2AWS_URL_SUFFIX"),
            charts,
            days,
            s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3")?,
            ssm_endpoint: endpoint("AWS_ENDPOINT_URL_SSM")?,
            ca_bundle: get("AWS_CA_BUNDLE"),
            require_keys,
        })
    }

    /// The signer of presigned URLs, with the role's credentials.
    ///
    /// The host of AWS's own S3 has the IP address types of the API, so that a server reaches both
    /// or neither: private DNS of interface endpoints knows the plain host alone, and a server with
    /// IPv6 would use it where it is offered.
    ///
    /// # Errors
    /// [`EnvironmentError::Endpoint`]: the endpoint does not make a URL.
    pub fn signer(&self) -> Result<SigV4Signer, EnvironmentError> {
        let (endpoint, addressing) = if let Some(endpoint) = &self.s3_endpoint {
            (endpoint.clone(), Addressing::Path)
        } else {
            let service = if self.dual_stack { "s3.dualstack" } else { "s3" };
            (self.own_url(service)?, Addressing::VirtualHost)
        };
        let credentials = self.keys.give(Credentials::new);
        Ok(SigV4Signer::new(endpoint, addressing, &self.region, credentials)?)
    }

    /// The id of the store, together with its bucket. AWS has only one bucket of a name in a
    /// partition, so the region, which a bucket never changes, is enough; another S3 is
    /// distinguished by its host and port.
    ///
    /// # Errors
    /// [`EnvironmentError::Wrong`]: neither makes an id.
    pub fn store_id(&self) -> Result<StoreId, EnvironmentError> {
        let (name, value, right) = match &self.s3_endpoint {
            Some(endpoint) => (
                "AWS_ENDPOINT_URL_S3",
                endpoint[Position::BeforeHost..Position::AfterPort].to_owned(),
                "a URL with a host of at most 240 characters",
            ),
            None => ("AWS_REGION", self.region.clone(), "the name of an AWS region"),
        };
        value.parse().map_err(|_| EnvironmentError::Wrong {
            name,
            value: value.chars().take(64).collect(),
            right,
        })
    }

    /// The URL of Parameter Store.
    ///
    /// # Errors
    /// [`EnvironmentError::Wrong`]: the region does not make a host name.
    pub fn ssm_url(&self) -> Result<Url, EnvironmentError> {
        match &self.ssm_endpoint {
            Some(endpoint) => Ok(endpoint.clone()),
            None => self.own_url("ssm"),
        }
    }

    fn own_url(&self, service: &str) -> Result<Url, EnvironmentError> {
        let host = match &self.domain {
            Some(domain) => format!("{service}.{}.{domain}", self.region),
            None => service_host(service, &self.region),
        };
        let url = Url::parse(&format!("https://{host}")).ok();
        url.filter(|url| url.host_str() == Some(&host)).ok_or_else(|| EnvironmentError::Wrong {
            name: "AWS_REGION",
            value: self.region.chars().take(64).collect(),
            right: "the name of an AWS region, e.g. ap-northeast-1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let usual = [
            ("LOG2AWS_ENV", "dev"),
            ("AWS_REGION", "ap-northeast-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
            ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj"),
        ];
        Environment::read(|name| {
            let all = usual.iter().chain(changes);
            all.rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_lambda_sets_is_enough() {
        let environment = read(&[]).unwrap();
        assert_eq!(environment.env.as_str(), "dev");
        assert_eq!(environment.key_prefix, KeyPrefix::Off);
        assert_eq!(environment.charts, ChartFormats::SvgAndPng);
        assert_eq!(environment.days, DayRules::default());
        assert_eq!(
            environment.ssm_url().unwrap().as_str(),
            "https://ssm.ap-northeast-1.amazonaws.com/"
        );
        environment.signer().unwrap();
        let china = read(&[("AWS_REGION", "cn-north-1")]).unwrap();
        assert_eq!(china.ssm_url().unwrap().as_str(), "https://ssm.cn-north-1.amazonaws.com.cn/");
        // A region that this program does not know yet: the template says whose domain it has.
        let new = [("AWS_REGION", "xx-north-1"), ("LOG2AWS_URL_SUFFIX", "amazonaws.xx")];
        let new = read(&new).unwrap();
        assert_eq!(new.ssm_url().unwrap().as_str(), "https://ssm.xx-north-1.amazonaws.xx/");
    }

    #[test]
    fn a_url_has_the_address_types_of_the_api() {
        let host = |changes: &[(&str, &str)]| {
            let signer = read(changes).unwrap().signer().unwrap();
            let bucket = "serverlogs-dev".parse().unwrap();
            let key = "web01/2019-08-01.log".parse().unwrap();
            let at = jiff::Timestamp::UNIX_EPOCH;
            let get = signer.presign_get(&bucket, &key, at, 300).unwrap();
            let url: Url = get.expose_url().parse().unwrap();
            url.host_str().unwrap().to_owned()
        };
        assert_eq!(host(&[]), "serverlogs-dev.s3.ap-northeast-1.amazonaws.com");
        assert_eq!(
            host(&[("LOG2AWS_IP_ADDRESS_TYPE", "dualstack")]),
            "serverlogs-dev.s3.dualstack.ap-northeast-1.amazonaws.com"
        );
    }

    #[test]
    fn a_store_is_known_by_its_region_or_by_the_host_of_another_s3() {
        let id = |changes: &[(&str, &str)]| read(changes).unwrap().store_id().unwrap().to_string();
        assert_eq!(id(&[]), "ap-northeast-1");
        for (endpoint, expected) in [
            ("http://127.0.0.1:3900", "127.0.0.1:3900"),
            ("http://user:secret@[::1]:3900/x", "[::1]:3900"),
            ("https://S3.example:443/", "s3.example"),
        ] {
            assert_eq!(id(&[("AWS_ENDPOINT_URL_S3", endpoint)]), expected);
        }
        assert!(read(&[("AWS_REGION", "a/b")]).unwrap().store_id().is_err());
    }

    #[test]
    fn no_key_is_printed() {
        let printed = format!("{:?}", read(&[]).unwrap());
        for secret in ["AKIDEXAMPLE", "wJalrXUtnFEMI", "IQoJb3JpZ2luX2Vj"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (name, value, part) in [
            ("AWS_REGION", "", "AWS_REGION is not set"),
            ("AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is not set"),
            ("LOG2AWS_ENV", "Dev", "LOG2AWS_ENV is \"Dev\""),
            ("LOG2AWS_ENV", "a-name-of-21-letters-", "1 to 20 lower-case"),
            ("LOG2AWS_KEY_PREFIX", "yes", "off or spread"),
            ("LOG2AWS_IP_ADDRESS_TYPE", "ipv6", "ipv4 or dualstack"),
            ("LOG2AWS_CHARTS", "html", "svg, png or svg,png"),
            (
                "LOG2AWS_DAYS_BACK",
                "-1",
                "LOG2AWS_DAYS_BACK is \"-1\", and should be a whole number",
            ),
            ("LOG2AWS_FINAL_AFTER_DAYS", "a week", "a whole number of days"),
            ("AWS_ENDPOINT_URL_SSM", "nowhere", "a URL"),
        ] {
            let told = read(&[(name, value)]).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
        for region in ["a/b", "a b", "a@b", "a:80", "a#b", "a?b"] {
            let environment = read(&[("AWS_REGION", region)]).unwrap();
            assert!(environment.ssm_url().is_err(), "{region}");
            assert!(environment.signer().is_err(), "{region}");
        }
        let two = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("LOG2AWS_KEY_PREFIX", "spread")];
        let environment = read(&two).unwrap();
        assert_eq!(environment.s3_endpoint, environment.ssm_endpoint);
        assert_eq!(environment.key_prefix, KeyPrefix::Spread);
        let never =
            read(&[("LOG2AWS_FINAL_AFTER_DAYS", "0"), ("LOG2AWS_DAYS_BACK", "30")]).unwrap();
        assert_eq!((never.days.final_after_days, never.days.days_back), (None, 30));
        assert_eq!(read(&[("LOG2AWS_CHARTS", "svg")]).unwrap().charts, ChartFormats::Svg);
    }
}
