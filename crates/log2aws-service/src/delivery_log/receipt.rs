//! Finds a delivery in the log, and makes its receipt.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::key::BucketName;
use log2aws_core::server_name::ServerName;
use log2aws_tlog::delivery::{Delivery, Verdict};
use log2aws_tlog::receipt::Receipt;
use log2aws_tlog::tile::FULL;

use super::{Log, LogError};
use crate::ports::Store;

/// How long before its day, in UTC, a log may arrive: in another time zone it has begun.
const EARLY: SignedDuration = SignedDuration::from_hours(2 * 24);

/// The receipt of a delivery of `server`'s log of `day`: of these bytes, or else of the newest that
/// was accepted. `None` if the log has no such entry, which also is so for up to an hour after the
/// delivery.
///
/// # Errors
/// [`LogError`].
pub fn receipt(
    store: &dyn Store,
    bucket: &BucketName,
    (server, day): (&ServerName, Day),
    sha256: Option<&[u8; 32]>,
) -> Result<Option<Receipt>, LogError> {
    let Some(log) = Log::open(store, bucket)? else { return Ok(None) };
    receipt_in(&log, (server, day), sha256)
}

/// The same in a log that is open.
///
/// # Errors
/// [`LogError`].
pub fn receipt_in(
    log: &Log<'_>,
    (server, day): (&ServerName, Day),
    sha256: Option<&[u8; 32]>,
) -> Result<Option<Receipt>, LogError> {
    let is_wanted = |delivery: &Delivery| {
        delivery.server() == server
            && delivery.day() == day
            && delivery.verdict() == Verdict::Accepted
            && sha256.is_none_or(|sha256| sha256 == delivery.sha256())
    };
    let Some((index, delivery)) = log.find(day, sha256.is_some(), &is_wanted)? else {
        return Ok(None);
    };
    let proof = log.inclusion(index, &delivery.to_bytes())?;
    Ok(Some(Receipt { delivery, index, proof, checkpoint: log.head.clone() }))
}

impl Log<'_> {
    /// The entry at this place, checked against the checkpoint.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if there is none, or it is not the one that was signed.
    pub fn entry(&self, index: u64) -> Result<Delivery, LogError> {
        let (bundle, at) = (index / u64::from(FULL), index % u64::from(FULL));
        let missing = || LogError::damaged(format!("entry {index}"), "is missing");
        if index >= self.size() {
            return Err(missing());
        }
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let entry = self.bundle(bundle)?.into_iter().nth(at).ok_or_else(missing)?;
        self.inclusion(index, &entry.to_bytes())?;
        Ok(entry)
    }

    /// The first entry that is wanted, or the last one. Entries are almost in the order of their
    /// arrival, so the search begins shortly before the day; only what it does not find there is
    /// looked for in all.
    fn find(
        &self,
        day: Day,
        first: bool,
        is_wanted: &dyn Fn(&Delivery) -> bool,
    ) -> Result<Option<(u64, Delivery)>, LogError> {
        let begin = self.first_bundle_of(day)?;
        let found = self.find_in(begin..self.bundles(), first, is_wanted)?;
        match found {
            Some(found) => Ok(Some(found)),
            None => self.find_in(0..begin, first, is_wanted),
        }
    }

    fn find_in(
        &self,
        bundles: std::ops::Range<u64>,
        first: bool,
        is_wanted: &dyn Fn(&Delivery) -> bool,
    ) -> Result<Option<(u64, Delivery)>, LogError> {
        let mut found = None;
        for bundle in bundles {
            for (at, delivery) in (0..).zip(self.bundle(bundle)?) {
                if is_wanted(&delivery) {
                    found = Some((bundle * u64::from(FULL) + at, delivery));
                    if first {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The first bundle that may have a log of this day, if the clock was never set back.
    fn first_bundle_of(&self, day: Day) -> Result<u64, LogError> {
        let begin = day.date().to_zoned(TimeZone::UTC).map(|begin| begin.timestamp());
        let Some(earliest) = begin.ok().and_then(|begin| begin.checked_sub(EARLY).ok()) else {
            return Ok(0);
        };
        let (mut low, mut high) = (0, self.bundles());
        while low < high {
            let middle = low + (high - low) / 2;
            let is_before =
                self.bundle(middle)?.first().is_some_and(|entry| entry.arrived() < earliest);
            if is_before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.saturating_sub(1))
    }
}
