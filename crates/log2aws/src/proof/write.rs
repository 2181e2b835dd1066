//! `log2aws proof write`.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use log2aws_cli::exit::Exit;
use log2aws_core::day::Day;
use log2aws_core::key::{KeyPrefix, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::delivery_log::{Log, receipt_in};
use log2aws_service::ports::Store as _;
use log2aws_tlog::checkpoint::SignedCheckpoint;

use super::read_file;
use crate::results_bucket::{ResultsBucket, ResultsBucketArgs};

/// The flags of `proof write`.
#[derive(Debug, Args)]
pub(super) struct WriteArgs {
    /// The server.
    server: ServerName,
    /// The day of the log: YYYY-MM-DD.
    date: Day,
    /// Where to write the receipt [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A checkpoint that a witness has cosigned: the receipt leads to it.
    #[arg(long, value_name = "FILE")]
    cosigned: Option<PathBuf>,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

pub(super) fn run(args: WriteArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let cosigned = args.cosigned.as_deref().map(read_file).transpose()?;
    let cosigned = cosigned.map(|bytes| SignedCheckpoint::parse(&bytes)).transpose()?;
    let (bucket, server, day) = (args.bucket.open()?, args.server, args.date);
    let name = &bucket.name;
    let unread = || format!("the delivery log in s3://{name} cannot be read");
    let log = Log::open(&bucket.store, name).with_context(unread)?;
    let log = match (log, cosigned) {
        (Some(log), Some(head)) => Some(log.at(head).with_context(unread)?),
        (log, _) => log,
    };
    let sha256 = newest_bytes(&bucket, &server, day)?;
    let mut found = None;
    if let Some(log) = &log {
        found = receipt_in(log, (&server, day), sha256.as_ref()).with_context(unread)?;
        if found.is_none() && sha256.is_some() {
            found = receipt_in(log, (&server, day), None).with_context(unread)?;
        }
    }
    let Some(receipt) = found else {
        writeln!(
            io::stderr(),
            "the delivery log in s3://{name} has no accepted log of {server} of {day}: what arrived \
             is added within the hour"
        )?;
        return Ok(Exit::Missing);
    };
    let Some(file) = args.output else {
        write!(out, "{receipt}")?;
        return Ok(Exit::Done);
    };
    if file.is_dir() {
        bail!("{} is a folder: name a file by --output", file.display());
    }
    fs::write(&file, receipt.to_string())
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(Exit::Done)
}

/// The SHA-256 of the version that the results are of. It leads the search; the receipt is of what
/// the log says.
fn newest_bytes(
    bucket: &ResultsBucket,
    server: &ServerName,
    day: Day,
) -> anyhow::Result<Option<[u8; 32]>> {
    for key in RawKey::new(server.clone(), day, KeyPrefix::Off).both_forms() {
        let key = key.result_key(ResultKind::Json);
        let Some(version) = bucket.store.head(&bucket.name, &key)? else { continue };
        let mut json = Vec::new();
        let opened = bucket.store.open(&bucket.name, &key, &version.id)?;
        opened.take(MAX_SUMMARY_BYTES).read_to_end(&mut json)?;
        let sha256 = Summary::from_json(&json).ok().and_then(|summary| summary.raw.sha256);
        return Ok(sha256.and_then(|sha256| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(sha256, &mut bytes).ok().map(|()| bytes)
        }));
    }
    Ok(None)
}
