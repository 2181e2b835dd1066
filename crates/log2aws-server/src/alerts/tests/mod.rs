//! Tests of the task against real listeners, a store on disk and a clock that is set by hand.

mod peer;
mod telling;
mod world;
