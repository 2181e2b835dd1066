//! The mode of each row, from the list in the summary.

use jiff::civil::DateTime;

use crate::metadata::Mode;
use crate::summary::ModeFrom;

/// The modes of a day in the order of its rows.
#[derive(Clone, Debug)]
pub(super) struct ModeTimeline {
    mode: Mode,
    /// What is to come, the next one last.
    next: Vec<(DateTime, Mode)>,
    last: Option<DateTime>,
}

impl ModeTimeline {
    /// `None` where the list is empty: then one mode holds for the whole day.
    pub(super) fn new(modes: &[ModeFrom]) -> Option<Self> {
        let mode = |text: &str| text.parse().unwrap_or(Mode::SinceBoot);
        let (first, rest) = modes.split_first()?;
        let next = rest.iter().rev().map(|next| (next.from, mode(&next.mode))).collect();
        Some(Self { mode: mode(&first.mode), next, last: None })
    }

    /// The mode of the next row. A change is met at the row of its time, which may come after the
    /// clock went back; if that row is lost, at the first after it.
    pub(super) fn mode_at(&mut self, time: DateTime) -> Mode {
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
