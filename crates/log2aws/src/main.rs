//! The log2aws command line. `main` only parses; the verbs do the work.

mod alerts;
mod audit;
mod bucket;
mod chart;
mod cli;
mod clock;
mod convert;
mod dashboard_client;
mod demo;
mod door;
mod flag;
mod help;
mod invite;
mod key;
mod listener;
mod logging;
mod printable;
mod proof;
mod reopen;
mod results_bucket;
mod retire;
mod serve;
mod stack;
mod stop_signal;
mod store;
mod stored_record;
mod terminal;
mod token;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    cli::run(&args).into()
}
