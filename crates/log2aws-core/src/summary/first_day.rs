//! The first day of a server: nothing was due before its first line, because nobody knows whether
//! the sampler was installed.
//!
//! Whether a day is the first one is known by those alone who know the days before it. A stored
//! summary does not say it: an earlier day may arrive later.

use super::{Cause, Gap, LogSummary};

/// The missing samples before the first line of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// How many there are.
    pub missing: u64,
    /// How many of them are missing because the machine was off or starting.
    pub off: u64,
}

impl LogSummary {
    /// The missing samples before the first line of the day.
    pub fn lead(&self) -> Lead {
        self.lead_gaps().iter().fold(Lead::default(), |lead, gap| Lead {
            missing: lead.missing + gap.missing,
            off: lead.off
                + if matches!(gap.cause, Cause::Off | Cause::Starting) { gap.missing } else { 0 },
        })
    }

    /// The same day, if no earlier one of the server is known: what is missing before its first line
    /// was not due.
    #[must_use]
    pub fn as_first_day(&self) -> Self {
        let (lead, count) = (self.lead(), self.lead_gaps().len());
        let mut first = self.clone();
        for gap in first.gaps.drain(..count) {
            if let Some(missing) = first.missing_by_cause.get_mut(&gap.cause) {
                *missing = missing.saturating_sub(gap.missing);
            }
        }
        first.missing_by_cause.retain(|_, missing| *missing > 0);
        first.missing = first.missing.saturating_sub(lead.missing);
        first.expected = first.expected.saturating_sub(lead.missing);
        first.gaps_total = first.gaps_total.saturating_sub(count as u64);
        first
    }

    /// The gaps from the beginning of the day to its first line, if it has a sample at all. A line
    /// that could not be read is a line.
    fn lead_gaps(&self) -> &[Gap] {
        let Some(first) = self.first else { return &[] };
        // Where an hour comes twice, a later gap can end at an earlier time of the clock.
        let is_lead =
            |gap: &&Gap| gap.cause != Cause::Unreadable && gap.from < first && gap.to <= first;
        let count = self.gaps.iter().take_while(is_lead).count();
        &self.gaps[..count]
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, DateTime, date};
    use proptest::prelude::*;

    use super::*;
    use crate::day::Day;
    use crate::metadata::Metadata;
    use crate::sample::{Sample, VMSTAT_COLUMNS};
    use crate::summary::{Rejects, SummaryBuilder};

    const DAY: Date = date(2026, 11, 20);

    fn at(minute: u32) -> DateTime {
        DAY.at(0, 0, 0, 0) + jiff::SignedDuration::from_mins(minute.into())
    }

    fn sample(minute: u32, uptime: Option<u64>) -> Sample {
        let vmstat = [Some(0); VMSTAT_COLUMNS];
        Sample {
            time: at(minute),
            uptime_seconds: uptime,
            users: None,
            load: [0.0; 3],
            vmstat,
            guest: None,
        }
    }

    /// A day with samples at these minutes and uptimes, and unreadable lines at those.
    fn log(samples: &[(u32, Option<u64>)], unreadable: &[u32]) -> LogSummary {
        let mut builder = SummaryBuilder::new(Day::from_date(DAY).unwrap());
        builder.metadata(&Metadata::parse(b"# log2aws/1 interval=600").unwrap());
        for minute in unreadable {
            builder.unreadable(Some(at(*minute)));
        }
        for (minute, uptime) in samples {
            builder.sample(&sample(*minute, *uptime));
        }
        builder.finish(Rejects::default())
    }

    fn every_ten(minutes: std::ops::Range<u32>, uptime: Option<u64>) -> Vec<(u32, Option<u64>)> {
        let uptime = |since: u32| uptime.map(|uptime| uptime + u64::from(since) * 60);
        minutes.clone().step_by(10).map(|m| (m, uptime(m - minutes.start))).collect()
    }

    #[test]
    fn what_is_missing_before_the_first_line_was_not_due() {
        // From 14:20 on, on a machine that runs for long, is unknown, or booted at 14:10 or 02:20.
        let long = Some(4_000_000);
        for (uptime, off) in [(long, 0), (None, 0), (Some(600), 86), (Some(12 * 3_600), 14)] {
            let day = log(&every_ten(860..1440, uptime), &[]);
            assert_eq!((day.missing, day.expected), (86, 144), "{uptime:?}");
            assert_eq!(day.lead(), Lead { missing: 86, off }, "{uptime:?}");
            let first = day.as_first_day();
            assert_eq!((first.missing, first.expected, first.sampled()), (0, 58, 58));
            assert_eq!((first.gaps.len(), first.gaps_total), (0, 0));
            assert!(first.missing_by_cause.is_empty());
            assert_eq!(first.first, day.first);
        }
    }

    #[test]
    fn what_is_missing_after_the_first_line_is_missing() {
        let mut samples = every_ten(860..1000, Some(4_000_000));
        samples.extend(every_ten(1100..1440, Some(4_014_400)));
        let day = log(&samples, &[]);
        let first = day.as_first_day();
        assert_eq!((day.missing, first.missing, first.gaps_total), (96, 10, 1));
        assert_eq!(first.gaps, day.gaps[1..]);
        assert_eq!(first.missing_because(Cause::Running), 10);
        // A line that could not be read is a line: the sampler was there.
        let unreadable = log(&every_ten(860..1440, None), &[600]);
        let first = unreadable.as_first_day();
        assert_eq!((unreadable.missing, unreadable.unreadable), (85, 1));
        assert_eq!((first.missing, first.unreadable, first.expected), (25, 1, 84));
    }

    #[test]
    fn a_whole_day_and_a_day_without_samples_are_as_they_are() {
        let whole = log(&every_ten(0..1440, Some(90)), &[]);
        assert_eq!(whole.as_first_day(), whole);
        let empty = log(&[], &[]);
        assert_eq!(empty.as_first_day(), empty);
        assert_eq!(empty.missing, 144);
    }

    proptest! {
        #[test]
        fn only_the_time_before_the_first_line_changes(
            marks in prop::collection::btree_map(0_u32..1440, prop::option::of(0_u64..200_000), 0..30),
            unreadable in prop::collection::btree_set(0_u32..1440, 0..5),
        ) {
            let unreadable: Vec<_> = unreadable.into_iter().filter(|m| !marks.contains_key(m)).collect();
            let day = log(&marks.into_iter().collect::<Vec<_>>(), &unreadable);
            let first = day.as_first_day();
            prop_assert_eq!(first.as_first_day(), first.clone(), "twice is once");
            prop_assert_eq!(first.sampled(), day.sampled());
            prop_assert_eq!(first.unreadable, day.unreadable);
            prop_assert_eq!(day.missing - first.missing, day.lead().missing);
            prop_assert_eq!(first.missing, first.missing_by_cause.values().sum::<u64>());
            let listed = first.gaps.iter().filter(|gap| gap.cause != Cause::Unreadable);
            prop_assert_eq!(first.missing, listed.map(|gap| gap.missing).sum::<u64>());
            prop_assert_eq!(first.gaps_total, first.gaps.len() as u64);
            prop_assert!(day.gaps.ends_with(&first.gaps));
            prop_assert_eq!(&first.reboots, &day.reboots);
        }
    }
}
