//! Builds a summary from samples, in memory that does not grow with them.

use super::coverage::Coverage;
use super::series::SeriesBuilder;
use super::{LogSummary, MetadataInForce, Rejects};
use crate::day::Day;
use crate::day_clock::DayClock;
use crate::metadata::{Metadata, ZoneName};
use crate::sample::Sample;

/// Takes the samples and metadata lines of one day log in their order.
pub struct SummaryBuilder {
    clock: DayClock,
    zone: Option<ZoneName>,
    metadata: MetadataInForce,
    rows: u64,
    coverage: Coverage,
    series: SeriesBuilder,
}

impl std::fmt::Debug for SummaryBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, metadata, .. } = self;
        f.debug_struct("SummaryBuilder")
            .field("rows", rows)
            .field("metadata", metadata)
            .finish_non_exhaustive()
    }
}

impl SummaryBuilder {
    /// A summary of the log of `day`: the day of its key, whatever its lines say.
    pub fn new(day: Day) -> Self {
        Self {
            clock: DayClock::new(day, None),
            zone: None,
            metadata: MetadataInForce::default(),
            rows: 0,
            coverage: Coverage::default(),
            series: SeriesBuilder::new(),
        }
    }

    /// Takes a metadata line: each pair holds for the lines after it.
    pub fn metadata(&mut self, metadata: &Metadata) {
        let held = &mut self.metadata;
        if let Some(server) = &metadata.server {
            held.server = Some(server.to_string());
        }
        if let Some(cores) = metadata.cores {
            held.cores = Some(cores.get());
        }
        if let Some(mode) = metadata.mode {
            held.mode = Some(mode.to_string());
        }
        if let Some(note) = &metadata.note {
            held.note = Some(note.to_string());
        }
        if metadata.zone.is_some() && metadata.zone != self.zone {
            self.zone.clone_from(&metadata.zone);
            held.tz = self.zone.as_ref().map(ToString::to_string);
            self.clock = DayClock::new(self.clock.day(), held.tz.as_deref());
        }
    }

    /// Takes a row.
    pub fn sample(&mut self, sample: &Sample) {
        self.rows += 1;
        self.coverage.sample(&self.clock, sample.time, sample.uptime_seconds);
        self.series.sample(sample);
    }

    /// What the log holds.
    pub fn finish(self, rejects: Rejects) -> LogSummary {
        let covered = self.coverage.finish(&self.clock);
        LogSummary {
            rows: self.rows,
            other_days: covered.other_days,
            rejects,
            metadata: self.metadata,
            first: covered.first,
            last: covered.last,
            interval_seconds: covered.interval,
            expected: covered.expected,
            missing: covered.missing,
            gaps_total: covered.gaps_total,
            gaps: covered.gaps,
            reboots_total: covered.reboots_total,
            reboots: covered.reboots,
            clock_steps: covered.clock_steps,
            series: self.series.finish(),
        }
    }
}
