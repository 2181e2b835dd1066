//! The real machine as an implementation of the service's port.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use self::child::ShipProcess;
use self::events::Events;
use self::notify::Notifier;
use super::lock::{LockError, RunLock};
use super::port::{
    Facts, Phase, Platform, RunConfig, SampleOutcome, SampleProblem, ShipOrder, WakeReasons,
};
use super::record::ServiceRecord;
use super::textfile;
use crate::sample::{self, SampleError, SampleReport};
use crate::ship::LastShip;
use crate::spool::SpoolError;
use crate::world::{ProcRoot, SystemTime, Time, World, host_name};

pub use self::child::ends_with_run;

mod child;
mod events;
mod notify;

/// Reloads the config, or says what is wrong with it.
pub type Reload<'a> = dyn FnMut() -> Result<RunConfig, String> + 'a;

/// This machine and its clocks, signals and processes.
pub struct System<'a> {
    time: SystemTime,
    proc_root: ProcRoot,
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
    /// What `service.json` holds, if it could be written.
    record: Option<ServiceRecord>,
    /// Why it cannot be written.
    record_error: Option<String>,
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
            proc_root: ProcRoot::system(),
            events: Events::new()?,
            notifier: Notifier::from_environment(),
            lock,
            reload,
            ship: None,
            ended: Vec::new(),
            log: None,
            textfile_error: None,
            record: None,
            record_error: None,
        })
    }

    /// Takes the lock again if its folder was removed or moved.
    ///
    /// # Errors
    /// Another `run` has it.
    fn keep_lock(&mut self) -> Result<(), String> {
        if !self.lock.is_lost() {
            return Ok(());
        }
        match RunLock::take(self.lock.state_dir()) {
            Ok(lock) => self.lock = lock,
            Err(error @ LockError::Held { .. }) => return Err(error.to_string()),
            // The sample reports a folder that cannot be used.
            Err(LockError::State(_)) => {}
        }
        Ok(())
    }

    /// The boot time in terms of the current clock.
    fn boot(&self) -> Option<Timestamp> {
        let text = fs::read_to_string(self.proc_root.path.join("proc/uptime")).ok()?;
        let seconds: f64 = text.split(' ').next()?.parse().ok()?;
        self.now().checked_sub(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
    }

    /// The current day of the logs.
    fn today(&self, config: &RunConfig) -> Result<Day, String> {
        let date = self.now().to_zoned(config.zone.clone()).date();
        Day::from_date(date).ok_or_else(|| format!("the clock says {date}"))
    }

    /// The time of the last sample; one of an earlier boot is no basis for an interval.
    fn last_sample_in(&self, state_dir: &Path) -> Option<Timestamp> {
        let at = sample::last(state_dir)?.at;
        self.boot().is_none_or(|boot| boot <= at).then_some(at)
    }

    /// Whether another process has written to the log since our last line.
    fn is_shared(&mut self, report: &SampleReport, before: Option<u64>) -> bool {
        let after = fs::metadata(&report.file).map(|log| log.len()).unwrap_or_default();
        let last = self.log.replace((report.file.clone(), after));
        last.is_some_and(|(file, size)| file == report.file && before.is_some_and(|b| b > size))
    }
}

impl Platform for System<'_> {
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
        let mut reasons = WakeReasons {
            stop: self.events.stop(),
            reload: self.events.take_reload(),
            clock_set: false,
            shipped: self.ship.as_mut().and_then(ShipProcess::ended),
        };
        if reasons == WakeReasons::default() {
            reasons.clock_set = self.events.wait(until, within.min(self.notifier.period()))?;
        }
        if reasons.shipped.is_some() {
            self.ship = None;
        }
        Ok(reasons)
    }

    fn last_sample(&mut self, config: &RunConfig) -> Option<Timestamp> {
        self.last_sample_in(&config.spool.state_dir)
    }

    fn sample(&mut self, config: &RunConfig) -> SampleOutcome {
        if let Err(message) = self.keep_lock() {
            // Whoever has the lock samples.
            return SampleOutcome::Failed(SampleProblem { message, folder_lost: true });
        }
        let before = self.log.as_ref().and_then(|(file, _)| fs::metadata(file).ok());
        let result = {
            let time = InterruptibleTime {
                time: &self.time,
                events: &self.events,
                notifier: &self.notifier,
            };
            let zone = config.zone.clone();
            let world = World { time: &time, zone, proc_root: self.proc_root.clone() };
            sample::run(&config.sample, &world)
        };
        let report = match result {
            Ok(report) => report,
            Err(SampleError::Interrupted) => return SampleOutcome::Interrupted,
            Err(error) => return SampleOutcome::Failed(problem(&error)),
        };
        for day in &report.removed {
            tracing::warn!("the disk is full: the log of {day}, which the store has, was removed");
        }
        let is_shared = self.is_shared(&report, before.map(|log| log.len()));
        SampleOutcome::Written(report.state_error.map(|error| problem(&error)).or_else(|| {
            is_shared.then(|| SampleProblem {
                message: format!(
                    "something else writes to {} as well; is there a cron job that samples? \
                     remove it, or stop this service",
                    report.file.display()
                ),
                folder_lost: false,
            })
        }))
    }

    fn pending(&mut self, config: &RunConfig) -> Result<Vec<Day>, String> {
        let Some(order) = &config.ship else { return Ok(Vec::new()) };
        let today = self.today(config)?;
        match config.spool.pending(&order.api, today) {
            Err(SpoolError::Missing(_)) => Ok(Vec::new()),
            result => result.map_err(|error| error.to_string()),
        }
    }

    fn delivered_elsewhere(&mut self, config: &RunConfig) -> Vec<Day> {
        let (Some(order), Ok(today)) = (&config.ship, self.today(config)) else {
            return Vec::new();
        };
        let destination = config.spool.destination(&order.api);
        config.spool.delivered_elsewhere(&destination, today).unwrap_or_default()
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

    fn is_managed(&self) -> bool {
        self.notifier.is_managed()
    }

    fn notify(&mut self, phase: Phase, status: &str) {
        notify::notify(phase, status);
    }

    fn publish(&mut self, config: &RunConfig, facts: &Facts) {
        let state_dir = &config.spool.state_dir;
        let path = ServiceRecord::path(state_dir);
        let record = ServiceRecord::of(config, facts, self.now());
        if self.record.as_ref() != Some(&record) || !path.exists() {
            let result = record.save(state_dir);
            self.record = result.is_ok().then_some(record);
            log_once(&mut self.record_error, result, &path);
        }
        if let Some(path) = &config.textfile {
            let result = textfile::write(path, &textfile::render(facts, config.interval));
            log_once(&mut self.textfile_error, result, path);
        }
    }
}

/// Logs why a file cannot be written, once for as long as the reason stays the same.
fn log_once(before: &mut Option<String>, result: io::Result<()>, path: &Path) {
    let error = result.err().map(|error| with_sandbox_hint(&error));
    if error != *before {
        if let Some(error) = &error {
            tracing::error!("{} cannot be written: {error}", path.display());
        }
        *before = error;
    }
}

fn problem(error: &SampleError) -> SampleProblem {
    SampleProblem { message: with_sandbox_hint(error), folder_lost: error.is_folder_lost() }
}

/// The error, and advice if the sandbox of the unit is the cause.
fn with_sandbox_hint(error: &(dyn Error + 'static)) -> String {
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
            "; if systemd runs this service, a restart finds a folder that was removed or moved, and \
             one that is not the package's must be in ReadWritePaths= (systemctl edit log2aws-agent)",
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

    fn random(&self) -> io::Result<[u8; 32]> {
        self.time.random()
    }

    fn is_stopping(&self) -> bool {
        self.events.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_may_only_read_is_told_what_to_do() {
        let state = |kind: ErrorKind| SampleError::State {
            path: "/srv/state/last-sample.json".into(),
            source: kind.into(),
        };
        let text = with_sandbox_hint(&state(ErrorKind::ReadOnlyFilesystem));
        assert!(text.ends_with("ReadWritePaths= (systemctl edit log2aws-agent)"), "{text}");
        let text = with_sandbox_hint(&io::Error::from(ErrorKind::ReadOnlyFilesystem));
        assert!(text.contains("ReadWritePaths="), "{text}");
        let text = with_sandbox_hint(&state(ErrorKind::PermissionDenied));
        assert!(!text.contains("ReadWritePaths="), "{text}");
    }

    #[test]
    fn a_sample_of_an_earlier_boot_is_no_basis() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut reload = || Err(String::new());
        let lock = RunLock::take(&path("state")).unwrap();
        let mut system = System::new(lock, &mut reload).unwrap();
        system.proc_root.path = path("root");
        fs::create_dir_all(path("root/proc")).unwrap();
        let now = system.now();
        let at = |ago: i64| now - SignedDuration::from_secs(ago);
        let last_sample = |uptime: &str, ago: i64| {
            fs::write(path("root/proc/uptime"), uptime).unwrap();
            sample::save_at(&path("state"), at(ago));
            system.last_sample_in(&path("state"))
        };
        assert_eq!(last_sample("3600.00 1.0\n", 3500), Some(at(3500)));
        assert_eq!(last_sample("3600.00 1.0\n", 3700), None);
        // A kernel that does not say it.
        assert_eq!(last_sample("", 3700), Some(at(3700)));
    }

    #[test]
    fn a_zone_that_stays_is_not_another_one() {
        let source = crate::world::ZoneSource::default();
        assert_eq!(source.zone(), source.zone());
    }
}
