//! `log2aws audit`: prints who got URLs, and who put, read and deleted what.

mod aws;
mod files;
mod filter;
mod source;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use clap::builder::PossibleValuesParser;
use log2aws_cli::exit::Exit;
use log2aws_core::server_name::ServerName;
use log2aws_server::{AUDIT_FOLDER, AuditEvent, EVENTS};

use filter::{Filter, Moment};

/// The flags of `audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    _one_source: source::OneSource,
    /// The data folder of serve.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    // Read before the command line is parsed.
    /// The config file of serve, for its data-dir [default: /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only events of this server's logs.
    #[arg(long, value_name = "NAME")]
    server: Option<ServerName>,
    /// Only events from this time: a day in UTC, or a moment, e.g. 2026-11-30 or
    /// 2026-11-30T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = filter::moment)]
    since: Option<Moment>,
    /// Only events up to this time: a day in UTC (inclusive), or a moment.
    #[arg(long, value_name = "TIME", value_parser = filter::moment)]
    until: Option<Moment>,
    /// Only events of this kind; can be repeated.
    #[arg(long, value_name = "EVENT", value_delimiter = ',', value_parser = PossibleValuesParser::new(EVENTS))]
    event: Vec<String>,
    /// Print the stored lines: one JSON object each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    aws: aws::AwsArgs,
}

/// Prints the events.
///
/// # Errors
/// No audit log, one that cannot be read, or a time in which there can be no event.
pub(crate) fn run(
    args: AuditArgs,
    out: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let filter = Filter::new(args.since, args.until, args.event, args.server);
    if filter.is_empty_time() {
        bail!("--until is before --since: no event can be between them");
    }
    let mut printer = Printer { out, json: args.json, lines: 0, dropped: 0 };
    let mut print = |event: &AuditEvent, line: &str| printer.print(event, line);
    let done = if args.aws.is_meant() {
        aws::read(&args.aws, &filter, &mut print, stderr).map(|()| 0)
    } else {
        files::read(&args.data_dir.join(AUDIT_FOLDER), &filter, &mut print, stderr)
    };
    let (lines, dropped) = (printer.lines, printer.dropped);
    let flushed = done.and_then(|unreadable| {
        printer.out.flush()?;
        Ok(unreadable)
    });
    let unreadable = match flushed {
        // The reader has closed the pipe.
        Err(error) if is_broken_pipe(&error) => return Ok(Exit::Done),
        done => done?,
    };
    if lines == 0 {
        writeln!(stderr, "note: no event matches{}", filter.conditions())?;
    }
    if dropped > 0 {
        writeln!(stderr, "warning: events of this time that could not be written: {dropped}")?;
    }
    Ok(if unreadable > 0 { Exit::Rejects } else { Exit::Done })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

/// Prints events as a table or as JSON.
struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
    /// Events printed.
    lines: u64,
    /// The number of lost events.
    dropped: u64,
}

impl Printer<'_> {
    /// Prints an event; `line` is its JSON.
    fn print(&mut self, event: &AuditEvent, line: &str) -> io::Result<()> {
        self.dropped = self.dropped.saturating_add(event.lines.unwrap_or(0));
        self.lines += 1;
        if self.json {
            return writeln!(self.out, "{}", line.trim_end());
        }
        if self.lines == 1 {
            writeln!(self.out, "{}", table::HEAD)?;
        }
        writeln!(self.out, "{}", table::row(event))
    }
}

#[cfg(test)]
mod tests;
