//! One log to the store: a URL, a PUT, and what their answers mean; again while there is hope.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use ureq::http::StatusCode;
use url::Url;

use crate::spool::LogFile;
use crate::world::Time;

use super::answer::{self, Asked};
use super::http::{Client, HttpError, Reply};
use super::rate::Paced;
use super::{LastDelivery, Progress, ShipConfig, retry};

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
        refused: bool,
    },
    Final(Failure),
}

impl Trouble {
    fn again(reason: String, retry_after: Option<Duration>) -> Self {
        Self::Again { reason, retry_after, refused: false }
    }
}

/// Who delivers, and what is learnt on the way.
pub(crate) struct Shipper<'a> {
    pub(crate) config: &'a ShipConfig,
    pub(crate) time: &'a dyn Time,
    client: &'a Client,
    /// When all must be done, on the clock that never goes back.
    deadline: Duration,
    tell: &'a mut dyn FnMut(Progress<'_>),
    /// The last delivery.
    pub(crate) delivered: Option<LastDelivery>,
    /// Our address as the API sees it.
    pub(crate) source: Option<IpAddr>,
    /// When the server wants to be asked again, if that is too late for this run.
    pub(crate) not_before: Option<Timestamp>,
}

impl<'a> Shipper<'a> {
    pub(crate) fn new(
        config: &'a ShipConfig,
        client: &'a Client,
        time: &'a dyn Time,
        deadline: Duration,
        tell: &'a mut dyn FnMut(Progress<'_>),
    ) -> Self {
        let (delivered, source, not_before) = (None, None, None);
        Self { config, time, client, deadline, tell, delivered, source, not_before }
    }

    pub(crate) fn tell(&mut self, progress: Progress<'_>) {
        (self.tell)(progress);
    }

    /// Delivers a log, with a new URL for each attempt.
    pub(crate) fn deliver(&mut self, day: Day, log: &mut LogFile) -> Result<Receipt, Failure> {
        let mut attempt = 1;
        loop {
            let (reason, retry_after, refused) = match self.attempt(day, log, attempt) {
                Ok(receipt) => return Ok(receipt),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Again { reason, retry_after, refused }) => {
                    (reason, retry_after, refused)
                }
            };
            let give_up = |why: String| {
                let text = format!("{reason}; {why}; the log stays, the next run tries again");
                Err(if refused { Failure::Refused(text) } else { Failure::Everything(text) })
            };
            let wait = retry::wait(attempt, self.time.jitter(), retry_after);
            if attempt == retry::ATTEMPTS || wait >= self.left() {
                self.not_before =
                    retry_after.and_then(|wait| self.time.now().checked_add(wait).ok());
            }
            if attempt == retry::ATTEMPTS {
                return give_up(format!("given up after {attempt} attempts"));
            }
            if wait >= self.left() {
                let left = self.left().as_secs();
                let wait = wait.as_secs();
                return give_up(format!(
                    "to wait {wait} s more is too long: --max-time leaves {left} s"
                ));
            }
            tracing::info!(%day, attempt, wait_ms = wait.as_millis(), reason, "trying again");
            self.tell(Progress::Waiting { day, reason: &reason, wait });
            self.time.sleep(wait);
            attempt += 1;
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.time.elapsed())
    }

    fn attempt(&mut self, day: Day, log: &mut LogFile, attempts: u32) -> Result<Receipt, Trouble> {
        let server = &self.config.server;
        let url = self.request_url(day, log);
        let reply = self.client.get(&url, self.left()).map_err(|error| transport(&error))?;
        self.source = source(&reply).or(self.source);
        if reply.status != StatusCode::OK {
            return Err(self.api_trouble(&reply));
        }
        let asked = Asked {
            server,
            day,
            size: log.size,
            sha256: log.sha256,
            tls: reply.tls,
            api: self.config.api.url(),
            upload_hosts: &self.config.upload_hosts,
        };
        let upload = answer::check(&reply.body, &asked).map_err(|error| {
            let reason = format!("the API {} cannot be believed: {error}", self.config.api);
            Trouble::Final(Failure::Everything(reason))
        })?;

        let (size, within, start) = (log.size, self.left(), self.time.elapsed());
        let bytes = log.bytes().map_err(|error| {
            Trouble::Final(Failure::ThisLog(format!("the log cannot be read again: {error}")))
        })?;
        let mut on_read = |sent| (self.tell)(Progress::Sending { day, sent, size });
        let mut bytes = Paced::new(bytes, self.config.limit_rate, self.time, &mut on_read);
        let reply =
            self.client.put(&upload, &mut bytes, within).map_err(|error| transport(&error))?;
        let took = self.time.elapsed().saturating_sub(start);
        if reply.status != StatusCode::OK {
            return Err(self.store_trouble(&upload.url.origin(), &reply));
        }
        let text = |name| reply.header(name).map(|value| value.chars().take(200).collect());
        Ok(Receipt { etag: text("etag"), version_id: text("x-amz-version-id"), attempts, took })
    }

    fn request_url(&self, day: Day, log: &LogFile) -> Url {
        let mut url = self.config.api.url().clone();
        url.query_pairs_mut()
            .append_pair("server", self.config.server.as_str())
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
                     address, and does nothing in between refuse this machine? (--api); the log \
                     stays, the next run tries again"
                )))
            }
            403 => Trouble::Final(Failure::Refused(format!(
                "the API {api} refuses this machine (403{said}){}; the allow-list must hold this \
                 address for server {}; the log stays, the next run tries again",
                seen_as(reply),
                self.config.server
            ))),
            400 => Trouble::Final(Failure::ThisLog(format!(
                "the API {api} does not understand the request (400{said}); is that its address, \
                 with http or https as it has it?"
            ))),
            408 | 429 | 500..=599 => {
                let what = match status {
                    429 => "has too many requests at the moment",
                    503 => "is not available at the moment",
                    _ => "failed",
                };
                let reason = format!("the API {api} {what} ({status}{said})");
                Trouble::again(reason, self.retry_after(reply))
            }
            _ => Trouble::Final(Failure::Everything(format!(
                "the API {api} answered {status}{said}; is --api the address that the deployment \
                 printed?"
            ))),
        }
    }

    /// What an answer of the store other than 200 means: only 200 says that it has the log.
    fn store_trouble(&self, origin: &str, reply: &Reply) -> Trouble {
        let status = reply.status.as_u16();
        let code = answer::store_code(&reply.body);
        let said = code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
        let (reason, refused) = match status {
            403 => (
                format!(
                    "the store {origin} refuses the upload ({said}): the URL had expired, this \
                     machine's address may not put, or a proxy changes requests"
                ),
                true,
            ),
            429 | 503 => (format!("the store {origin} asks to slow down ({said})"), false),
            507 => (format!("the store {origin} is full ({said})"), false),
            300..=399 => (
                format!("the store {origin} sends the upload elsewhere ({said}); not followed"),
                false,
            ),
            201..=299 => {
                (format!("the store {origin} answered {said}, which is no receipt"), false)
            }
            _ => (format!("the store {origin} did not take the log ({said})"), false),
        };
        Trouble::Again { reason, retry_after: self.retry_after(reply), refused }
    }

    fn retry_after(&self, reply: &Reply) -> Option<Duration> {
        retry::retry_after(reply.header("retry-after")?, self.time.now())
    }
}

/// What tells an answer of generate-url from that of anybody in its place.
const SOURCE_HEADER: &str = "log2aws-source";

/// Our address as the API sees it, where it says so.
fn source(reply: &Reply) -> Option<IpAddr> {
    reply.header(SOURCE_HEADER)?.parse().ok()
}

fn seen_as(reply: &Reply) -> String {
    source(reply).map_or_else(String::new, |ip| format!("; it sees us as {ip}"))
}

fn transport(error: &HttpError) -> Trouble {
    match error {
        HttpError::Transport { .. } => Trouble::again(error.to_string(), None),
        _ => Trouble::Final(Failure::Everything(error.to_string())),
    }
}
