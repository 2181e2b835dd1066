//! What the two handlers promise, tried from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod http;
mod presign;
mod world;
