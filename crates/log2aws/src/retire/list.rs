//! `log2aws retire --list`: every record, the newest decision last.

use std::io::{self, Write};

use log2aws_cli::exit::Exit;
use log2aws_core::retired::{Retirement, Undone};

use super::records;
use crate::clock::to_second;
use crate::results_bucket::ResultsBucket;

/// Prints a line for each record, or all as a JSON array.
///
/// # Errors
/// The records cannot be read.
pub(super) fn run(bucket: &ResultsBucket, json: bool, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let retired = records::read(bucket)?;
    let records = retired.records();
    if json {
        serde_json::to_writer_pretty(&mut *out, records)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    if records.is_empty() {
        writeln!(io::stderr(), "note: no server of s3://{} is retired", bucket.name)?;
        return Ok(Exit::Done);
    }
    writeln!(out, "FROM        SERVER            STATE    DECIDED               BY        WHY")?;
    for Retirement { server, from, why, by, at, undone } in records {
        let state = if undone.is_some() { "undone" } else { "retired" };
        let (server, at) = (server.as_str(), to_second(*at));
        writeln!(out, "{from}  {server:<16}  {state:<7}  {at:<20}  {by:<8}  {why}")?;
        if let Some(Undone { by, at, why }) = undone {
            let (server, at) = (" ".repeat(server.len()), to_second(*at));
            let why = why.as_deref().unwrap_or_default();
            let line = format!("            {server:<16}           {at:<20}  {by:<8}  {why}");
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(Exit::Done)
}
