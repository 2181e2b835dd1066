//! A record in which an operator allows one more delivery of a final day.
//!
//! It is kept in the analyzed bucket under [`Reopening::key`]. It names the accepted version of the
//! time of writing, so the next delivery uses it up without removing it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::key::{KeyError, ObjectKey};
use crate::server_name::ServerName;

/// The key prefix of all operators' records in the analyzed bucket.
pub const RECORDS_PREFIX: &str = ".log2aws/";

/// The prefix of the records of reopened days.
pub const REOPENED_PREFIX: &str = ".log2aws/reopen/";

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
    /// The records of the day that this one replaced, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Reopening>,
}

impl Reopening {
    /// The key of a day's record: `.log2aws/reopen/{server}/{date}.json`.
    ///
    /// # Errors
    /// [`KeyError`] if the name does not make an object key; every [`ServerName`] does.
    pub fn key(server: &ServerName, day: Day) -> Result<ObjectKey, KeyError> {
        format!("{REOPENED_PREFIX}{server}/{day}.json").parse()
    }

    /// Adds a replaced record and those before it, as many as are read back within [`MAX_BYTES`].
    pub fn after(mut self, mut replaced: Self) -> Self {
        let before = std::mem::take(&mut replaced.earlier);
        self.earlier = std::iter::once(replaced).chain(before).collect();
        let is_too_long = |this: &Self| {
            serde_json::to_vec(this).is_ok_and(|bytes| bytes.len() as u64 > MAX_BYTES)
        };
        while is_too_long(&self) && self.earlier.pop().is_some() {}
        self
    }

    /// The server and the day of a record's key; `None` for any other key.
    pub fn parse_key(key: &str) -> Option<(ServerName, Day)> {
        let (server, file) = key.strip_prefix(REOPENED_PREFIX)?.split_once('/')?;
        let day = Day::parse_canonical(file.strip_suffix(".json")?).ok()?;
        Some((server.parse().ok()?, day))
    }

    /// Whether the day may be delivered again while `version` is the accepted one, if it is final
    /// from `final_from` (UTC) on.
    ///
    /// A record from before that date opens nothing. Otherwise a day that nobody meant to reopen
    /// would stay open after it became final, for as long as nobody replaces its log.
    pub fn allows_replacing(&self, version: &str, final_from: Date) -> bool {
        let is_later = |at: Timestamp| at.to_zoned(TimeZone::UTC).date() >= final_from;
        self.version == version && self.at.parse().is_ok_and(is_later)
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
    fn a_key_reads_back_as_server_and_day() {
        let (server, day) = ("web01".parse().unwrap(), "2026-08-01".parse().unwrap());
        let key = Reopening::key(&server, day).unwrap();
        assert_eq!(Reopening::parse_key(key.as_str()), Some((server, day)));
        for other in [
            "web01/2026-08-01.json",
            ".log2aws/reopen/web01/2026-08-01.log",
            ".log2aws/reopen/web01/20260801.json",
            ".log2aws/reopen/.x/2026-08-01.json",
            ".log2aws/reopen/2026-08-01.json",
        ] {
            assert_eq!(Reopening::parse_key(other), None, "{other}");
        }
    }

    #[test]
    fn earlier_records_are_kept_as_long_as_all_can_be_read() {
        let record = |n: usize| Reopening {
            format: FORMAT,
            version: format!("v{n}"),
            why: "x".repeat(MAX_WHY_BYTES),
            by: "root".to_owned(),
            at: "2026-08-20T00:00:00Z".to_owned(),
            earlier: Vec::new(),
        };
        let last = (1..40).fold(record(0), |before, n| record(n).after(before));
        assert!(serde_json::to_vec(&last).unwrap().len() as u64 <= MAX_BYTES);
        let kept: Vec<_> = last.earlier.iter().map(|record| &*record.version).collect();
        assert_eq!(kept[..3], ["v38", "v37", "v36"]);
        assert!(kept.len() > 10 && last.earlier.iter().all(|record| record.earlier.is_empty()));
    }

    #[test]
    fn the_next_version_uses_it_up() {
        let text = r#"{"format":1,"version":"v1","why":"clock was wrong","by":"root","at":"2026-08-20T00:00:00Z"}"#;
        let reopening: Reopening = serde_json::from_str(text).unwrap();
        let final_from = jiff::civil::date(2026, 8, 9);
        assert!(reopening.allows_replacing("v1", final_from));
        assert!(!reopening.allows_replacing("v2", final_from));
        assert_eq!(serde_json::to_string(&reopening).unwrap(), text);
    }

    #[test]
    fn a_record_from_before_the_day_was_final_opens_nothing() {
        let opens = |at: &str| {
            let (version, why, by) = ("v1".into(), "a test".into(), "root".into());
            let record =
                Reopening { format: FORMAT, version, why, by, at: at.into(), earlier: Vec::new() };
            record.allows_replacing("v1", jiff::civil::date(2026, 8, 9))
        };
        assert!(opens("2026-08-09T00:00:00Z"));
        assert!(!opens("2026-08-08T23:59:59Z"));
        assert!(!opens("yesterday"));
    }
}
