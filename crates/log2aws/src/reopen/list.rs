//! `log2aws reopen --list`: the days that an operator reopened and that were not delivered since.

use std::io::{self, Write};

use anyhow::Context as _;
use jiff::Timestamp;
use log2aws_cli::exit::Exit;
use log2aws_core::key::BucketName;
use log2aws_core::reopening::{REOPENED_PREFIX, Reopening};
use log2aws_service::http::DayRules;
use log2aws_service::ports::{ListQuery, ObjectLister};

use super::{accepted_version, opens, recorded};
use crate::printable::printable;

/// Prints a line for each open day. A record that cannot be read is reported, and the others are
/// listed.
///
/// # Errors
/// The bucket cannot be listed.
pub(super) fn run(
    store: &dyn ObjectLister,
    bucket: &BucketName,
    rules: &DayRules,
    now: Timestamp,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let mut query = ListQuery { prefix: REOPENED_PREFIX.to_owned(), ..ListQuery::default() };
    let (mut open, mut unreadable) = (0_u64, 0_u64);
    loop {
        let page = store.list(bucket, &query).with_context(|| {
            format!("s3://{bucket} cannot be listed (--results, --endpoint-url)")
        })?;
        for object in page.objects {
            let Some((server, day)) = Reopening::parse_key(object.key.as_str()) else { continue };
            if !rules.is_past(day, now) {
                continue;
            }
            let read = recorded(store, bucket, &object.key).and_then(|record| {
                let version = accepted_version(store, bucket, &server, day)?;
                Ok(record.zip(version))
            });
            match read {
                Ok(Some((record, version))) if opens(&record, rules, day, &version) => {
                    if open == 0 {
                        writeln!(
                            out,
                            "DAY         SERVER            SINCE                 BY        WHY"
                        )?;
                    }
                    open += 1;
                    let (at, by) = (printable(&record.at), printable(&record.by));
                    let why = printable(&record.why);
                    let server = server.as_str();
                    writeln!(out, "{day}  {server:<16}  {at:<20}  {by:<8}  {why}")?;
                }
                Ok(_) => {}
                Err(error) => {
                    unreadable += 1;
                    let key = &object.key;
                    let error = format!("{error:#}");
                    writeln!(io::stderr(), "warning: s3://{bucket}/{key}: {}", printable(&error))?;
                }
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    if open == 0 {
        writeln!(io::stderr(), "note: no day in s3://{bucket} is open")?;
    }
    Ok(if unreadable > 0 { Exit::Rejects } else { Exit::Done })
}
