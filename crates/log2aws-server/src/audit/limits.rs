//! How long audit lines are kept, and how much disk space they may use.

use std::num::NonZeroU32;

/// Limits of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// The number of days after which the file of a day is removed.
    pub keep_days: NonZeroU32,
    /// The maximum size of all files together, in bytes. Lines beyond it are counted, not written.
    pub max_bytes: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        const DAYS: NonZeroU32 = NonZeroU32::new(400).unwrap();
        Self { keep_days: DAYS, max_bytes: 4 << 30 }
    }
}

impl AuditConfig {
    /// The size of all files up to which a line is written, in bytes.
    ///
    /// Refused requests are written only while the files have less than half: anybody who can connect
    /// can cause them, and they must leave space for the accepted ones.
    pub(crate) fn limit(&self, accepted: bool) -> u64 {
        if accepted { self.max_bytes } else { self.max_bytes / 2 }
    }
}
