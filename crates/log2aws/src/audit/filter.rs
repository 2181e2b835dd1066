//! Selects events.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use log2aws_core::server_name::ServerName;
use log2aws_server::AuditEvent;

/// A time given on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A day in UTC.
    Day(Date),
    /// A moment.
    At(Timestamp),
}

/// Reads a day or a moment.
///
/// # Errors
/// One sentence with examples.
pub(super) fn moment(text: &str) -> Result<Moment, &'static str> {
    let day = (text.len() == 10).then(|| text.parse().ok()).flatten();
    day.map(Moment::Day)
        .or_else(|| text.parse().ok().map(Moment::At))
        .ok_or("write a day, or a moment with its zone, e.g. 2026-11-30 or 2026-11-30T12:00:00Z")
}

/// The conditions that an event must meet.
#[derive(Debug)]
pub(super) struct Filter {
    since: Option<Timestamp>,
    /// The end of the time range, exclusive.
    until: Option<Timestamp>,
    events: Vec<String>,
    server: Option<String>,
}

impl Filter {
    /// Selects the events that meet all given conditions.
    pub(super) fn new(
        since: Option<Moment>,
        until: Option<Moment>,
        events: Vec<String>,
        server: Option<ServerName>,
    ) -> Self {
        let begin = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|begin| begin.timestamp());
        Self {
            since: since.map(|since| match since {
                // A day after the last moment: nothing is later.
                Moment::Day(day) => begin(day).unwrap_or(Timestamp::MAX),
                Moment::At(at) => at,
            }),
            // An end after the last moment excludes nothing.
            until: until.and_then(|until| match until {
                Moment::Day(day) => day.tomorrow().ok().and_then(begin),
                Moment::At(at) => Some(at),
            }),
            events,
            server: server.map(|server| server.to_string()),
        }
    }

    /// Whether no moment is in the wanted time.
    pub(super) fn is_empty_time(&self) -> bool {
        self.since.zip(self.until).is_some_and(|(since, until)| since >= until)
    }

    /// The conditions for a person, each with a blank before it.
    pub(super) fn conditions(&self) -> String {
        let text = |name, value: Option<String>| value.map(|value| format!(" {name} {value}"));
        let events = (!self.events.is_empty()).then(|| self.events.join(","));
        [
            text("--server", self.server.clone()),
            text("--event", events),
            text("from", self.since.map(|time| time.to_string())),
            text("before", self.until.map(|time| time.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether an event is wanted. That events were lost is told whatever else is asked for.
    pub(super) fn wants(&self, event: &AuditEvent) -> bool {
        let kind = self.events.is_empty() || self.events.iter().any(|name| *name == event.event);
        let server = self.server.is_none() || self.server == event.server;
        let in_time = self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until);
        in_time && (event.event == "dropped" || kind && server)
    }

    /// Whether events of a day in UTC can be selected.
    pub(super) fn wants_day(&self, day: Date) -> bool {
        let of = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
        self.since.is_none_or(|since| day >= of(since))
            && self.until.is_none_or(|until| day <= of(until))
    }

    /// Begin and end, in milliseconds since the epoch.
    pub(super) fn milliseconds(&self) -> (Option<i64>, Option<i64>) {
        let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
        (ms(self.since), ms(self.until))
    }
}
