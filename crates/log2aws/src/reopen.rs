//! `log2aws reopen`: lets a final day be delivered once more, and lists the days that are open.

mod list;

use std::io::{Read as _, Write};
use std::num::NonZeroU32;

use anyhow::{Context as _, bail};
use clap::Args;
use log2aws_core::day::{Day, DayText};
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey, RawKey, ResultKind};
use log2aws_core::reopening::{FORMAT, MAX_BYTES, MAX_WHY_BYTES, Reopening};
use log2aws_core::retired::MAX_BY_BYTES;
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::http::{DEFAULT_FINAL_AFTER_DAYS, DayRules};
use log2aws_service::ports::{Clock, Store, StoreError};

use crate::clock::{SystemClock, today};
use crate::printable::printable;
use crate::results_bucket::{ResultsBucket, ResultsBucketArgs, operator};
use log2aws_cli::exit::Exit;

/// The flags of `reopen`.
#[derive(Debug, Args)]
pub(crate) struct ReopenArgs {
    /// The server.
    #[arg(required_unless_present = "list")]
    server: Option<ServerName>,
    /// The day: YYYY-MM-DD, MM-DD, today, yesterday or -7d.
    #[arg(required_unless_present = "list", allow_hyphen_values = true)]
    date: Option<DayText>,
    /// The reason, stored with the day.
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present = "list")]
    why: Option<String>,
    /// List the open days, with who reopened them, when and why.
    #[arg(long, conflicts_with_all = ["server", "date", "why"])]
    list: bool,
    /// After how many days a delivered day is final: --final-after of serve or `FinalAfterDays` of
    /// the stack; 0: never.
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_FINAL_AFTER_DAYS)]
    final_after: u32,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("say why the day may be replaced".to_owned());
    }
    if text.len() > MAX_WHY_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_WHY_BYTES} are kept", text.len()));
    }
    Ok(text.to_owned())
}

/// Writes the record that reopens the day, or lists the days that are open.
///
/// # Errors
/// The day is not final, nothing was delivered for it, or the bucket cannot be read or written.
pub(crate) fn run(args: ReopenArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let rules =
        DayRules { final_after_days: NonZeroU32::new(args.final_after), ..DayRules::default() };
    let day = args.date.map(|day| Ok::<_, anyhow::Error>(day.on(today()?))).transpose()?.flatten();
    if let (Some(server), Some(day)) = (&args.server, day) {
        require_final(&rules, server, day)?;
    }
    let ResultsBucket { store, name: bucket, .. } = &args.bucket.open()?;
    if args.list {
        return list::run(store, bucket, &rules, SystemClock.now(), out);
    }
    let (Some(server), Some(date), Some(why)) = (args.server, day, args.why) else {
        bail!("name the server, the day and --why");
    };
    reopen(store, bucket, &rules, (&server, date), why, out)
}

/// Refuses a day that is not final yet: its record would keep it open past that date.
fn require_final(rules: &DayRules, server: &ServerName, day: Day) -> anyhow::Result<()> {
    let Some(final_from) = rules.final_from(day) else {
        bail!("with --final-after 0 no day is ever final, so none can be reopened");
    };
    if !rules.is_past(day, SystemClock.now()) {
        let after = rules.final_after_days.map_or(0, NonZeroU32::get);
        bail!(
            "{day} of {server} is not final until {final_from} (UTC; --final-after {after}): until \
             then another log of it is taken as it is, and nothing was written"
        );
    }
    Ok(())
}

fn reopen(
    store: &dyn Store,
    bucket: &BucketName,
    rules: &DayRules,
    (server, date): (&ServerName, Day),
    why: String,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let Some(version) = accepted_version(store, bucket, server, date)
        .with_context(|| format!("s3://{bucket} cannot be read (--results, --endpoint-url)"))?
    else {
        bail!(
            "no results of {server} on {date} are in s3://{bucket}: the day is open, and needs no \
             reopening (or the results are in another bucket: --results)"
        );
    };
    let key = Reopening::key(server, date)?;
    let record = recorded(store, bucket, &key)
        .with_context(|| format!("s3://{bucket}/{key} cannot be read"))?;
    if let Some(Reopening { at, by, why, .. }) =
        record.as_ref().filter(|record| opens(record, rules, date, &version))
    {
        let (at, by, why) = (printable(at), printable(by), printable(why));
        bail!(
            "{date} of {server} is open already, since {at} by {by}: {why}; nothing was written \
             (to close it, remove s3://{bucket}/{key})"
        );
    }
    let by = operator(MAX_BY_BYTES);
    let at = SystemClock.now().to_string();
    let reopening = Reopening { format: FORMAT, version, why, by, at, earlier: Vec::new() };
    let reopening = match record {
        Some(replaced) => reopening.after(replaced),
        None => reopening,
    };
    write(store, bucket, &key, &reopening)
        .with_context(|| format!("s3://{bucket}/{key} cannot be written"))?;
    writeln!(out, "{date} of {server} is open for one delivery; the record: s3://{bucket}/{key}")?;
    Ok(Exit::Done)
}

/// Whether a record opens the day while `version` is the accepted one.
fn opens(record: &Reopening, rules: &DayRules, day: Day, version: &str) -> bool {
    rules.final_from(day).is_some_and(|from| record.allows_replacing(version, from))
}

/// The version of the raw log that a day's results come from.
fn accepted_version(
    store: &dyn Store,
    bucket: &BucketName,
    server: &ServerName,
    day: Day,
) -> anyhow::Result<Option<String>> {
    for form in RawKey::new(server.clone(), day, KeyPrefix::Off).both_forms() {
        let key = form.result_key(ResultKind::Json);
        let Some(version) = store.head(bucket, &key)? else { continue };
        let mut bytes = Vec::new();
        store.open(bucket, &key, &version.id)?.take(MAX_SUMMARY_BYTES).read_to_end(&mut bytes)?;
        let summary: Summary = serde_json::from_slice(&bytes)
            .with_context(|| format!("{key} is no summary; remove it to open the day"))?;
        return Ok(Some(summary.raw.version));
    }
    Ok(None)
}

/// The record that is there already, if there is one.
fn recorded(
    store: &dyn Store,
    bucket: &BucketName,
    key: &ObjectKey,
) -> anyhow::Result<Option<Reopening>> {
    let Some(version) = store.head(bucket, key)? else { return Ok(None) };
    let mut bytes = Vec::new();
    store.open(bucket, key, &version.id)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let record = serde_json::from_slice(&bytes);
    record.map(Some).context("it is no record of a reopening; remove it")
}

fn write(
    store: &dyn Store,
    bucket: &BucketName,
    key: &ObjectKey,
    reopening: &Reopening,
) -> Result<(), StoreError> {
    let mut upload = store.create(bucket, key, "application/json")?;
    let failed = |source| StoreError::Failed { what: format!("writing {bucket}/{key}"), source };
    serde_json::to_writer(&mut upload, reopening).map_err(|error| failed(error.into()))?;
    upload.commit().map(drop)
}
