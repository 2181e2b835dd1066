//! What is to be said of a day, sentence by sentence, most important first.

use jiff::civil::DateTime;
use log2aws_core::csv::CsvFault;
use log2aws_core::day_clock::{DayClock, PLAIN_DAY_SECONDS};
use log2aws_core::summary::{Cause, FORMAT, Gap, LogSummary, SummaryError};

use super::content::{Content, Stored};
use super::{numbers, versions};
use crate::pages::frame::{Kind, Said};
use crate::words::{Words, count, say};

/// So many gaps and reboots are named; a bad day has hundreds.
const NAMED: usize = 8;

/// Everything that is to be said.
pub(super) fn sentences(content: &Content, w: &Words) -> Vec<Said> {
    let mut said = Vec::new();
    stored(content, w, &mut said);
    said.extend(versions::refused(&content.refused, w));
    if let Some(log) = &content.log {
        let clock = DayClock::new(content.day, log.metadata.tz.as_deref());
        said.push(coverage(log, w));
        gaps(&clock, log, w, &mut said);
        reboots(log, w, &mut said);
        counted(log, w, &mut said);
        let known = matches!(content.summary, Stored::Read(_));
        how_measured(&clock, log, known, w, &mut said);
    }
    said
}

/// What is wrong with the results themselves.
pub(crate) fn damage(content: &Content, w: &Words) -> Vec<Said> {
    let mut said = Vec::new();
    stored(content, w, &mut said);
    said.retain(|said| said.kind >= Kind::Warn);
    said
}

/// What of the results stands, and what does not.
fn stored(content: &Content, w: &Words, said: &mut Vec<Said>) {
    let rows = matches!(content.csv, Stored::Read(_));
    match &content.summary {
        Stored::Read(summary) => {
            if let Some(why) = &summary.refused {
                said.push(Said::new(Kind::Bad, w.refused).because(why.as_str()));
            }
            said.extend(versions::replaced(summary, w));
        }
        Stored::Unreadable(error) => {
            let text = if rows { w.summary_unreadable } else { w.summary_unreadable_alone };
            said.push(Said::new(Kind::Bad, say(text, &[("why", &unreadable(error, w))])));
        }
        Stored::Failed(why) => said.push(Said::new(Kind::Bad, w.store_failed).because(why)),
        Stored::Absent if rows => said.push(Said::new(Kind::Bad, w.summary_absent)),
        Stored::Absent | Stored::Large => {}
    }
    let named = match &content.summary {
        Stored::Read(summary) => summary.log.as_ref().map(|log| log.rows),
        _ => None,
    };
    match &content.csv {
        Stored::Read(rows) => {
            if let Some(named) = named.filter(|named| *named != rows.count) {
                let text = say(w.csv_short, &[("found", &rows.count), ("named", &named)]);
                said.push(Said::new(Kind::Bad, text));
            }
            rows.faults.iter().for_each(|fault| csv_fault(fault, w, said));
            if rows.more_faults > 0 {
                let texts = [w.csv_faults_more_one, w.csv_faults_more_many];
                said.push(Said::new(Kind::Bad, count(rows.more_faults, texts)));
            }
        }
        Stored::Absent if named.is_some() => said.push(Said::new(Kind::Bad, w.csv_absent)),
        Stored::Large => said.push(Said::new(Kind::Warn, w.csv_large)),
        Stored::Failed(why) => said.push(Said::new(Kind::Bad, w.store_failed).because(why)),
        Stored::Absent | Stored::Unreadable(_) => {}
    }
}

fn csv_fault(fault: &CsvFault, w: &Words, said: &mut Vec<Said>) {
    match fault {
        CsvFault::Header { missing, unknown } => {
            if !missing.is_empty() {
                said.push(Said::new(Kind::Bad, w.csv_missing).because(missing.join(", ")));
            }
            if !unknown.is_empty() {
                said.push(Said::new(Kind::Warn, w.csv_unknown).because(unknown.join(", ")));
            }
        }
        CsvFault::NoHeader => said.push(Said::new(Kind::Bad, w.csv_no_header)),
        CsvFault::Row { line, reason } => {
            let text = say(w.csv_row, &[("line", line)]);
            said.push(Said::new(Kind::Bad, text).because(reason.as_str()));
        }
    }
}

fn unreadable(error: &SummaryError, w: &Words) -> String {
    match error {
        SummaryError::Newer(format) if *format > FORMAT => say(w.why_newer, &[("format", format)]),
        _ => w.why_json.to_owned(),
    }
}

/// How many samples there are, of how many.
fn coverage(log: &LogSummary, w: &Words) -> Said {
    let samples = log.rows.saturating_sub(log.other_days);
    let every = numbers::duration(log.interval_seconds, w);
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("samples", &samples),
        ("expected", &log.expected),
        ("missing", &log.missing),
        ("every", &every),
    ];
    if samples == 0 {
        return Said::new(Kind::Bad, w.nothing_read);
    }
    if log.missing > 0 {
        let off = log.gaps.iter().all(|gap| gap.cause == Cause::Off);
        let running = log.gaps.iter().any(|gap| gap.cause == Cause::Running);
        let kind = match (off, running) {
            (true, _) => Kind::Note,
            (_, true) => Kind::Bad,
            _ => Kind::Warn,
        };
        return Said::new(kind, say(w.incomplete, &values));
    }
    let text = if samples > log.expected { w.more_than_expected } else { w.complete };
    Said::new(Kind::Ok, say(text, &values))
}

fn gaps(clock: &DayClock, log: &LogSummary, w: &Words, said: &mut Vec<Said>) {
    said.extend(log.gaps.iter().take(NAMED).map(|gap| {
        let (kind, text) = match gap.cause {
            Cause::Off => (Kind::Note, w.gap_off),
            Cause::Running => (Kind::Bad, w.gap_running),
            Cause::Unknown => (Kind::Warn, w.gap_unknown),
        };
        let (from, till) = edges(clock, gap);
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("from", &from), ("till", &till), ("n", &gap.missing)];
        Said::new(kind, say(text, &values))
    }));
    let more = log.gaps_total.saturating_sub(log.gaps.len().min(NAMED) as u64);
    if more > 0 {
        said.push(Said::new(Kind::Warn, count(more, [w.gaps_more_one, w.gaps_more_many])));
    }
}

/// The time of day of a gap's ends; the next midnight is 24:00.
fn edges(clock: &DayClock, gap: &Gap) -> (String, String) {
    let till = if gap.to.date() > clock.day().date() { "24:00".to_owned() } else { hm(gap.to) };
    (hm(gap.from), till)
}

fn hm(time: DateTime) -> String {
    time.strftime("%H:%M").to_string()
}

fn reboots(log: &LogSummary, w: &Words, said: &mut Vec<Said>) {
    said.extend(log.reboots.iter().take(NAMED).map(|reboot| {
        let (at, seen) = (hm(reboot.at), hm(reboot.seen));
        Said::new(Kind::Note, say(w.reboot, &[("at", &at), ("seen", &seen)]))
    }));
    let more = log.reboots_total.saturating_sub(log.reboots.len().min(NAMED) as u64);
    if more > 0 {
        said.push(Said::new(Kind::Note, count(more, [w.reboots_more_one, w.reboots_more_many])));
    }
}

fn counted(log: &LogSummary, w: &Words, said: &mut Vec<Said>) {
    let counts = [
        (log.rejects.count, Kind::Warn, [w.rejects_one, w.rejects_many]),
        (log.clock_steps, Kind::Warn, [w.clock_steps_one, w.clock_steps_many]),
        (log.other_days, Kind::Note, [w.other_rows_one, w.other_rows_many]),
    ];
    for (n, kind, texts) in counts.into_iter().filter(|(n, ..)| *n > 0) {
        said.push(Said::new(kind, count(n, texts)));
    }
}

/// What one must know to read the numbers.
fn how_measured(clock: &DayClock, log: &LogSummary, known: bool, w: &Words, said: &mut Vec<Said>) {
    if clock.seconds() != PLAIN_DAY_SECONDS {
        let hours = numbers::plain(f64::from(clock.seconds()) / 3600.0);
        said.push(Said::new(Kind::Note, say(w.day_length, &[("hours", &hours)])));
    }
    if let Some(zone) = log.metadata.tz.as_ref().filter(|_| !clock.zone_known()) {
        said.push(Said::new(Kind::Warn, say(w.zone_bad, &[("zone", zone)])));
    }
    let interval = |mode: Option<&str>| mode == Some("interval");
    if !log.modes.is_empty() {
        said.extend(log.modes.iter().take(NAMED).map(|part| {
            let mode = if interval(Some(&part.mode)) { w.mode_interval } else { w.mode_since_boot };
            let text = say(w.modes_change, &[("at", &hm(part.from)), ("mode", &mode)]);
            Said::new(Kind::Note, text)
        }));
    } else if log.rows > 0 && !interval(log.metadata.mode.as_deref()) {
        let text = if known { w.since_boot } else { w.since_boot_unknown };
        said.push(Said::new(Kind::Note, text));
    }
    if let Some(guest) = log.guest_max {
        said.push(Said::new(Kind::Note, say(w.guests, &[("n", &guest)])));
    }
}
