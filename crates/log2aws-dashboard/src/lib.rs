//! The dashboard: the content of the analyzed bucket as web pages.
//!
//! An [`index`] of the summaries covers thousands of servers; `pages` render it, and single days,
//! as HTML. Both use the ports, so a disk store and a bucket on AWS work alike.
//!
//! This crate never opens a socket or a file, checks no login, and links neither a runtime nor an
//! SDK. It starts threads only within a call that waits for them. Handling a request blocks.

mod alert_board;
mod assets;
mod http;
mod i18n;
pub mod index;
mod pages;
mod query;
pub mod store_index;
mod store_trouble;
mod usual_days;
mod viewer;

pub use alert_board::{AlertBoard, AlertSource, HookStatus};
pub use http::{Body, Dashboard, Feed, LoginError, login_page};
pub use store_trouble::{StoreTrouble, TroubleSource};
pub use viewer::Viewer;
