//! `log2aws reopen`: lets a final day be delivered once more.

use std::io::{Read as _, Write};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use log2aws_aws::S3Store;
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey, RawKey, ResultKind};
use log2aws_core::reopening::{FORMAT, MAX_BYTES, MAX_WHY_BYTES, Reopening};
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::ports::{Clock, Store, StoreError};
use log2aws_stack::cloud::{self, Access};
use url::Url;

use crate::clock::SystemClock;
use crate::view::Bucket;
use log2aws_cli::exit::Exit;

/// The flags of `reopen`.
#[derive(Debug, Args)]
pub(crate) struct ReopenArgs {
    /// Whose day.
    server: ServerName,
    /// The day, YYYY-MM-DD.
    date: Day,
    /// Why it may be replaced; kept with the day.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    why: String,
    /// The bucket with the results; write `s3://` before its name.
    #[arg(long, value_name = "S3URL", default_value = "s3://analyzedlogs-local")]
    results: Bucket,
    /// The profile of the AWS config files.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The bucket's region [default: that of the environment or the profile].
    #[arg(long, value_name = "REGION", value_parser = crate::flag::region)]
    region: Option<String>,
    /// An S3 that is not AWS's own, e.g. that of `log2aws serve` [default: `AWS_ENDPOINT_URL`].
    #[arg(long, value_name = "URL", value_parser = crate::flag::endpoint)]
    endpoint_url: Option<Url>,
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

/// Writes the record that reopens the day.
///
/// # Errors
/// Nothing was delivered for the day, or the bucket cannot be read or written.
pub(crate) fn run(args: ReopenArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let endpoint = args.endpoint_url.as_ref().map(|url| url.as_str().trim_end_matches('/'));
    let access = Access {
        region: args.region,
        profile: args.profile,
        endpoint_url: endpoint.map(str::to_owned),
        ..Access::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let s3 = runtime.block_on(cloud::s3(&access))?;
    let store: Arc<dyn Store> = Arc::new(S3Store::new(s3, runtime.handle().clone()));
    let bucket = args.results.0;
    let (server, date) = (args.server, args.date);
    let Some(version) = delivered(store.as_ref(), &bucket, &server, date)
        .with_context(|| format!("s3://{bucket} cannot be read (--results, --endpoint-url)"))?
    else {
        bail!(
            "no results of {server} on {date} are in s3://{bucket}: the day is open, and needs no \
             reopening (or the results are in another bucket: --results)"
        );
    };
    let key = Reopening::key(&server, date)?;
    let record = recorded(store.as_ref(), &bucket, &key)
        .with_context(|| format!("s3://{bucket}/{key} cannot be read"))?;
    if let Some(Reopening { at, by, why, .. }) =
        record.as_ref().filter(|record| record.allows_replacing(&version))
    {
        bail!(
            "{date} of {server} is open already, since {at} by {by}: {why}; nothing was written \
             (to close it, remove s3://{bucket}/{key})"
        );
    }
    let user = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    let user = user("SUDO_USER").or_else(|| user("USER"));
    let by = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let at = SystemClock.now().to_string();
    let reopening =
        Reopening { format: FORMAT, version, why: args.why, by, at, earlier: Vec::new() };
    let reopening = match record {
        Some(replaced) => reopening.after(replaced),
        None => reopening,
    };
    write(store.as_ref(), &bucket, &key, &reopening)
        .with_context(|| format!("s3://{bucket}/{key} cannot be written"))?;
    writeln!(out, "{date} of {server} is open for one delivery; the record: s3://{bucket}/{key}")?;
    Ok(Exit::Done)
}

/// The version of the raw log that a day's results come from.
fn delivered(
    store: &dyn Store,
    bucket: &BucketName,
    server: &ServerName,
    day: Day,
) -> anyhow::Result<Option<String>> {
    for prefix in [KeyPrefix::Off, KeyPrefix::Spread] {
        let key = RawKey::new(server.clone(), day, prefix).result_key(ResultKind::Json);
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
