//! The days of one server, in order.

use serde::{Deserialize, Serialize};

use super::packed::{DayNumber, Packed};

/// Extra capacity to reserve at once: doubling would waste half of a large index.
const EXTRA_CAPACITY: usize = 16;

/// The known days of one server, oldest first, and the server's usual name.
#[derive(Debug, Default)]
pub(crate) struct Days(Vec<Packed>, Option<NoteOf>);

/// The note and the time zone in the metadata of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoteOf {
    pub(crate) day: DayNumber,
    /// `None` if that day's log has none.
    pub(crate) note: Option<Box<str>>,
    /// The name of the time zone, if that day's log has one.
    pub(crate) zone: Option<Box<str>>,
}

impl Days {
    /// Days in any order; of duplicates the last one counts.
    pub(crate) fn from_unsorted(mut days: Vec<Packed>) -> Self {
        days.reverse();
        days.sort_by_key(|packed| packed.day);
        days.dedup_by_key(|packed| packed.day);
        days.shrink_to_fit();
        Self(days, None)
    }

    /// The same with a note.
    pub(crate) fn with_note(self, note: Option<NoteOf>) -> Self {
        Self(self.0, note)
    }

    /// The note of the newest day that was read.
    pub(crate) fn note(&self) -> Option<&NoteOf> {
        self.1.as_ref()
    }

    /// The same as text.
    pub(crate) fn note_text(&self) -> Option<&str> {
        self.1.as_ref()?.note.as_deref()
    }

    /// The time zone of the newest day that was read.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.1.as_ref()?.zone.as_deref()
    }

    /// Takes the note of a day unless that of a later day is known.
    pub(crate) fn put_note(&mut self, note: NoteOf) {
        if self.1.as_ref().is_none_or(|held| held.day <= note.day) {
            self.1 = Some(note);
        }
    }

    pub(crate) fn as_slice(&self) -> &[Packed] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, day: DayNumber) -> Option<&Packed> {
        self.find(day).ok().map(|at| &self.0[at])
    }

    pub(crate) fn get_mut(&mut self, day: DayNumber) -> Option<&mut Packed> {
        self.find(day).ok().map(|at| &mut self.0[at])
    }

    /// Inserts or replaces a day; returns whether it is new.
    pub(crate) fn put(&mut self, packed: Packed) -> bool {
        match self.find(packed.day) {
            Ok(at) => {
                self.0[at] = packed;
                false
            }
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(EXTRA_CAPACITY);
                }
                self.0.insert(at, packed);
                true
            }
        }
    }

    /// Keeps the days for which `keep` is true; returns how many were removed.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Packed) -> bool) -> usize {
        let before = self.0.len();
        self.0.retain(keep);
        before - self.0.len()
    }

    pub(crate) fn each_mut(&mut self, change: impl FnMut(&mut Packed)) {
        self.0.iter_mut().for_each(change);
    }

    fn find(&self, day: DayNumber) -> Result<usize, usize> {
        // The newest day is requested most often.
        match self.0.last() {
            Some(last) if last.day < day => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&day, |packed| packed.day),
        }
    }
}
