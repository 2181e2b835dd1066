//! The audit log: who requested URLs, who put, read and deleted what, and who logged in.
//!
//! [`layer`] is in front of all paths and begins an [`AuditRecord`] for each request that is an
//! event. [`classify`] derives the event from the request's head and the response. [`writer`]
//! appends the lines to one file a day. A request never waits for the disk and is never refused
//! because of its line: lines that could not be written are counted.

mod classify;
mod day_file;
mod event;
pub(crate) mod layer;
mod limits;
mod log;
mod queue;
mod record;
mod redact;
mod status;
mod writer;

pub(crate) use classify::RefusalReason;
pub(crate) use day_file::files as day_files;
pub use event::{AuditEvent, EVENTS, MAX_LINE_BYTES};
pub use limits::AuditConfig;
pub(crate) use log::AuditLog;
pub(crate) use record::AuditRecord;
pub(crate) use redact::redacted;

/// The folder in the data folder.
pub const AUDIT_FOLDER: &str = "audit";

/// The suffix of a file's name, after the day in UTC, `YYYY-MM-DD`.
pub const AUDIT_SUFFIX: &str = ".jsonl";

#[cfg(test)]
mod tests;
