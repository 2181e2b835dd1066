//! Stretches of a day in which a condition holds.

use jiff::civil::DateTime;

use super::minutes::{Figure, Minute};
use crate::day_clock::DayClock;
use crate::trend::quantile;

/// A shorter dip, in seconds, does not end a stretch; nor do missing samples of that length.
const LONGEST_DIP: u32 = 20 * 60;

/// A stretch of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning in clock time.
    pub from: DateTime,
    /// Its end; the next midnight is the end of the day.
    pub till: DateTime,
    /// For how long the condition held in it, in seconds.
    pub seconds: u32,
    /// Whether it is the whole day.
    pub all_day: bool,
}

/// The values between which eight of ten samples of a stretch are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// p10.
    pub low: f64,
    /// p90.
    pub high: f64,
}

/// The minutes of a stretch in which the condition held.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    pub(super) minutes: Vec<&'a Minute>,
    /// For how long one sample counts, in seconds.
    each: u32,
    /// The length of the day in seconds.
    day: u32,
}

/// The stretches that hold for at least `least` seconds, in order of time. A sample counts for
/// `interval` seconds, but one sample alone is no stretch.
pub(super) fn stretches<'a>(
    minutes: &'a [Minute],
    clock: &DayClock,
    interval: u32,
    least: u32,
    holds: impl Fn(&Minute) -> bool,
) -> Vec<Held<'a>> {
    let (each, day) = (interval.max(60), clock.seconds());
    let mut found: Vec<Held<'a>> = Vec::new();
    for minute in minutes.iter().filter(|minute| holds(minute)) {
        let continued = found.last_mut().filter(|held| {
            held.minutes
                .last()
                .is_some_and(|last| minute.second - last.second <= each.saturating_add(LONGEST_DIP))
        });
        match continued {
            Some(held) => held.minutes.push(minute),
            None => found.push(Held { minutes: vec![minute], each, day }),
        }
    }
    found.retain(|held| held.minutes.len() > 1 && held.seconds() >= least);
    found
}

impl Held<'_> {
    /// For how long the condition held.
    pub(super) fn seconds(&self) -> u32 {
        let count = u32::try_from(self.minutes.len()).unwrap_or(u32::MAX);
        count.saturating_mul(self.each).min(self.till() - self.from())
    }

    /// The seconds of the day at which it begins and ends.
    pub(super) fn from(&self) -> u32 {
        self.minutes.first().map_or(0, |minute| minute.second)
    }

    pub(super) fn till(&self) -> u32 {
        let last = self.minutes.last().map_or(0, |minute| minute.second);
        last.saturating_add(self.each).min(self.day).max(self.from())
    }

    pub(super) fn stretch(&self, clock: &DayClock) -> Stretch {
        let (from, till) = (self.from(), self.till());
        Stretch {
            from: clock.civil(from),
            till: clock.civil(till),
            seconds: self.seconds(),
            // The first sample comes a little after midnight, and the last one an interval before.
            all_day: from < self.each && till.saturating_add(self.each) > self.day,
        }
    }

    /// Whether at least half of it is within one of the others.
    pub(super) fn is_within(&self, others: &[Held<'_>]) -> bool {
        let shared = |other: &Held<'_>| {
            self.till().min(other.till()).saturating_sub(self.from().max(other.from()))
        };
        others.iter().map(shared).sum::<u32>().saturating_mul(2) >= self.till() - self.from()
    }

    /// The known values of a figure, in ascending order.
    fn sorted(&self, figure: Figure) -> Vec<f64> {
        let mut values: Vec<f64> =
            self.minutes.iter().filter_map(|minute| minute.get(figure)).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The range of a figure.
    pub(super) fn range(&self, figure: Figure) -> Option<Range> {
        let values = self.sorted(figure);
        let range = Range { low: quantile(&values, 0.1), high: quantile(&values, 0.9) };
        (!values.is_empty()).then_some(range)
    }

    /// The range of a figure whose median is at least so high.
    pub(super) fn range_from(&self, figure: Figure, median: f64) -> Option<Range> {
        let values = self.sorted(figure);
        self.range(figure).filter(|_| quantile(&values, 0.5) >= median)
    }
}
