//! How long audit lines are kept, and how much room they may take.

use std::num::NonZeroU32;

/// What is kept of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// After how many days a day's file is removed.
    pub keep_days: NonZeroU32,
    /// The largest size of all files together, in bytes. Lines past it are counted, not written.
    pub max_bytes: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        const DAYS: NonZeroU32 = NonZeroU32::new(400).unwrap();
        Self { keep_days: DAYS, max_bytes: 4 << 30 }
    }
}

impl AuditConfig {
    /// How many bytes there may be before a line is not written, in bytes.
    ///
    /// Refusals stop when all files together have half: anybody who can connect can cause them, and
    /// they must not take the room of what was done.
    pub(crate) fn limit(&self, accepted: bool) -> u64 {
        if accepted { self.max_bytes } else { self.max_bytes / 2 }
    }
}
