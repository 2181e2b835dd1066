//! The sampling interval of a day.
//!
//! It is what the log's metadata says, else that of the server's days before, else what the log
//! shows. Neither a second writer nor lines written twice nor a burst of dense samples on less than
//! half of the covered time changes what a log shows, unless the second writer comes about half an
//! interval after the first (0.44 to 0.56 of it): that is one writer with half the interval.

use super::Mark;

/// The interval, in seconds, of a log that does not show one: the traditional cron setting.
pub const DEFAULT: u32 = 600;

/// The longest interval, in seconds, that a log is believed to show. Longer steps are more often
/// gaps than intervals.
const LONGEST: u32 = 7_200;

/// How many candidates are tried.
const MAX_CANDIDATES: usize = 24;

/// How far apart the two samples of a candidate are: with two writers, the next but one sample is
/// the writer's own.
const MAX_APART: usize = 3;

/// A log shows an interval by so many steps that have it ...
const MIN_STEPS: u32 = 3;

/// ... that cover so many seconds ...
const MIN_COVERED: u64 = 2 * 3_600;

/// ... or by so many steps alone.
const MANY_STEPS: u32 = 12;

/// From where an interval is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The log's metadata.
    Metadata,
    /// The summary of a day before, against what the log shows.
    DaysBefore,
    /// The times of the log's samples.
    Log,
    /// Nothing shows it: [`DEFAULT`].
    Default,
}

/// What a day before says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayBefore {
    /// Its interval, in seconds.
    pub interval: u32,
    /// What its log showed, whatever its interval is.
    pub shown: Option<u32>,
}

/// The interval, in seconds, if the metadata give none: of the day `before`, else what the log has
/// `shown`. What it is decides what it is called, not the way to it: the day before may be known
/// later than this one.
///
/// Two days in a row that show the same interval outweigh the days before them: the setting was
/// changed.
pub fn choose(before: Option<DayBefore>, shown: Option<u32>) -> (u32, Source) {
    let before = before.filter(|before| shown.is_none() || before.shown != shown);
    let interval = before.map(|before| before.interval).or(shown).unwrap_or(DEFAULT).max(1);
    let source = match shown {
        Some(shown) if shown == interval => Source::Log,
        None if interval == DEFAULT => Source::Default,
        _ => Source::DaysBefore,
    };
    (interval, source)
}

/// The interval, in seconds, that the samples show, if they do: the one whose steps cover the
/// longest time. `marks` are in order of time, at most one for each second.
pub fn shown(marks: &[Mark]) -> Option<u32> {
    let seconds: Vec<u32> =
        marks.iter().filter(|mark| mark.samples > 0).map(|mark| mark.second).collect();
    let mut best = (0, 0);
    // Candidates are in ascending order: of two with the same support, the shorter one holds.
    for candidate in candidates(&seconds) {
        let support = support(&seconds, candidate);
        if support.0 > best.0 {
            best = support;
        }
    }
    let (covered, steps) = best;
    let enough = steps >= MANY_STEPS || (steps >= MIN_STEPS && covered >= MIN_COVERED);
    // The mean of its steps is closer than any one of them.
    let mean = (covered + u64::from(steps / 2)) / u64::from(steps.max(1));
    enough.then(|| rounded(u32::try_from(mean).unwrap_or(LONGEST)).max(1))
}

/// The steps that occur over the longest time, in ascending order.
fn candidates(seconds: &[u32]) -> Vec<u32> {
    let mut weights: Vec<u64> = vec![0; LONGEST as usize + 1];
    for apart in 1..=MAX_APART {
        for (from, to) in seconds.iter().zip(seconds.iter().skip(apart)) {
            let step = rounded(to - from);
            if let Some(weight) = weights.get_mut(step as usize) {
                *weight += u64::from(step);
            }
        }
    }
    let mut weighed: Vec<(u64, u32)> =
        weights.into_iter().zip(0..).filter(|(weight, step)| *weight > 0 && *step > 0).collect();
    weighed.sort_unstable_by(|a, b| b.cmp(a));
    weighed.truncate(MAX_CANDIDATES);
    let mut candidates: Vec<u32> = weighed.into_iter().map(|(_, step)| step).collect();
    candidates.sort_unstable();
    candidates
}

/// Whole minutes from a minute on.
fn rounded(step: u32) -> u32 {
    if step < 60 { step } else { (step + 30) / 60 * 60 }
}

/// The time that steps of `interval`, give or take an eighth, cover, and how many they are. Samples
/// well within half an interval after another are passed over. That they are is decided with the
/// same eighth, so that twice an interval is never taken for it.
fn support(seconds: &[u32], interval: u32) -> (u64, u32) {
    let (mut covered, mut steps) = (0, 0);
    let mut last: Option<u32> = None;
    for second in seconds {
        let Some(from) = last else {
            last = Some(*second);
            continue;
        };
        let step = second - from;
        if step * 2 < interval - interval / 8 {
            continue;
        }
        last = Some(*second);
        if step.abs_diff(interval) * 8 <= interval {
            covered += u64::from(step);
            steps += 1;
        }
    }
    (covered, steps)
}
