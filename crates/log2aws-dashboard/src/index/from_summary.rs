//! Extracts from a summary what the index stores.

use jiff::civil::DateTime;
use log2aws_core::key::RawKey;
use log2aws_core::plain_text::visible;
use log2aws_core::summary::{Cause, LogSummary, Summary};
use sha2::{Digest as _, Sha256};

use super::day_stats::{DayStats, Edge, Figures, Status, Tag};

impl Tag {
    /// The tag for the store's entity tag `text`.
    pub fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self(digest.iter().take(8).fold(0, |tag, byte| (tag << 8) | u64::from(*byte)))
    }
}

impl DayStats {
    /// A day with a status and no figures.
    pub fn empty(tag: Tag, status: Status) -> Self {
        Self {
            tag,
            status,
            samples: 0,
            expected: 0,
            missing: 0,
            missing_off: 0,
            lead: [0; 2],
            rejects: 0,
            reboots: 0,
            clock_steps: 0,
            first: None,
            last: None,
            figures: Figures::default(),
            note: None,
            zone: None,
        }
    }

    /// The statistics of the summary `json`, stored under `key`. If it is not a summary, has a
    /// newer version, or belongs to another server or day, the status is [`Status::Unreadable`].
    pub fn of_json(tag: Tag, key: &RawKey, json: &[u8]) -> Self {
        match Summary::from_json(json) {
            Ok(summary) if summary.server == key.server && summary.date == key.day => {
                Self::of(tag, &summary)
            }
            _ => Self::empty(tag, Status::Unreadable),
        }
    }

    /// The statistics of a summary.
    pub fn of(tag: Tag, summary: &Summary) -> Self {
        match (&summary.refused, &summary.log) {
            (Some(_), _) => Self::empty(tag, Status::Refused),
            (None, None) => Self::empty(tag, Status::Unreadable),
            (None, Some(log)) => Self::read(tag, log),
        }
    }

    fn read(tag: Tag, log: &LogSummary) -> Self {
        let off = log.missing_because(Cause::Off) + log.missing_because(Cause::Starting);
        let lead = log.lead();
        let (first, last) = uptimes(log);
        let edge =
            |time: Option<DateTime>, uptime| time.map(|t| Edge { second: second(t), uptime });
        Self {
            tag,
            status: Status::Read,
            samples: count(log.sampled()),
            expected: count(log.expected),
            missing: count(log.missing),
            missing_off: count(off.min(log.missing)),
            lead: [lead.missing, lead.off].map(count),
            rejects: count(log.rejects.count),
            reboots: count(log.reboots_total),
            clock_steps: count(log.clock_steps),
            first: edge(log.first, first),
            last: edge(log.last, last),
            figures: figures(log),
            note: log.metadata.note.as_ref().map(|note| visible(note.as_str()).into()),
            zone: log.metadata.tz.as_deref().map(Box::from),
        }
    }
}

/// Uptime at the first and at the last sample, if the summary contains them.
///
/// Summaries of earlier versions do not. There, if the machine did not boot on that day and all
/// rows belong to the day, they are the minimum and maximum of the column; if it did boot, they
/// follow from the reboots.
fn uptimes(log: &LogSummary) -> (Option<u64>, Option<u64>) {
    if log.first_uptime_seconds.is_some() {
        return (log.first_uptime_seconds, log.last_uptime_seconds);
    }
    let own_rows = log.other_days == 0 && log.clock_steps == 0;
    if log.reboots_total == 0 {
        let uptimes = log.series.get("past-times").filter(|_| own_rows);
        let whole = |value: Option<f64>| value.and_then(seconds);
        return (
            uptimes.and_then(|uptimes| whole(uptimes.min)),
            uptimes.and_then(|uptimes| whole(uptimes.max)),
        );
    }
    let since = |at: DateTime, time: Option<DateTime>| {
        time.and_then(|time| u64::try_from(time.duration_since(at).as_secs()).ok())
    };
    let first = log.reboots.first().filter(|reboot| Some(reboot.seen) == log.first);
    let all_listed = log.reboots.len() as u64 == log.reboots_total;
    let last = log.reboots.last().filter(|_| all_listed && own_rows);
    (
        first.and_then(|reboot| since(reboot.at, log.first)),
        last.and_then(|reboot| since(reboot.at, log.last)),
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to fit")]
fn seconds(value: f64) -> Option<u64> {
    (value.is_finite() && value >= 0.0).then_some(value.min(4e9) as u64)
}

fn figures(log: &LogSummary) -> Figures {
    let stats = |name| log.series.get(name);
    let mean = |name| stats(name).and_then(|stats| stats.mean).map(narrow);
    let max = |name| stats(name).and_then(|stats| stats.max).map(narrow);
    Figures {
        load_mean: mean("load-average01"),
        load_p95: stats("load-average01").and_then(|stats| stats.p95).map(narrow),
        load_max: max("load-average01"),
        cpu: ["cpu-us", "cpu-sy", "cpu-wa", "cpu-st"].map(mean),
        wait_p95: stats("cpu-wa").and_then(|stats| stats.p95).map(narrow),
        free_min: stats("mem-free").and_then(|stats| stats.min).map(narrow),
        swapped_max: max("mem-swpd"),
        left_mean: ["mem-free", "mem-buff", "mem-cache"].map(mean).into_iter().sum(),
        blocks: ["buff-in", "buff-out"].map(mean),
        cores: log.metadata.cores.filter(|cores| *cores > 0),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are more than is shown")]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn count(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Second of the local day, in clock time.
fn second(time: DateTime) -> u32 {
    let part = |value: i8| u32::from(value.unsigned_abs());
    part(time.hour()) * 3600 + part(time.minute()) * 60 + part(time.second())
}
