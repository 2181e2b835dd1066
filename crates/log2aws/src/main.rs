//! The log2aws command line: `main` hands over the world, the verbs do the work.

mod bucket;
mod chart;
mod cli;
mod clock;
mod config;
mod convert;
mod demo;
mod exit;
mod flag;
mod invite;
mod logging;
mod sample;
mod serve;
mod ship;
mod stack;
mod view;
mod visit;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    cli::run(&args).into()
}
