//! Buckets, object keys, and how the key of a raw log determines those of its results.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::day::Day;
use crate::server_name::{CHECK, ServerName};

/// The longest key that S3 accepts, in bytes of UTF-8.
pub const MAX_KEY_LEN: usize = 1024;

/// The name of a bucket.
///
/// Invariant: 3 to 63 lower-case letters, digits, `-` and `.`, beginning and ending with a letter
/// or digit (the part of S3's bucket naming rules that matters for paths).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(String);

/// The key of any object in a bucket: 1 to 1024 bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// Why a text is not a bucket name or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a bucket name.
    #[error("{0:?} is not a bucket name: 3 to 63 lower-case letters, digits, '-' and '.'")]
    Bucket(String),
    /// Not an object key.
    #[error("an object key has 1 to {MAX_KEY_LEN} bytes, this one has {0}")]
    Length(usize),
}

impl BucketName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let ok = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|b| inner(*b) || matches!(b, b'-' | b'.'))
            && bytes.first().is_some_and(|b| inner(*b))
            && bytes.last().is_some_and(|b| inner(*b))
            && !text.contains("..");
        if ok { Ok(Self(text.to_owned())) } else { Err(KeyError::Bucket(text.to_owned())) }
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ObjectKey {
    /// The key of something that a server has once, under a short `prefix`.
    pub(crate) fn under(prefix: &str, server: &ServerName) -> Self {
        Self(format!("{prefix}{server}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if (1..=MAX_KEY_LEN).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError::Length(text.len()))
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether keys begin with four hex characters that distribute a large fleet over S3's partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyPrefix {
    /// `{server}/{date}.log`
    #[default]
    Off,
    /// `{hash}/{server}/{date}.log`, with a hash of server and month. The reserved server is not
    /// spread: a lifecycle rule that removes its objects needs one prefix for all of them.
    Spread,
}

/// The key of a day log in the raw bucket. The keys of its results are a pure function of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawKey {
    /// The server.
    pub server: ServerName,
    /// The local day.
    pub day: Day,
    prefix: Option<[u8; 4]>,
}

/// The kinds of result of a day log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResultKind {
    /// The rows as CSV.
    Csv,
    /// The load chart as SVG.
    Svg,
    /// The load chart as PNG.
    Png,
    /// The summary as JSON.
    Json,
    /// The lines that could not be read, one JSON object each.
    Rejects,
    /// The versions that were refused, one JSON object each.
    Refused,
}

impl ResultKind {
    /// The part of the key after `{date}`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Csv => ".csv",
            Self::Svg => ".svg",
            Self::Png => ".png",
            Self::Json => ".json",
            Self::Rejects => ".rejects.jsonl",
            Self::Refused => ".refused.jsonl",
        }
    }

    /// The media type under which the object is stored.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Json => "application/json",
            Self::Rejects | Self::Refused => "application/jsonl",
        }
    }
}

impl RawKey {
    /// The key of `server`'s log of `day`.
    pub fn new(server: ServerName, day: Day, prefix: KeyPrefix) -> Self {
        let prefix = match prefix {
            KeyPrefix::Spread if !server.is_check() => Some(spread(&server, day)),
            KeyPrefix::Off | KeyPrefix::Spread => None,
        };
        Self { server, day, prefix }
    }

    /// This key, and then the key that the same log has with the other [`KeyPrefix`]: it is stored
    /// under that one if the setting was changed since its delivery.
    pub fn both_forms(&self) -> [Self; 2] {
        let other = if self.prefix.is_none() { KeyPrefix::Spread } else { KeyPrefix::Off };
        [self.clone(), Self::new(self.server.clone(), self.day, other)]
    }

    /// The key of the same server's log of another day.
    #[must_use]
    pub fn of_day(&self, day: Day) -> Self {
        let prefix = if self.prefix.is_none() { KeyPrefix::Off } else { KeyPrefix::Spread };
        Self::new(self.server.clone(), day, prefix)
    }

    /// Parses a key of the raw bucket; `None` if it is not the key of a day log, which is not an
    /// error: operators may keep other objects there.
    ///
    /// A prefix is recognised regardless of the current setting, so that logs from before a change
    /// remain readable; a prefix that does not match its server and month is not ours.
    pub fn parse(key: &str) -> Option<Self> {
        let (head, file) = key.rsplit_once('/')?;
        let day = Day::parse_canonical(file.strip_suffix(".log")?).ok()?;
        let (prefix, server) = match head.split_once('/') {
            Some((prefix, server)) => (Some(prefix), server),
            None => (None, head),
        };
        let server: ServerName = server.parse().ok()?;
        match prefix {
            None => Some(Self::new(server, day, KeyPrefix::Off)),
            Some(prefix) => {
                let ours = Self::new(server, day, KeyPrefix::Spread);
                (ours.prefix?.as_slice() == prefix.as_bytes()).then_some(ours)
            }
        }
    }

    /// The key of this log in the raw bucket.
    pub fn object_key(&self) -> ObjectKey {
        ObjectKey(format!("{self}.log"))
    }

    /// The key of one of its results in the analyzed bucket.
    pub fn result_key(&self, kind: ResultKind) -> ObjectKey {
        ObjectKey(format!("{self}{}", kind.suffix()))
    }
}

impl fmt::Display for RawKey {
    /// The part shared by the log and its results: `{server}/{date}`, with the prefix if any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(prefix) = self.prefix {
            for byte in prefix {
                write!(f, "{}", char::from(byte))?;
            }
            f.write_str("/")?;
        }
        write!(f, "{}/{}", self.server, self.day)
    }
}

/// Whether a key, of a log or of a result, is one of the reserved server.
pub fn is_check_key(key: &str) -> bool {
    key.split_once('/').is_some_and(|(server, _)| server == CHECK)
}

/// Four hex characters of the SHA-256 of `{server}/{YYYY-MM}`.
fn spread(server: &ServerName, day: Day) -> [u8; 4] {
    let month = &day.to_string()[..7];
    let digest = Sha256::digest(format!("{server}/{month}"));
    let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    [hex(digest[0] >> 4), hex(digest[0] & 15), hex(digest[1] >> 4), hex(digest[1] & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(prefix: KeyPrefix) -> RawKey {
        RawKey::new("web01".parse().unwrap(), "20190801".parse().unwrap(), prefix)
    }

    #[test]
    fn results_are_named_by_the_raw_key() {
        let key = raw(KeyPrefix::Off);
        assert_eq!(key.object_key().as_str(), "web01/2019-08-01.log");
        assert_eq!(key.result_key(ResultKind::Csv).as_str(), "web01/2019-08-01.csv");
        assert_eq!(key.result_key(ResultKind::Rejects).as_str(), "web01/2019-08-01.rejects.jsonl");
    }

    #[test]
    fn a_key_reads_back_with_and_without_its_prefix() {
        for prefix in [KeyPrefix::Off, KeyPrefix::Spread] {
            let key = raw(prefix);
            assert_eq!(RawKey::parse(key.object_key().as_str()), Some(key));
        }
    }

    #[test]
    fn the_prefix_is_that_of_server_and_month() {
        // printf 'web01/2019-08' | sha256sum
        assert_eq!(raw(KeyPrefix::Spread).object_key().as_str(), "f052/web01/2019-08-01.log");
    }

    #[test]
    fn the_reserved_server_has_one_prefix_in_all_its_keys() {
        let day = "20190801".parse().unwrap();
        let key = RawKey::new(CHECK.parse().unwrap(), day, KeyPrefix::Spread);
        assert_eq!(key.object_key().as_str(), "log2aws-check/2019-08-01.log");
        assert_eq!(RawKey::parse("log2aws-check/2019-08-01.log"), Some(key));
        // printf 'log2aws-check/2019-08' | sha256sum
        assert_eq!(RawKey::parse("0363/log2aws-check/2019-08-01.log"), None);
        assert!(is_check_key("log2aws-check/2019-08-01.csv"));
        for key in ["log2aws-check", "log2aws-check-2/2019-08-01.csv", "web01/2019-08-01.log"] {
            assert!(!is_check_key(key), "{key}");
        }
    }

    #[test]
    fn the_other_form_comes_second() {
        let (off, spread) = (raw(KeyPrefix::Off), raw(KeyPrefix::Spread));
        assert_eq!(off.both_forms(), [off.clone(), spread.clone()]);
        assert_eq!(spread.both_forms(), [spread, off]);
    }

    #[test]
    fn what_is_not_a_day_log_is_not_ours() {
        for key in [
            "web01/2019-08-01.csv",
            "web01/20190801.log",
            "web01/2019-02-30.log",
            "2019-08-01.log",
            "../2019-08-01.log",
            "0000/web01/2019-08-01.log",
            "a/b/web01/2019-08-01.log",
        ] {
            assert_eq!(RawKey::parse(key), None, "{key}");
        }
    }

    #[test]
    fn bucket_names_follow_s3() {
        assert!("serverlogs-local".parse::<BucketName>().is_ok());
        for bad in ["", "ab", "Upper", "-a-", "a..b", "a/b", &"a".repeat(64)] {
            assert!(bad.parse::<BucketName>().is_err(), "{bad}");
        }
    }
}
