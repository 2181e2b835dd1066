//! Formats an event as a line of a table.

use std::fmt::Write as _;

use log2aws_server::AuditEvent;

use crate::printable::printable;

/// The header of the table.
pub(super) const HEAD: &str = "TIME (UTC)                EVENT            ANSWER  FROM             AS                        WHAT";

/// One line of the table, without the newline. Terminal control characters are escaped.
pub(super) fn row(event: &AuditEvent) -> String {
    let or = |text: Option<String>| printable(&text.unwrap_or_else(|| "-".to_owned()));
    let mut line = format!(
        "{:<24.3}  {:<15}  {:<6}  {:<15}  {:<24}  {}",
        event.time,
        printable(&event.event),
        or(event.status.map(|status| status.to_string())),
        or(event.client_ip.map(|source| source.to_string())),
        or(event.principal.clone()),
        or(what(event)),
    );
    let mut more = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            // Writing to memory does not fail.
            write!(line, "  {name}={}", printable(value)).unwrap_or_default();
        }
    };
    more("version", event.version.as_deref());
    more("bytes", event.bytes.map(|bytes| bytes.to_string()).as_deref());
    more("reason", event.reason.as_deref());
    more("lines", event.lines.map(|lines| lines.to_string()).as_deref());
    line
}

/// The object, or else the log, with the detail if there is one.
fn what(event: &AuditEvent) -> Option<String> {
    let bucket = event.bucket.as_deref();
    let object = match (bucket, event.key.as_deref()) {
        (Some(bucket), Some(key)) => Some(format!("{bucket}/{key}")),
        (bucket, key) => bucket.or(key).map(str::to_owned),
    };
    let log = || {
        let server = event.server.as_deref()?;
        Some(event.date.as_deref().map_or_else(|| server.to_owned(), |d| format!("{server} {d}")))
    };
    match (object.or_else(|| event.detail.is_none().then(log).flatten()), &event.detail) {
        (Some(object), Some(detail)) => Some(format!("{object} ({detail})")),
        (object, detail) => object.or_else(|| detail.clone()),
    }
}
