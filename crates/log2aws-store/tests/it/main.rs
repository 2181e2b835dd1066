//! The stores from outside: one test binary, a module for each group of promises.

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
