//! `log2aws ship`: delivers day logs.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use log2aws_agent::ship::{self, ApiUrl, DayReport, Days, Proxy, ShipConfig};
use log2aws_agent::world::{SystemTime, World};
use log2aws_core::day::Day;

use super::flags::{Place, Sending};
use crate::exit::Exit;

/// The flags of `ship`.
#[derive(Debug, Args)]
pub struct ShipArgs {
    /// The endpoint that hands out URLs, e.g. `https://logs.example.com`.
    #[arg(long, value_name = "URL")]
    api: ApiUrl,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    /// Deliver this day's log [default: yesterday's].
    #[arg(long, value_name = "DAY", conflicts_with = "since")]
    date: Option<Day>,
    /// Deliver every log from this day to yesterday that is not delivered yet, oldest first.
    #[arg(long, value_name = "DAY")]
    since: Option<Day>,
    /// Say what would be delivered; ask nobody, write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Delivers, and says of each day what became of it.
///
/// # Errors
/// When nothing could be tried at all.
pub(super) fn run(args: &ShipArgs) -> anyhow::Result<Exit> {
    let time = SystemTime::new();
    let config = ShipConfig {
        api: args.api.clone(),
        server: args.place.server()?,
        log_dir: args.place.log_dir.clone(),
        state_dir: args.place.state_dir.clone(),
        days: match (args.date, args.since) {
            (Some(day), _) => Days::Only(day),
            (None, Some(day)) => Days::Since(day),
            (None, None) => Days::Yesterday,
        },
        dry_run: args.dry_run,
        max_time: Duration::from_secs(args.sending.max_time),
        stall: ship::DEFAULT_STALL,
        proxy: Proxy::FromEnvironment,
    };
    // A line as soon as a day is known; a closed terminal must not stop the deliveries after it.
    let mut on_day = |day: &DayReport| {
        if !args.json {
            let _ = writeln!(io::stdout(), "{day}");
        }
    };
    let report = ship::run(&config, &World::system(&time), &mut on_day)?;
    if args.json {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else if report.days.is_empty() {
        writeln!(io::stdout(), "nothing to do: no log of these days is left to deliver")?;
    }
    Ok(match report.exit_code() {
        0 => Exit::Done,
        4 => Exit::Missing,
        5 => Exit::Refused,
        _ => Exit::Failed,
    })
}
