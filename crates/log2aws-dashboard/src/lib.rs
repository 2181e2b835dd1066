//! The dashboard: what stands in the analyzed bucket, as pages.
//!
//! An [`index`] of the summaries answers for thousands of servers at once; `pages` turn it, and
//! single days, into HTML. Both work over the ports: a disk store and a bucket on AWS are the same
//! to them.
//!
//! What this crate never does: open a socket or a file, check a login, link a runtime or an SDK. It
//! starts threads only within a call that waits for them. A request is answered by a call that
//! blocks.

mod assets;
mod http;
mod i18n;
pub mod index;
mod pages;
pub mod store_index;

pub use http::{Body, Dashboard, Feed, LoginError, Viewer, login_page};
