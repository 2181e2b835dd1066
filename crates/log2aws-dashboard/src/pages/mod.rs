//! The pages: pure functions from data to HTML.
//!
//! Templates escape every text, so the content of a name, a log line or a URL is never interpreted.

pub(crate) mod alerts;
pub(crate) mod calendar;
pub(crate) mod cells;
pub(crate) mod compare;
pub(crate) mod day;
pub(crate) mod error_page;
pub(crate) mod export;
pub(crate) mod layout;
pub(crate) mod lens;
pub(crate) mod login;
mod retirement;
pub(crate) mod server;
pub(crate) mod trends;
pub(crate) mod week;
