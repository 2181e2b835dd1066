//! Builds a summary from samples, in memory that does not grow with them.

use jiff::civil::DateTime;

use super::coverage::{Coverage, Known};
use super::series::SeriesBuilder;
use super::{
    Impossible, LogSummary, MAX_MODES, MetadataInForce, ModeFrom, Peak, Rejects, Remarks, TakenAt,
};
use crate::convert::Totals;
use crate::coverage::interval::DayBefore;
use crate::day::Day;
use crate::day_clock::DayClock;
use crate::line::leading_time;
use crate::measurement::{Measured, measured};
use crate::metadata::{Metadata, Mode, ZoneName};
use crate::reject::Reject;
use crate::sample::Sample;

/// Takes the samples and metadata lines of one day log in order.
pub struct SummaryBuilder {
    clock: DayClock,
    zone: Option<ZoneName>,
    metadata: MetadataInForce,
    rows: u64,
    remarks: Remarks,
    coverage: Coverage,
    series: SeriesBuilder,
    peak: Option<Peak>,
    guest_max: u64,
    impossible: Option<Impossible>,
    mode: Option<Mode>,
    modes: Vec<(DateTime, Mode)>,
    before: Option<DayBefore>,
    taken: Option<TakenAt>,
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
    /// A summary of the log of `day`, the day in its key, whatever its lines contain.
    pub fn new(day: Day) -> Self {
        Self {
            clock: DayClock::new(day, None),
            zone: None,
            metadata: MetadataInForce::default(),
            rows: 0,
            remarks: Remarks::default(),
            coverage: Coverage::default(),
            series: SeriesBuilder::new(),
            peak: None,
            guest_max: 0,
            impossible: None,
            mode: None,
            modes: Vec::new(),
            before: None,
            taken: None,
        }
    }

    /// Sets when the log was taken: nothing after it is missing. Otherwise the whole day was.
    pub fn taken_at(&mut self, taken: TakenAt) {
        self.taken = Some(taken);
    }

    /// Whether the metadata do not give the interval, so that a day before may help.
    pub fn needs_day_before(&self) -> bool {
        !self.coverage.knows_interval()
    }

    /// Sets what a day before says of the interval.
    pub fn day_before(&mut self, before: DayBefore) {
        self.before = Some(before);
    }

    /// Takes a metadata line: each pair applies to the lines after it.
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
            self.mode = Some(mode);
        }
        if let Some(interval) = metadata.interval {
            self.coverage.interval(interval.get());
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
        let Measured { sample, left_out } = &measured(sample);
        if let Some(column) = left_out {
            let first = || Impossible { rows: 0, at: sample.time, column: (*column).to_owned() };
            self.impossible.get_or_insert_with(first).rows += 1;
        }
        if self.coverage.sample(&self.clock, sample.time, sample.uptime_seconds) {
            self.sample_of_the_day(sample);
        }
        self.series.sample(sample);
    }

    /// Takes a line that could not be read, in its place among the rows.
    pub fn reject(&mut self, reject: &Reject) {
        self.unreadable(leading_time(&reject.raw));
    }

    /// The same, of a line with that time.
    pub fn unreadable(&mut self, time: Option<DateTime>) {
        self.coverage.unreadable(&self.clock, time);
    }

    /// Rows of the key's own day, the only ones that the chart draws.
    fn sample_of_the_day(&mut self, sample: &Sample) {
        let load = sample.load[0];
        if load.is_finite() && load > self.peak.map_or(0.0, |peak| peak.load) {
            self.peak = Some(Peak { at: sample.time, load });
        }
        self.guest_max = self.guest_max.max(sample.guest.unwrap_or(0));
        // Without metadata the averages are since boot.
        let mode = self.mode.unwrap_or(Mode::SinceBoot);
        let changed = self.modes.last().is_none_or(|(_, last)| *last != mode);
        if changed && self.modes.len() < MAX_MODES {
            self.modes.push((sample.time, mode));
        }
    }

    /// Takes what the converter says of the whole log besides its rejects.
    pub fn totals(&mut self, totals: &Totals) {
        self.remarks = Remarks {
            rounded_rows: totals.rounded,
            nul_bytes: totals.nul_bytes,
            padding_bytes: totals.padding,
        };
    }

    /// Finishes the summary.
    pub fn finish(self, rejects: Rejects) -> LogSummary {
        let known =
            Known { before: self.before, taken: self.taken.map(|taken| taken.second(&self.clock)) };
        let covered = self.coverage.finish(&self.clock, known);
        let mode = |(from, mode): (DateTime, Mode)| ModeFrom { from, mode: mode.to_string() };
        let modes = if self.modes.len() > 1 { self.modes } else { Vec::new() };
        LogSummary {
            rows: self.rows,
            other_days: covered.other_days,
            rejects,
            remarks: self.remarks,
            metadata: self.metadata,
            first: covered.first,
            last: covered.last,
            first_uptime_seconds: covered.first_uptime,
            last_uptime_seconds: covered.last_uptime,
            interval_seconds: covered.interval,
            interval_from: Some(covered.interval_from),
            interval_shown_seconds: covered.interval_shown,
            taken: covered.taken,
            expected: covered.expected,
            not_yet: covered.not_yet,
            missing: covered.missing,
            unreadable: covered.unreadable,
            missing_by_cause: covered.causes,
            sampled_twice: covered.sampled_twice,
            surplus: covered.surplus,
            gaps_total: covered.gaps_total,
            gaps: covered.gaps,
            reboots_total: covered.reboots_total,
            reboots: covered.reboots,
            clock_steps: covered.clock_steps,
            peak: self.peak,
            guest_max: Some(self.guest_max).filter(|guest| *guest > 0),
            impossible: self.impossible,
            modes: modes.into_iter().map(mode).collect(),
            series: self.series.finish(),
        }
    }
}
