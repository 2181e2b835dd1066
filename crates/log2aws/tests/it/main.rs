//! Black-box tests of the command line: one test program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod docs;
mod program;
mod seed;
mod serve;
mod stop;
mod token;
