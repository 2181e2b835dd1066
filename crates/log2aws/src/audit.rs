//! `log2aws audit`: prints who got URLs, and who put, read and deleted what.

mod aws;
mod files;
mod filter;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use log2aws_cli::exit::Exit;
use log2aws_core::server_name::ServerName;
use log2aws_server::{AUDIT_FOLDER, AuditEvent, EVENTS};

use filter::{Filter, Moment};

/// The flags of `audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The data folder of serve.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    /// Only events of this server's logs.
    #[arg(long, value_name = "NAME")]
    server: Option<ServerName>,
    /// Only events from then on: a day in UTC, or a moment, e.g. 2026-11-30 or
    /// 2026-11-30T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = filter::moment)]
    since: Option<Moment>,
    /// Only events up to then: a day in UTC with all of it, or a moment.
    #[arg(long, value_name = "TIME", value_parser = filter::moment)]
    until: Option<Moment>,
    /// Only events of this kind; may be given several times.
    #[arg(long, value_name = "EVENT", value_delimiter = ',', value_parser = PossibleValuesParser::new(EVENTS))]
    event: Vec<String>,
    /// Print the lines as they are stored: one JSON object each.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    aws: aws::AwsArgs,
}

/// Prints the events.
///
/// # Errors
/// There is no audit log, or it cannot be read.
pub(crate) fn run(
    args: AuditArgs,
    out: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let filter = Filter::new(args.since, args.until, args.event, args.server);
    let mut printer = Printer { out, json: args.json, begun: false, dropped: 0 };
    let mut print = |event: &AuditEvent, line: &str| printer.print(event, line);
    let done = if args.aws.is_meant() {
        aws::read(&args.aws, &filter, &mut print, stderr)
    } else {
        files::read(&args.data_dir.join(AUDIT_FOLDER), &filter, &mut print, stderr)
    };
    let dropped = printer.dropped;
    match done.and_then(|()| Ok(printer.out.flush()?)) {
        // The reader has closed the pipe, e.g. `head`.
        Err(error) if is_broken_pipe(&error) => return Ok(Exit::Done),
        done => done?,
    }
    if dropped > 0 {
        writeln!(stderr, "warning: {dropped} events of this time could not be written down")?;
    }
    Ok(Exit::Done)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

/// Prints events as a table or as JSON.
struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
    /// Whether the header of the table is written.
    begun: bool,
    /// The number of lost events.
    dropped: u64,
}

impl Printer<'_> {
    /// Prints an event; `line` is its JSON.
    fn print(&mut self, event: &AuditEvent, line: &str) -> io::Result<()> {
        self.dropped += event.lines.unwrap_or(0);
        if self.json {
            return writeln!(self.out, "{}", line.trim_end());
        }
        if !self.begun {
            self.begun = true;
            writeln!(self.out, "{}", table::HEAD)?;
        }
        writeln!(self.out, "{}", table::row(event))
    }
}

#[cfg(test)]
mod tests;
