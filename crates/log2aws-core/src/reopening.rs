//! A record in which an operator allows one more delivery of a final day.
//!
//! It is kept in the analyzed bucket under [`Reopening::key`]. It names the accepted version of the
//! time of writing, so the next delivery uses it up without removing it.

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::key::{KeyError, ObjectKey};
use crate::server_name::ServerName;

/// The key prefix of all operators' records in the analyzed bucket.
pub const RECORDS_PREFIX: &str = ".log2aws/";

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// The longest record that is read, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024;

/// The longest reason, in bytes of UTF-8.
pub const MAX_WHY_BYTES: usize = 1024;

/// One reopened day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopening {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The version of the raw log that may be replaced.
    pub version: String,
    /// The reason, in the operator's words.
    pub why: String,
    /// The operator's name, as far as their machine knows it.
    pub by: String,
    /// The time, RFC 3339 in UTC.
    pub at: String,
}

impl Reopening {
    /// The key of a day's record: `.log2aws/reopen/{server}/{date}.json`.
    ///
    /// # Errors
    /// [`KeyError`] if the name does not make an object key; every [`ServerName`] does.
    pub fn key(server: &ServerName, day: Day) -> Result<ObjectKey, KeyError> {
        format!("{RECORDS_PREFIX}reopen/{server}/{day}.json").parse()
    }

    /// Whether the day may be delivered again while `version` is the accepted one.
    pub fn allows_replacing(&self, version: &str) -> bool {
        self.version == version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_a_day_has_a_key_that_no_server_has() {
        let key = Reopening::key(&"web01".parse().unwrap(), "2026-08-01".parse().unwrap());
        assert_eq!(key.unwrap().as_str(), ".log2aws/reopen/web01/2026-08-01.json");
        assert!(".log2aws".parse::<ServerName>().is_err());
    }

    #[test]
    fn the_next_version_uses_it_up() {
        let text = r#"{"format":1,"version":"v1","why":"clock was wrong","by":"root","at":"2026-08-20T00:00:00Z"}"#;
        let reopening: Reopening = serde_json::from_str(text).unwrap();
        assert!(reopening.allows_replacing("v1"));
        assert!(!reopening.allows_replacing("v2"));
        assert_eq!(serde_json::to_string(&reopening).unwrap(), text);
    }
}
