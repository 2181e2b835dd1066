//! What the rules would have told in the past, from the results in a bucket.

use std::io;
use std::sync::Arc;

use jiff::Span;
use jiff::tz::TimeZone;
use log2aws_core::alert::{Asks, Message, Network, Past, QuietHours, Rule, ServerFacts, simulate};
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix};
use log2aws_core::server_name::ServerName;
use log2aws_dashboard::store_index::{
    DEFAULT_PARALLEL, FULL_EVERY, RefreshError, StoreIndex, StoreIndexConfig,
};
use log2aws_service::ports::{Cache, Clock, ObjectLister};

use super::overloads;

/// What the rules would have told in the last days.
pub struct PastAlerts<'a> {
    /// Access to the bucket. Nothing is written.
    pub lister: Arc<dyn ObjectLister>,
    /// The bucket with the results.
    pub bucket: BucketName,
    /// The time zone of the servers.
    pub zone: TimeZone,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How many days back.
    pub days: u32,
    /// When nothing is told, and the time zone of these hours.
    pub quiet: Option<(QuietHours, TimeZone)>,
    /// The rules.
    pub rules: &'a [Rule],
}

impl std::fmt::Debug for PastAlerts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PastAlerts").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// Keeps nothing.
struct NoCache;

impl Cache for NoCache {
    fn read(&self, _: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn write(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl PastAlerts<'_> {
    /// The messages, oldest first. Reads each summary of the bucket once, and the CSV of days whose
    /// load was high. Blocks.
    ///
    /// # Errors
    /// The bucket cannot be read.
    pub fn messages(&self) -> Result<Vec<Message>, RefreshError> {
        let index = StoreIndex::new(StoreIndexConfig {
            lister: self.lister.clone(),
            analyzed: self.bucket.clone(),
            raw: None,
            place: self.bucket.to_string(),
            cache: Arc::new(NoCache),
            clock: self.clock.clone(),
            zone: self.zone.clone(),
            on_change: Box::new(|_| {}),
            key_prefix: KeyPrefix::Off,
            parallel: DEFAULT_PARALLEL,
            full_every: FULL_EVERY,
        });
        index.refresh(&|| false)?;
        let now = self.clock.now();
        let back = Span::new().days(i64::from(self.days));
        let first = now.to_zoned(self.zone.clone()).date().checked_sub(back).ok();
        // A noon that is still to come has told nothing.
        let last = Day::first_not_due(now, &self.zone);
        let (Some(first), Some(last)) = (first.and_then(Day::from_date), last) else {
            return Ok(Vec::new());
        };
        let mut past = Vec::new();
        index.each_server(first, &mut |facts, _, _| {
            let ServerFacts { server, days, retired } = facts;
            past.push(Past { server: server.clone(), days: days.to_vec(), retired });
        });
        let mut network = |server: &ServerName| {
            let last = past.iter().find(|past| past.server == *server).and_then(|p| p.days.last());
            last.map_or_else(
                || Network::of_name(server),
                |last| overloads::network(&index, server, last.day),
            )
        };
        let is_quiet =
            |at| self.quiet.as_ref().is_some_and(|(hours, zone)| hours.contains(at, zone));
        Ok(simulate(
            self.rules,
            &past,
            (first, last),
            &self.zone,
            Asks {
                network: &mut network,
                is_quiet: &is_quiet,
                overload: &mut |server, day, limit| overloads::read(&index, server, day.day, limit),
            },
        ))
    }
}
