//! The mode of each row, from the list in the summary.

use jiff::civil::DateTime;

use crate::metadata::Mode;
use crate::summary::ModeFrom;

/// The modes of a day in row order.
#[derive(Clone, Debug)]
pub(crate) struct ModeTimeline {
    mode: Mode,
    /// The changes still to come, the next one last.
    next: Vec<(DateTime, Mode)>,
    last: Option<DateTime>,
}

impl ModeTimeline {
    /// `None` if the list is empty, which means that one mode applies to the whole day.
    pub(crate) fn new(modes: &[ModeFrom]) -> Option<Self> {
        let mode = |text: &str| text.parse().unwrap_or(Mode::SinceBoot);
        let (first, rest) = modes.split_first()?;
        let next = rest.iter().rev().map(|next| (next.from, mode(&next.mode))).collect();
        Some(Self { mode: mode(&first.mode), next, last: None })
    }

    /// The mode of the next row. A change takes effect at the row with its time, even if the clock
    /// went back before; if that row is missing, at the first row after it.
    pub(crate) fn mode_at(&mut self, time: DateTime) -> Mode {
        while let Some(&(from, mode)) = self.next.last() {
            let passed = from < time && self.last.is_none_or(|last| last < from);
            if time != from && !passed {
                break;
            }
            self.mode = mode;
            self.next.pop();
            if time == from {
                break;
            }
        }
        self.last = Some(time);
        self.mode
    }
}
