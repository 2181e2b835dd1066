//! `log2aws ship`: delivers day logs.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::civil::Date;
use log2aws_agent::ship::{
    self, DayReport, Days, Outcome, Progress, ShipConfig, ShipReport, day_range,
};
use log2aws_agent::world::{SystemTime, Time as _, World};
use log2aws_core::day::{Day, DayText};

use super::flags::{PathFlags, ShipFlags};
use crate::config::Environment;
use crate::exit::{self, Exit};

/// The flags of `ship`.
#[derive(Debug, Args)]
pub struct ShipArgs {
    #[command(flatten)]
    paths: PathFlags,
    #[command(flatten)]
    shipping: ShipFlags,
    /// Deliver only this day's log: YYYY-MM-DD, MM-DD, yesterday or -7d [default: all pending logs
    /// before today].
    #[arg(long, value_name = "DAY", conflicts_with = "since", allow_hyphen_values = true)]
    date: Option<DayText>,
    /// Deliver no logs of earlier days: YYYY-MM-DD, MM-DD, yesterday or -7d.
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    since: Option<DayText>,
    /// Also deliver today's log as it stands now.
    #[arg(long)]
    partial: bool,
    /// Show what would be delivered; send no requests, write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Delivers, and prints the result of each day.
///
/// # Errors
/// Nothing could be attempted.
pub(super) fn run(args: &ShipArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let Some(api) = args.shipping.reach.api.clone() else {
        let error = anyhow::anyhow!(
            "no endpoint is set: give --api, LOG2AWS_API, or the key api in the \
             config file"
        );
        exit::report(&mut io::stderr(), &error);
        return Ok(Exit::Usage);
    };
    let time = SystemTime::new();
    let zone = args.paths.zone(environment).zone();
    let today = time.now().to_zoned(zone.clone()).date();
    let config = ShipConfig {
        api,
        spool: args.paths.named_spool()?,
        days: days(args, today)?,
        partial: args.partial,
        dry_run: args.dry_run,
        max_time: Duration::from_secs(args.shipping.max_time),
        upload_hosts: args.shipping.reach.upload_host.clone(),
        keep: args.shipping.keep(),
        network: args.shipping.reach.network(environment),
    };
    // A person at a terminal sees why it takes long.
    let is_watched = !args.json && io::stderr().is_terminal();
    // Each result is printed at once; a closed terminal must not stop the remaining deliveries.
    let mut on_progress = |progress: Progress<'_>| match progress {
        Progress::Waiting { day, reason, wait } => {
            if is_watched {
                let seconds = wait.as_secs_f64();
                let _ = writeln!(io::stderr(), "{day}: {reason}; trying again in {seconds:.0} s");
            }
        }
        Progress::Warning(text) => {
            let _ = writeln!(io::stderr(), "warning: {text}");
        }
        Progress::Day(day) => {
            if !args.json && !matches!(day.outcome, Outcome::Pending) {
                let _ = writeln!(io::stdout(), "{day}");
            }
        }
    };
    let world = World::system(&time, zone);
    let report = ship::run(&config, &world, &mut on_progress)?;
    conclude(&mut io::stdout(), args, &report)
}

/// The days to deliver, as seen on `today`.
fn days(args: &ShipArgs, today: Date) -> anyhow::Result<Days> {
    let day = |text: DayText| {
        let day = Day::from_date(today).and_then(|today| text.on(today));
        day.with_context(|| {
            format!("no such day is in the calendar; this machine's date is {today}")
        })
    };
    Ok(match (args.date, args.since) {
        (Some(text), _) => Days::Only(day(text)?),
        (None, Some(text)) => Days::Since(day(text)?),
        (None, None) => Days::Pending,
    })
}

/// Prints the rest and returns the exit code. A closed output does not fail the deliveries, but a
/// caller that wants JSON must get an error.
fn conclude(out: &mut dyn Write, args: &ShipArgs, report: &ShipReport) -> anyhow::Result<Exit> {
    if args.json {
        serde_json::to_writer_pretty(&mut *out, report)?;
        writeln!(out)?;
    } else {
        let _ = write_rest(out, report, args.shipping.keep_days);
    }
    Ok(match report.exit_code() {
        0 => Exit::Done,
        4 => Exit::Missing,
        5 => Exit::Refused,
        _ => Exit::Failed,
    })
}

/// Prints messages that apply to all days once.
fn write_rest(out: &mut dyn Write, report: &ShipReport, keep_days: Option<u32>) -> io::Result<()> {
    if report.days.is_empty() {
        writeln!(out, "nothing to do: no log of these days is left to deliver")?;
    }
    let is_left = |day: &&DayReport| matches!(day.outcome, Outcome::Pending);
    let left: Vec<Day> = report.days.iter().filter(is_left).map(|day| day.day).collect();
    if let Some(days) = day_range(&left) {
        writeln!(out, "{days}: pending, not tried after that")?;
    }
    if let (Some(days), Some(keep)) = (day_range(&report.removed), keep_days) {
        writeln!(out, "{days}: removed here, delivered more than {keep} days ago")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        args: ShipArgs,
    }

    #[test]
    fn a_day_may_be_given_as_seen_from_today() {
        let read = |flag: &str, text: &str| {
            let args = CommandLine::try_parse_from(["ship", flag, text]).unwrap().args;
            days(&args, jiff::civil::date(2026, 11, 29)).unwrap()
        };
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(read("--date", "yesterday"), Days::Only(day("2026-11-28")));
        assert_eq!(read("--date", "-7d"), Days::Only(day("2026-11-22")));
        assert_eq!(read("--since", "11-01"), Days::Since(day("2026-11-01")));
        assert_eq!(read("--since", "2019-01-01"), Days::Since(day("2019-01-01")));
        let error = CommandLine::try_parse_from(["ship", "--date", "tomorrow"]).err().unwrap();
        assert!(error.to_string().contains("yesterday or -7d"), "{error}");
    }

    #[test]
    fn without_an_api_it_is_the_command_line_that_is_wrong() {
        let folder = std::env::temp_dir().join("log2aws-no-such-folder");
        let place = |flag| format!("--{flag}={}", folder.display());
        let command_line = ["ship", &place("log-dir"), &place("state-dir"), "--server=web01"];
        let args = CommandLine::try_parse_from(command_line).unwrap().args;
        assert_eq!(run(&args, &Environment::default()).unwrap(), Exit::Usage);
        assert!(!folder.exists());
    }

    /// The output was closed.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_output_is_no_failure_of_the_deliveries() {
        let report = ShipReport::default();
        let args = |line: &[&str]| CommandLine::try_parse_from(line).unwrap().args;
        assert_eq!(conclude(&mut Closed, &args(&["ship"]), &report).unwrap(), Exit::Done);
        assert!(conclude(&mut Closed, &args(&["ship", "--json"]), &report).is_err());
        let mut out = Vec::new();
        conclude(&mut out, &args(&["ship"]), &report).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("nothing to do: "));
    }

    #[test]
    fn flags_of_every_day_are_read_as_meant() {
        let command_line = [
            "ship",
            "--api=https://logs.example/prod",
            "--upload-host=a.example,*.b.example",
            "--upload-host=10.0.0.7",
            "--keep-days=90",
        ];
        let shipping = CommandLine::try_parse_from(command_line).unwrap().args.shipping;
        let hosts: Vec<String> =
            shipping.reach.upload_host.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["a.example", "*.b.example", "10.0.0.7"]);
        assert_eq!(shipping.keep(), Some(Duration::from_hours(90 * 24)));
        assert_eq!(shipping.max_time, 3600);
    }
}
