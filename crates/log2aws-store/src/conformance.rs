//! The promises of every store, as checks.
