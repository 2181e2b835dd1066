//! The real machine as an implementation of the service's port.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use self::child::ShipProcess;
use self::events::Events;
use self::notify::Notifier;
use super::lock::RunLock;
use super::port::{Facts, Host, Phase, RunConfig, ShipOrder, WakeReasons};
use super::textfile;
use crate::sample::{self, SampleReport};
use crate::ship::LastShip;
use crate::spool::SpoolError;
use crate::world::{Machine, SystemTime, Time, World, host_name};

pub use self::child::ends_with_run;

mod child;
mod events;
mod notify;

/// Reloads the config, or says what is wrong with it.
pub type Reload<'a> = dyn FnMut() -> Result<RunConfig, String> + 'a;

/// This machine and its clocks, signals and processes.
pub struct System<'a> {
    time: SystemTime,
    machine: Machine,
    events: Events,
    notifier: Notifier,
    lock: RunLock,
    reload: &'a mut Reload<'a>,
    ship: Option<ShipProcess>,
    /// Processes that were killed and have not ended yet.
    ended: Vec<ShipProcess>,
    /// The log of the last line, and its length after it.
    log: Option<(PathBuf, u64)>,
    /// Why the metrics cannot be written.
    textfile_error: Option<String>,
}

impl fmt::Debug for System<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("lock", &self.lock).field("ship", &self.ship).finish()
    }
}

impl<'a> System<'a> {
    /// Installs the signal handlers of this process. `lock` is that of the config's state folder,
    /// and SIGHUP calls `reload`.
    ///
    /// # Errors
    /// The system's error.
    pub fn new(lock: RunLock, reload: &'a mut Reload<'a>) -> io::Result<Self> {
        Ok(Self {
            time: SystemTime::new(),
            machine: Machine::system(),
            events: Events::new()?,
            notifier: Notifier::from_environment(),
            lock,
            reload,
            ship: None,
            ended: Vec::new(),
            log: None,
            textfile_error: None,
        })
    }

    /// The boot time in terms of the current clock.
    fn boot(&self) -> Option<Timestamp> {
        let text = fs::read_to_string(self.machine.root.join("proc/uptime")).ok()?;
        let seconds: f64 = text.split(' ').next()?.parse().ok()?;
        self.now().checked_sub(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
    }

    /// Whether another process has written to the log since our last line.
    fn is_shared(&mut self, report: &SampleReport, before: Option<u64>) -> bool {
        let after = fs::metadata(&report.file).map(|log| log.len()).unwrap_or_default();
        let last = self.log.replace((report.file.clone(), after));
        last.is_some_and(|(file, size)| file == report.file && before.is_some_and(|b| b > size))
    }
}

impl Host for System<'_> {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }

    fn jitter(&self) -> f64 {
        self.time.jitter()
    }

    fn wait(&mut self, until: Timestamp, within: Duration) -> io::Result<WakeReasons> {
        self.notifier.alive();
        self.events.drain();
        self.ended.retain_mut(|process| process.ended().is_none());
        let mut woken = WakeReasons {
            stop: self.events.stop(),
            reload: self.events.take_reload(),
            clock_set: false,
            shipped: self.ship.as_mut().and_then(ShipProcess::ended),
        };
        if woken == WakeReasons::default() {
            woken.clock_set = self.events.wait(until, within.min(self.notifier.period()))?;
        }
        if woken.shipped.is_some() {
            self.ship = None;
        }
        Ok(woken)
    }

    fn last_sample(&mut self, config: &RunConfig) -> Option<Timestamp> {
        let at = sample::last(&config.spool.state_dir)?.at;
        // A sample of an earlier boot is no basis for an interval.
        self.boot().is_none_or(|boot| boot <= at).then_some(at)
    }

    fn sample(&mut self, config: &RunConfig) -> Result<Option<String>, String> {
        let before = self.log.as_ref().and_then(|(file, _)| fs::metadata(file).ok());
        let report = {
            let time = InterruptibleTime {
                time: &self.time,
                events: &self.events,
                notifier: &self.notifier,
            };
            let zone = config.zone.clone();
            let world = World { time: &time, zone, machine: self.machine.clone() };
            sample::run(&config.sample, &world).map_err(|error| explain(&error))?
        };
        for day in &report.removed {
            tracing::warn!("the disk is full: the log of {day}, which the store has, was removed");
        }
        let is_shared = self.is_shared(&report, before.map(|log| log.len()));
        Ok(report.state_error.map(|error| explain(&error)).or_else(|| {
            is_shared.then(|| {
                format!(
                    "something else writes to {} as well; is there a cron job that samples? \
                     remove it, or stop this service",
                    report.file.display()
                )
            })
        }))
    }

    fn pending(&mut self, config: &RunConfig) -> Result<Vec<Day>, String> {
        let Some(order) = &config.ship else { return Ok(Vec::new()) };
        let today = self.now().to_zoned(config.zone.clone()).date();
        let today = Day::from_date(today).ok_or_else(|| format!("the clock says {today}"))?;
        match config.spool.pending(&order.api, today) {
            Err(SpoolError::Missing(_)) => Ok(Vec::new()),
            result => result.map_err(|error| error.to_string()),
        }
    }

    fn last_ship(&mut self, config: &RunConfig) -> Option<LastShip> {
        LastShip::load(&config.spool.state_dir)
    }

    fn host_name(&mut self) -> Result<ServerName, String> {
        host_name().map_err(|error| {
            format!("this machine's host name cannot be the name of its logs: {error}")
        })
    }

    fn zone(&mut self, config: &RunConfig) -> TimeZone {
        config.zone_source.zone()
    }

    fn start_ship(&mut self, order: &ShipOrder) -> io::Result<()> {
        self.ship = Some(ShipProcess::start(order)?);
        Ok(())
    }

    fn stop_ship(&mut self) {
        if let Some(ship) = self.ship.take() {
            self.ended.extend(ship.stop(&self.events));
        }
    }

    fn reload(&mut self) -> Result<RunConfig, String> {
        let config = (self.reload)()?;
        if config.spool.state_dir != self.lock.state_dir() {
            let lock = RunLock::take(&config.spool.state_dir);
            self.lock = lock.map_err(|error| error.to_string())?;
        }
        Ok(config)
    }

    fn tell(&mut self, phase: Phase, status: &str) {
        notify::tell(phase, status);
    }

    fn publish(&mut self, config: &RunConfig, facts: &Facts) {
        let Some(path) = &config.textfile else { return };
        let error = textfile::write(path, &textfile::render(facts, config.interval)).err();
        let error = error.map(|error| explain(&error));
        if error != self.textfile_error {
            if let Some(error) = &error {
                tracing::error!("the metrics {} cannot be written: {error}", path.display());
            }
            self.textfile_error = error;
        }
    }
}

/// The error, and advice if the sandbox of the unit is the cause.
fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = Some(error);
    let mut is_read_only = false;
    while let Some(error) = cause {
        let system = error.downcast_ref::<io::Error>();
        is_read_only |= system.is_some_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem);
        cause = error.source();
    }
    if is_read_only {
        text.push_str(
            "; if systemd runs this service, name the folder in ReadWritePaths= (systemctl edit \
             log2aws-agent)",
        );
    }
    text
}

/// The clocks of a sample: once the service must stop, no wait lasts and every deadline has passed.
#[derive(Debug)]
struct InterruptibleTime<'a> {
    time: &'a SystemTime,
    events: &'a Events,
    notifier: &'a Notifier,
}

impl Time for InterruptibleTime<'_> {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn elapsed(&self) -> Duration {
        let over = if self.events.stop() { Duration::from_hours(24) } else { Duration::ZERO };
        self.time.elapsed() + over
    }

    fn sleep(&self, duration: Duration) {
        let start = self.time.elapsed();
        while !self.events.stop() {
            let left = duration.saturating_sub(self.time.elapsed().saturating_sub(start));
            if left.is_zero() || self.events.pause(left.min(self.notifier.period())).is_err() {
                break;
            }
            self.events.drain();
            self.notifier.alive();
        }
    }

    fn jitter(&self) -> f64 {
        self.time.jitter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleError;

    #[test]
    fn a_unit_that_may_only_read_is_told_what_to_do() {
        let state = |kind: ErrorKind| SampleError::State {
            path: "/srv/state/last-sample.json".into(),
            source: kind.into(),
        };
        let text = explain(&state(ErrorKind::ReadOnlyFilesystem));
        assert!(text.ends_with("ReadWritePaths= (systemctl edit log2aws-agent)"), "{text}");
        let text = explain(&io::Error::from(ErrorKind::ReadOnlyFilesystem));
        assert!(text.contains("ReadWritePaths="), "{text}");
        let text = explain(&state(ErrorKind::PermissionDenied));
        assert!(!text.contains("ReadWritePaths="), "{text}");
    }

    #[test]
    fn a_zone_that_stays_is_not_another_one() {
        let source = crate::world::ZoneSource::default();
        assert_eq!(source.zone(), source.zone());
    }
}
