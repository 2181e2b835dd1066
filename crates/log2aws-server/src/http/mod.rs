//! The HTTP side: connections, who calls, and where each request goes.

pub(crate) mod app;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod callers;
pub(crate) mod limit;
pub(crate) mod listen;
pub(crate) mod socket;
