//! Servers that an operator retired: from a day on, no log of them is expected.
//!
//! All records are one object of the analyzed bucket, [`KEY`]. A record is never removed: undoing
//! one adds who undid it, and when.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::plain_text::is_hidden_control;
use crate::server_name::ServerName;

/// The key of the records in the analyzed bucket.
pub const KEY: &str = ".log2aws/retired.json";

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// The most records that are kept.
pub const MAX_RECORDS: usize = 5_000;

/// The longest reason, in bytes of UTF-8.
pub const MAX_WHY_BYTES: usize = 500;

/// The longest name of an operator, in bytes of UTF-8.
pub const MAX_BY_BYTES: usize = 100;

/// The longest object that is read, in bytes: more than [`MAX_RECORDS`] of the longest records.
pub const MAX_BYTES: u64 = 24 * 1024 * 1024;

/// One decision that a server is retired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retirement {
    /// The server.
    #[serde(serialize_with = "as_text")]
    pub server: ServerName,
    /// The first day of which no log is expected.
    #[serde(serialize_with = "as_text")]
    pub from: Day,
    /// The reason, in the operator's words.
    pub why: String,
    /// The operator's name, as far as their machine knows it.
    pub by: String,
    /// The time of the decision.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Who undid it; `None` while it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
}

/// The end of a [`Retirement`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The operator's name, as far as their machine knows it.
    pub by: String,
    /// The time.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// The reason, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

fn as_text<T: fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Every record, in the order of the decisions.
///
/// Invariants: at most [`MAX_RECORDS`]; at most one of a server is in force; every text is within
/// its bounds and without hidden controls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    records: Vec<Retirement>,
    in_force: BTreeMap<ServerName, usize>,
}

/// Why a text cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It is too long.
    #[error("it has {0} bytes; at most {1} are kept")]
    TooLong(usize, usize),
    /// It has a control character, or one that changes the direction of text.
    #[error("it contains the invisible character {0}, which changes how text is shown")]
    Hidden(String),
}

/// Why an object is no [`Retired`].
#[derive(Debug, thiserror::Error)]
pub enum RetiredError {
    /// Written by a newer version of this program.
    #[error("it has format {0}; this program reads format {FORMAT}: update it")]
    Newer(u32),
    /// It is no such JSON.
    #[error("it is damaged")]
    Json(#[source] serde_json::Error),
    /// It has too many records.
    #[error("it has {0} records; at most {MAX_RECORDS} are read")]
    TooMany(usize),
    /// A record is invalid.
    #[error("its record {number} is invalid: {why}")]
    Record {
        /// The number of the record, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Why a decision was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// The server is retired already, by this record.
    #[error("{} is retired already, from {} on, by {} at {}: {}", .0.server, .0.from, .0.by, .0.at, .0.why)]
    AlreadyRetired(Box<Retirement>),
    /// The server is not retired.
    #[error("{0} is not retired")]
    NotRetired(ServerName),
    /// [`MAX_RECORDS`] are kept already.
    #[error("{MAX_RECORDS} records are kept already, which is the maximum")]
    Full,
    /// A text cannot be kept.
    #[error("the {0} cannot be kept: {1}")]
    Text(&'static str, TextError),
}

/// Checks a text against its bound.
///
/// # Errors
/// [`TextError`].
pub fn check_text(text: &str, max: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > max {
        return Err(TextError::TooLong(text.len(), max));
    }
    match text.chars().find(|c| is_hidden_control(*c)) {
        Some(c) => Err(TextError::Hidden(format!("U+{:04X}", u32::from(c)))),
        None => Ok(()),
    }
}

#[derive(Serialize)]
struct FileOut<'a> {
    format: u32,
    records: &'a [Retirement],
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIn {
    #[expect(dead_code, reason = "read before")]
    format: u32,
    records: Vec<RecordIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordIn {
    server: String,
    from: String,
    why: String,
    by: String,
    at: String,
    undone: Option<UndoneIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UndoneIn {
    by: String,
    at: String,
    why: Option<String>,
}

impl RecordIn {
    fn read(self) -> Result<Retirement, String> {
        let at = |text: &str| text.parse().map_err(|_| format!("{text:?} is no time"));
        let undone = self.undone.map(|UndoneIn { by, at: time, why }| {
            Ok::<_, String>(Undone { by, at: at(&time)?, why })
        });
        let record = Retirement {
            server: self.server.parse().map_err(|error| format!("{error}"))?,
            from: Day::parse_canonical(&self.from).map_err(|error| error.to_string())?,
            why: self.why,
            by: self.by,
            at: at(&self.at)?,
            undone: undone.transpose()?,
        };
        record.check().map_err(|(name, error)| format!("the {name}: {error}"))?;
        Ok(record)
    }
}

impl Retirement {
    fn check(&self) -> Result<(), (&'static str, TextError)> {
        check_text(&self.why, MAX_WHY_BYTES).map_err(|error| ("reason", error))?;
        check_text(&self.by, MAX_BY_BYTES).map_err(|error| ("operator's name", error))?;
        self.undone.as_ref().map_or(Ok(()), Undone::check)
    }
}

impl Undone {
    fn check(&self) -> Result<(), (&'static str, TextError)> {
        check_text(&self.by, MAX_BY_BYTES).map_err(|error| ("operator's name", error))?;
        let why = self.why.as_deref().map_or(Ok(()), |why| check_text(why, MAX_WHY_BYTES));
        why.map_err(|error| ("reason", error))
    }
}

impl Retired {
    /// Reads the object.
    ///
    /// # Errors
    /// [`RetiredError`]: an object that is not understood says nothing about any server.
    pub fn parse(bytes: &[u8]) -> Result<Self, RetiredError> {
        let FormatOnly { format } = serde_json::from_slice(bytes).map_err(RetiredError::Json)?;
        if format != FORMAT {
            return Err(RetiredError::Newer(format));
        }
        let file: FileIn = serde_json::from_slice(bytes).map_err(RetiredError::Json)?;
        if file.records.len() > MAX_RECORDS {
            return Err(RetiredError::TooMany(file.records.len()));
        }
        let mut retired = Self::default();
        for (record, number) in file.records.into_iter().zip(1..) {
            let invalid = |why| RetiredError::Record { number, why };
            let record = record.read().map_err(invalid)?;
            retired.push(record).map_err(|error| invalid(error.to_string()))?;
        }
        Ok(retired)
    }

    /// The object, as JSON that [`Retired::parse`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        let file = FileOut { format: FORMAT, records: &self.records };
        // Texts and numbers alone: it cannot fail.
        let mut json = serde_json::to_vec_pretty(&file).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Every record, the oldest decision first.
    pub fn records(&self) -> &[Retirement] {
        &self.records
    }

    /// The record of a server that is in force, also if its first day is yet to come.
    pub fn of(&self, server: &ServerName) -> Option<&Retirement> {
        self.records.get(*self.in_force.get(server)?)
    }

    /// Whether no log of that day is expected of the server.
    pub fn is_retired(&self, server: &ServerName, day: Day) -> bool {
        self.of(server).is_some_and(|record| record.from <= day)
    }

    /// Retires a server.
    ///
    /// # Errors
    /// [`DecisionError`]; nothing is changed then. An earlier record must be undone first, so that
    /// nobody's decision is overruled unseen.
    pub fn retire(&mut self, record: Retirement) -> Result<(), DecisionError> {
        record.check().map_err(|(name, error)| DecisionError::Text(name, error))?;
        self.push(record)
    }

    /// Ends the retirement of a server; returns the record.
    ///
    /// # Errors
    /// [`DecisionError`]; nothing is changed then.
    pub fn undo(
        &mut self,
        server: &ServerName,
        undone: Undone,
    ) -> Result<&Retirement, DecisionError> {
        undone.check().map_err(|(name, error)| DecisionError::Text(name, error))?;
        let at = self.in_force.remove(server);
        let record = at.and_then(|at| self.records.get_mut(at));
        let record = record.ok_or_else(|| DecisionError::NotRetired(server.clone()))?;
        record.undone = Some(undone);
        Ok(record)
    }

    fn push(&mut self, record: Retirement) -> Result<(), DecisionError> {
        if let Some(held) = self.of(&record.server).filter(|_| record.undone.is_none()) {
            return Err(DecisionError::AlreadyRetired(Box::new(held.clone())));
        }
        if self.records.len() >= MAX_RECORDS {
            return Err(DecisionError::Full);
        }
        if record.undone.is_none() {
            self.in_force.insert(record.server.clone(), self.records.len());
        }
        self.records.push(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
