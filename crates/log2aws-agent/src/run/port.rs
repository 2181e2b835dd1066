//! The service's access to the machine, as one port: the loop also runs under a simulated clock.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use super::schedule::{Interval, Offset, Schedule, ShipWindow};
use crate::sample::SampleConfig;
use crate::ship::LastShip;
use crate::spool::Spool;
use crate::world::ZoneSource;

/// The settings of `run`.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The day logs and the state folder, which only one `run` uses at a time.
    pub spool: Spool,
    /// The sampling interval.
    pub interval: Interval,
    /// The time window of deliveries.
    pub window: ShipWindow,
    /// The settings of samples.
    pub sample: SampleConfig,
    /// The settings of deliveries; without them, `run` only samples.
    pub ship: Option<ShipOrder>,
    /// The metrics file, for `node_exporter`'s textfile collector.
    pub textfile: Option<PathBuf>,
    /// The time zone of the day logs.
    pub zone: TimeZone,
    /// Where the time zone is set; the zone itself can change.
    pub zone_source: ZoneSource,
    /// Whether the server name comes from the host name, which can change.
    pub is_named_by_host: bool,
    /// What is wrong with the config file. The other settings are then those of its valid keys, and
    /// `ship` is `None`: a line costs nothing, but a log could go to the wrong place.
    pub config_error: Option<String>,
}

impl RunConfig {
    /// Changes the server name.
    pub(super) fn rename(&mut self, name: &ServerName) {
        self.spool.server = name.clone();
        self.sample.server = name.clone();
        for argument in self.ship.iter_mut().flat_map(|order| &mut order.arguments) {
            if argument.as_encoded_bytes().starts_with(b"--server=") {
                *argument = format!("--server={name}").into();
            }
        }
    }

    /// The schedule of samples and deliveries.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            interval: self.interval,
            window: self.window,
            offset: Offset::of(&self.spool.server),
            zone: self.zone.clone(),
        }
    }
}

/// Environment variables of a child process. Their values can be secrets: a proxy's password must
/// not be among the arguments, which every user can read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChildEnvironment(pub Vec<(String, OsString)>);

impl fmt::Debug for ChildEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The command line of the shipping process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipOrder {
    /// The API, as records of deliveries name it.
    pub api: String,
    /// The verb and all its flags, so that neither file nor environment is read again.
    pub arguments: Vec<OsString>,
    /// Variables besides those of this process.
    pub environment: ChildEnvironment,
    /// The proxy towards the API, as `host:port`.
    pub proxy: Option<String>,
    /// Its own time limit.
    pub max_time: Duration,
}

/// Why the service woke up; several reasons can apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WakeReasons {
    /// It was asked to stop.
    pub stop: bool,
    /// It was asked to reload its config.
    pub reload: bool,
    /// The clock was set, or the machine slept.
    pub clock_set: bool,
    /// The shipping process has ended.
    pub shipped: Option<Shipped>,
}

/// How the shipping process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// With this exit code of `ship`.
    Exit(u8),
    /// By this signal.
    Signal(i32),
}

/// The result of one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleOutcome {
    /// The line was written; a problem besides it, if there is one.
    Written(Option<SampleProblem>),
    /// No line was written.
    Failed(SampleProblem),
    /// The service was asked to stop while it measured; no line was written.
    Interrupted,
}

/// Why a sample failed, or what went wrong besides the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleProblem {
    /// For the log and the status line.
    pub message: String,
    /// The log folder or the state folder cannot be written, although its disk has room.
    pub folder_lost: bool,
}

/// Why the service ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system cannot wait: the service would spin.
    #[error("the service cannot wait for its next sample: {0}")]
    Wait(#[from] io::Error),
    /// A new process may reach the folders again: systemd sets up its sandbox anew, and the unit
    /// creates a folder that is gone.
    #[error("ends, so that systemd starts it again: {message}")]
    FolderLost {
        /// The last problem.
        message: String,
    },
}

/// The state of the service, for the metrics, the status line and `service.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Samples written since the start.
    pub samples: u64,
    /// Samples that failed.
    pub failed_samples: u64,
    /// The time of the last sample by any process.
    pub last_sample: Option<Timestamp>,
    /// The time of the last delivery.
    pub last_delivery: Option<Timestamp>,
    /// What is wrong with the last sample, if anything.
    pub sample_problem: Option<String>,
    /// What is wrong with the config file; nothing is shipped until it is right.
    pub config_error: Option<String>,
    /// Days before today that are not delivered; `None` if unknown.
    pub pending: Option<Vec<Day>>,
    /// Whether the last shipping process delivered everything; `None` before the first.
    pub shipped: Option<bool>,
    /// Whether the shipping process is running.
    pub shipping: bool,
    /// The next attempt; `None` while one is running.
    pub next_ship: Option<Timestamp>,
}

/// The machine.
pub trait Platform {
    /// The wall clock, which can be set.
    fn now(&self) -> Timestamp;
    /// The monotonic clock.
    fn elapsed(&self) -> Duration;
    /// A random number from 0 up to but not including 1.
    fn jitter(&self) -> f64;
    /// Waits until the wall clock shows `until`, at most for `within`, or until something happens.
    /// Also sends watchdog messages, and returns early to do so.
    ///
    /// # Errors
    /// It cannot wait: the service would spin.
    fn wait(&mut self, until: Timestamp, within: Duration) -> io::Result<WakeReasons>;
    /// The time of the last sample of this boot by any process.
    fn last_sample(&mut self, config: &RunConfig) -> Option<Timestamp>;
    /// Writes one line. Returns early when the service is asked to stop.
    fn sample(&mut self, config: &RunConfig) -> SampleOutcome;
    /// The undelivered days before today, oldest first.
    ///
    /// # Errors
    /// Why they are unknown.
    fn pending(&mut self, config: &RunConfig) -> Result<Vec<Day>, String>;
    /// Those of them that were delivered to another store: their logs are sent again.
    fn delivered_elsewhere(&mut self, config: &RunConfig) -> Vec<Day>;
    /// The result of the last ship by any process.
    fn last_ship(&mut self, config: &RunConfig) -> Option<LastShip>;
    /// This machine's current host name.
    ///
    /// # Errors
    /// Why it cannot be a server name.
    fn host_name(&mut self) -> Result<ServerName, String>;
    /// The current time zone.
    fn zone(&mut self, config: &RunConfig) -> TimeZone;
    /// Starts the shipping process; [`Platform::wait`] reports its end.
    ///
    /// # Errors
    /// The system's error.
    fn start_ship(&mut self, order: &ShipOrder) -> io::Result<()>;
    /// Ends that process, if any, within a second; its end is no longer reported.
    fn stop_ship(&mut self);
    /// Reloads the config.
    ///
    /// # Errors
    /// What is wrong with it; the old one stays.
    fn reload(&mut self) -> Result<RunConfig, String>;
    /// Whether a service manager runs this process and starts it again when it ends.
    fn is_managed(&self) -> bool;
    /// Reports the phase of the service, and one line about its state, to the service manager.
    fn notify(&mut self, phase: Phase, status: &str);
    /// Publishes the state: the metrics, and `service.json`.
    fn publish(&mut self, config: &RunConfig, facts: &Facts);
}

/// The phase of the service, for its service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Started, or reloaded; working.
    Ready,
    /// Still working; only the line about its state is new.
    Working,
    /// Reloading its config; [`Phase::Ready`] follows.
    Reloading,
    /// About to stop.
    Stopping,
}
