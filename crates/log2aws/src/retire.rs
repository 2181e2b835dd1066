//! `log2aws retire`: from a day on, no log of a server is expected; lists and undoes such decisions.

mod days;
mod list;
mod records;

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::ToSpan as _;
use log2aws_cli::exit::Exit;
use log2aws_core::day::{Day, DayText};
use log2aws_core::retired::{
    KEY, MAX_BY_BYTES, MAX_WHY_BYTES, Retired, Retirement, Undone, check_text,
};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::Clock as _;

use crate::clock::{SystemClock, today};
use crate::results_bucket::{ResultsBucket, ResultsBucketArgs, operator};
use days::DeliveredDays;

/// How far ahead the first day may be, in days: a typing error in the year is found.
const MAX_DAYS_AHEAD: i32 = 400;

/// The most days that a warning names, besides the last one.
const MAX_NAMED: usize = 5;

/// The flags of `retire`.
#[derive(Debug, Args)]
pub(crate) struct RetireArgs {
    /// The server.
    #[arg(required_unless_present = "list")]
    server: Option<ServerName>,
    /// The first day of which no log is expected: YYYY-MM-DD, MM-DD, today, yesterday or -7d.
    #[arg(long, value_name = "DATE", allow_hyphen_values = true, required_unless_present_any = ["undo", "list"])]
    from: Option<DayText>,
    /// The reason, stored with the decision.
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present_any = ["undo", "list"])]
    why: Option<String>,
    /// Expect logs of the server again. The record of its retirement stays.
    #[arg(long, conflicts_with = "from")]
    undo: bool,
    /// List every record: who retired which server, from when on, why, and whether it was undone.
    #[arg(long, conflicts_with_all = ["server", "from", "why", "undo"])]
    list: bool,
    /// Print records as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    check_text(text, MAX_WHY_BYTES).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Retires a server, undoes that, or lists the records.
///
/// # Errors
/// No log of the server was ever seen, it is retired already (or not, with `--undo`), the records
/// are damaged, or the bucket cannot be read or written.
pub(crate) fn run(args: RetireArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let today = today()?;
    let from = args.from.map(|from| first_day(from, today)).transpose()?;
    let bucket = args.bucket.open()?;
    if args.list {
        return list::run(&bucket, args.json, out);
    }
    let (by, at) = (operator(MAX_BY_BYTES), SystemClock.now());
    let (server, record) = match (args.server, from, args.why) {
        (Some(server), None, why) if args.undo => {
            let undone = Undone { by, at, why };
            let undo = |retired: &mut Retired| retired.undo(&server, undone.clone()).cloned();
            let record = records::change(&bucket, undo)?;
            (server, record)
        }
        (Some(server), Some(from), Some(why)) => {
            let days = require_known(&bucket, &server, from, today)?;
            warn(&server, from, &days)?;
            let record = Retirement { server: server.clone(), from, why, by, at, undone: None };
            records::change(&bucket, |retired| retired.retire(record.clone()))?;
            (server, record)
        }
        _ => bail!("name the server, --from and --why; or the server and --undo"),
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    let (from, place) = (record.from, format!("s3://{}/{KEY}", bucket.name));
    if record.undone.is_some() {
        writeln!(out, "logs of {server} are expected again; the record stays in {place}")?;
    } else if from > today {
        writeln!(out, "{server} will be retired from {from} on; the record is in {place}")?;
    } else {
        writeln!(out, "{server} is retired from {from} on; the record is in {place}")?;
    }
    Ok(Exit::Done)
}

/// The day that is meant, if it is not too far ahead.
fn first_day(from: DayText, today: Day) -> anyhow::Result<Day> {
    let from = from.on(today).context("--from is before the year 0000")?;
    let last = today.date().saturating_add(MAX_DAYS_AHEAD.days());
    if from.date() > last {
        bail!("--from {from} is more than {MAX_DAYS_AHEAD} days ahead; nothing was written");
    }
    Ok(from)
}

/// Refuses a server that nobody expects: a mistyped name would leave the right one expected.
fn require_known(
    bucket: &ResultsBucket,
    server: &ServerName,
    from: Day,
    today: Day,
) -> anyhow::Result<DeliveredDays> {
    let name = &bucket.name;
    let days = days::delivered(&bucket.store, name, server, from, today)
        .with_context(|| format!("s3://{name} cannot be listed (--results, --endpoint-url)"))?;
    if !days.is_known {
        bail!(
            "no log of {server} was ever seen in s3://{name}: none is expected, and nothing was \
             written (is the name right, and is it the right bucket: --results?)"
        );
    }
    Ok(days)
}

/// Says of which days logs arrived that will be shown as unexpected.
fn warn(server: &ServerName, from: Day, days: &DeliveredDays) -> io::Result<()> {
    let Some(last) = days.from_first_on.last() else { return Ok(()) };
    let named: Vec<_> = days.from_first_on.iter().take(MAX_NAMED).map(Day::to_string).collect();
    let more =
        if days.from_first_on.len() > MAX_NAMED { format!(" … {last}") } else { String::new() };
    let (count, named) = (days.from_first_on.len(), named.join(", "));
    writeln!(
        io::stderr(),
        "warning: {count} logs of {server} from {from} on have arrived ({named}{more}); they stay, \
         and their pages say that they were not expected"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_day_may_be_ahead_but_no_typing_error() {
        let today: Day = "2026-11-29".parse().unwrap();
        let day = |text: &str| first_day(text.parse().unwrap(), today).map(|day| day.to_string());
        for (text, read) in [
            ("today", "2026-11-29"),
            ("-7d", "2026-11-22"),
            ("2019-01-01", "2019-01-01"),
            ("2028-01-03", "2028-01-03"),
        ] {
            assert_eq!(day(text).unwrap(), read);
        }
        assert!(day("2028-01-04").unwrap_err().to_string().contains("400 days ahead"));
    }

    #[test]
    fn a_reason_says_something_and_hides_nothing() {
        assert_eq!(reason(" 移行済み ").unwrap(), "移行済み");
        assert!(reason(" ").unwrap_err().contains("empty"));
        assert!(reason(&"x".repeat(501)).unwrap_err().contains("at most 500"));
        assert!(reason("a\u{202e}b").unwrap_err().contains("U+202E"));
    }
}
