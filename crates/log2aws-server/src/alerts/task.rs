//! The background task: applies the rules, writes down what is to be told, and tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::alert::{AsOf, Book, DayFacts, Outbox, Overload, ServerFacts, Verdict, evaluate};
use log2aws_core::server_name::ServerName;
use log2aws_dashboard::store_index::StoreIndex;
use log2aws_dashboard::{AlertBoard, AlertSource, HookStatus};
use log2aws_service::ports::Clock;

use super::config::{AlertConfig, Webhook};
use super::overloads::{self, Overloads};
use super::sender::{SendError, Sender, TellError};
use super::state_file::StateFile;
use crate::background::{BackgroundTask, Next, Stop, TaskError};
use crate::metrics::Metrics;

/// How often it is checked what is due. The rules are only applied if something has changed.
const EVERY: Duration = Duration::from_secs(30);

/// Seconds.
const QUARTER_HOUR: i64 = 15 * 60;

/// The same until the rules have been applied once: the index is loading.
const WHILE_LOADING: Duration = Duration::from_secs(2);

/// The delay after a first failure of a webhook; doubles with each further one in a row.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// The maximum of that delay, and of what a webhook can ask for.
const LONGEST_RETRY: Duration = Duration::from_hours(1);

/// A webhook that did not take the last message.
#[derive(Debug)]
struct Retry {
    failures: u32,
    failed_at: Timestamp,
    not_before: Timestamp,
    error: String,
}

/// The current alerts, for the pages. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedBoard(Arc<RwLock<Arc<AlertBoard>>>);

impl SharedBoard {
    /// The current alerts.
    pub(crate) fn source(&self) -> AlertSource {
        let shared = self.0.clone();
        Arc::new(move || shared.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn set(&self, board: AlertBoard) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(board);
    }
}

/// Applies the rules, and tells the webhooks.
pub(crate) struct AlertTask {
    config: AlertConfig,
    index: StoreIndex,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    board: SharedBoard,
    /// The dashboard's page of the alerts, if others can reach it.
    link: Option<String>,
    state: StateFile,
    /// Read at the first run.
    book: Option<Book>,
    sender: Option<Sender>,
    retries: BTreeMap<String, Retry>,
    overloads: Overloads,
    /// The revision of the index and the quarter of an hour for which the rules were last applied.
    applied: Option<(u64, i64)>,
    /// Whether the rules were applied at all since the start.
    is_known: bool,
}

impl AlertTask {
    /// A task that keeps its state in `folder`.
    pub(crate) fn new(
        config: AlertConfig,
        folder: &Path,
        index: StoreIndex,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        (board, link): (SharedBoard, Option<String>),
    ) -> Self {
        let sender = (!config.webhooks.is_empty()).then(Sender::new);
        Self {
            config,
            index,
            clock,
            metrics,
            board,
            link,
            state: StateFile::new(folder),
            book: None,
            sender,
            retries: BTreeMap::new(),
            overloads: Overloads::default(),
            applied: None,
            is_known: false,
        }
    }

    #[cfg(test)]
    pub(super) fn set_sender(&mut self, sender: Sender) {
        self.sender = Some(sender);
    }
}

impl BackgroundTask for AlertTask {
    fn name(&self) -> &'static str {
        "alerts"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        let mut book = match self.book.take() {
            Some(book) => book,
            None => self.state.read()?,
        };
        let result = self.run(&mut book, stop);
        self.publish(&book);
        // After a failed write the file is older than the book, which is written again.
        self.book = Some(book);
        result?;
        let now = self.clock.now();
        let waits = self.retries.values().map(|retry| retry.not_before.duration_since(now));
        let wait = waits.filter_map(|wait| Duration::try_from(wait).ok()).min();
        let every = if self.is_known { EVERY } else { WHILE_LOADING };
        Ok(Next::after(wait.map_or(every, |wait| wait.clamp(Duration::from_secs(1), every))))
    }
}

impl AlertTask {
    fn run(&mut self, book: &mut Book, stop: &Stop) -> Result<(), TaskError> {
        let now = self.clock.now();
        let before = book.clone();
        let hooks: BTreeSet<&str> =
            self.config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
        book.set_hooks(&hooks, now);
        self.apply(book, now, stop);
        for webhook in &self.config.webhooks {
            let quiet = webhook.quiet.as_ref();
            let is_quiet = quiet.is_some_and(|(hours, zone)| hours.contains(now, zone));
            book.form(&webhook.name, is_quiet, now);
        }
        book.prune(now);
        // What is told must be on disk before.
        if *book != before || self.state.is_stale() {
            self.state.write(book)?;
        }
        for webhook in self.config.webhooks.clone() {
            self.tell(book, &webhook, stop)?;
        }
        Ok(())
    }

    /// Applies the rules, if anything has changed since.
    fn apply(&mut self, book: &mut Book, now: Timestamp, stop: &Stop) {
        let Some(as_of) = AsOf::at(now, self.index.zone()) else { return };
        let revision = self.index.revision();
        // In any time zone noon is at a quarter of an hour.
        let quarter = now.as_second() / QUARTER_HOUR;
        if self.applied == Some((revision, quarter)) {
            return;
        }
        let Some(mut verdicts) = self.verdicts(as_of) else { return };
        if self.overloads.read_wanted(&self.index, &|| stop.is_set()) {
            let Some(again) = self.verdicts(as_of) else { return };
            verdicts = again;
        }
        if stop.is_set() {
            return;
        }
        self.overloads.prune(as_of.not_due);
        let is_unknown = |verdict: &Verdict| matches!(verdict, Verdict::Unknown { .. });
        let known = !verdicts.iter().any(|(_, verdicts)| verdicts.iter().any(is_unknown));
        let (index, rules) = (&self.index, &self.config.rules);
        let mut network = |server: &ServerName| {
            let days = index.server(server).unwrap_or_default();
            let last = days.last().map_or(as_of.not_due, |(day, _)| *day);
            overloads::network(index, server, last)
        };
        let told = book.update(rules, &verdicts, &mut network, now);
        self.is_known = true;
        for told in &told {
            tracing::info!(alert = told.alert, change = ?told.change, "an alert has changed");
        }
        if !told.is_empty() {
            index.touch();
        }
        // What could not be read is asked for again.
        self.applied = known.then_some((revision, quarter));
    }

    /// What the rules say about each server that is not in order; `None` while the index is loading.
    fn verdicts(&mut self, as_of: AsOf) -> Option<Vec<(ServerName, Vec<Verdict>)>> {
        let (rules, overloads) = (&self.config.rules, &mut self.overloads);
        let mut all = Vec::new();
        let known = self.index.each_server(as_of.not_due, &mut |facts, as_of, tags| {
            let ServerFacts { server, days, .. } = facts;
            let mut overload = |day: &DayFacts, limit: f64| {
                let at = days.partition_point(|known| known.day < day.day);
                let tag = tags.get(at).copied();
                tag.map_or(Overload::Unknown, |tag| overloads.get(server, day.day, tag, limit))
            };
            let verdicts = evaluate(rules, facts, as_of, &mut overload);
            if !verdicts.is_empty() {
                all.push((server.clone(), verdicts));
            }
        });
        known.then_some(all)
    }

    /// Sends the messages of a webhook, one after the other, until one is not taken.
    fn tell(&mut self, book: &mut Book, webhook: &Webhook, stop: &Stop) -> Result<(), TaskError> {
        let name = &webhook.name;
        while let Some(message) = book.outbox(name).and_then(Outbox::next).cloned() {
            let now = self.clock.now();
            // A clock that was set back ends the wait.
            let waits = |retry: &Retry| (retry.failed_at..retry.not_before).contains(&now);
            if stop.is_set() || self.retries.get(name).is_some_and(waits) {
                return Ok(());
            }
            let Some(sender) = &self.sender else { return Ok(()) };
            match sender.tell(webhook, &message, self.link.as_deref(), now) {
                Ok(()) => {
                    self.metrics.count_notification("sent");
                    self.retries.remove(name);
                    book.taken(name, &message.id);
                    self.state.write(book)?;
                }
                Err(failure) => {
                    self.metrics.count_notification("failed");
                    self.failed(name, &failure, now);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn failed(&mut self, name: &str, failure: &TellError, now: Timestamp) {
        let failures = self.retries.get(name).map_or(0, |retry| retry.failures).saturating_add(1);
        let doubled = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let asked = match failure {
            TellError::Send(SendError::Status { retry_after, .. }) => *retry_after,
            _ => None,
        };
        let wait = asked.unwrap_or(doubled).clamp(Duration::from_secs(1), LONGEST_RETRY);
        let (webhook, error, retry_in_seconds) = (name, failure.to_string(), wait.as_secs());
        tracing::warn!(webhook, error, failures, retry_in_seconds, "a webhook took no message");
        let not_before = now.checked_add(wait).unwrap_or(now);
        self.retries.insert(name.to_owned(), Retry { failures, failed_at: now, not_before, error });
    }

    /// Shows the state to the pages and as metrics.
    fn publish(&self, book: &Book) {
        let mut alerts: Vec<_> = book.alerts().map(|(_, alert)| alert.clone()).collect();
        alerts.sort_by_key(|alert| {
            let newest = std::cmp::Reverse(alert.resolved.unwrap_or(alert.found));
            (!alert.is_firing(), newest, std::cmp::Reverse(alert.severity), alert.server.clone())
        });
        let hooks = self.config.webhooks.iter().map(|webhook| {
            let retry = self.retries.get(&webhook.name);
            HookStatus {
                name: webhook.name.clone(),
                pending: book.outbox(&webhook.name).map_or(0, Outbox::messages),
                failures: retry.map_or(0, |retry| retry.failures),
                error: retry.map(|retry| retry.error.clone()),
            }
        });
        let board = AlertBoard {
            rules: self.config.rules.clone(),
            alerts,
            hooks: hooks.collect(),
            is_known: self.is_known,
        };
        for rule in &self.config.rules {
            let firing =
                board.alerts.iter().filter(|alert| alert.is_firing() && alert.rule == rule.name);
            self.metrics.set_alerts_firing(&rule.name, firing.count());
        }
        let pending = board.hooks.iter().map(|hook| hook.pending).sum();
        self.metrics.set_notifications_pending(pending);
        self.board.set(board);
    }
}
