//! Black-box tests of the stores: one test binary, one module per topic.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod common;
mod conditions;
mod conformance;
mod crash;
mod disk;
mod full;
mod listing;
mod multipart;
mod snapshot;
mod together;
mod trust;
mod unreadable;
