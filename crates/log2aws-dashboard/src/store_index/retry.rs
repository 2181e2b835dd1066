//! Summaries that the store could not return, and when each is retried.
//!
//! A summary may be unreadable for good: archived, denied, corrupt on disk. It must neither keep
//! the others from being shown nor be requested at every refresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use log2aws_core::server_name::ServerName;

use crate::index::{DayNumber, Listing, Tag};

/// The delay after the first failure; it doubles with each further one.
const FIRST_DELAY: SignedDuration = SignedDuration::from_mins(1);

/// The maximum delay.
const MAX_DELAY: SignedDuration = SignedDuration::from_hours(24);

/// Failed reads.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<(Arc<ServerName>, DayNumber), Retry>);

#[derive(Debug)]
struct Retry {
    /// The tag of the body: a different body has not failed yet.
    tag: Tag,
    failures: u32,
    due: Timestamp,
}

impl Retries {
    fn of(&self, listing: &Listing) -> Option<&Retry> {
        let retry = self.0.get(&(listing.server.clone(), listing.day));
        retry.filter(|retry| retry.tag == listing.tag)
    }

    /// Whether reading exactly that body has failed before.
    pub(super) fn has_failed(&self, listing: &Listing) -> bool {
        self.of(listing).is_some()
    }

    /// Whether it may be retried now.
    pub(super) fn due(&self, listing: &Listing, now: Timestamp) -> bool {
        self.of(listing).is_none_or(|retry| retry.due <= now)
    }

    /// Records a failure.
    pub(super) fn failed(&mut self, listing: &Listing, now: Timestamp) {
        let before = self.of(listing).map_or(0, |retry| retry.failures);
        let wait = FIRST_DELAY.checked_mul(1 << before.min(20)).unwrap_or(MAX_DELAY).min(MAX_DELAY);
        let due = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let retry = Retry { tag: listing.tag, failures: before.saturating_add(1), due };
        self.0.insert((listing.server.clone(), listing.day), retry);
    }

    /// Records a success.
    pub(super) fn succeeded(&mut self, listing: &Listing) {
        if !self.0.is_empty() {
            self.0.remove(&(listing.server.clone(), listing.day));
        }
    }

    /// Removes all days for which `stands` is false.
    pub(super) fn retain(&mut self, stands: impl Fn(&ServerName, DayNumber) -> bool) {
        self.0.retain(|(server, day), _| stands(server, *day));
    }
}
