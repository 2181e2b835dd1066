//! Delivers one log: requests a URL, uploads, interprets the responses, and retries.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::encrypted_url::{Fresh, RequestId};
use ureq::http::StatusCode;

use crate::net::client::{Client, Reply};
use crate::net::error::{HttpError, SourceReader};
use crate::server_keys::ServerKeys;
use crate::spool::{Delivery, Destination, LogFile};
use crate::world::Time;

use super::answer::{self, Target, Upload, UrlRequest};
use super::attempt_error::{self, AttemptError, Failure, stays};
use super::report::day_range;
use super::{LastDelivery, Progress, ShipConfig, retry};

/// The store's acknowledgement.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    pub(crate) attempts: u32,
    /// The duration of the upload including the response.
    pub(crate) took: Duration,
}

/// What became of an attempt without an error.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// The store acknowledged the upload.
    Now(Receipt),
    /// Nothing was sent: the API leads to the store of the earlier delivery.
    RecordApplies,
}

/// What the store had of a day that this machine has no record of: the first put of such a day is
/// made only if the key has no object (`If-None-Match: *`).
#[derive(Debug, Default)]
pub(crate) enum FirstPut {
    /// There was no such day.
    #[default]
    None,
    /// Nothing: the put was accepted.
    Accepted,
    /// A log. The warning about it.
    Refused(String),
}

/// What a run learns for later.
#[derive(Debug, Default)]
pub(crate) struct RunFindings {
    /// The last delivery.
    pub(crate) delivered: Option<LastDelivery>,
    /// Our address as the API sees it.
    pub(crate) source: Option<IpAddr>,
    /// When the server allows the next request, if that is after this run.
    pub(crate) not_before: Option<Timestamp>,
    /// Whether another machine seems to use our name.
    pub(crate) first_put: FirstPut,
}

/// The state of a run.
pub(crate) struct Shipper<'a> {
    pub(crate) config: &'a ShipConfig,
    pub(crate) time: &'a dyn Time,
    pub(crate) findings: &'a mut RunFindings,
    /// Whether other logs are waiting.
    pub(crate) others_wait: bool,
    /// The store that the API leads to, as far as it is known.
    pub(crate) destination: Destination,
    /// The warnings so far, in the order in which they were reported.
    pub(crate) warnings: Vec<String>,
    /// The logs of another store were counted and reported.
    elsewhere_reported: bool,
    today: Day,
    client: &'a Client,
    keys: &'a ServerKeys,
    /// When the run must end, on the monotonic clock.
    deadline: Duration,
    on_progress: &'a mut dyn FnMut(Progress<'_>),
}

impl<'a> Shipper<'a> {
    /// The time limit starts now.
    pub(crate) fn new(
        config: &'a ShipConfig,
        client: &'a Client,
        keys: &'a ServerKeys,
        today: Day,
        time: &'a dyn Time,
        on_progress: &'a mut dyn FnMut(Progress<'_>),
        findings: &'a mut RunFindings,
    ) -> Self {
        let deadline = time.elapsed().saturating_add(config.max_time);
        Self {
            config,
            time,
            findings,
            others_wait: false,
            destination: config.spool.destination(&config.api.to_string()),
            warnings: Vec::new(),
            elsewhere_reported: false,
            today,
            client,
            keys,
            deadline,
            on_progress,
        }
    }

    pub(crate) fn progress(&mut self, progress: Progress<'_>) {
        (self.on_progress)(progress);
    }

    /// Reports a warning at once: before anything is sent that it is about.
    pub(crate) fn warn(&mut self, warning: String) {
        self.progress(Progress::Warning(&warning));
        self.warnings.push(warning);
    }

    /// Delivers a log, with a new URL for each attempt. `before` is the record of an earlier
    /// delivery to a store that may turn out to be this one; `is_new`: there is no record at all.
    pub(crate) fn deliver(
        &mut self,
        day: Day,
        log: &mut LogFile,
        before: Option<&Delivery>,
        is_new: bool,
    ) -> Result<Delivered, Failure> {
        let (mut attempt, mut hurried) = (0, false);
        loop {
            attempt += 1;
            let (reason, retry_after, at_once, failure) = match self
                .attempt(day, log, before, is_new, attempt)
            {
                Ok(delivered) => return Ok(delivered),
                Err(AttemptError::Final(failure)) => return Err(failure.map(|text| stays(&text))),
                Err(AttemptError::Again { reason, retry_after, at_once, failure }) => {
                    (reason, retry_after, at_once, failure)
                }
            };
            // An immediate retry happens only once, so that a server cannot make us loop.
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
                format!(
                    "gave up: the next retry is in {wait} s, but only {left} s of --max-time are left"
                )
            } else {
                tracing::info!(%day, attempt, wait_ms = wait.as_millis(), reason, "trying again");
                self.progress(Progress::Waiting { day, reason: &reason, wait });
                self.time.sleep(wait);
                continue;
            };
            let later = retry_after.and_then(|wait| self.time.now().checked_add(wait).ok());
            self.findings.not_before = later;
            return Err(failure(stays(&format!("{reason}; {why}"))));
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.time.elapsed())
    }

    /// The time limit of an upload: one log too large for the line must leave time for the others.
    fn left_for_upload(&self) -> Duration {
        if self.others_wait { self.left() / 2 } else { self.left() }
    }

    fn attempt(
        &mut self,
        day: Day,
        log: &mut LogFile,
        before: Option<&Delivery>,
        is_new: bool,
        attempts: u32,
    ) -> Result<Delivered, AttemptError> {
        let upload = self.ask(day, log)?;
        if let Some(before) = before {
            if self.destination.has(before) {
                return Ok(Delivered::RecordApplies);
            }
            self.report_elsewhere();
        }
        // Only the first attempt, as an earlier one may have arrived though its answer was lost; and
        // one warning is enough for a run.
        let is_refused = matches!(self.findings.first_put, FirstPut::Refused(_));
        let only_if_absent = is_new && attempts == 1 && !is_refused;
        let start = self.time.elapsed();
        let reply = self.put(log, &upload, only_if_absent)?;
        let took = self.time.elapsed().saturating_sub(start);
        let origin = upload.url.origin();
        if only_if_absent && reply.status == StatusCode::PRECONDITION_FAILED {
            self.report_name_conflict(day);
            return Err(AttemptError::Again {
                reason: format!("the store {origin} has a log of this day already"),
                retry_after: None,
                at_once: true,
                failure: Failure::Upload,
            });
        }
        if reply.status != StatusCode::OK {
            return Err(attempt_error::of_store(&reply, &origin, self.time.now()));
        }
        let (etag, checksum) = (reply.header("etag"), reply.header("x-amz-checksum-sha256"));
        if let Some(fault) = answer::not_from_a_store(etag, checksum, &reply.body, &log.sha256) {
            let reason = format!(
                "{origin} answered 200 to the upload, but not as a store does: {fault}; does a \
                 proxy or a login page stand in between?"
            );
            return Err(AttemptError::again(reason, Failure::Upload));
        }
        if only_if_absent {
            self.findings.first_put = FirstPut::Accepted;
        }
        let text = |name| reply.header(name).map(|value| value.chars().take(200).collect());
        let (etag, version_id) = (text("etag"), text("x-amz-version-id"));
        Ok(Delivered::Now(Receipt { etag, version_id, attempts, took }))
    }

    /// Learns the store from an answer of the API.
    fn learn_store(&mut self, store: Option<&str>) {
        if let Err(error) = self.destination.learn(&self.config.spool.state_dir, store) {
            tracing::info!(%error, "the store's name cannot be kept; the next run asks again");
        }
    }

    /// Reports how many logs are sent once more, because they were delivered to another store.
    fn report_elsewhere(&mut self) {
        if std::mem::replace(&mut self.elsewhere_reported, true) {
            return;
        }
        let spool = &self.config.spool;
        let days = spool.delivered_elsewhere(&self.destination, self.today).unwrap_or_default();
        let Some(days) = day_range(&days) else { return };
        let api = &self.config.api;
        let this = match self.destination.store() {
            Some(store) => format!("{api} leads to the store {store}"),
            None => format!("{api} does not name its store"),
        };
        self.warn(format!(
            "{days}: delivered to another store before, and sent again, for {this}; \
             --since limits the days"
        ));
    }

    /// Reports that the store has a log of this day that is not from here. It is replaced, and stays
    /// in the store as an older version.
    fn report_name_conflict(&mut self, day: Day) {
        let server = &self.config.spool.server;
        let warning = format!(
            "the store already had a log of {day} as {server}, and this machine has no record of \
             its delivery: another machine may have the same name, or the state folder was lost; \
             give each machine a name of its own with --server"
        );
        self.findings.first_put = FirstPut::Refused(warning.clone());
        self.warn(warning);
    }

    /// Requests a URL from the API.
    fn ask(&mut self, day: Day, log: &LogFile) -> Result<Upload, AttemptError> {
        let config = self.config;
        let random = self.time.random().map(Fresh::new).map_err(|error| {
            let reason = format!("the system gives no random bytes: {error}");
            AttemptError::Final(Failure::Everything(reason))
        })?;
        let request_id = RequestId::generate(&random);
        let asked = UrlRequest {
            server: &config.spool.server,
            day,
            size: log.size,
            sha256: log.sha256,
            tls: config.api.url().scheme() == "https",
            api: config.api.url(),
            upload_hosts: &config.upload_hosts,
            request_id: &request_id,
            keys: self.keys.private(),
            what: Target::Log,
        };
        let reply =
            self.client.get(&asked.request(), self.left()).map_err(|error| match error {
                HttpError::Transport { .. } => {
                    AttemptError::again(error.to_string(), Failure::Everything)
                }
                // The same again would be refused again, and could lock an account.
                HttpError::ProxyRefused { .. } => {
                    AttemptError::Final(Failure::Refused(error.to_string()))
                }
                other => AttemptError::Final(Failure::Everything(other.to_string())),
            })?;
        self.findings.source = attempt_error::source(&reply).or(self.findings.source);
        let store = attempt_error::store(&reply);
        if reply.status != StatusCode::OK {
            return Err(attempt_error::of_api(&reply, self.config, self.time.now()));
        }
        let asked = UrlRequest { tls: reply.tls, ..asked };
        let media_type = reply.header("content-type");
        let upload = answer::check(media_type, &reply.body, &asked).map_err(|error| {
            let api = &self.config.api;
            let reason = format!("unexpected answer from the API {api}: {error}");
            AttemptError::Final(Failure::Everything(reason))
        })?;
        self.learn_store(store.as_deref());
        Ok(upload)
    }

    /// Uploads the bytes; `only_if_absent`: unless the store has an object under this key.
    fn put(
        &self,
        log: &mut LogFile,
        upload: &Upload,
        only_if_absent: bool,
    ) -> Result<Reply, AttemptError> {
        let (size, within) = (log.size, self.left_for_upload());
        let bytes = log.bytes().map_err(|error| {
            AttemptError::Final(Failure::ThisLog(format!("the log cannot be read again: {error}")))
        })?;
        let mut bytes = SourceReader(bytes);
        let url = upload.url.expose();
        let mut headers = upload.headers.clone();
        if only_if_absent {
            // Not signed: S3 evaluates it all the same.
            headers.push(("if-none-match".to_owned(), "*".to_owned()));
        }
        self.client.put(url, &headers, &mut bytes, within).map_err(|error| match error {
            HttpError::Transport { .. } => AttemptError::again(error.to_string(), Failure::Upload),
            HttpError::ProxyRefused { .. } => {
                AttemptError::Final(Failure::Refused(error.to_string()))
            }
            HttpError::Log(_) => AttemptError::Final(Failure::ThisLog(error.to_string())),
            HttpError::Late { .. } => {
                let (had, max) = (within.as_secs(), self.config.max_time.as_secs());
                AttemptError::Final(Failure::Upload(format!(
                    "{error} ({size} bytes in {had} s, of --max-time {max} s)"
                )))
            }
            other => AttemptError::Final(Failure::Everything(other.to_string())),
        })
    }
}
