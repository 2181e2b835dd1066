//! For how long the load of a day was above a limit.

use jiff::civil::DateTime;

use crate::day::Day;

/// Samples further apart than this many intervals do not belong together: what was between them is
/// not known.
const MAX_APART: i64 = 3;

/// A stretch of a day in which each sample is above the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// The first of these samples.
    pub from: DateTime,
    /// Minutes from the first sample to the last one, and one interval.
    pub minutes: u32,
    /// The highest load average over 1 minute.
    pub max: f64,
}

/// The longest stretch of `day` in which the load is above `limit`; the first of equals.
/// `samples` are times and 1-minute load averages in the order of the log, `interval` is the usual
/// time between two of them in seconds. A load that is not a number is below every limit, and a time
/// before that of the sample before begins a new stretch.
pub fn longest_stretch(
    samples: impl Iterator<Item = (DateTime, f64)>,
    day: Day,
    interval: u32,
    limit: f64,
) -> Option<Stretch> {
    let interval = i64::from(interval.max(1));
    let mut longest: Option<(i64, Stretch)> = None;
    let mut open: Option<(DateTime, DateTime, f64)> = None;
    for (time, load) in samples.filter(|(time, _)| time.date() == day.date()) {
        if load.is_nan() || load <= limit {
            open = None;
            continue;
        }
        let joined = open.filter(|(_, last, _)| {
            (0..=MAX_APART * interval).contains(&time.duration_since(*last).as_secs())
        });
        let (from, max) = joined.map_or((time, load), |(from, _, max)| (from, load.max(max)));
        open = Some((from, time, max));
        let seconds = time.duration_since(from).as_secs() + interval;
        if longest.is_none_or(|(most, _)| seconds > most) {
            let minutes = u32::try_from(seconds / 60).unwrap_or(u32::MAX);
            longest = Some((seconds, Stretch { from, minutes, max }));
        }
    }
    longest.map(|(_, stretch)| stretch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(samples: &[(&str, f64)]) -> Option<(String, u32, f64)> {
        let at = |text: &str| format!("2026-11-29T{text}").parse::<DateTime>().unwrap();
        let samples = samples.iter().map(|(time, load)| (at(time), *load));
        let found = longest_stretch(samples, "2026-11-29".parse().unwrap(), 600, 2.0)?;
        Some((found.from.strftime("%H:%M").to_string(), found.minutes, found.max))
    }

    #[test]
    fn the_longest_stretch_above_the_limit_counts() {
        assert_eq!(stretch(&[("10:00:00", 2.0), ("10:10:00", 1.0)]), None);
        let day = [
            ("10:00:00", 3.0),
            ("10:10:00", 1.0),
            ("10:20:00", 2.5),
            ("10:30:00", 9.0),
            ("10:40:00", 2.1),
            ("10:50:00", 0.0),
        ];
        assert_eq!(stretch(&day), Some(("10:20".to_owned(), 30, 9.0)));
    }

    #[test]
    fn what_was_between_distant_samples_is_not_known() {
        let gap = [("10:00:00", 3.0), ("10:30:00", 3.0), ("11:00:01", 3.0), ("11:10:00", f64::NAN)];
        assert_eq!(stretch(&gap), Some(("10:00".to_owned(), 40, 3.0)));
        let back = [("10:30:00", 3.0), ("10:00:00", 3.0)];
        assert_eq!(stretch(&back), Some(("10:30".to_owned(), 10, 3.0)));
    }
}
