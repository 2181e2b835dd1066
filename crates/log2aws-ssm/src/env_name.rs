//! The name of an environment on AWS, and the names of parameters and buckets derived from it.
//!
//! `deploy/template.yml` creates them with the same names; a test of the template compares them.

use std::fmt;
use std::str::FromStr;

/// The longest name of an environment, limited by the 63 characters of a bucket name.
pub const MAX_LEN: usize = 20;

/// The last part of the name of the parameter with the allow-list.
pub const ALLOW_LIST: &str = "LogPutAllowHosts";

/// The last part of the name of the parameter with the name of the raw bucket.
pub const RAW_BUCKET: &str = "ServerlogBucketName";

/// The last part of the name of the parameter with the name of the analyzed bucket.
pub const ANALYZED_BUCKET: &str = "AnalyzedlogBucketName";

/// The name of an environment, e.g. `dev`: 1 to 20 lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvName(String);

/// A text that is not a valid name of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an environment's name is 1 to 20 lower-case letters, digits and inner '-', e.g. dev")]
pub struct EnvNameError;

impl EnvName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a parameter of SSM, below `/log2aws/{env}/`; `last` is one of the constants
    /// above.
    pub fn parameter(&self, last: &str) -> String {
        format!("/log2aws/{self}/{last}")
    }

    /// The name of the raw bucket of an account (12 digits) in a region.
    pub fn raw_bucket(&self, account: &str, region: &str) -> String {
        format!("serverlogs-{self}-{account}-{region}")
    }

    /// The name of the analyzed bucket of an account (12 digits) in a region.
    pub fn analyzed_bucket(&self, account: &str, region: &str) -> String {
        format!("analyzedlogs-{self}-{account}-{region}")
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnvName {
    type Err = EnvNameError;

    fn from_str(text: &str) -> Result<Self, EnvNameError> {
        let right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let length = (1..=MAX_LEN).contains(&text.len());
        if length && text.chars().all(right) && !text.starts_with('-') && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(EnvNameError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_environment() {
        let env: EnvName = "dev".parse().unwrap();
        assert_eq!(env.parameter(ALLOW_LIST), "/log2aws/dev/LogPutAllowHosts");
        let (account, region) = ("123456789012", "ap-northeast-1");
        assert_eq!(env.raw_bucket(account, region), "serverlogs-dev-123456789012-ap-northeast-1");
        assert_eq!(
            env.analyzed_bucket(account, region),
            "analyzedlogs-dev-123456789012-ap-northeast-1"
        );
    }

    #[test]
    fn only_what_fits_into_every_name_is_one() {
        for right in ["a", "dev", "prod-2", "a2345678901234567890"] {
            assert_eq!(right.parse::<EnvName>().unwrap().as_str(), right);
        }
        for wrong in ["", "Dev", "-a", "a-", "a_b", "a.b", "a23456789012345678901", "本"] {
            assert_eq!(wrong.parse::<EnvName>(), Err(EnvNameError), "{wrong}");
        }
    }
}
