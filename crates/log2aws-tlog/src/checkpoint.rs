//! The head of the log: <https://c2sp.org/tlog-checkpoint>.

use std::fmt;

use crate::hash::Hash;
use crate::note::{Note, NoteError, SigningKey, VerifierKey, is_name};

/// What a log says of itself at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of its entries.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
}

/// A text is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no checkpoint: its lines are the name of a log, a size and a hash")]
pub struct CheckpointError;

impl Checkpoint {
    /// Parses the text of a note. Further lines, which say nothing about the tree, are skipped.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError)?;
        let mut lines = lines.split('\n');
        let mut next = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError);
        let (origin, size, root) = (next()?, next()?, next()?);
        let size = parse_number(size).ok_or(CheckpointError)?;
        let root = Hash::parse(root).ok_or(CheckpointError)?;
        if lines.any(str::is_empty) || (size == 0 && root != Hash::of_empty_tree()) {
            return Err(CheckpointError);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The checkpoint as a note with a signature of each key.
    ///
    /// # Errors
    /// [`NoteError`]: the origin is no name of a key, or a key is not for notes.
    pub fn sign(&self, keys: &[SigningKey]) -> Result<Note, NoteError> {
        if !is_name(&self.origin) {
            return Err(NoteError::Form("the name of the log cannot be that of a key"));
        }
        let mut note = Note::new(self.to_string())?;
        for key in keys {
            note.sign(key)?;
        }
        Ok(note)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

/// A checkpoint and the note that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Why bytes are no checkpoint of the expected log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedCheckpointError {
    /// No note, or not signed as expected.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is about something else.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is about another log.
    #[error("it is a checkpoint of the log {0}, which none of the given keys belongs to")]
    Origin(String),
}

impl SignedCheckpoint {
    /// Parses a signed checkpoint, without checking its signatures.
    ///
    /// # Errors
    /// [`SignedCheckpointError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SignedCheckpointError> {
        Self::try_from(Note::parse(bytes)?)
    }

    /// Checks that the log itself has signed it, with one of these keys.
    ///
    /// # Errors
    /// [`SignedCheckpointError`].
    pub fn verify<'k>(
        &self,
        keys: &'k [VerifierKey],
    ) -> Result<Vec<&'k VerifierKey>, SignedCheckpointError> {
        // The key of another log says nothing about this one.
        if !keys.iter().any(|key| key.name() == self.checkpoint.origin) {
            return Err(SignedCheckpointError::Origin(self.checkpoint.origin.clone()));
        }
        let signed = self.note.verify(keys)?;
        let own: Vec<_> =
            signed.into_iter().filter(|key| key.name() == self.checkpoint.origin).collect();
        if own.is_empty() { Err(NoteError::Unsigned.into()) } else { Ok(own) }
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with its signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The note, for further signatures.
    pub fn note_mut(&mut self) -> &mut Note {
        &mut self.note
    }
}

impl TryFrom<Note> for SignedCheckpoint {
    type Error = SignedCheckpointError;

    fn try_from(note: Note) -> Result<Self, SignedCheckpointError> {
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// A decimal number without leading zeros or a sign.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
