//! One log to the store: a URL, a PUT, and what their answers mean; again while there is hope.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use ureq::http::StatusCode;
use url::Url;

use crate::spool::LogFile;
use crate::world::Time;

use super::answer::{self, Asked, Upload};
use super::http::{Client, HttpError, Reply};
use super::rate::Paced;
use super::{LastDelivery, Progress, ShipConfig, rate, retry};

/// Said of every failure, for it is the first thing that is asked.
const STAYS: &str = "the log stays, the next run tries again";

/// What the store said when it took a log.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    pub(crate) attempts: u32,
    /// How long the upload took, answer included.
    pub(crate) took: Duration,
}

/// How a log was not delivered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Not this log; another may pass.
    ThisLog(String),
    /// This log's bytes did not arrive; that may be its own fault, or the line's.
    Upload(String),
    /// No other log would fare better now.
    Everything(String),
    /// The server does not let us.
    Refused(String),
}

/// Why one attempt failed, and what may help.
enum Trouble {
    /// Another attempt, not before the server wants it.
    Again {
        reason: String,
        retry_after: Option<Duration>,
        /// Waiting would help nobody.
        at_once: bool,
        /// What it is if it stays so.
        failure: fn(String) -> Failure,
    },
    Final(Failure),
}

impl Trouble {
    fn again(reason: String, failure: fn(String) -> Failure) -> Self {
        Self::Again { reason, retry_after: None, at_once: false, failure }
    }

    fn not_before(self, wait: Option<Duration>) -> Self {
        match self {
            Self::Again { reason, at_once, failure, .. } => {
                Self::Again { reason, retry_after: wait, at_once, failure }
            }
            Self::Final(failure) => Self::Final(failure),
        }
    }
}

/// What is learnt on the way.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    /// The last delivery.
    pub(crate) delivered: Option<LastDelivery>,
    /// Our address as the API sees it.
    pub(crate) source: Option<IpAddr>,
    /// When the server wants to be asked again, if that is too late for this run.
    pub(crate) not_before: Option<Timestamp>,
}

/// Who delivers.
pub(crate) struct Shipper<'a> {
    pub(crate) config: &'a ShipConfig,
    pub(crate) time: &'a dyn Time,
    pub(crate) learnt: &'a mut Learnt,
    /// Whether other logs wait for their turn.
    pub(crate) others_wait: bool,
    client: &'a Client,
    /// When all must be done, on the clock that never goes back.
    deadline: Duration,
    tell: &'a mut dyn FnMut(Progress<'_>),
}

impl<'a> Shipper<'a> {
    /// The time that all of it may take begins now.
    pub(crate) fn new(
        config: &'a ShipConfig,
        client: &'a Client,
        time: &'a dyn Time,
        tell: &'a mut dyn FnMut(Progress<'_>),
        learnt: &'a mut Learnt,
    ) -> Self {
        let deadline = time.elapsed().saturating_add(config.max_time);
        Self { config, time, learnt, others_wait: false, client, deadline, tell }
    }

    pub(crate) fn tell(&mut self, progress: Progress<'_>) {
        (self.tell)(progress);
    }

    /// Delivers a log, with a new URL for each attempt.
    pub(crate) fn deliver(&mut self, day: Day, log: &mut LogFile) -> Result<Receipt, Failure> {
        let (mut attempt, mut hurried) = (0, false);
        loop {
            attempt += 1;
            let (reason, retry_after, at_once, failure) = match self.attempt(day, log, attempt) {
                Ok(receipt) => return Ok(receipt),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Again { reason, retry_after, at_once, failure }) => {
                    (reason, retry_after, at_once, failure)
                }
            };
            // At once is once: a server that always says so is not to be run down.
            let wait = if at_once && !hurried {
                hurried = true;
                Duration::ZERO
            } else {
                retry::wait(attempt, self.time.jitter(), retry_after)
            };
            let why = if attempt == retry::ATTEMPTS {
                format!("given up after {attempt} attempts")
            } else if wait >= self.left() {
                let (wait, left) = (wait.as_secs(), self.left().as_secs());
                format!("to wait {wait} s more is too long: --max-time leaves {left} s")
            } else {
                tracing::info!(%day, attempt, wait_ms = wait.as_millis(), reason, "trying again");
                self.tell(Progress::Waiting { day, reason: &reason, wait });
                self.time.sleep(wait);
                continue;
            };
            let later = retry_after.and_then(|wait| self.time.now().checked_add(wait).ok());
            self.learnt.not_before = later;
            return Err(failure(format!("{reason}; {why}; {STAYS}")));
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.time.elapsed())
    }

    /// How long an upload may take: one log that is too long for the line must not leave those
    /// behind it without time.
    fn left_for_upload(&self) -> Duration {
        if self.others_wait { self.left() / 2 } else { self.left() }
    }

    fn attempt(&mut self, day: Day, log: &mut LogFile, attempts: u32) -> Result<Receipt, Trouble> {
        self.in_time(log.size)?;
        let upload = self.ask(day, log)?;
        let start = self.time.elapsed();
        let reply = self.put(day, log, &upload)?;
        let took = self.time.elapsed().saturating_sub(start);
        let origin = upload.url.origin();
        if reply.status != StatusCode::OK {
            return Err(self.store_trouble(&origin, &reply));
        }
        let (etag, checksum) = (reply.header("etag"), reply.header("x-amz-checksum-sha256"));
        if let Some(fault) = answer::no_receipt(etag, checksum, &reply.body, &log.sha256) {
            let reason = format!(
                "{origin} answered 200 to the upload, but not as a store does: {fault}; does a \
                 proxy or a login page stand in between?"
            );
            return Err(Trouble::again(reason, Failure::Upload));
        }
        let text = |name| reply.header(name).map(|value| value.chars().take(200).collect());
        let (etag, version_id) = (text("etag"), text("x-amz-version-id"));
        Ok(Receipt { etag, version_id, attempts, took })
    }

    /// Asks the API for a URL.
    fn ask(&mut self, day: Day, log: &LogFile) -> Result<Upload, Trouble> {
        let url = self.request_url(day, log);
        let reply = self.client.get(&url, self.left()).map_err(|error| match error {
            HttpError::Transport { .. } => Trouble::again(error.to_string(), Failure::Everything),
            other => Trouble::Final(Failure::Everything(format!("{other}; {STAYS}"))),
        })?;
        self.learnt.source = source(&reply).or(self.learnt.source);
        if reply.status != StatusCode::OK {
            return Err(self.api_trouble(&reply));
        }
        let asked = Asked {
            server: &self.config.spool.server,
            day,
            size: log.size,
            sha256: log.sha256,
            tls: reply.tls,
            api: self.config.api.url(),
            upload_hosts: &self.config.upload_hosts,
        };
        answer::check(&reply.body, &asked).map_err(|error| {
            let api = &self.config.api;
            let reason = format!("the API {api} cannot be believed: {error}; {STAYS}");
            Trouble::Final(Failure::Everything(reason))
        })
    }

    /// Sends the bytes.
    fn put(&mut self, day: Day, log: &mut LogFile, upload: &Upload) -> Result<Reply, Trouble> {
        let (size, within) = (log.size, self.left_for_upload());
        let bytes = log.bytes().map_err(|error| {
            Trouble::Final(Failure::ThisLog(format!("the log cannot be read again: {error}")))
        })?;
        let mut on_read = |sent| (self.tell)(Progress::Sending { day, sent, size });
        let mut bytes = Paced::new(bytes, self.config.limit_rate, self.time, &mut on_read);
        self.client.put(upload, &mut bytes, within).map_err(|error| match error {
            HttpError::Transport { .. } => Trouble::again(error.to_string(), Failure::Upload),
            HttpError::Log(_) => Trouble::Final(Failure::ThisLog(format!("{error}; {STAYS}"))),
            HttpError::Late { .. } => {
                let (had, max) = (within.as_secs(), self.config.max_time.as_secs());
                Trouble::Final(Failure::Upload(format!(
                    "{error} ({size} bytes in {had} s, of --max-time {max} s); {STAYS}"
                )))
            }
            other => Trouble::Final(Failure::Everything(format!("{other}; {STAYS}"))),
        })
    }

    fn request_url(&self, day: Day, log: &LogFile) -> Url {
        let mut url = self.config.api.url().clone();
        url.query_pairs_mut()
            .append_pair("server", self.config.spool.server.as_str())
            .append_pair("date", &day.to_string())
            .append_pair("size", &log.size.to_string())
            .append_pair("sha256", &log.sha256_hex());
        url
    }

    /// What an answer of the API other than 200 means.
    fn api_trouble(&self, reply: &Reply) -> Trouble {
        let (api, status) = (&self.config.api, reply.status.as_u16());
        let said = answer::detail(&reply.body).map_or_else(String::new, |text| format!(": {text}"));
        match status {
            // Every answer of ours names the caller's address.
            403 if reply.header(SOURCE_HEADER).is_none() => {
                Trouble::Final(Failure::Refused(format!(
                    "{api} answers 403{said}, but not as log2aws does: is that its whole \
                     address, and does nothing in between refuse this machine? (--api); {STAYS}"
                )))
            }
            403 => Trouble::Final(Failure::Refused(format!(
                "the API {api} refuses this machine (403{said}){}; the allow-list must hold this \
                 address for server {}; {STAYS}",
                seen_as(reply),
                self.config.spool.server
            ))),
            400 => Trouble::Final(Failure::ThisLog(format!(
                "the API {api} does not understand the request (400{said}); is that its address, \
                 with http or https as it has it? {STAYS}"
            ))),
            408 | 429 | 500..=599 => {
                let what = match status {
                    429 => "has too many requests at the moment",
                    503 => "is not available at the moment",
                    _ => "failed",
                };
                let reason = format!("the API {api} {what} ({status}{said})");
                Trouble::again(reason, Failure::Everything).not_before(self.retry_after(reply))
            }
            _ => Trouble::Final(Failure::Everything(format!(
                "the API {api} answered {status}{said}; is --api the address that the deployment \
                 printed? {STAYS}"
            ))),
        }
    }

    /// What an answer of the store other than 200 means: only 200 says that it has the log.
    fn store_trouble(&self, origin: &str, reply: &Reply) -> Trouble {
        let status = reply.status.as_u16();
        let code = answer::store_code(&reply.body);
        let said = code.as_deref().map_or_else(|| status.to_string(), |c| format!("{status} {c}"));
        let expired = answer::is_expired(&reply.body);
        let (reason, failure): (_, fn(String) -> Failure) = match status {
            _ if expired => (
                format!(
                    "the store {origin} says that the URL has expired ({said}): is the way there \
                     so slow, or the clock of the API or of the store wrong?"
                ),
                Failure::Refused,
            ),
            403 => (
                format!("the store {origin} refuses the upload ({said}): {}", why(code.as_deref())),
                Failure::Refused,
            ),
            429 | 503 => {
                (format!("the store {origin} asks to slow down ({said})"), Failure::Everything)
            }
            507 => (format!("the store {origin} is full ({said})"), Failure::Everything),
            300..=399 => (
                format!("the store {origin} sends the upload elsewhere ({said}); not followed"),
                Failure::Everything,
            ),
            201..=299 => (
                format!("the store {origin} answered {said}, which is no receipt"),
                Failure::Upload,
            ),
            _ => (format!("the store {origin} did not take the log ({said})"), Failure::Upload),
        };
        Trouble::Again { reason, retry_after: self.retry_after(reply), at_once: expired, failure }
    }

    /// Whether the bound on the rate leaves time enough: a log that will be cut off in the middle
    /// is not begun.
    fn in_time(&self, size: u64) -> Result<(), Trouble> {
        let Some(rate) = self.config.limit_rate else { return Ok(()) };
        let needs = rate::time_of(size, rate);
        if needs < self.left_for_upload() {
            return Ok(());
        }
        let (needs, max) = (needs.as_secs(), self.config.max_time.as_secs());
        let left = self.left_for_upload().as_secs();
        Err(Trouble::Final(Failure::Upload(format!(
            "{size} bytes take {needs} s at --limit-rate {rate}, but --max-time ({max} s) leaves \
             {left} s for this log; raise either if it stays so; {STAYS}"
        ))))
    }

    fn retry_after(&self, reply: &Reply) -> Option<Duration> {
        retry::retry_after(reply.header("retry-after")?, self.time.now())
    }
}

/// What tells an answer of generate-url from that of anybody in its place.
pub(crate) const SOURCE_HEADER: &str = "log2aws-source";

/// Our address as the API sees it, where it says so.
fn source(reply: &Reply) -> Option<IpAddr> {
    reply.header(SOURCE_HEADER)?.parse().ok()
}

fn seen_as(reply: &Reply) -> String {
    source(reply).map_or_else(String::new, |ip| format!("; it sees us as {ip}"))
}

/// What a 403 of the store is most likely about.
fn why(code: Option<&str>) -> &'static str {
    match code {
        Some("SignatureDoesNotMatch") => {
            "a proxy in between changes requests, or the API signs with a key that is no longer good"
        }
        Some("InvalidAccessKeyId" | "InvalidToken" | "AccountProblem" | "AllAccessDisabled") => {
            "the API's own key is not good there; whoever runs it must look"
        }
        _ => {
            "this machine's address may not put (allow-list, bucket policy), the URL had expired, \
             or a proxy changes requests"
        }
    }
}
