//! The log2aws command line: `main` hands over the world, the verbs do the work.

mod cli;
mod config;
mod convert;
mod exit;
mod sample;
mod ship;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    cli::run(&args).into()
}
