//! What is known of each moment of a day: the one model that everything that speaks of a day reads.
//!
//! A day is divided into [`Stretch`]es. They follow from the [`Mark`]s of its log, from the sampling
//! interval ([`interval`]) and from the moment up to which the log was taken. For a given interval
//! and a given moment, another sample never adds time without samples, and nothing after the moment
//! is missing.

pub mod interval;
#[cfg(test)]
mod tests;
pub mod writers;

/// `uptime` prints whole minutes, so up to this many seconds more may have passed since the boot.
pub const UPTIME_RESOLUTION: u64 = 60;

/// What is known of a moment of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// A sample covers it.
    Sampled,
    /// Two or more samples cover it: two writers, or lines written twice.
    SampledTwice,
    /// The line that should cover it could not be read.
    Unreadable,
    /// The machine ran, and the sample that should cover it is missing.
    Missing,
    /// The machine booted after it: it was off for at least a part of the stretch.
    Off,
    /// The machine had booted, and its first sample was not due yet.
    Starting,
    /// It is later than the moment at which the log was taken.
    NotYet,
    /// No sample covers it, and none after it shows why.
    Unknown,
}

impl State {
    /// Whether a sample should be here and is not.
    pub fn lacks_samples(self) -> bool {
        !matches!(self, Self::Sampled | Self::SampledTwice | Self::NotYet)
    }
}

/// Seconds of the day in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first second.
    pub from: u32,
    /// The second after the last one.
    pub to: u32,
    /// What is known of it.
    pub state: State,
    /// How many samples were due in it and are not there; 0 where samples are.
    pub missing: u32,
    /// The sample before it, the line that could not be read or the boot in it: where a person
    /// says that it begins. Equal to `from` if there is none.
    pub since: u32,
}

/// A second of the day at which a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Seconds since midnight.
    pub second: u32,
    /// How many lines of this second are samples; 0 if its lines could not be read.
    pub samples: u32,
    /// Seconds since boot, if the sample has them.
    pub uptime: Option<u64>,
}

/// The day that is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The length of the day in seconds.
    pub day: u32,
    /// Up to which second the log was taken; at most `day`.
    pub taken: u32,
    /// The sampling intervals in seconds, each with the second from which it holds, in order of
    /// time; the first holds from midnight.
    pub intervals: &'a [(u32, u32)],
}

/// A day divided into stretches, and what follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// In order of time, without a hole.
    pub stretches: Vec<Stretch>,
    /// The number of samples that were due and are there.
    pub sampled: u32,
    /// For how many of them there is more than one sample.
    pub sampled_twice: u32,
    /// The number of samples beyond one for each that was due.
    pub surplus: u64,
}

/// The second at which a machine booted, if it did between a sample at `since` and one at `second`
/// with that uptime. `before` is the uptime of the former, if it is known.
pub fn boot(since: u32, before: Option<u64>, second: u32, uptime: u64) -> Option<u32> {
    // A clock that goes back takes the uptime along: the boot stays where it was.
    let is_same_boot = |before: u64| {
        let boot = |second: u32, uptime: u64| i128::from(second) - i128::from(uptime);
        let moved = boot(second, uptime) - boot(since, before);
        second < since && moved.unsigned_abs() <= u128::from(2 * UPTIME_RESOLUTION)
    };
    let fell = before.is_some_and(|before| uptime < before && !is_same_boot(before));
    let is_short =
        uptime.saturating_add(UPTIME_RESOLUTION) < u64::from(second.saturating_sub(since));
    let boot = second.saturating_sub(u32::try_from(uptime).unwrap_or(u32::MAX));
    (fell || is_short).then_some(boot.clamp(since.min(second), second))
}

/// How many samples are due in `seconds` of a day without any.
fn due(seconds: u32, interval: u32) -> u32 {
    (seconds.saturating_add(interval / 2) / interval).max(u32::from(seconds > 0))
}

/// Divides the day. `marks` are in order of time, at most one for each second.
pub fn cover(marks: &[Mark], frame: &Frame<'_>) -> Coverage {
    let taken = frame.taken.min(frame.day);
    let unreadable =
        marks.iter().filter(|mark| mark.samples == 0).map(|mark| mark.second).collect();
    let mut cover = Cover { intervals: frame.intervals, unreadable, done: Vec::new() };
    let groups = groups(marks, frame.intervals);
    let mut end = 0;
    if let Some(first) = groups.first() {
        cover.before(first);
    }
    for (index, group) in groups.iter().enumerate() {
        end = match groups.get(index + 1) {
            Some(next) => cover.between(group, next),
            None => cover.after(group, taken),
        };
    }
    if groups.is_empty() && taken > 0 {
        let interval = interval_at(frame.intervals, 0);
        let region = Region { since: 0, from: 0, to: taken, first_due: 0, interval };
        cover.lacking(region, due(taken, interval), State::Unknown);
        end = taken;
    }
    if end < frame.day {
        cover.push(stretch(end, frame.day, State::NotYet));
    }
    let written: u64 = groups.iter().map(|group| u64::from(group.samples)).sum();
    Coverage {
        stretches: cover.done,
        sampled: small(groups.len() as u64),
        sampled_twice: small(groups.iter().filter(|group| group.samples > 1).count() as u64),
        surplus: written - groups.len() as u64,
    }
}

/// How many samples are due from `taken` to the end of the day.
pub fn not_yet(frame: &Frame<'_>) -> u32 {
    let interval = interval_at(frame.intervals, frame.taken);
    frame.day.saturating_sub(frame.taken).saturating_add(interval / 2) / interval
}

/// The interval that holds at a second of the day.
fn interval_at(intervals: &[(u32, u32)], second: u32) -> u32 {
    let next = intervals.partition_point(|(from, _)| *from <= second);
    let held = intervals.get(next.saturating_sub(1));
    held.map_or(interval::DEFAULT, |(_, interval)| (*interval).max(1))
}

/// Samples of which one was due: those well within an interval after the first.
struct Group {
    from: u32,
    first_uptime: Option<u64>,
    last: u32,
    last_uptime: Option<u64>,
    samples: u32,
}

impl Group {
    fn state(&self) -> State {
        if self.samples > 1 { State::SampledTwice } else { State::Sampled }
    }
}

fn groups(marks: &[Mark], intervals: &[(u32, u32)]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.samples > 0) {
        // Where the interval changes, the shorter one decides.
        let within = |group: &Group| {
            let held = [group.from, mark.second].map(|second| interval_at(intervals, second));
            let interval = held[0].min(held[1]);
            mark.second - group.from < interval - interval / 4
        };
        match groups.last_mut() {
            Some(group) if within(group) => {
                (group.last, group.last_uptime) = (mark.second, mark.uptime);
                group.samples = group.samples.saturating_add(mark.samples);
            }
            _ => groups.push(Group {
                from: mark.second,
                first_uptime: mark.uptime,
                last: mark.second,
                last_uptime: mark.uptime,
                samples: mark.samples,
            }),
        }
    }
    groups
}

/// A part of the day in which samples were due and are not there.
#[derive(Clone, Copy)]
struct Region {
    /// The sample before it.
    since: u32,
    from: u32,
    to: u32,
    /// When the first of the missing samples was due.
    first_due: u32,
    /// The time from one of them to the next.
    interval: u32,
}

struct Cover<'a> {
    intervals: &'a [(u32, u32)],
    /// The seconds of the lines that could not be read.
    unreadable: Vec<u32>,
    done: Vec<Stretch>,
}

impl Cover<'_> {
    /// From midnight to the first sample.
    fn before(&mut self, first: &Group) {
        let interval = interval_at(self.intervals, 0);
        let missing = first.from / interval;
        if missing == 0 {
            return self.push(stretch(0, first.from, first.state()));
        }
        let first_due = first.from - missing * interval;
        let region = Region { since: 0, from: 0, to: first.from, first_due, interval };
        self.explain(region, missing, None, first.first_uptime);
    }

    /// From one sample to the next; returns where that is.
    fn between(&mut self, before: &Group, after: &Group) -> u32 {
        // Where the interval changes, the longer one decides, so that no sample is missing because
        // of the change.
        let held = [before.last, after.from].map(|second| interval_at(self.intervals, second));
        let interval = held[0].max(held[1]);
        let step = after.from - before.last;
        if step <= interval.saturating_add(interval / 2) {
            self.push(stretch(before.from, after.from, before.state()));
            return after.from;
        }
        let missing = step.saturating_add(interval / 2) / interval - 1;
        let from = before.last + interval;
        self.push(stretch(before.from, from, before.state()));
        let region = Region { since: before.last, from, to: after.from, first_due: from, interval };
        self.explain(region, missing, before.last_uptime, after.first_uptime);
        after.from
    }

    /// From the last sample to the moment at which the log was taken; returns where that is.
    fn after(&mut self, last: &Group, taken: u32) -> u32 {
        let interval = interval_at(self.intervals, last.last);
        // A delivery that arrived before its last sample: the clocks differ.
        let taken = taken.max(last.last.saturating_add(1));
        // Because of a timer's jitter the last sample can be a little early, which must not look
        // like two missing ones.
        let rest = (taken - last.last).saturating_sub(interval / 20);
        let missing = rest.div_ceil(interval).saturating_sub(1);
        if missing == 0 {
            self.push(stretch(last.from, taken, last.state()));
        } else {
            let from = last.last + interval;
            self.push(stretch(last.from, from, last.state()));
            let region = Region { since: last.last, from, to: taken, first_due: from, interval };
            self.lacking(region, missing, State::Unknown);
        }
        taken
    }

    /// Says by the uptimes before and after a region why it lacks samples. If the machine booted in
    /// it, it was off until then, and ran since.
    fn explain(&mut self, region: Region, missing: u32, before: Option<u64>, after: Option<u64>) {
        let Some(uptime) = after else { return self.lacking(region, missing, State::Unknown) };
        let boot = boot(region.since, before, region.to, uptime);
        let Some(boot) = boot.filter(|boot| *boot > region.from) else {
            let since = region.since.max(boot.unwrap_or(0));
            return self.lacking(Region { since, ..region }, missing, State::Missing);
        };
        let interval = region.interval;
        let before_boot = (boot - region.first_due.min(boot)).div_ceil(interval).min(missing);
        self.lacking(Region { to: boot, ..region }, before_boot, State::Off);
        let first_due = region.first_due + before_boot * interval;
        // A sampler that starts with the machine has a line at the next mark.
        let in_time = region.to - boot <= interval.saturating_add(interval / 2);
        let state = if in_time { State::Starting } else { State::Missing };
        let after = Region { since: boot, from: boot, first_due, ..region };
        self.lacking(after, missing - before_boot, state);
    }

    /// A region in one state, but for the lines in it that could not be read.
    fn lacking(&mut self, region: Region, missing: u32, state: State) {
        let mut open = Stretch { since: region.since, ..stretch(region.from, region.to, state) };
        for index in 0..missing {
            let due = region.first_due + index * region.interval;
            let line = self.line_near(due, region.interval);
            let state = if line.is_some() { State::Unreadable } else { state };
            if state != open.state {
                if open.missing > 0 {
                    self.push(Stretch { to: due, ..open });
                    open.from = due;
                }
                (open.state, open.missing) = (state, 0);
                open.since = line.unwrap_or(due).min(region.to);
            }
            open.missing += 1;
        }
        self.push(open);
    }

    /// A line that could not be read, written about when a sample was due.
    fn line_near(&self, due: u32, interval: u32) -> Option<u32> {
        let from = due.saturating_sub(interval / 2);
        let at = self.unreadable.partition_point(|second| *second < from);
        let line = self.unreadable.get(at).copied();
        line.filter(|second| *second < due.saturating_add(interval.div_ceil(2)))
    }

    fn push(&mut self, stretch: Stretch) {
        if stretch.from >= stretch.to {
            return;
        }
        match self.done.last_mut() {
            Some(last) if last.state == stretch.state && !stretch.state.lacks_samples() => {
                last.to = stretch.to;
            }
            _ => self.done.push(stretch),
        }
    }
}

fn stretch(from: u32, to: u32, state: State) -> Stretch {
    Stretch { from, to, state, missing: 0, since: from }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Sorts by time and keeps one mark for each second: the first sample, else a line that could not
/// be read.
pub(crate) fn compact(marks: &mut Vec<Mark>) {
    marks.sort_by_key(|mark| (mark.second, mark.samples == 0));
    marks.dedup_by(|next, kept| {
        let same = next.second == kept.second;
        if same {
            kept.samples = kept.samples.saturating_add(next.samples);
        }
        same
    });
}
