//! The main loop of the service: wake, do what is due, report, wait.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use log2aws_core::day::Day;

use super::port::{
    Facts, Phase, Platform, RunConfig, RunError, SampleOutcome, SampleProblem, WakeReasons,
};
use super::schedule::{Schedule, retry_after};
use super::status_line;
use crate::world::is_default_host_name;

mod shipping;

/// How long the shipping process may exceed its own time limit before it is ended.
const GRACE: Duration = Duration::from_mins(1);

/// The longest Retry-After that is honoured: the host's next moment comes within a day anyway.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// At how many marks in a row a folder must be lost before the service ends.
const MAX_LOST: u32 = 2;

/// How often an invalid config file is read again.
const CONFIG_RETRY: Duration = Duration::from_secs(10);

/// Samples and ships until the platform says stop (SIGTERM).
///
/// # Errors
/// The platform cannot wait any more; or a folder was lost for several marks and a service manager
/// starts the service again. Nothing else ends it: other errors are logged, counted and retried.
pub fn run(config: RunConfig, platform: &mut dyn Platform) -> Result<(), RunError> {
    let mut service = Service::new(config, platform);
    service.plan();
    service.publish(Phase::Ready);
    let interval = service.config.interval;
    if let Some(error) = &service.config.config_error {
        tracing::info!("at work, a sample each {interval}");
        tracing::error!("nothing is delivered until the config is right: {error}");
    } else {
        tracing::info!("at work, a sample each {interval}: {}", service.status());
    }
    let ended = service.work();
    service.notify(Phase::Stopping);
    if ended.is_ok() {
        tracing::info!("asked to stop");
    }
    service.platform.stop_ship();
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
    platform: &'a mut dyn Platform,
    config: RunConfig,
    schedule: Schedule,
    /// When the last sample was taken or failed.
    last_try: Option<Timestamp>,
    /// At how many marks in a row a folder could not be written.
    folder_lost: u32,
    ship: Ship,
    /// The error of the host name.
    name_problem: Option<String>,
    /// Pending days that another store has, if they are too many to be sent at once.
    resent: Vec<Day>,
    /// When they are sent.
    resend_at: Option<Timestamp>,
    /// The day of the last check for pending days.
    pending_as_of: Option<Date>,
    /// Consecutive failed deliveries.
    failures: u32,
    facts: Facts,
}

impl<'a> Service<'a> {
    fn new(config: RunConfig, platform: &'a mut dyn Platform) -> Self {
        let last_try = platform.last_sample(&config);
        Self {
            schedule: config.schedule(),
            ship: Ship::Waiting { moment: Timestamp::MAX, soon: None },
            facts: Facts {
                last_sample: last_try,
                last_delivery: platform
                    .last_ship(&config)
                    .and_then(|last| Some(last.delivered?.at)),
                config_error: config.config_error.clone(),
                ..Facts::default()
            },
            platform,
            config,
            last_try,
            folder_lost: 0,
            name_problem: None,
            resent: Vec::new(),
            resend_at: None,
            pending_as_of: None,
            failures: 0,
        }
    }

    fn work(&mut self) -> Result<(), RunError> {
        loop {
            let now = self.platform.now();
            if self.schedule.sample_is_due(self.last_try, now) {
                self.sample();
            }
            if self.folder_lost >= MAX_LOST && self.platform.is_managed() {
                let message = self.facts.sample_problem.clone().unwrap_or_default();
                return Err(RunError::FolderLost { message });
            }
            self.ship_if_due();
            let reasons = self.wait()?;
            if reasons.stop {
                return Ok(());
            }
            if let Some(how) = reasons.shipped {
                self.shipped(how);
            }
            if reasons.reload {
                self.reload();
            } else if self.config.config_error.is_some() {
                self.retry_config();
            }
            if reasons.clock_set {
                tracing::info!("the clock was set, or the machine slept");
                self.update_zone();
                self.plan();
            }
        }
    }

    fn wait(&mut self) -> io::Result<WakeReasons> {
        let next_sample = self.schedule.sample_times(self.platform.now()).1;
        let elapsed = self.platform.elapsed();
        match self.ship {
            Ship::Waiting { moment, soon } => {
                let within = soon.map_or(Duration::MAX, |soon| soon.saturating_sub(elapsed));
                let is_right = self.config.config_error.is_none();
                let within = if is_right { within } else { within.min(CONFIG_RETRY) };
                self.platform.wait(next_sample.min(moment), within)
            }
            Ship::Working { deadline } => {
                let left = deadline.saturating_sub(elapsed);
                if left.is_zero() {
                    self.platform.stop_ship();
                    tracing::error!("the process that ships did not end in time and was ended");
                    self.retry_later(retry_after);
                    self.publish(Phase::Working);
                    return Ok(WakeReasons::default());
                }
                self.platform.wait(next_sample, left)
            }
        }
    }

    fn sample(&mut self) {
        let outcome = self.platform.sample(&self.config);
        // The work before the line (a first sample measures for a while) can pass a mark.
        self.last_try = Some(self.platform.now());
        let problem = match outcome {
            SampleOutcome::Interrupted => return,
            SampleOutcome::Written(problem) => {
                self.facts.samples += 1;
                self.facts.last_sample = self.last_try;
                problem
            }
            SampleOutcome::Failed(problem) => {
                self.facts.failed_samples += 1;
                Some(SampleProblem {
                    message: format!("no sample: {}", problem.message),
                    ..problem
                })
            }
        };
        let is_lost = problem.as_ref().is_some_and(|problem| problem.folder_lost);
        self.folder_lost = if is_lost { self.folder_lost + 1 } else { 0 };
        let problem = problem.map(|problem| problem.message);
        // A disk that stays full is logged once, not every ten minutes.
        if problem != self.facts.sample_problem {
            if let Some(problem) = &problem {
                tracing::error!("{problem}");
            } else {
                tracing::info!("nothing is wrong with the samples any more");
            }
            self.facts.sample_problem = problem;
        }
        // A new day: yesterday's log is now pending.
        if self.pending_as_of.is_some_and(|pending_as_of| pending_as_of != self.today()) {
            self.update_zone();
            self.refresh_pending();
        }
        self.publish(Phase::Working);
    }

    fn today(&self) -> Date {
        self.platform.now().to_zoned(self.schedule.zone.clone()).date()
    }

    /// The shipping process uses the current time zone, so the service must too.
    fn update_zone(&mut self) {
        let zone = self.platform.zone(&self.config);
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
        let problem = match self.platform.host_name() {
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
        if problem != self.name_problem {
            if let Some(problem) = &problem {
                tracing::error!(
                    "nothing is delivered: {problem}; name it with the key server in the config \
                     file, or give the machine a host name"
                );
            }
            self.name_problem = problem;
        }
        self.name_problem.is_none()
    }

    fn reload(&mut self) {
        self.notify(Phase::Reloading);
        match self.platform.reload() {
            Ok(config) => self.apply(config),
            Err(error) => {
                tracing::error!("the config stays as it was: {error}");
                if self.config.config_error.is_some() {
                    self.config_is_wrong(error);
                }
            }
        }
        self.publish(Phase::Ready);
    }

    /// Reads a config file again that was wrong at the start.
    fn retry_config(&mut self) {
        match self.platform.reload() {
            Ok(config) => {
                self.apply(config);
                self.publish(Phase::Working);
            }
            Err(error) if self.config.config_error.as_ref() != Some(&error) => {
                tracing::error!("the config is still wrong: {error}");
                self.config_is_wrong(error);
                self.publish(Phase::Working);
            }
            Err(_) => {}
        }
    }

    fn config_is_wrong(&mut self, error: String) {
        self.facts.config_error = Some(error.clone());
        self.config.config_error = Some(error);
    }

    fn apply(&mut self, config: RunConfig) {
        tracing::info!("the config was read anew");
        self.schedule = config.schedule();
        self.facts.config_error.clone_from(&config.config_error);
        self.config = config;
        // After a change of the config, try at once.
        self.failures = 0;
        self.name_problem = None;
        self.resend_at = None;
        if matches!(self.ship, Ship::Waiting { .. }) {
            self.wait_for_moment(None);
        }
        self.last_try = self.platform.last_sample(&self.config);
        self.read_last_ship();
        self.plan();
    }

    /// Publishes the state: to the service manager, and in the files that `status` and others read.
    fn publish(&mut self, phase: Phase) {
        self.facts.shipping = matches!(self.ship, Ship::Working { .. });
        self.platform.publish(&self.config, &self.facts);
        self.notify(phase);
    }

    fn notify(&mut self, phase: Phase) {
        let status = self.status();
        self.platform.notify(phase, &status);
    }

    fn status(&self) -> String {
        status_line::render(&self.facts, &self.schedule.zone)
    }

    /// A time in the local zone.
    fn clock(&self, at: Timestamp) -> String {
        status_line::clock(at, &self.schedule.zone)
    }
}
