//! The main loop of the service: wake, do what is due, report, wait.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::strtime;
use log2aws_core::day::Day;

use super::port::{Facts, Host, Phase, RunConfig, Shipped, WakeReasons};
use super::schedule::{RETRY_REFUSED, Schedule, retry_after};
use crate::ship::LastShip;
use crate::world::is_default_host_name;

/// How long the shipping process may exceed its own time limit before it is ended.
const GRACE: Duration = Duration::from_mins(1);

/// The longest Retry-After that is honoured: the host's next moment comes within a day anyway.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Samples and ships until the host says stop.
///
/// # Errors
/// The host cannot wait any more. Nothing else ends it: other errors are logged, counted and
/// retried.
pub fn run(config: RunConfig, host: &mut dyn Host) -> io::Result<()> {
    let mut service = Service::new(config, host);
    service.plan();
    service.publish();
    service.tell(Phase::Ready);
    tracing::info!("at work, a sample each {}: {}", service.config.interval, service.status());
    let ended = service.work();
    service.tell(Phase::Stopping);
    tracing::info!("told to end");
    service.host.stop_ship();
    ended
}

/// The state of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ship {
    /// No process is running. The earlier of these two is when to check for pending days.
    Waiting {
        /// This host's next shipping moment.
        moment: Timestamp,
        /// After a start with overdue days, or a failure; on the monotonic clock, because a clock
        /// that is set repeatedly must not delay it for ever.
        soon: Option<Duration>,
    },
    /// A process is running.
    Working {
        /// When it must have ended, on the monotonic clock.
        deadline: Duration,
    },
}

struct Service<'a> {
    host: &'a mut dyn Host,
    config: RunConfig,
    schedule: Schedule,
    /// When the last sample was taken or failed.
    last_try: Option<Timestamp>,
    /// The error of the last sample.
    sample_trouble: Option<String>,
    ship: Ship,
    /// The error of the host name.
    name_trouble: Option<String>,
    /// The day of the last check for pending days.
    looked: Option<Date>,
    /// Consecutive failed deliveries.
    failures: u32,
    facts: Facts,
}

impl<'a> Service<'a> {
    fn new(config: RunConfig, host: &'a mut dyn Host) -> Self {
        let last_try = host.last_sample(&config);
        Self {
            schedule: config.schedule(),
            ship: Ship::Waiting { moment: Timestamp::MAX, soon: None },
            facts: Facts {
                last_sample: last_try,
                last_delivery: host.last_ship(&config).and_then(|last| Some(last.delivered?.at)),
                ..Facts::default()
            },
            host,
            config,
            last_try,
            sample_trouble: None,
            name_trouble: None,
            looked: None,
            failures: 0,
        }
    }

    fn work(&mut self) -> io::Result<()> {
        loop {
            let now = self.host.now();
            if self.schedule.sample_is_due(self.last_try, now) {
                self.sample();
            }
            self.ship_if_due();
            let woken = self.wait()?;
            if woken.stop {
                return Ok(());
            }
            if let Some(how) = woken.shipped {
                self.shipped(how);
            }
            if woken.reload {
                self.reload();
            }
            if woken.clock_set {
                tracing::info!("the clock was set, or the machine slept");
                self.update_zone();
                self.plan();
            }
        }
    }

    fn wait(&mut self) -> io::Result<WakeReasons> {
        let next_mark = self.schedule.marks(self.host.now()).1;
        let elapsed = self.host.elapsed();
        match self.ship {
            Ship::Waiting { moment, soon } => {
                let within = soon.map_or(Duration::MAX, |soon| soon.saturating_sub(elapsed));
                self.host.wait(next_mark.min(moment), within)
            }
            Ship::Working { deadline } => {
                let left = deadline.saturating_sub(elapsed);
                if left.is_zero() {
                    self.host.stop_ship();
                    tracing::error!("the process that ships did not end in time and was ended");
                    self.retry_later(retry_after);
                    return Ok(WakeReasons::default());
                }
                self.host.wait(next_mark, left)
            }
        }
    }

    fn sample(&mut self) {
        let result = self.host.sample(&self.config);
        // The work before the line (a first sample measures for a while) can pass a mark.
        self.last_try = Some(self.host.now());
        let trouble = match result {
            Ok(trouble) => {
                self.facts.samples += 1;
                self.facts.last_sample = self.last_try;
                trouble
            }
            Err(error) => {
                self.facts.failed_samples += 1;
                Some(format!("no sample: {error}"))
            }
        };
        // A disk that stays full is reported once, not every ten minutes.
        if trouble != self.sample_trouble {
            if let Some(trouble) = &trouble {
                tracing::error!("{trouble}");
            } else {
                tracing::info!("nothing is wrong with the samples any more");
            }
            self.sample_trouble = trouble;
        }
        // A new day: yesterday's log is now pending.
        if self.looked.is_some_and(|looked| looked != self.today()) {
            self.update_zone();
            self.look();
        }
        self.publish();
    }

    fn today(&self) -> Date {
        self.host.now().to_zoned(self.schedule.zone.clone()).date()
    }

    /// The shipping process uses the current time zone, so the service must too.
    fn update_zone(&mut self) {
        let zone = self.host.zone(&self.config);
        if zone == self.config.zone {
            return;
        }
        let name = zone.iana_name().unwrap_or("another one").to_owned();
        tracing::warn!("the zone of this machine was changed: days are those of {name} now");
        self.config.zone = zone;
        self.schedule = self.config.schedule();
        self.plan();
    }

    /// Whether logs can be delivered under the current host name. A machine can get its name after
    /// this service has started.
    fn has_a_name(&mut self) -> bool {
        if !self.config.is_named_by_host {
            return true;
        }
        let trouble = match self.host.host_name() {
            Ok(name) => {
                if name != self.config.spool.server {
                    let before = &self.config.spool.server;
                    tracing::warn!("this machine is called {name} now, and no longer {before}");
                    self.config.rename(&name);
                    self.schedule = self.config.schedule();
                }
                is_default_host_name(&name).then(|| {
                    format!(
                        "this server is called {name}, as every machine is that was given no name, \
                         and their logs would stand under one key with this one's"
                    )
                })
            }
            Err(error) => Some(error),
        };
        if trouble != self.name_trouble {
            if let Some(trouble) = &trouble {
                tracing::error!(
                    "nothing is delivered: {trouble}; name it with the key server in the config \
                     file, or give the machine a host name"
                );
            }
            self.name_trouble = trouble;
        }
        self.name_trouble.is_none()
    }

    /// Plans the next delivery: at the next moment, or soon if one was missed. An earlier plan for
    /// soon stays.
    fn plan(&mut self) {
        let Ship::Waiting { soon, .. } = self.ship else { return };
        self.look();
        let soon = soon.or_else(|| {
            if self.overdue().is_empty() {
                return None;
            }
            // Retry-After survives a restart; otherwise all restarted hosts would return at once.
            let wait = self.remaining_retry_after().saturating_add(self.schedule.catch_up());
            Some(self.host.elapsed().saturating_add(wait))
        });
        self.wait_for_moment(soon);
    }

    /// The remaining Retry-After.
    fn remaining_retry_after(&mut self) -> Duration {
        let now = self.host.now();
        let last = self.host.last_ship(&self.config);
        // A value from a clock that was ahead is ignored.
        let until = last.filter(|last| last.at <= now).and_then(|last| {
            let longest = last.at.checked_add(MAX_RETRY_AFTER).unwrap_or(Timestamp::MAX);
            Some(last.not_before?.min(longest))
        });
        until.and_then(|until| until.duration_since(now).try_into().ok()).unwrap_or_default()
    }

    /// Updates the pending days; returns whether they are known.
    fn look(&mut self) -> bool {
        self.looked = Some(self.today());
        // Without an API nothing can be pending.
        self.facts.pending = None;
        if self.config.ship.is_none() {
            return true;
        }
        match self.host.pending(&self.config) {
            Ok(days) => self.facts.pending = Some(days),
            Err(error) => tracing::error!("what is left to ship cannot be known: {error}"),
        }
        self.facts.pending.is_some()
    }

    /// The pending days whose moment has passed.
    fn overdue(&self) -> Vec<Day> {
        let now = self.host.now();
        let pending = self.facts.pending.iter().flatten().copied();
        pending.filter(|day| self.schedule.moment_of(*day) <= now).collect()
    }

    fn ship_if_due(&mut self) {
        let Ship::Waiting { moment, soon } = self.ship else { return };
        let is_soon = soon.is_some_and(|soon| soon <= self.host.elapsed());
        if moment > self.host.now() && !is_soon {
            return;
        }
        if self.config.ship.is_none() {
            return self.wait_for_moment(None);
        }
        self.update_zone();
        if !self.look() || !self.has_a_name() {
            self.retry_later(retry_after);
            return self.publish();
        }
        // After the name, which is part of it.
        let Some(order) = self.config.ship.clone() else { return };
        if self.facts.pending.as_ref().is_none_or(Vec::is_empty) {
            self.wait_for_moment(None);
            return self.publish();
        }
        let remaining_retry_after = self.remaining_retry_after();
        if !remaining_retry_after.is_zero() {
            let wait = remaining_retry_after.saturating_add(self.schedule.catch_up());
            let soon = Some(self.host.elapsed().saturating_add(wait));
            self.wait_for_moment(soon);
            return self.tell(Phase::Ready);
        }
        match self.host.start_ship(&order) {
            Ok(()) => {
                let within = order.max_time.saturating_add(GRACE);
                let deadline = self.host.elapsed().saturating_add(within);
                self.ship = Ship::Working { deadline };
                self.facts.next_ship = None;
                self.tell(Phase::Ready);
            }
            Err(error) => {
                tracing::error!("the process that ships cannot be started: {error}");
                self.retry_later(retry_after);
            }
        }
    }

    /// The shipping process has ended; it has logged its own results.
    fn shipped(&mut self, how: Shipped) {
        let last = self.read_last_ship();
        // It reports success, which counts only if nothing is pending.
        let known = self.look();
        let overdue = self.overdue();
        let done = known && overdue.is_empty();
        match how {
            Shipped::Exit(0) if done => {
                self.failures = 0;
                self.facts.shipped = Some(true);
                self.wait_for_moment(None);
            }
            // The only undelivered days are in the future.
            Shipped::Exit(4) if done => self.wait_for_moment(None),
            Shipped::Exit(code @ (0 | 1 | 4 | 5)) => {
                if code == 0 && known {
                    let days: Vec<String> = overdue.iter().map(Day::to_string).collect();
                    tracing::warn!(
                        "the process that ships is done, but these days are still pending: {}",
                        days.join(", ")
                    );
                } else if let Some(error) = last.and_then(|last| last.error) {
                    tracing::error!("not all was delivered: {error}");
                }
                let asked = self.remaining_retry_after();
                self.retry_later(|failures, jitter| match code {
                    5 => asked.max(RETRY_REFUSED),
                    _ => asked.saturating_add(retry_after(failures, jitter)),
                });
            }
            Shipped::Exit(code) => {
                tracing::error!("the process that ships ended with exit code {code}");
                self.retry_later(|_, _| RETRY_REFUSED);
            }
            Shipped::Signal(signal) => {
                tracing::error!("the process that ships was ended by signal {signal}");
                self.retry_later(retry_after);
            }
        }
        self.publish();
        self.tell(Phase::Ready);
    }

    /// After a failure: retries later.
    fn retry_later(&mut self, wait: impl Fn(u32, f64) -> Duration) {
        self.failures = self.failures.saturating_add(1);
        self.facts.shipped = Some(false);
        let wait = wait(self.failures, self.host.jitter());
        self.wait_for_moment(Some(self.host.elapsed().saturating_add(wait)));
        if let Some(next) = self.facts.next_ship {
            tracing::info!("the next delivery is tried at {}", self.clock(next));
        }
    }

    fn wait_for_moment(&mut self, soon: Option<Duration>) {
        let now = self.host.now();
        let moment = self.schedule.next_moment(now);
        self.ship = Ship::Waiting { moment, soon };
        self.facts.next_ship = self.config.ship.as_ref().map(|_| {
            let soon = soon.map(|soon| soon.saturating_sub(self.host.elapsed()));
            let soon = soon.and_then(|wait| now.checked_add(wait).ok());
            soon.map_or(moment, |soon| soon.min(moment))
        });
    }

    fn reload(&mut self) {
        self.tell(Phase::Reloading);
        match self.host.reload() {
            Ok(config) => {
                tracing::info!("the config was read anew");
                self.schedule = config.schedule();
                self.config = config;
                // After a change of the config, try at once.
                self.failures = 0;
                self.name_trouble = None;
                if matches!(self.ship, Ship::Waiting { .. }) {
                    self.wait_for_moment(None);
                }
                self.last_try = self.host.last_sample(&self.config);
                self.read_last_ship();
                self.plan();
            }
            Err(error) => tracing::error!("the config stays as it was: {error}"),
        }
        self.publish();
        self.tell(Phase::Ready);
    }

    /// The result of the last ship.
    fn read_last_ship(&mut self) -> Option<LastShip> {
        let last = self.host.last_ship(&self.config);
        self.facts.last_delivery = last.as_ref().and_then(|last| Some(last.delivered?.at));
        last
    }

    fn publish(&mut self) {
        self.host.publish(&self.config, &self.facts);
    }

    fn tell(&mut self, phase: Phase) {
        self.host.tell(phase, &self.status());
    }

    fn status(&self) -> String {
        let mut status = match self.facts.last_sample {
            Some(at) => format!("last sample {}", self.clock(at)),
            None => "no sample yet".to_owned(),
        };
        match (self.ship, self.facts.next_ship) {
            (Ship::Working { .. }, _) => status.push_str("; shipping"),
            (Ship::Waiting { .. }, Some(at)) => {
                status.push_str("; next delivery ");
                status.push_str(&self.clock(at));
            }
            (Ship::Waiting { .. }, None) => status.push_str("; no API to ship to"),
        }
        status
    }

    /// A time in the local zone.
    fn clock(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.schedule.zone.clone());
        strtime::format("%F %T", &zoned).unwrap_or_else(|_| at.to_string())
    }
}
