//! What the chart says in words. Writing to a `String` cannot fail.

use std::fmt::Write;

use super::points::Peak;
use super::scale::number;
use crate::day_clock::{DayClock, PLAIN_DAY_SECONDS};
use crate::summary::LogSummary;

/// Date, zone, machine, completeness: the line below the server's name.
pub(super) fn subtitle(clock: &DayClock, log: &LogSummary) -> String {
    let mut parts =
        vec![clock.day().date().strftime("%Y-%m-%d (%a)").to_string(), zone(clock, log)];
    parts.extend(log.metadata.cores.map(|count| cores(f64::from(count))));
    parts.push(samples(log));
    if log.missing > 0 {
        parts.push(format!("{} missing", log.missing));
    }
    parts.extend(counted(log.reboots_total, "reboot", "reboots"));
    parts.extend(counted(log.rejects.count, "line rejected", "lines rejected"));
    parts.extend(counted(log.other_days, "row of another day", "rows of other days"));
    parts.extend(counted(log.clock_steps, "step of the clock back", "steps of the clock back"));
    parts.join(" · ")
}

/// The whole chart for those who do not see it.
pub(super) fn description(clock: &DayClock, log: &LogSummary, highest: Option<Peak>) -> String {
    let mut text = subtitle(clock, log);
    if let Some(highest) = highest {
        let _ = write!(text, " · load average over 1 minute: {}", peak(clock, highest));
    }
    for (name, column) in [("user CPU", "cpu-us"), ("system CPU", "cpu-sy")] {
        if let Some(mean) = log.series.get(column).and_then(|stats| stats.mean) {
            let _ = write!(text, " · mean {name} {} %", number(mean));
        }
    }
    text
}

/// What the time axis shows.
pub(super) fn axis(clock: &DayClock, log: &LogSummary) -> String {
    let mut text = format!("Local time, {}", zone(clock, log));
    if clock.seconds() != PLAIN_DAY_SECONDS {
        let hours = number(f64::from(clock.seconds()) / 3600.0);
        let _ = write!(text, "; the clock is changed, the day has {hours} hours");
    }
    text
}

/// The highest load and its time.
pub(super) fn peak(clock: &DayClock, peak: Peak) -> String {
    let time = clock.civil(peak.second).strftime("%H:%M");
    let load = if peak.load < 10_000.0 { format!("{:.2}", peak.load) } else { number(peak.load) };
    format!("peak {load} at {time}")
}

/// A number of cores.
pub(super) fn cores(count: f64) -> String {
    let noun = if count > 1.0 { "cores" } else { "core" };
    format!("{count} {noun}")
}

fn zone(clock: &DayClock, log: &LogSummary) -> String {
    match log.metadata.tz.as_deref() {
        None => "zone unknown".to_owned(),
        Some(name) if clock.zone_known() => name.to_owned(),
        Some(name) => format!("zone {name} is not in the database"),
    }
}

fn samples(log: &LogSummary) -> String {
    let there = log.rows - log.other_days.min(log.rows);
    let every = match log.interval_seconds {
        minutes if minutes % 60 == 0 => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    };
    format!("{there} of {} samples, every {every}", log.expected.max(there))
}

fn counted(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    }
}
