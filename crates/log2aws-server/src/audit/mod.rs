//! The audit log: who asked for a URL, who put, read or deleted what, who logged in.
//!
//! [`layer`] stands before every path and begins an [`AuditRecord`] for each request that is an
//! event; [`classify`] decides which are and what they are, from the request's head and the answer;
//! [`writer`] appends the lines to one file a day. A request never waits for the disk and is never
//! refused because of its line: lines that could not be written are counted.

mod classify;
mod day_file;
mod event;
pub(crate) mod layer;
mod limits;
mod record;
mod writer;

pub(crate) use classify::RefusalReason;
pub(crate) use day_file::files as day_files;
pub use event::{AuditEvent, EVENTS, MAX_LINE_BYTES, is_obeyed_by_terminals};
pub use limits::AuditConfig;
pub(crate) use record::AuditRecord;
pub(crate) use writer::AuditLog;

/// The folder in the data folder.
pub const AUDIT_FOLDER: &str = "audit";

/// What a file's name ends with; before it stands the day in UTC, `YYYY-MM-DD`.
pub const AUDIT_SUFFIX: &str = ".jsonl";

#[cfg(test)]
mod tests;
