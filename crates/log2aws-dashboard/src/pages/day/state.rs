//! Status messages about a day, most important first.

use jiff::civil::DateTime;
use log2aws_core::csv::CsvFault;
use log2aws_core::day_clock::{DayClock, PLAIN_DAY_SECONDS};
use log2aws_core::day_report::Report;
use log2aws_core::reject::Stopped;
use log2aws_core::summary::{Cause, FORMAT, Gap, LogSummary, SummaryError};

use super::content::{Content, Stored};
use super::{numbers, reopening, report, versions};
use crate::i18n::{Words, count, fill, reason};
use crate::pages::layout::{Message, Severity};
use crate::pages::retirement;

/// The most gaps and reboots that are named; a bad day has hundreds.
const MAX_NAMED: usize = 8;

/// All messages; those of the `report` come before those about the samples.
pub(super) fn sentences(content: &Content, report: Option<&Report>, w: &Words) -> Vec<Message> {
    let mut messages = Vec::new();
    stored(content, w, &mut messages);
    messages.extend(versions::refused(&content.refused, w));
    let retirement = content.retirement.as_ref().filter(|record| record.from <= content.day);
    messages.extend(retirement.map(|r| retirement::message(r, Some(content.day), w)));
    messages.extend(reopening::message(content, w));
    if let Some(log) = &content.log {
        let clock = DayClock::new(content.day, log.metadata.tz.as_deref());
        messages.extend(stopped(log, w));
        if let Some(found) = report {
            messages.extend(report::sentences(found, log, content.day, w));
        }
        messages.push(coverage(log, w));
        messages.extend(first_log(content, log, w));
        messages.extend(not_yet(log, w));
        messages.extend(surplus(log, w));
        gaps(&clock, log, w, &mut messages);
        messages.extend(report::command(content, log, w));
        reboots(log, w, &mut messages);
        counted(log, w, &mut messages);
        let known = matches!(content.summary, Stored::Read(_));
        measurement_messages(&clock, log, known, w, &mut messages);
    }
    messages
}

/// Problems with the results themselves.
pub(crate) fn damage(content: &Content, w: &Words) -> Vec<Message> {
    let mut messages = Vec::new();
    stored(content, w, &mut messages);
    messages.retain(|messages| messages.severity >= Severity::Warn);
    messages
}

/// Which results are present, and which are not.
fn stored(content: &Content, w: &Words, messages: &mut Vec<Message>) {
    let rows = matches!(content.csv, Stored::Read(_));
    match &content.summary {
        Stored::Read(summary) => {
            if let Some(why) = &summary.refused {
                messages.push(
                    Message::new(Severity::Bad, w.refused).with_detail(reason(w.language, why)),
                );
            }
            messages.extend(versions::replaced(summary, w));
        }
        Stored::Unreadable(error) => {
            let text = if rows { w.summary_unreadable } else { w.summary_unreadable_alone };
            messages
                .push(Message::new(Severity::Bad, fill(text, &[("why", &unreadable(error, w))])));
        }
        Stored::Failed(why) => {
            messages.push(Message::new(Severity::Bad, w.store_failed).with_detail(why));
        }
        Stored::Absent if rows => messages.push(Message::new(Severity::Bad, w.summary_absent)),
        Stored::Absent | Stored::Large => {}
    }
    let named = match &content.summary {
        Stored::Read(summary) => summary.log.as_ref().map(|log| log.rows),
        _ => None,
    };
    match &content.csv {
        Stored::Read(rows) => {
            if let Some(named) = named.filter(|named| *named != rows.count) {
                let text = fill(w.csv_short, &[("found", &rows.count), ("named", &named)]);
                messages.push(Message::new(Severity::Bad, text));
            }
            rows.faults.iter().for_each(|fault| csv_fault(fault, w, messages));
            if rows.more_faults > 0 {
                let texts = [w.csv_faults_more_one, w.csv_faults_more_many];
                messages.push(Message::new(Severity::Bad, count(rows.more_faults, texts)));
            }
        }
        Stored::Absent if named.is_some() => {
            messages.push(Message::new(Severity::Bad, w.csv_absent));
        }
        Stored::Large => messages.push(Message::new(Severity::Warn, w.csv_large)),
        Stored::Failed(why) => {
            messages.push(Message::new(Severity::Bad, w.store_failed).with_detail(why));
        }
        Stored::Absent | Stored::Unreadable(_) => {}
    }
}

fn csv_fault(fault: &CsvFault, w: &Words, messages: &mut Vec<Message>) {
    match fault {
        CsvFault::Header { missing, unknown } => {
            if !missing.is_empty() {
                messages.push(
                    Message::new(Severity::Bad, w.csv_missing).with_detail(missing.join(", ")),
                );
            }
            if !unknown.is_empty() {
                messages.push(
                    Message::new(Severity::Warn, w.csv_unknown).with_detail(unknown.join(", ")),
                );
            }
        }
        CsvFault::NoHeader => messages.push(Message::new(Severity::Bad, w.csv_no_header)),
        CsvFault::Row { line, reason: why } => {
            let text = fill(w.csv_row, &[("line", line)]);
            let detail = reason(w.language, why);
            messages.push(Message::new(Severity::Bad, text).with_detail(detail));
        }
    }
}

fn unreadable(error: &SummaryError, w: &Words) -> String {
    match error {
        SummaryError::Newer(format) if *format > FORMAT => fill(w.why_newer, &[("format", format)]),
        _ => w.why_json.to_owned(),
    }
}

/// Why the log was not read to its end.
fn stopped(log: &LogSummary, w: &Words) -> Option<Message> {
    let Stopped { line, reason: why } = log.rejects.stopped.as_ref()?;
    let text = fill(w.stopped, &[("line", line)]);
    Some(Message::new(Severity::Bad, text).with_detail(reason(w.language, why)))
}

/// Samples present and expected.
fn coverage(log: &LogSummary, w: &Words) -> Message {
    let every = numbers::duration(log.interval_seconds, w);
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("samples", &log.sampled()),
        ("expected", &log.expected),
        ("missing", &log.missing),
        ("every", &every),
    ];
    if log.rows <= log.other_days {
        return Message::new(Severity::Bad, w.nothing_read);
    }
    if log.missing == 0 && log.unreadable == 0 {
        // Not a green sign: whether the machine is well is another question.
        return Message::new(Severity::Note, fill(w.complete, &values));
    }
    let explained = log.missing_because(Cause::Off) + log.missing_because(Cause::Starting);
    let severity = if log.missing == 0 {
        Severity::Warn
    } else if explained == log.missing {
        Severity::Note
    } else if log.missing_because(Cause::Running) > 0 {
        Severity::Bad
    } else {
        Severity::Warn
    };
    let text = if log.missing == 0 { w.incomplete_unreadable } else { w.incomplete };
    Message::new(severity, fill(text, &values))
}

/// That the day was not over when its log was taken.
fn not_yet(log: &LogSummary, w: &Words) -> Option<Message> {
    let taken = log.taken?;
    Some(Message::new(Severity::Note, fill(w.taken, &[("at", &hm(taken)), ("n", &log.not_yet)])))
}

/// That two writers write this log, if it looks so.
fn surplus(log: &LogSummary, w: &Words) -> Option<Message> {
    let every = numbers::duration(log.interval_seconds, w);
    let values: [(&str, &dyn std::fmt::Display); 2] = [("n", &log.surplus), ("every", &every)];
    log.has_second_writer().then(|| Message::new(Severity::Warn, fill(w.surplus, &values)))
}

fn gaps(clock: &DayClock, log: &LogSummary, w: &Words, messages: &mut Vec<Message>) {
    messages.extend(log.gaps.iter().take(MAX_NAMED).map(|gap| {
        let (severity, text) = match gap.cause {
            Cause::Off => (Severity::Note, w.gap_off),
            Cause::Starting => (Severity::Note, w.gap_starting),
            Cause::Unreadable if gap.missing == 1 => (Severity::Warn, w.gap_unreadable_one),
            Cause::Unreadable => (Severity::Warn, w.gap_unreadable_many),
            Cause::Running => (Severity::Bad, w.gap_running),
            Cause::Unknown => (Severity::Warn, w.gap_unknown),
        };
        let (from, till) = edges(clock, gap);
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("from", &from), ("till", &till), ("n", &gap.missing)];
        Message::new(severity, fill(text, &values))
    }));
    let more = log.gaps_total.saturating_sub(log.gaps.len().min(MAX_NAMED) as u64);
    if more > 0 {
        messages
            .push(Message::new(Severity::Warn, count(more, [w.gaps_more_one, w.gaps_more_many])));
    }
}

/// What is not counted because the log is the first of the server.
fn first_log(content: &Content, log: &LogSummary, w: &Words) -> Option<Message> {
    let first = log.first.filter(|_| content.before_first > 0)?;
    Some(Message::new(Severity::Note, fill(w.first_log, &[("at", &hm(first))])))
}

/// The times at which a gap begins and ends; the next midnight is 24:00.
fn edges(clock: &DayClock, gap: &Gap) -> (String, String) {
    let till = if gap.to.date() > clock.day().date() { "24:00".to_owned() } else { hm(gap.to) };
    (hm(gap.from), till)
}

fn hm(time: DateTime) -> String {
    time.strftime("%H:%M").to_string()
}

fn reboots(log: &LogSummary, w: &Words, messages: &mut Vec<Message>) {
    messages.extend(log.reboots.iter().take(MAX_NAMED).map(|reboot| {
        let (at, seen) = (hm(reboot.at), hm(reboot.seen));
        Message::new(Severity::Note, fill(w.reboot, &[("at", &at), ("seen", &seen)]))
    }));
    let more = log.reboots_total.saturating_sub(log.reboots.len().min(MAX_NAMED) as u64);
    if more > 0 {
        messages.push(Message::new(
            Severity::Note,
            count(more, [w.reboots_more_one, w.reboots_more_many]),
        ));
    }
}

fn counted(log: &LogSummary, w: &Words, messages: &mut Vec<Message>) {
    // A sentence with their time has already named them.
    let named: u64 = log
        .gaps
        .iter()
        .take(MAX_NAMED)
        .filter(|gap| gap.cause == Cause::Unreadable)
        .map(|gap| gap.missing)
        .sum();
    let unnamed_rejects = if named == log.rejects.count { 0 } else { log.rejects.count };
    let counts = [
        (unnamed_rejects, Severity::Warn, [w.rejects_one, w.rejects_many]),
        (log.clock_steps, Severity::Warn, [w.clock_steps_one, w.clock_steps_many]),
        (log.other_days, Severity::Note, [w.other_rows_one, w.other_rows_many]),
        (log.remarks.rounded_rows, Severity::Note, [w.rounded_one, w.rounded_many]),
        (log.remarks.nul_bytes, Severity::Note, [w.nul_bytes_one, w.nul_bytes_many]),
        (log.remarks.padding_bytes, Severity::Note, [w.padding_one, w.padding_many]),
    ];
    for (n, severity, texts) in counts.into_iter().filter(|(n, ..)| *n > 0) {
        messages.push(Message::new(severity, count(n, texts)));
    }
}

/// How the values were measured.
fn measurement_messages(
    clock: &DayClock,
    log: &LogSummary,
    known: bool,
    w: &Words,
    messages: &mut Vec<Message>,
) {
    if clock.seconds() != PLAIN_DAY_SECONDS {
        let hours = numbers::plain(f64::from(clock.seconds()) / 3600.0);
        messages.push(Message::new(Severity::Note, fill(w.day_length, &[("hours", &hours)])));
    }
    if let Some(zone) = log.metadata.tz.as_ref().filter(|_| !clock.zone_known()) {
        messages.push(Message::new(Severity::Warn, fill(w.zone_bad, &[("zone", zone)])));
    }
    let interval = |mode: Option<&str>| mode == Some("interval");
    if !log.modes.is_empty() {
        messages.extend(log.modes.iter().take(MAX_NAMED).map(|part| {
            let mode = if interval(Some(&part.mode)) { w.mode_interval } else { w.mode_since_boot };
            let text = fill(w.modes_change, &[("at", &hm(part.from)), ("mode", &mode)]);
            Message::new(Severity::Note, text)
        }));
    } else if log.rows > 0 && !interval(log.metadata.mode.as_deref()) {
        let text = if known { w.since_boot } else { w.since_boot_unknown };
        messages.push(Message::new(Severity::Note, text));
    }
    if let Some(impossible) = &log.impossible {
        let at = hm(impossible.at);
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("n", &impossible.rows), ("at", &at), ("column", &impossible.column)];
        let text = if impossible.rows == 1 { w.impossible_one } else { w.impossible_many };
        messages.push(Message::new(Severity::Warn, fill(text, &values)));
    }
    if let Some(guest) = log.guest_max {
        messages.push(Message::new(Severity::Note, fill(w.guests, &[("n", &guest)])));
    }
}
