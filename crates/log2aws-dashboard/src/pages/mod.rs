//! The pages: pure functions from what is known to HTML.
//!
//! Templates escape every text; whatever a name, a log line or a URL holds, it is only shown.

pub(crate) mod calendar;
pub(crate) mod cells;
pub(crate) mod compare;
pub(crate) mod day;
pub(crate) mod error_page;
pub(crate) mod layout;
pub(crate) mod login;
pub(crate) mod server;
