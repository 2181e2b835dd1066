//! Applies the rules to what is known of one server.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::figure::Figure;
use super::load::Stretch;
use super::rule::{Condition, Rule};
use crate::day::Day;
use crate::server_name::ServerName;
use crate::trend::{Point, Trend};

/// How many days back a delivered day is judged: a log can be that late and still be told.
pub const LOOK_BACK_DAYS: i32 = 7;

/// How many days back facts are used: the trend of memory is over so many days.
pub const HISTORY_DAYS: i32 = 30;

/// What is known of one day of a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayFacts {
    /// The day.
    pub day: Day,
    /// Whether its log was read. If not, it arrived, and the other facts are 0 or `None`.
    pub is_read: bool,
    /// Samples of the day.
    pub samples: u32,
    /// Lines that could not be read.
    pub rejects: u32,
    /// Cores, if the log says.
    pub cores: Option<u32>,
    /// The highest load average over 1 minute.
    pub load_max: Option<f64>,
    /// The least free memory, in KiB.
    pub free_min: Option<f64>,
    /// The mean of free memory, buffers and cache, in KiB.
    pub left_mean: Option<f64>,
}

/// What is known of one server.
#[derive(Clone, Copy, Debug)]
pub struct ServerFacts<'a> {
    /// The server.
    pub server: &'a ServerName,
    /// Its days that arrived, oldest first: at least the last one, and those of [`HISTORY_DAYS`].
    pub days: &'a [DayFacts],
    /// The first day of which no log is expected: an operator has retired it.
    pub retired: Option<Day>,
}

/// The moment for which the rules are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// The first day whose log is not due yet.
    pub not_due: Day,
}

impl AsOf {
    /// The moment `now` in the time zone of the servers: a log is due at noon of the next day.
    /// `None` outside the years 0 to 9999.
    pub fn at(now: Timestamp, zone: &TimeZone) -> Option<Self> {
        Day::first_not_due(now, zone).map(|not_due| Self { not_due })
    }
}

/// For how long the load of a day was above a limit, if that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Overload {
    /// The samples of the day cannot be had now.
    Unknown,
    /// The longest stretch above the limit; `None` if there is none.
    Known(Option<Stretch>),
}

/// What a rule says about a server. A server without a verdict is in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It cannot be said now: what was told stays.
    Unknown {
        /// The number of the rule.
        rule: usize,
    },
    /// The rule applies, or did so in the last days.
    Found {
        /// The number of the rule.
        rule: usize,
        /// The first day.
        since: Day,
        /// The day on which it was over; `None` if it goes on.
        until: Option<Day>,
        /// The numbers.
        figure: Figure,
    },
}

/// The load above which a rule finds a day of a machine with so many cores.
pub fn load_limit(above: f64, cores: u32) -> f64 {
    above * f64::from(cores)
}

/// Applies the rules that are for this server. `overload` finds the longest stretch of a day above
/// a load; it is only asked about days whose highest load is above it.
pub fn evaluate(
    rules: &[Rule],
    facts: ServerFacts<'_>,
    as_of: AsOf,
    overload: &mut dyn FnMut(&DayFacts, f64) -> Overload,
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (rule, Rule { condition, .. }) in
        rules.iter().enumerate().filter(|(_, rule)| rule.is_for(facts.server))
    {
        match *condition {
            Condition::Silent { days } => verdicts.extend(silent(rule, facts, as_of, days)),
            Condition::Memory { days } => verdicts.extend(memory(rule, facts.days, as_of, days)),
            Condition::Rejects { above } => {
                let check = |day: &DayFacts| rejects(day, above);
                verdicts.extend(episodes(rule, facts.days, as_of, check));
            }
            Condition::Load { above, minutes } => {
                let check = |day: &DayFacts| load(day, above, minutes, overload);
                verdicts.extend(episodes(rule, facts.days, as_of, check));
            }
        }
    }
    verdicts
}

fn silent(rule: usize, facts: ServerFacts<'_>, as_of: AsOf, limit: u32) -> Option<Verdict> {
    if facts.retired.is_some_and(|retired| retired <= as_of.not_due) {
        return None;
    }
    let last = facts.days.last()?.day;
    let due = as_of.not_due.number() - last.number() - 1;
    let days = u32::try_from(due).ok().filter(|due| *due >= limit)?;
    let since = Day::from_date(last.date().tomorrow().ok()?)?;
    Some(Verdict::Found { rule, since, until: None, figure: Figure::Silent { last, days } })
}

fn memory(rule: usize, days: &[DayFacts], as_of: AsOf, within: u32) -> Option<Verdict> {
    let trend = |of: fn(&DayFacts) -> Option<f64>| {
        let points = recent(days, as_of, HISTORY_DAYS)
            .filter_map(|day| Some(Point { day: day.day.number(), value: of(day)? }));
        Trend::of(&points.collect::<Vec<_>>())
    };
    // Linux fills free memory with cache and gives it back: that alone is no leak.
    trend(|day| day.left_mean).filter(|left| left.slope.mid < 0.0)?;
    let newest = recent(days, as_of, LOOK_BACK_DAYS).filter(|day| day.free_min.is_some()).last()?;
    let trend = trend(|day| day.free_min)?;
    let left = trend.to / -trend.slope.mid;
    if trend.slope.mid >= 0.0 || left > f64::from(within) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size of memory")]
    let free_kib = newest.free_min.unwrap_or(0.0).max(0.0) as u64;
    let figure = Figure::Memory {
        day: newest.day,
        from_days: trend.earliest(0.0).unwrap_or(0),
        to_days: trend.reaches(0.0).map(|left| left.latest),
        free_kib,
    };
    Some(Verdict::Found { rule, since: newest.day, until: None, figure })
}

/// What a day is, as a rule sees it.
enum Check {
    Unknown,
    Fine,
    Bad(Figure),
}

fn rejects(day: &DayFacts, above: f64) -> Check {
    let lines = day.samples.saturating_add(day.rejects);
    let share = f64::from(day.rejects) * 100.0 / f64::from(lines.max(1));
    if day.rejects == 0 || share <= above {
        return Check::Fine;
    }
    Check::Bad(Figure::Rejects { day: day.day, rejects: day.rejects, lines })
}

fn load(
    day: &DayFacts,
    above: f64,
    minutes: u32,
    overload: &mut dyn FnMut(&DayFacts, f64) -> Overload,
) -> Check {
    // Without the number of cores there is no load per core.
    let (Some(cores), Some(max)) = (day.cores, day.load_max) else { return Check::Fine };
    let limit = load_limit(above, cores);
    if max <= limit {
        return Check::Fine;
    }
    match overload(day, limit) {
        Overload::Unknown => Check::Unknown,
        Overload::Known(Some(stretch)) if stretch.minutes >= minutes => Check::Bad(Figure::Load {
            day: day.day,
            from: stretch.from.strftime("%H:%M").to_string(),
            minutes: stretch.minutes,
            max: stretch.max,
            cores,
        }),
        Overload::Known(_) => Check::Fine,
    }
}

/// The runs of bad days among the last delivered days.
fn episodes(
    rule: usize,
    days: &[DayFacts],
    as_of: AsOf,
    mut check: impl FnMut(&DayFacts) -> Check,
) -> Vec<Verdict> {
    let (mut verdicts, mut open, mut unknown) = (Vec::new(), None, false);
    for day in recent(days, as_of, LOOK_BACK_DAYS) {
        unknown = false;
        match check(day) {
            Check::Unknown => unknown = true,
            Check::Bad(figure) => {
                let since = open.take().map_or(day.day, |(since, _)| since);
                open = Some((since, figure));
            }
            Check::Fine => {
                let until = Some(day.day);
                let found = open.take().map(|(since, figure)| (since, until, figure));
                verdicts.extend(found.map(|(since, until, figure)| Verdict::Found {
                    rule,
                    since,
                    until,
                    figure,
                }));
            }
        }
    }
    if unknown {
        verdicts.push(Verdict::Unknown { rule });
    } else if let Some((since, figure)) = open {
        verdicts.push(Verdict::Found { rule, since, until: None, figure });
    }
    verdicts
}

/// The days that were read and are at most so many days before the first one that is not due.
fn recent(days: &[DayFacts], as_of: AsOf, back: i32) -> impl Iterator<Item = &DayFacts> {
    let from = as_of.not_due.number().saturating_sub(back);
    days.iter().filter(move |day| day.is_read && day.day.number() >= from)
}
