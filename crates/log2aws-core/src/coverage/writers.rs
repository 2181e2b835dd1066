//! Finds the days of a log that two programs wrote, or whose lines were written twice, while it is
//! read line by line.

use jiff::civil::{Date, DateTime};

use super::interval::{DEFAULT, shown};
use super::{Frame, Mark, compact, cover};
use crate::day_clock::PLAIN_DAY_SECONDS;

/// A clock that goes back by more than this many seconds was set: the lines before and after it are
/// not those of two writers, whose lines are out of order by a few seconds at most.
const CLOCK_SET: i64 = 120;

/// Marks are merged at this number, so that memory stays bounded for any number of lines.
const COMPACT_AT: usize = 200_000;

/// Whether so many of the samples are there twice that two writers are at work, or lines were
/// written twice. A few are those of somebody who tried the sampler by hand.
pub fn is_second_writer(sampled_twice: u64, sampled: u64) -> bool {
    sampled_twice >= 3 && sampled_twice.saturating_mul(10) >= sampled
}

/// Takes the lines of a log of any number of days in order.
#[derive(Debug, Default)]
pub struct WriterCheck {
    last: Option<DateTime>,
    marks: Vec<Mark>,
    /// From the metadata, in seconds.
    interval: Option<u32>,
    first: Option<Date>,
    days: u64,
    /// The last of these days.
    counted: Option<Date>,
}

impl WriterCheck {
    /// Takes the interval of a metadata line, in seconds.
    pub fn interval(&mut self, seconds: u32) {
        self.interval = Some(seconds.max(1));
    }

    /// Takes the time of a row.
    pub fn row(&mut self, time: DateTime) {
        let is_next = |last: DateTime| {
            time.date() == last.date() && last.duration_since(time).as_secs() <= CLOCK_SET
        };
        if !self.last.is_some_and(is_next) {
            self.end_run();
        }
        self.last = Some(time);
        let part = |value: i8| u32::from(value.unsigned_abs());
        let second = part(time.hour()) * 3_600 + part(time.minute()) * 60 + part(time.second());
        if self.marks.len() >= COMPACT_AT {
            compact(&mut self.marks);
        }
        self.marks.push(Mark { second, samples: 1, uptime: None });
    }

    /// The first day with a second writer, and how many days have one; `None` if none has.
    pub fn finish(mut self) -> Option<(Date, u64)> {
        self.end_run();
        self.first.map(|first| (first, self.days))
    }

    /// Judges the lines since the day began or the clock was set.
    fn end_run(&mut self) {
        let Some(day) = self.last.take().map(DateTime::date) else { return };
        compact(&mut self.marks);
        let interval = self.interval.or_else(|| shown(&self.marks)).unwrap_or(DEFAULT);
        let intervals = [(0, interval)];
        let day_seconds = PLAIN_DAY_SECONDS;
        let frame = Frame { day: day_seconds, taken: day_seconds, intervals: &intervals };
        let covered = cover(&self.marks, &frame);
        if is_second_writer(covered.sampled_twice.into(), covered.sampled.into()) {
            self.first.get_or_insert(day);
            self.days += u64::from(self.counted.replace(day) != Some(day));
        }
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn check(lines: impl IntoIterator<Item = (i8, u32)>) -> Option<(Date, u64)> {
        let mut check = WriterCheck::default();
        for (day, second) in lines {
            let midnight = date(2026, 11, day).at(0, 0, 0, 0);
            check.row(midnight + jiff::SignedDuration::from_secs(second.into()));
        }
        check.finish()
    }

    fn every(interval: u32, offset: u32) -> impl Iterator<Item = u32> {
        (offset..PLAIN_DAY_SECONDS).step_by(interval as usize)
    }

    fn merged(a: impl Iterator<Item = u32>, b: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut all: Vec<u32> = a.chain(b).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn two_writers_are_found_and_one_with_a_few_extra_lines_is_not() {
        let day = |lines: Vec<u32>| check(lines.into_iter().map(|second| (1, second)));
        assert_eq!(day(every(600, 1).collect()), None);
        let both = merged(every(600, 1), every(600, 4));
        assert_eq!(day(both), Some((date(2026, 11, 1), 1)));
        let twice = merged(every(600, 1), every(600, 1));
        assert_eq!(day(twice), Some((date(2026, 11, 1), 1)));
        assert_eq!(day(merged(every(600, 1), [605, 9_000, 9_010].into_iter())), None);
        assert_eq!(day(Vec::new()), None);
        // The hour that comes twice is no second writer.
        let autumn = merged(every(600, 1), (7_201..10_800).step_by(600));
        assert_eq!(day(autumn), None);
        // Nor is a clock that was set back by three hours.
        let set_back = (1..43_200).step_by(600).chain((32_401..75_600).step_by(600));
        assert_eq!(day(set_back.collect()), None);
        // Two writers' lines can be out of order.
        let swapped = every(600, 30).flat_map(|second| [second, second - 29]);
        assert_eq!(day(swapped.collect()), Some((date(2026, 11, 1), 1)));
    }

    #[test]
    fn each_day_of_a_log_is_judged_by_itself() {
        let lines = (1..=5).flat_map(|day| {
            let second = if day == 2 || day == 4 { every(600, 4) } else { every(90_000, 1) };
            let lines = merged(every(600, 1), second);
            lines.into_iter().map(move |second| (day, second))
        });
        assert_eq!(check(lines), Some((date(2026, 11, 2), 2)));
    }
}
