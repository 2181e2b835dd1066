//! The dashboard over a fleet in a store in memory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alerts;
mod bad_input;
mod day_chart;
mod day_truth;
mod first_day;
mod fleet;
mod front;
mod hostile;
mod pages;
mod period;
mod trends;
mod usual;
mod world;
