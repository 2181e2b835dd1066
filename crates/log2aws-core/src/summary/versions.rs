//! The accepted versions of a day log, as stored in its summary.

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text;
use crate::event::compare_sequencers;

/// The most accepted versions that are listed, the newest first. Older ones are only counted.
pub const MAX_VERSIONS: usize = 10;

/// A version of a raw log that was put by an allowed source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedVersion {
    /// Its version id in the store.
    pub version: String,
    /// Its length in bytes, as stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of its stored bytes, lower-case hex; `None` if they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The uploader's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Put with an operator's own credentials instead of one of our URLs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
    /// When it was put.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Orders the versions of one key; see [`compare_sequencers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    /// How it differs from the accepted version before it; `None` if its bytes were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// How a version differs from the accepted version before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// There is no earlier version.
    First,
    /// The same bytes.
    Same,
    /// It begins with all bytes of the earlier one: the day went on.
    Grew,
    /// Other bytes: the day was replaced.
    Replaced,
}

impl Change {
    /// How a version with these bytes differs from `before`. `beginning` is the SHA-256, in hex, of
    /// its first bytes, as many as `before` has.
    pub fn of(before: Option<&AcceptedVersion>, sha256: &str, beginning: Option<&str>) -> Self {
        let Some(before) = before else { return Self::First };
        match before.sha256.as_deref() {
            Some(same) if same == sha256 => Self::Same,
            Some(start) if Some(start) == beginning => Self::Grew,
            _ => Self::Replaced,
        }
    }
}

/// The known accepted versions of one day log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The newest [`MAX_VERSIONS`] of them, the newest first.
    pub listed: Vec<AcceptedVersion>,
    /// The number of older ones that are not listed.
    pub more: u64,
}

impl Versions {
    /// The listed version of this id.
    pub fn get(&self, version: &str) -> Option<&AcceptedVersion> {
        self.listed.iter().find(|listed| listed.version == version)
    }

    /// How many of the listed versions replaced the bytes of the one before.
    pub fn replaced(&self) -> usize {
        self.listed.iter().filter(|listed| listed.change == Some(Change::Replaced)).count()
    }

    /// These versions and those in `put`. `newest` is the id of the raw log's newest version; if it
    /// is among them it counts as the newest, even if the store sends no sequencers.
    ///
    /// Once the list is full, a version older than all listed ones is left out and not counted,
    /// because it may have been listed and counted before.
    #[must_use]
    pub fn with(&self, put: &[AcceptedVersion], newest: &str) -> Self {
        let mut listed = self.listed.clone();
        let mut added = Vec::new();
        for put in put {
            match listed.iter_mut().find(|listed| listed.version == put.version) {
                Some(known) => known.merge_missing(put),
                None => added.push(put.clone()),
            }
        }
        if listed.len() >= MAX_VERSIONS
            && let Some(oldest) = listed.last()
        {
            added.retain(|put| compare(put, oldest, newest).is_ge());
        }
        // Without sequencers, versions reported now count as newer than those already listed.
        added.append(&mut listed);
        added.sort_by(|a, b| compare(b, a, newest));
        let over = added.len().saturating_sub(MAX_VERSIONS);
        added.truncate(MAX_VERSIONS);
        Self { listed: added, more: self.more.saturating_add(over as u64) }
    }

    /// These versions without those whose id matches `dropped`.
    #[must_use]
    pub fn without(mut self, dropped: impl Fn(&str) -> bool) -> Self {
        self.listed.retain(|listed| !dropped(&listed.version));
        self
    }
}

impl AcceptedVersion {
    /// Fills in what `put` knows about the same version.
    fn merge_missing(&mut self, put: &Self) {
        self.size = put.size.or(self.size);
        self.source = put.source.or(self.source);
        self.operator = put.operator;
        self.time = put.time.or(self.time);
        if put.sequencer.is_some() {
            self.sequencer.clone_from(&put.sequencer);
        }
        if put.sha256.is_some() {
            self.sha256.clone_from(&put.sha256);
        }
    }
}

/// Which of two versions is newer. A version without a sequencer counts as older than any with one.
fn compare(a: &AcceptedVersion, b: &AcceptedVersion, newest: &str) -> Ordering {
    let is_newest = |put: &AcceptedVersion| put.version == newest;
    is_newest(a)
        .cmp(&is_newest(b))
        .then_with(|| match (&a.sequencer, &b.sequencer) {
            (Some(a), Some(b)) => compare_sequencers(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
        .then_with(|| a.time.cmp(&b.time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(n: u32) -> AcceptedVersion {
        let (version, sequencer) = (format!("v{n}"), Some(format!("{n:08X}")));
        AcceptedVersion { version, sequencer, ..AcceptedVersion::default() }
    }

    fn ids(versions: &Versions) -> Vec<&str> {
        versions.listed.iter().map(|listed| listed.version.as_str()).collect()
    }

    #[test]
    fn what_nothing_orders_is_ordered_by_the_newest_and_by_when_it_is_told() {
        let plain = |version: &str| AcceptedVersion {
            version: version.to_owned(),
            ..AcceptedVersion::default()
        };
        let one = Versions::default().with(&[plain("a")], "a");
        assert_eq!(ids(&one.with(&[plain("b")], "c")), ["b", "a"]);
        // An event for an older version that arrives late.
        assert_eq!(ids(&one.with(&[plain("b")], "a")), ["a", "b"]);
        // A version without a sequencer is older than one that has one.
        assert_eq!(ids(&one.with(&[put(1)], "c")), ["v1", "a"]);
        let at = |version: &str, time: &str| AcceptedVersion {
            time: Some(time.parse().unwrap()),
            ..plain(version)
        };
        let late = Versions::default().with(&[at("l", "2019-08-02T00:05:07Z")], "x");
        assert_eq!(ids(&late.with(&[at("e", "2019-08-02T00:05:06Z")], "x")), ["l", "e"]);
    }

    #[test]
    fn what_is_known_of_a_version_is_kept_and_what_is_new_is_added() {
        let known = AcceptedVersion { sha256: Some("00".into()), size: Some(7), ..put(1) };
        let told = AcceptedVersion { source: Some("203.0.113.7".parse().unwrap()), ..put(1) };
        let both = Versions::default().with(&[known], "v1").with(std::slice::from_ref(&told), "v1");
        let expected = AcceptedVersion { sha256: Some("00".into()), size: Some(7), ..told };
        assert_eq!(both.listed, [expected]);
    }

    #[test]
    fn a_day_that_went_on_was_not_replaced() {
        let before = AcceptedVersion { sha256: Some("aa".into()), ..put(1) };
        assert_eq!(Change::of(None, "bb", None), Change::First);
        assert_eq!(Change::of(Some(&before), "aa", Some("aa")), Change::Same);
        assert_eq!(Change::of(Some(&before), "bb", Some("aa")), Change::Grew);
        assert_eq!(Change::of(Some(&before), "bb", Some("cc")), Change::Replaced);
        assert_eq!(Change::of(Some(&before), "bb", None), Change::Replaced);
        // The bytes can no longer be read, so it cannot be said that they were kept.
        assert_eq!(Change::of(Some(&put(1)), "bb", Some("aa")), Change::Replaced);
    }

    proptest! {
        /// In any order, any number of repetitions and any grouping.
        #[test]
        fn the_newest_are_listed_and_every_one_is_counted_once(
            count in 1..30_u32,
            told in prop::collection::vec(prop::collection::vec(0..30_u32, 1..4), 0..40),
        ) {
            let mut versions = Versions::default();
            for n in 0..count {
                versions = versions.with(&[put(n)], "");
            }
            for again in told {
                let again: Vec<_> = again.into_iter().map(|n| put(n % count)).collect();
                versions = versions.with(&again, "");
            }
            let newest: Vec<String> = (0..count).rev().take(MAX_VERSIONS).map(|n| put(n).version).collect();
            prop_assert_eq!(ids(&versions), newest);
            prop_assert_eq!(versions.more, u64::from(count).saturating_sub(MAX_VERSIONS as u64));
        }
    }
}
