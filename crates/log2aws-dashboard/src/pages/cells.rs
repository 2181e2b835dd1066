//! Cells of the calendar, as people read them: a class, a sign, a few words, a sentence.

use crate::index::{Cell, Delivered, Health, Reason};
use crate::pages::frame::Kind;
use crate::words::{Words, count, say};

/// The class of a cell: one letter, for the calendar has thousands. What it looks like, the sign
/// before a number among it, is the style sheet's.
pub(crate) fn class(cell: &Cell) -> &'static str {
    match cell {
        Cell::Delivered(delivered) => match delivered.health {
            Health::Complete => "c",
            Health::Off => "o",
            Health::Rejects => "r",
            Health::Gaps => "g",
        },
        Cell::Refused => "f",
        Cell::Unreadable => "u",
        Cell::Empty(reason) => match reason {
            Reason::NotDue => "d",
            Reason::NotYetKnown => "k",
            Reason::Off => "z",
            Reason::Ran => "x",
            Reason::Silent => "s",
            Reason::Unknown => "n",
            Reason::Loading => "l",
        },
    }
}

/// The sign of a cell without a number.
pub(crate) fn sign(cell: &Cell) -> &'static str {
    match cell {
        Cell::Delivered(_) => "",
        Cell::Refused => "Ø",
        Cell::Unreadable => "!",
        Cell::Empty(reason) => match reason {
            Reason::NotDue => "-",
            Reason::NotYetKnown => "·",
            Reason::Off => "○",
            Reason::Ran => "×",
            Reason::Silent => "?",
            Reason::Unknown => "~",
            Reason::Loading => "…",
        },
    }
}

/// What is to be said of a cell in a few words; empty where the number says it all.
pub(crate) fn short(cell: &Cell, w: &Words) -> String {
    match cell {
        Cell::Delivered(delivered) => delivered_words(delivered, w),
        Cell::Refused => w.cell_refused.to_owned(),
        Cell::Unreadable => w.cell_unreadable.to_owned(),
        Cell::Empty(reason) => reason_short(*reason, w).to_owned(),
    }
}

fn delivered_words(delivered: &Delivered, w: &Words) -> String {
    let part = |n: u32, texts| (n > 0).then(|| count(n.into(), texts));
    let parts = [
        part(delivered.missing.saturating_sub(delivered.missing_off), [w.cell_missing; 2]),
        part(delivered.missing_off, [w.cell_off; 2]),
        part(delivered.rejects, [w.cell_rejects_one, w.cell_rejects_many]),
        part(delivered.reboots, [w.cell_reboots_one, w.cell_reboots_many]),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn reason_short(reason: Reason, w: &Words) -> &'static str {
    match reason {
        Reason::NotDue => w.cell_not_due,
        Reason::NotYetKnown => w.cell_not_yet_known,
        Reason::Off => w.cell_off_day,
        Reason::Ran => w.cell_ran,
        Reason::Silent => w.cell_silent,
        Reason::Unknown => w.cell_unknown,
        Reason::Loading => w.cell_loading,
    }
}

/// What is to be said of a cell in a whole sentence.
pub(crate) fn sentence(cell: &Cell, w: &Words) -> &'static str {
    match cell {
        Cell::Delivered(delivered) => match delivered.health {
            Health::Complete => w.say_complete,
            Health::Off => w.say_off,
            Health::Rejects => w.say_rejects,
            Health::Gaps => w.say_gaps,
        },
        Cell::Refused => w.say_refused,
        Cell::Unreadable => w.say_unreadable,
        Cell::Empty(reason) => match reason {
            Reason::NotDue => w.say_not_due,
            Reason::NotYetKnown => w.say_not_yet_known,
            Reason::Off => w.say_off_day,
            Reason::Ran => w.say_ran,
            Reason::Silent => w.say_silent,
            Reason::Unknown => w.say_unknown,
            Reason::Loading => w.say_loading,
        },
    }
}

/// How bad it is.
pub(crate) fn kind(cell: &Cell) -> Kind {
    match cell {
        Cell::Delivered(delivered) => match delivered.health {
            Health::Complete => Kind::Ok,
            Health::Off => Kind::Note,
            Health::Rejects => Kind::Warn,
            Health::Gaps => Kind::Bad,
        },
        Cell::Refused | Cell::Unreadable | Cell::Empty(Reason::Ran | Reason::Silent) => Kind::Bad,
        Cell::Empty(Reason::Unknown) => Kind::Warn,
        Cell::Empty(_) => Kind::Note,
    }
}

/// Every kind of cell, best first, for the legend.
pub(crate) fn all() -> Vec<Cell> {
    let delivered = |health| {
        Cell::Delivered(Delivered {
            health,
            samples: if matches!(health, Health::Gaps | Health::Off) { 132 } else { 144 },
            expected: 144,
            missing: 0,
            missing_off: 0,
            rejects: 0,
            reboots: 0,
        })
    };
    let healths = [Health::Complete, Health::Off, Health::Rejects, Health::Gaps];
    let reasons = [
        Reason::Ran,
        Reason::Silent,
        Reason::Unknown,
        Reason::Off,
        Reason::NotDue,
        Reason::NotYetKnown,
        Reason::Loading,
    ];
    let mut cells: Vec<_> = healths.into_iter().map(delivered).collect();
    cells.extend([Cell::Refused, Cell::Unreadable]);
    cells.extend(reasons.into_iter().map(Cell::Empty));
    cells
}

/// How many samples, of how many.
pub(crate) fn samples(delivered: &Delivered, w: &Words) -> String {
    let (samples, expected) = (delivered.samples, delivered.expected.max(delivered.samples));
    say(w.cell_of, &[("samples", &samples), ("expected", &expected)])
}

/// The number of servers in words.
pub(crate) fn servers(n: usize, w: &Words) -> String {
    count(n as u64, [w.servers_one, w.servers_many])
}

/// A delivery in one line: how many samples, of how many, and what is wrong.
pub(crate) fn delivered(delivered: &Delivered, w: &Words) -> String {
    let samples = samples(delivered, w);
    let words = delivered_words(delivered, w);
    if words.is_empty() { samples } else { format!("{samples}: {words}") }
}
