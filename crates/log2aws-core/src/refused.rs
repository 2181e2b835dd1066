//! The refused versions of a day log: `{server}/{date}.refused.jsonl`.
//!
//! One JSON object a line, the oldest first. Versions over the limit are counted in a line of their
//! own.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::summary::text;

/// The number of refused versions listed, the newest; older ones are only counted.
pub const MAX_REFUSED: usize = 100;

/// A version that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedVersion {
    /// Its version id in the store.
    pub version: String,
    /// The uploader's address, if the event contained it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// When it was put, if the event contained the time.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Why it was refused.
    pub reason: String,
}

/// All refused versions of one day log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedVersions {
    /// The newest [`MAX_REFUSED`] of them, the oldest first.
    pub listed: Vec<RefusedVersion>,
    /// The number of older ones that are not listed.
    pub more: u64,
}

/// The line that counts the unlisted versions.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct More {
    more: u64,
}

/// Why bytes are not a valid list of refused versions.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no refused version: {source}")]
pub struct RefusedError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

impl RefusedVersions {
    /// Whether the version of this id is listed.
    pub fn contains(&self, version: &str) -> bool {
        self.listed.iter().any(|listed| listed.version == version)
    }

    /// Whether there are no refused versions.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.more == 0
    }

    /// The total number of refused versions.
    pub fn total(&self) -> u64 {
        self.more.saturating_add(self.listed.len() as u64)
    }

    /// Adds a version that is not listed yet.
    pub fn push(&mut self, version: RefusedVersion) {
        if self.listed.len() >= MAX_REFUSED {
            self.listed.remove(0);
            self.more = self.more.saturating_add(1);
        }
        self.listed.push(version);
    }

    /// Parses the output of [`Self::to_jsonl`].
    ///
    /// # Errors
    /// [`RefusedError`] with the first invalid line.
    pub fn from_jsonl(bytes: &[u8]) -> Result<Self, RefusedError> {
        let mut read = Self::default();
        for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(version) => read.listed.push(version),
                Err(source) => match serde_json::from_slice(line) {
                    Ok(More { more }) => read.more = read.more.saturating_add(more),
                    Err(_) => return Err(RefusedError { line: i + 1, source }),
                },
            }
        }
        Ok(read)
    }

    /// One JSON object a line.
    ///
    /// # Errors
    /// None in practice: every field can be serialised.
    pub fn to_jsonl(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::new();
        for version in &self.listed {
            serde_json::to_writer(&mut bytes, version)?;
            bytes.push(b'\n');
        }
        if self.more > 0 {
            serde_json::to_writer(&mut bytes, &More { more: self.more })?;
            bytes.push(b'\n');
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(n: usize) -> RefusedVersion {
        RefusedVersion {
            version: format!("v{n}"),
            source: Some("198.51.100.9".parse().unwrap()),
            time: Some("2019-08-02T00:05:07Z".parse().unwrap()),
            reason: "put from 198.51.100.9: \"no\"\n".to_owned(),
        }
    }

    #[test]
    fn the_newest_hundred_are_listed_and_the_others_counted() {
        let mut list = RefusedVersions::default();
        assert!(list.is_empty() && list.to_jsonl().unwrap().is_empty());
        for n in 0..MAX_REFUSED + 7 {
            list.push(refused(n));
        }
        assert_eq!((list.listed.len(), list.more, list.total()), (100, 7, 107));
        assert!(!list.contains("v6") && list.contains("v7") && list.contains("v106"));
        let bytes = list.to_jsonl().unwrap();
        assert_eq!(RefusedVersions::from_jsonl(&bytes).unwrap(), list);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), 101);
        assert_eq!(
            text.lines().next().unwrap(),
            "{\"version\":\"v7\",\"source\":\"198.51.100.9\",\"time\":\"2019-08-02T00:05:07Z\",\
             \"reason\":\"put from 198.51.100.9: \\\"no\\\"\\n\"}"
        );
        assert_eq!(text.lines().last(), Some("{\"more\":7}"));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let list = b"{\"version\":\"v\",\"reason\":\"no\"}\n<html>\n";
        let error = RefusedVersions::from_jsonl(list).unwrap_err().to_string();
        assert!(error.starts_with("line 2 is no refused version: "), "{error}");
        for bad in ["{}", "[]", "{\"version\":7}", "{\"more\":-1}", "{\"more\":1,\"x\":2}", "\u{0}"]
        {
            assert!(RefusedVersions::from_jsonl(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
