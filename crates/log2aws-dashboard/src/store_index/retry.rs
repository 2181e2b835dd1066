//! Summaries that the store did not give, and when each is asked for again.
//!
//! One summary may be out of reach for good: archived, denied, spoilt on the disk. It must neither
//! keep the others from being shown nor be asked for at every refresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use log2aws_core::server_name::ServerName;

use crate::index::{DayNumber, Listing, Tag};

/// So long after the first failure it is asked for again; after each further one twice as long.
const FIRST: SignedDuration = SignedDuration::from_mins(1);

/// The longest wait.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What was not given.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<(Arc<ServerName>, DayNumber), Retry>);

#[derive(Debug)]
struct Retry {
    /// Of the body: another one has failed nobody yet.
    tag: Tag,
    failures: u32,
    due: Timestamp,
}

impl Retries {
    fn of(&self, listing: &Listing) -> Option<&Retry> {
        let retry = self.0.get(&(listing.server.clone(), listing.day));
        retry.filter(|retry| retry.tag == listing.tag)
    }

    /// Whether that very body was asked for in vain before.
    pub(super) fn holds(&self, listing: &Listing) -> bool {
        self.of(listing).is_some()
    }

    /// Whether it may be asked for now.
    pub(super) fn due(&self, listing: &Listing, now: Timestamp) -> bool {
        self.of(listing).is_none_or(|retry| retry.due <= now)
    }

    /// It was not given.
    pub(super) fn failed(&mut self, listing: &Listing, now: Timestamp) {
        let before = self.of(listing).map_or(0, |retry| retry.failures);
        let wait = FIRST.checked_mul(1 << before.min(20)).unwrap_or(LONGEST).min(LONGEST);
        let due = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let retry = Retry { tag: listing.tag, failures: before.saturating_add(1), due };
        self.0.insert((listing.server.clone(), listing.day), retry);
    }

    /// It was given.
    pub(super) fn given(&mut self, listing: &Listing) {
        if !self.0.is_empty() {
            self.0.remove(&(listing.server.clone(), listing.day));
        }
    }

    /// Forgets all but those that `stands` holds for.
    pub(super) fn keep(&mut self, stands: impl Fn(&ServerName, DayNumber) -> bool) {
        self.0.retain(|(server, day), _| stands(server, *day));
    }
}
