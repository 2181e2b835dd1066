//! Decides which requests are events, and of what kind. Pure: takes a request head and a response,
//! returns an event.

use std::borrow::Cow;

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::reopening::RECORDS_PREFIX;
use log2aws_core::server_name::ServerName;
use log2aws_service::http::{ProblemCode, UrlSubject};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::{AuditEvent, redacted};
use crate::s3::access::{claimed_access_key, is_signed};
use crate::server::ANALYZED_BUCKET;
use crate::ui::{TokenName, is_a_visit};

/// Why a request was refused, in one word. An extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct RefusalReason(pub(crate) Cow<'static, str>);

/// The access keys that exist. Any other value sent as an access key is not logged: it may be a
/// secret in the wrong place.
pub(crate) struct KnownKeys {
    /// The operator's.
    pub(crate) operator: String,
    /// The one that signs URLs.
    pub(crate) signing: String,
}

/// Classifies a request by its head alone. Returns `None` if it is not an event: pages about the
/// server itself, and the dashboard's assets, calendar and login page.
pub(crate) fn classify(parts: &Parts, keys: &KnownKeys, now: Timestamp) -> Option<AuditEvent> {
    match parts.uri.path() {
        "/-/healthz" | "/-/readyz" | "/-/metrics" => None,
        "/" if !is_signed(parts) => (!is_a_visit(parts)).then(|| url_request(parts, now)),
        path if path == "/ui" || path.starts_with("/ui/") => dashboard(parts, path, now),
        path => Some(s3_request(parts, path, keys, now)),
    }
}

/// Adds the fields known from the response. Returns `false` if the response shows that this was not
/// an event.
pub(crate) fn complete(event: &mut AuditEvent, answer: &http::response::Parts) -> bool {
    let status = answer.status.as_u16();
    event.status = Some(status);
    if let Some(name) = answer.extensions.get::<TokenName>() {
        event.principal = Some(format!("token:{name}"));
    }
    if let Some(subject) = answer.extensions.get::<UrlSubject>() {
        event.server = subject.server.as_ref().map(ToString::to_string).or(event.server.take());
        event.date = subject.day.map(|day| day.to_string()).or(event.date.take());
        event.bytes = subject.bytes;
        event.bucket = subject.bucket.as_ref().map(ToString::to_string);
        event.key = subject.key.as_ref().map(ToString::to_string);
    }
    if let Some(version) = text(&answer.headers, "x-amz-version-id") {
        event.version.get_or_insert(version.to_owned());
    }
    if event.event == "get" && answer.status.is_success() {
        event.bytes = number(&answer.headers, CONTENT_LENGTH.as_str());
    }
    if status >= 400 {
        event.reason = reason(event, answer);
    }
    // A prefetch or a HEAD does not use up the login link: it gets the page with the form.
    event.event != "login" || status != 200
}

/// Why a request was refused, in one word.
fn reason(event: &AuditEvent, answer: &http::response::Parts) -> Option<String> {
    if let Some(RefusalReason(reason)) = answer.extensions.get::<RefusalReason>() {
        return Some(reason.to_string());
    }
    if let Some(ProblemCode(code)) = answer.extensions.get::<ProblemCode>() {
        return Some((*code).to_owned());
    }
    let known = match (&*event.event, answer.status.as_u16()) {
        ("login", 401) => "wrong_token_or_link",
        ("login" | "logout", 403) => "form_of_another_site",
        ("login", 429) => "too_many_tries",
        ("login", 503) => "no_token",
        _ => answer.status.canonical_reason()?,
    };
    Some(known.to_owned())
}

fn url_request(parts: &Parts, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(now, "url");
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "server" => event.server = value.parse().ok().map(|name: ServerName| name.to_string()),
            "date" => event.date = value.parse().ok().map(|day: Day| day.to_string()),
            _ => {}
        }
    }
    event
}

fn dashboard(parts: &Parts, path: &str, now: Timestamp) -> Option<AuditEvent> {
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let event = match path {
        "/ui/login" => {
            let once = parts.method == Method::GET && has(parts, "once");
            return (once || parts.method == Method::POST).then(|| AuditEvent::new(now, "login"));
        }
        "/ui/logout" => {
            return (parts.method == Method::POST).then(|| AuditEvent::new(now, "logout"));
        }
        "/ui/events" | "/ui/lang" => return None,
        _ if path.starts_with("/ui/assets/") || !reads => return None,
        _ if parts.method == Method::HEAD => AuditEvent::new(now, "head"),
        _ => AuditEvent::new(now, "get"),
    };
    // As the dashboard's router does: it splits first, and decodes each segment.
    let below = path.strip_prefix("/ui")?.split('/').skip(1);
    let decode = |part| percent_decode_str(part).decode_utf8().ok();
    let segments: Vec<Cow<'_, str>> = below.map(decode).collect::<Option<_>>().unwrap_or_default();
    let segments: Vec<&str> = segments.iter().map(|part| &**part).collect();
    match *segments {
        ["" | "status.json"] => None,
        _ if path == "/ui" => None,
        ["compare"] => Some(compare(parts, event)),
        ["s", server, ref rest @ ..] => {
            let server = server.parse::<ServerName>().ok();
            let date = rest.first().and_then(|date| date.parse::<Day>().ok());
            Some(AuditEvent {
                server: server.map(|server| server.to_string()),
                date: date.map(|date| date.to_string()),
                detail: Some(redacted(&decoded(path)).into_owned()),
                ..event
            })
        }
        _ => Some(AuditEvent { detail: Some(redacted(&decoded(path)).into_owned()), ..event }),
    }
}

/// The comparison of servers on one day.
fn compare(parts: &Parts, event: AuditEvent) -> AuditEvent {
    let mut servers: Vec<String> = Vec::new();
    for server in values(parts, "s").filter_map(|name| name.trim().parse::<ServerName>().ok()) {
        if !servers.iter().any(|known| *known == *server.as_str()) {
            servers.push(server.to_string());
        }
    }
    let date = values(parts, "date").find(|date| !date.is_empty());
    let date = date.and_then(|date| date.trim().parse::<Day>().ok());
    let detail = Some(format!("/ui/compare: {}", servers.join(",")));
    let server = if servers.len() == 1 { servers.pop() } else { None };
    AuditEvent { server, date: date.map(|date| date.to_string()), detail, ..event }
}

fn s3_request(parts: &Parts, path: &str, keys: &KnownKeys, now: Timestamp) -> AuditEvent {
    let path = decoded(path.strip_prefix('/').unwrap_or(path));
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let mut event = AuditEvent::new(now, operation(parts, key));
    event.principal = claimed_access_key(parts).and_then(|claimed| {
        let named = |key: &str| claimed == key;
        let operator = named(&keys.operator).then(|| keys.operator.clone());
        operator.or_else(|| named(&keys.signing).then(|| "url".to_owned()))
    });
    let shown = redacted(bucket);
    event.bucket = Some(shown.clone().into_owned()).filter(|bucket| !bucket.is_empty());
    // In a bucket that contains a query, the key is the rest of it.
    set_key(&mut event, if shown == bucket { key } else { "" });
    if event.event == "list" && key.is_empty() {
        let prefix = values(parts, "prefix").next().filter(|prefix| !prefix.is_empty());
        event.key = prefix.map(|prefix| redacted(&prefix).into_owned());
    }
    if matches!(parts.method, Method::PUT) {
        event.bytes = number(&parts.headers, "x-amz-decoded-content-length")
            .or_else(|| number(&parts.headers, CONTENT_LENGTH.as_str()));
    }
    event
}

/// Sets the object of an event, with the server and day of its log.
pub(super) fn set_key(event: &mut AuditEvent, key: &str) {
    if key.is_empty() {
        return;
    }
    let shown = redacted(key);
    event.key = Some(shown.clone().into_owned());
    if let Some((server, day)) = log_of(key).or_else(|| log_of(&shown)) {
        event.server = Some(server.to_string());
        event.date = Some(day.to_string());
    }
    let writes = matches!(&*event.event, "put" | "copy" | "delete" | "upload_complete");
    if writes && event.bucket.as_deref() == Some(ANALYZED_BUCKET) && key.starts_with(RECORDS_PREFIX)
    {
        let change = if event.event == "delete" { "removed" } else { "written" };
        event.detail = Some(change.to_owned());
        event.event = "setting".into();
    }
}

/// The server and day in a key of the form `…/{server}/{date}.…`.
fn log_of(key: &str) -> Option<(ServerName, Day)> {
    let (folders, file) = key.rsplit_once('/')?;
    let server = folders.rsplit('/').next()?.parse().ok()?;
    let (date, _) = file.split_once('.')?;
    Some((server, Day::parse_canonical(date).ok()?))
}

/// The operation, by the same parameters and in the same order as s3s routes it.
fn operation(parts: &Parts, key: &str) -> &'static str {
    let upload = has(parts, "uploadId");
    match (&parts.method, key.is_empty()) {
        (&Method::HEAD, _) => "head",
        (&Method::GET, true) => "list",
        (&Method::GET, false) if upload => "list",
        (&Method::GET, false) => "get",
        (&Method::PUT, false) if upload && has(parts, "partNumber") => "upload_part",
        (&Method::PUT, _) if parts.headers.contains_key("x-amz-copy-source") => "copy",
        (&Method::PUT, _) => "put",
        (&Method::POST, false) if has(parts, "uploads") => "upload_create",
        (&Method::POST, false) if upload => "upload_complete",
        (&Method::POST, true) if has(parts, "delete") => "delete",
        (&Method::DELETE, false) if upload => "upload_abort",
        (&Method::DELETE, _) => "delete",
        _ => "other",
    }
}

/// The percent-decoded path, or the path as sent if it does not decode to UTF-8.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8().map_or_else(|_| path.to_owned(), Into::into)
}

fn values<'a>(parts: &'a Parts, wanted: &'a str) -> impl Iterator<Item = String> + 'a {
    let query = parts.uri.query().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.filter(move |(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

fn has(parts: &Parts, wanted: &str) -> bool {
    values(parts, wanted).next().is_some()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

#[cfg(test)]
mod tests;
