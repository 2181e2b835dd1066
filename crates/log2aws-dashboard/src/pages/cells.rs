//! Cells of the calendar for display: a class, a symbol, a few words, a sentence.

use log2aws_core::chart::period::Missing;

use crate::i18n::{Words, count, fill};
use crate::index::{Absence, Cell, Delivered, Health};
use crate::pages::layout::Severity;

/// The CSS class of a cell: one letter, because there are thousands of cells. The style sheet
/// decides its look, including the symbol before a number.
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
        Cell::Empty(absence) => match absence {
            Absence::NotDue => "d",
            Absence::NotYetKnown => "k",
            Absence::Off => "z",
            Absence::Ran => "x",
            Absence::Silent => "s",
            Absence::Unknown => "n",
            Absence::Loading => "l",
            Absence::Retired => "e",
        },
    }
}

/// The symbol of a cell without a number.
pub(crate) fn sign(cell: &Cell) -> &'static str {
    match cell {
        Cell::Delivered(_) => "",
        Cell::Refused => "Ø",
        Cell::Unreadable => "!",
        Cell::Empty(absence) => match absence {
            Absence::NotDue => "-",
            Absence::NotYetKnown => "·",
            Absence::Off => "○",
            Absence::Ran => "×",
            Absence::Silent => "?",
            Absence::Unknown => "~",
            Absence::Loading => "…",
            Absence::Retired => "■",
        },
    }
}

/// A cell's description in a few words; empty where the number is enough.
pub(crate) fn short(cell: &Cell, w: &Words) -> String {
    match cell {
        Cell::Delivered(delivered) => delivered_words(delivered, w),
        other => absence_words(other, w).to_owned(),
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
    w.list(parts)
}

/// The words of a cell without results; empty for others.
pub(crate) fn absence_words(cell: &Cell, w: &Words) -> &'static str {
    match cell {
        Cell::Delivered(_) => "",
        Cell::Refused => w.cell_refused,
        Cell::Unreadable => w.cell_unreadable,
        Cell::Empty(absence) => absence_short(*absence, w),
    }
}

fn absence_short(absence: Absence, w: &Words) -> &'static str {
    match absence {
        Absence::NotDue => w.cell_not_due,
        Absence::NotYetKnown => w.cell_not_yet_known,
        Absence::Off => w.cell_off_day,
        Absence::Ran => w.cell_ran,
        Absence::Silent => w.cell_silent,
        Absence::Unknown => w.cell_unknown,
        Absence::Loading => w.cell_loading,
        Absence::Retired => w.cell_retired,
    }
}

/// How a chart of a period shades a day with such a cell and without samples.
pub(crate) fn missing(cell: &Cell) -> Missing {
    match cell {
        Cell::Refused | Cell::Unreadable => Missing::Unreadable,
        Cell::Empty(Absence::Off) => Missing::Off,
        Cell::Empty(Absence::Ran) => Missing::Ran,
        Cell::Empty(Absence::Silent) => Missing::Silent,
        Cell::Delivered(_) | Cell::Empty(Absence::Unknown) => Missing::Unknown,
        Cell::Empty(
            Absence::NotDue | Absence::NotYetKnown | Absence::Retired | Absence::Loading,
        ) => Missing::NotDue,
    }
}

/// A cell's description in a sentence.
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
        Cell::Empty(absence) => match absence {
            Absence::NotDue => w.say_not_due,
            Absence::NotYetKnown => w.say_not_yet_known,
            Absence::Off => w.say_off_day,
            Absence::Ran => w.say_ran,
            Absence::Silent => w.say_silent,
            Absence::Unknown => w.say_unknown,
            Absence::Loading => w.say_loading,
            Absence::Retired => w.say_retired,
        },
    }
}

/// The severity of a cell.
pub(crate) fn severity(cell: &Cell) -> Severity {
    match cell {
        Cell::Delivered(delivered) => match delivered.health {
            Health::Complete => Severity::Ok,
            Health::Off => Severity::Note,
            Health::Rejects => Severity::Warn,
            Health::Gaps => Severity::Bad,
        },
        Cell::Refused | Cell::Unreadable | Cell::Empty(Absence::Ran | Absence::Silent) => {
            Severity::Bad
        }
        Cell::Empty(Absence::Unknown) => Severity::Warn,
        Cell::Empty(_) => Severity::Note,
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
        Absence::Ran,
        Absence::Silent,
        Absence::Unknown,
        Absence::Off,
        Absence::NotDue,
        Absence::NotYetKnown,
        Absence::Retired,
        Absence::Loading,
    ];
    let mut cells: Vec<_> = healths.into_iter().map(delivered).collect();
    cells.extend([Cell::Refused, Cell::Unreadable]);
    cells.extend(reasons.into_iter().map(Cell::Empty));
    cells
}

/// The share of the samples that are there, in percent, rounded down: 100 is complete.
pub(crate) fn percent(delivered: &Delivered) -> u32 {
    let (samples, expected) = (delivered.samples, delivered.expected.max(delivered.samples).max(1));
    let percent = u64::from(samples) * 100 / u64::from(expected);
    u32::try_from(percent).unwrap_or(100)
}

/// The number of samples, present and expected.
pub(crate) fn samples(delivered: &Delivered, w: &Words) -> String {
    let (samples, expected) = (delivered.samples, delivered.expected.max(delivered.samples));
    fill(w.cell_of, &[("samples", &samples), ("expected", &expected)])
}

/// The number of servers as text.
pub(crate) fn servers(n: usize, w: &Words) -> String {
    count(n as u64, [w.servers_one, w.servers_many])
}

/// A delivery in one line: samples present and expected, and problems.
pub(crate) fn delivered(delivered: &Delivered, w: &Words) -> String {
    let samples = samples(delivered, w);
    let words = delivered_words(delivered, w);
    if words.is_empty() { samples } else { format!("{samples}: {words}") }
}
