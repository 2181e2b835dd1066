//! The line about the state of the service that `systemctl status` shows. Pure.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::port::Facts;

/// The state in one line.
pub(super) fn render(facts: &Facts, zone: &TimeZone) -> String {
    let mut parts = Vec::new();
    if let Some(error) = &facts.config_error {
        parts.push(format!("nothing is delivered until the config is right: {error}"));
    }
    parts.extend(facts.sample_problem.clone());
    parts.push(match facts.last_sample {
        Some(at) => format!("last sample {}", clock(at, zone)),
        None => "no sample yet".to_owned(),
    });
    match facts.next_ship {
        _ if facts.shipping => parts.push("shipping".to_owned()),
        Some(at) => parts.push(format!("next delivery {}", clock(at, zone))),
        None if facts.config_error.is_some() => {}
        None => parts.push("no API to ship to".to_owned()),
    }
    parts.join("; ")
}

/// A time in the local zone.
pub(super) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_zoned(zone.clone());
    strtime::format("%F %T", &zoned).unwrap_or_else(|_| at.to_string())
}
