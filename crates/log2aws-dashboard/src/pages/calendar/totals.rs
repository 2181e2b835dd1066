//! The sentences above the calendar: how many servers, what has arrived, what is wrong.

use log2aws_core::day::Day;

use super::state::{CalendarState, FieldError, shifted};
use crate::i18n::{Words, count, fill};
use crate::index::{Calendar, DayCounts, Only};
use crate::pages::cells;
use crate::pages::layout::{Message, Severity};
use crate::store_index::Progress;
use crate::store_trouble::StoreTrouble;

/// The line beside the title. "Nothing wrong" is said only if nothing is outstanding.
pub(super) fn totals(
    calendar: &Calendar,
    state: &CalendarState,
    loading: bool,
    w: &Words,
) -> String {
    let (day, counts) = &calendar.state_of;
    let mut parts = vec![cells::servers(calendar.servers, w)];
    if !state.search.is_empty() {
        parts.push(fill(w.matching, &[("n", &calendar.matching)]));
    }
    if calendar.retired_before > 0 {
        parts.push(fill(w.retired_before, &[("n", &calendar.retired_before)]));
    }
    if calendar.matching > 0 {
        match calendar.troubled {
            0 if counts.not_due > 0 || loading => {}
            0 => parts.push(w.troubled_none.to_owned()),
            n => parts.push(count(n as u64, [w.troubled_one, w.troubled_many])),
        }
        // A list of the missing says it in a message of its own.
        if !loading && !matches!(state.only, Only::Missing(_)) {
            parts.push(format!("{day}: {}", arrived(*day, counts, calendar.today, w)));
        }
    }
    parts.join(" · ")
}

/// What has arrived of a day.
pub(super) fn arrived(day: Day, counts: &DayCounts, today: Day, w: &Words) -> String {
    let some = |n: usize, text| (n > 0).then(|| count(n as u64, [text; 2]));
    let noon = "12:00";
    let due = shifted(day, 1);
    let at = if due == today { noon.to_owned() } else { format!("{due} {noon}") };
    let silent = |since: Day| {
        let text = if counts.silent == 1 { w.silent_one } else { w.silent_many };
        fill(text, &[("n", &counts.silent), ("day", &since)])
    };
    let parts = [
        some(counts.arrived, w.arrived),
        (counts.not_due > 0).then(|| fill(w.not_yet, &[("n", &counts.not_due), ("at", &at)])),
        some(counts.missing, w.missing_n),
        counts.silent_since.map(silent),
        some(counts.off, w.off_n),
        some(counts.retired, w.retired_n),
    ];
    let text = w.list(parts);
    if text.is_empty() { w.no_server_yet.to_owned() } else { text }
}

/// What to say where no server is listed.
pub(super) fn none_listed(
    calendar: &Calendar,
    state: &CalendarState,
    loading: bool,
    w: &Words,
) -> String {
    let (day, counts) = &calendar.state_of;
    match state.only {
        _ if calendar.matching == 0 => w.none_matching.to_owned(),
        Only::All => w.none_matching.to_owned(),
        Only::Missing(day) => fill(w.none_missing, &[("day", &day)]),
        Only::Troubled if loading => w.none_troubled_yet.to_owned(),
        Only::Troubled if counts.not_due > 0 => {
            let arrived = arrived(*day, counts, calendar.today, w);
            format!("{} {day}: {arrived}", w.none_troubled_yet)
        }
        Only::Troubled => w.none_troubled.to_owned(),
    }
}

/// The message above a list of the servers that are missing on a day.
pub(super) fn missing(calendar: &Calendar, state: &CalendarState, w: &Words) -> Option<Message> {
    let Only::Missing(day) = state.only else { return None };
    let counts = &calendar.state_of.1;
    let severity = match counts.missing + counts.silent {
        0 => Severity::Note,
        _ => Severity::Bad,
    };
    let text = fill(w.missing_on, &[("day", &day)]);
    let arrived = arrived(day, counts, calendar.today, w);
    Some(Message::new(severity, format!("{text} {arrived}")))
}

/// Messages about fields that cannot be used.
pub(crate) fn field_errors(errors: &[FieldError]) -> impl Iterator<Item = Message> {
    errors.iter().map(|error| Message::new(Severity::Bad, error.text.as_str()))
}

/// Messages about the progress of the index and about faults of the store.
pub(crate) fn messages(progress: &Progress, trouble: &StoreTrouble, w: &Words) -> Vec<Message> {
    let mut messages = progress_messages(progress, w);
    if trouble.unreadable > 0 {
        let text = count(trouble.unreadable as u64, [w.unreadable_one, w.unreadable_many]);
        let mut reasons = trouble.reasons.join("; ");
        if trouble.unreadable > trouble.reasons.len() {
            reasons.push_str("; …");
        }
        messages.push(Message::new(Severity::Bad, text).with_detail(reasons));
    }
    if trouble.retention_paused {
        messages.push(Message::new(Severity::Warn, w.retention_paused));
    }
    messages
}

/// Messages about the progress of the index.
pub(crate) fn progress_messages(progress: &Progress, w: &Words) -> Vec<Message> {
    let mut messages = Vec::new();
    if let Some(why) = &progress.failed {
        messages.push(Message::new(Severity::Bad, w.load_failed).with_detail(why.as_str()));
    }
    if let Some(why) = &progress.retired_fault {
        messages.push(Message::new(Severity::Bad, w.retired_fault).with_detail(why.as_str()));
    }
    if progress.loading {
        let text = fill(w.loading, &[("listed", &progress.listed), ("read", &progress.read)]);
        messages.push(Message::new(Severity::Note, text));
    }
    messages
}
