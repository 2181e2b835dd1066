//! Black-box tests of the two handlers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analyze;
mod charts;
mod days;
mod delivery_log;
mod door;
mod hostile;
mod http;
mod interleave;
mod keys;
mod overlap;
mod presign;
mod refusals;
mod schedule;
mod stepped;
mod world;
