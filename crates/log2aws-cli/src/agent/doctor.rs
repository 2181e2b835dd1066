//! `log2aws doctor`: names what is wrong on this server.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use log2aws_agent::doctor::{self, DoctorConfig, Finding, Report, Verdict};
use log2aws_agent::run::Interval;
use log2aws_agent::world::{SystemTime, World, host_name};

use super::flags::{PathFlags, ReachFlags};
use crate::config::{self, Environment};
use crate::exit::Exit;

/// The flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Reads and asks, and changes nothing. Exit codes: 0 nothing is wrong (or \
                        only worth a look), 1 something is.")]
pub struct DoctorArgs {
    #[command(flatten)]
    paths: PathFlags,
    #[command(flatten)]
    reach: ReachFlags,
    /// The time between two samples: 600, 600s, 10m, 1h.
    #[arg(long, value_name = "TIME", default_value_t = Interval::DEFAULT)]
    interval: Interval,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Runs all checks, and prints the findings line by line.
///
/// # Errors
/// They cannot be printed.
pub(super) fn run(args: &DoctorArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let time = SystemTime::new();
    let config = DoctorConfig {
        config_file: config_file(args),
        unread_settings: environment.problem().map(str::to_owned),
        server: args.paths.server.clone().map_or_else(host_name, Ok),
        is_named_by_host: args.paths.server.is_none(),
        zone: args.paths.zone(environment),
        log_dir: args.paths.log_dir.clone(),
        state_dir: args.paths.state_dir.clone(),
        interval: args.interval.duration(),
        api: args.reach.api.clone(),
        network: args.reach.network(environment),
        upload_hosts: args.reach.upload_host.clone(),
    };
    let report = doctor::run(&config, &World::system(&time, config.zone.zone()));
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write_report(&mut out, &report, colored())?;
    }
    Ok(if report.count(Verdict::Fail) == 0 { Exit::Done } else { Exit::Failed })
}

/// The config file in use.
fn config_file(args: &DoctorArgs) -> Option<PathBuf> {
    let usual = config::usual_file("doctor").map(PathBuf::from).filter(|path| path.exists());
    args.paths.config.as_deref().map(Path::to_owned).or(usual)
}

/// Whether to use colours (<https://no-color.org>).
fn colored() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

fn write_report(out: &mut impl Write, report: &Report, colored: bool) -> io::Result<()> {
    for finding in &report.findings {
        writeln!(out, "{}", line(finding, colored))?;
    }
    writeln!(out, "\n{}", report.summary())
}

/// A finding's line, with its first word in the verdict's colour.
fn line(finding: &Finding, colored: bool) -> String {
    let text = finding.to_string();
    let word = finding.verdict.label();
    let color = match finding.verdict {
        Verdict::Ok => "32",
        Verdict::Warn => "33",
        Verdict::Fail => "1;31",
    };
    match text.strip_prefix(word) {
        Some(rest) if colored => format!("\u{1b}[{color}m{word}\u{1b}[0m{rest}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use log2aws_agent::doctor::Check;

    use super::*;

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let finding = Finding {
            check: Check::Name,
            verdict: Verdict::Fail,
            message: "gone".to_owned(),
            hint: Some("look".to_owned()),
        };
        let plain = line(&finding, false);
        assert_eq!(plain, "fail  name          gone -> look");
        let colored = line(&finding, true);
        assert_eq!(colored.replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", ""), plain);
        assert_ne!(colored, plain);
    }
}
