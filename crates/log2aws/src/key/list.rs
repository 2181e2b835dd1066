//! `log2aws key list`.

use std::io::{self, Write};

use anyhow::bail;
use log2aws_cli::exit::Exit;
use log2aws_core::key_registry::{KEY, KeyRegistry};

use super::{RECORD, no_registry};
use crate::clock::to_second;
use crate::results_bucket::ResultsBucket;

/// Prints a line for each key and for each open code, or the registry as JSON.
///
/// # Errors
/// There is no registry, or it cannot be read or made.
pub(super) fn run(
    bucket: &ResultsBucket,
    init: bool,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let registry = match RECORD.read(bucket)? {
        Some((registry, _)) => registry,
        None if init => {
            let made = RECORD.change(
                bucket,
                || Ok(KeyRegistry::default()),
                |registry| Ok::<_, anyhow::Error>(registry.clone()),
            )?;
            writeln!(io::stderr(), "note: made s3://{}/{KEY}", bucket.name)?;
            made
        }
        None => bail!(no_registry(&bucket.name)),
    };
    if json {
        out.write_all(&registry.to_json())?;
        return Ok(Exit::Done);
    }
    if registry.servers().next().is_none() && registry.enrolments().next().is_none() {
        writeln!(io::stderr(), "note: no server has a key: all get plain URLs")?;
        return Ok(Exit::Done);
    }
    writeln!(out, "{:<16}  {:<16}  {:<8}  {:<20}  BY", "SERVER", "KEY", "STATE", "SINCE")?;
    for (server, keys) in registry.servers() {
        for record in keys {
            let (server, id) = (server.as_str(), record.key.id().to_string());
            let (state, at, by, why) = match &record.revoked {
                None => ("valid", record.at, &record.by, ""),
                Some(end) => ("revoked", end.at, &end.by, end.why.as_str()),
            };
            let at = to_second(at);
            let line = format!("{server:<16}  {id:<16}  {state:<8}  {at:<20}  {by}  {why}");
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    for (server, open) in registry.enrolments() {
        let (server, at, by) = (server.as_str(), to_second(open.at), &open.by);
        let until = open.expires;
        writeln!(out, "{server:<16}  {:<16}  {:<8}  {at:<20}  {by}  until {until}", "-", "code")?;
    }
    Ok(Exit::Done)
}
