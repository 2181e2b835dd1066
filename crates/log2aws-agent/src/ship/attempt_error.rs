//! Why a delivery failed, as a sentence, and what may help. Pure.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::net::client::Reply;

use super::answer::{SOURCE_HEADER, STORE_HEADER};
use super::{ShipConfig, answer, retry};

/// The longest name of a store: a bucket's and an id's.
const MAX_STORE_NAME: usize = 400;

/// A failed delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Specific to this log; others may succeed.
    ThisLog(String),
    /// The upload of this log failed, because of the log or the network.
    Upload(String),
    /// Any other log would fail too.
    Everything(String),
    /// The server refuses this machine.
    Refused(String),
}

impl Failure {
    /// The same with another text.
    pub(crate) fn map(self, text: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::ThisLog(old) => Self::ThisLog(text(old)),
            Self::Upload(old) => Self::Upload(text(old)),
            Self::Everything(old) => Self::Everything(text(old)),
            Self::Refused(old) => Self::Refused(text(old)),
        }
    }
}

/// A failed attempt, and what may help.
pub(super) enum AttemptError {
    /// Retry, but not before the server allows it.
    Again {
        reason: String,
        retry_after: Option<Duration>,
        /// Retry immediately, because waiting does not help.
        at_once: bool,
        /// The failure if retries do not help.
        failure: fn(String) -> Failure,
    },
    Final(Failure),
}

impl AttemptError {
    pub(super) fn again(reason: String, failure: fn(String) -> Failure) -> Self {
        Self::Again { reason, retry_after: None, at_once: false, failure }
    }
}

/// Adds what to check first if a failure persists.
pub(super) fn stays(what: &str) -> String {
    if what.ends_with('?') {
        format!("{what} The log stays, the next run tries again")
    } else {
        format!("{what}; the log stays, the next run tries again")
    }
}

/// The meaning of an API response other than 200.
pub(super) fn of_api(reply: &Reply, config: &ShipConfig, now: Timestamp) -> AttemptError {
    let (api, status) = (&config.api, reply.status.as_u16());
    let detail = answer::detail(&reply.body).map_or_else(String::new, |text| format!(": {text}"));
    // Without our header it may be the proxy's own answer.
    let is_ours = reply.header(SOURCE_HEADER).is_some();
    let via = if is_ours { String::new() } else { by_way_of(reply) };
    match status {
        // All our own responses contain the caller's address.
        403 if !is_ours => AttemptError::Final(Failure::Refused(format!(
            "{api}{} answers 403{detail}, but not as log2aws does: is that its whole \
             address, and does nothing in between refuse this machine? (--api)",
            by_way_of(reply)
        ))),
        // It is not the address.
        403 if answer::is_about_a_key(&reply.body) => AttemptError::Final(Failure::Refused(
            format!("the API {api} gives no URL (403{detail})"),
        )),
        403 => AttemptError::Final(Failure::Refused(format!(
            "the API {api} refuses this machine (403{detail}){}; the allow-list must hold this \
             address for server {}",
            seen_as(reply),
            config.spool.server
        ))),
        400 if is_ours => AttemptError::Final(Failure::ThisLog(format!(
            "the API {api} does not take this log (400{detail})"
        ))),
        400 => AttemptError::Final(Failure::ThisLog(format!(
            "the API {api}{via} does not understand the request (400{detail}); is that its address, \
             with http or https as it has it?"
        ))),
        // A day that may not be replaced says nothing about the others.
        409 => AttemptError::Final(Failure::ThisLog(format!(
            "the API {api} does not take this day again (409{detail})"
        ))),
        408 | 429 | 500..=599 => {
            let what = match status {
                429 => "has too many requests at the moment",
                503 => "is not available at the moment",
                _ => "failed",
            };
            AttemptError::Again {
                reason: format!("the API {api}{via} {what} ({status}{detail})"),
                retry_after: retry_after(reply, now),
                at_once: false,
                failure: Failure::Everything,
            }
        }
        _ => AttemptError::Final(Failure::Everything(format!(
            "the API {api}{via} answered {status}{detail}; is --api the address that the deployment \
             printed?"
        ))),
    }
}

/// The meaning of a store response other than 200: only 200 is an acknowledgement.
pub(super) fn of_store(reply: &Reply, origin: &str, now: Timestamp) -> AttemptError {
    let status = reply.status.as_u16();
    let code = answer::store_code(&reply.body);
    let detail = code.as_deref().map_or_else(|| status.to_string(), |c| format!("{status} {c}"));
    let expired = answer::is_expired(&reply.body);
    let (reason, failure): (_, fn(String) -> Failure) = match status {
        // A rule of the server, which the next attempt meets again: it says nothing of other days.
        409 if matches!(code.as_deref(), Some("TooManyVersions" | "DayIsFinal")) => {
            let why = answer::store_message(&reply.body)
                .map_or_else(String::new, |message| format!(": {message}"));
            return AttemptError::Final(Failure::ThisLog(format!(
                "the store {origin} does not take this day again ({detail}){why}"
            )));
        }
        _ if expired => (
            format!(
                "the store {origin} says that the URL has expired ({detail}): is the way there \
             so slow, or the clock of the API or of the store wrong?"
            ),
            Failure::Refused,
        ),
        403 => (
            format!(
                "the store {origin}{} refuses the upload ({detail}): {}",
                by_way_of(reply),
                why(code.as_deref())
            ),
            Failure::Refused,
        ),
        429 | 503 => (
            format!("the store {origin}{} asks to slow down ({detail})", by_way_of(reply)),
            Failure::Everything,
        ),
        507 => (format!("the store {origin} is full ({detail})"), Failure::Everything),
        300..=399 => (
            format!("the store {origin} sends the upload elsewhere ({detail}); not followed"),
            Failure::Everything,
        ),
        201..=299 => {
            (format!("the store {origin} answered {detail}, which is no receipt"), Failure::Upload)
        }
        _ => (
            format!("the store {origin}{} did not take the log ({detail})", by_way_of(reply)),
            Failure::Upload,
        ),
    };
    AttemptError::Again { reason, retry_after: retry_after(reply, now), at_once: expired, failure }
}

fn retry_after(reply: &Reply, now: Timestamp) -> Option<Duration> {
    retry::retry_after(reply.header("retry-after")?, now)
}

/// Our address as the API sees it, if the response contains it.
pub(super) fn source(reply: &Reply) -> Option<IpAddr> {
    reply.header(SOURCE_HEADER)?.parse().ok()
}

/// The name of the store that the API leads to, if the response contains it.
pub(super) fn store(reply: &Reply) -> Option<String> {
    let name = reply.header(STORE_HEADER)?;
    let fits =
        (1..=MAX_STORE_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| name.to_owned())
}

/// The proxy, if it can have answered in the server's place.
fn by_way_of(reply: &Reply) -> String {
    let proxy = reply.proxy.as_ref();
    proxy.map_or_else(String::new, |proxy| format!(" by way of the proxy {proxy}"))
}

fn seen_as(reply: &Reply) -> String {
    source(reply).map_or_else(String::new, |ip| format!("; it sees us as {ip}"))
}

/// The most likely cause of a 403 from the store.
fn why(code: Option<&str>) -> &'static str {
    match code {
        Some("SignatureDoesNotMatch") => {
            "a proxy in between changes requests, or the API signs with a key that is no longer good"
        }
        Some("RequestTimeTooSkewed") => {
            "the clocks of the API, which signed the URL, and of the store differ too much; \
             their administrators must set them"
        }
        Some("InvalidAccessKeyId" | "InvalidToken" | "AccountProblem" | "AllAccessDisabled") => {
            "the API's own key is not good there; its administrator must look at that"
        }
        _ => {
            "this machine's address may not put (allow-list, bucket policy), the URL had expired, \
             or a proxy changes requests"
        }
    }
}
