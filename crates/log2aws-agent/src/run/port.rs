//! What the service needs of the machine, as one port: the loop above it is the same under a
//! simulated clock.

use std::ffi::OsString;
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

/// What `run` is asked to do.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The day logs, and the folder that keeps what must not be forgotten; one `run` has that at a
    /// time.
    pub spool: Spool,
    /// Between two samples.
    pub interval: Interval,
    /// In which the fleet ships.
    pub window: ShipWindow,
    /// How to sample.
    pub sample: SampleConfig,
    /// How to ship; without it, `run` only samples.
    pub ship: Option<ShipOrder>,
    /// Where the metrics go, for `node_exporter`'s textfile collector.
    pub textfile: Option<PathBuf>,
    /// Of the day logs.
    pub zone: TimeZone,
    /// Whether the logs are named by the host name, which can change, and not by a flag.
    pub is_named_by_host: bool,
}

impl RunConfig {
    /// Goes on under another name.
    pub(super) fn rename(&mut self, name: &ServerName) {
        self.spool.server = name.clone();
        self.sample.server = name.clone();
        for argument in self.ship.iter_mut().flat_map(|order| &mut order.arguments) {
            if argument.as_encoded_bytes().starts_with(b"--server=") {
                *argument = format!("--server={name}").into();
            }
        }
    }

    /// When all of this is to happen.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            interval: self.interval,
            window: self.window,
            offset: Offset::of(&self.spool.server),
            zone: self.zone.clone(),
        }
    }
}

/// The command line of the process that ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipOrder {
    /// The API, as records of deliveries name it.
    pub api: String,
    /// The verb and all its flags, so that neither file nor environment is asked again.
    pub arguments: Vec<OsString>,
    /// How long it gives itself.
    pub max_time: Duration,
}

/// Why the service wakes; several things at once can be true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// Somebody wants it to end.
    pub stop: bool,
    /// Somebody wants the config read anew.
    pub reload: bool,
    /// The clock was set, or the machine slept.
    pub clock_set: bool,
    /// The process that shipped is gone.
    pub shipped: Option<Shipped>,
}

/// How the process that shipped ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// With this exit code, which are those of `ship`.
    Exit(u8),
    /// By this signal.
    Signal(i32),
}

/// What the service has done and found; what the metrics and the status line say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Samples that were written since the start.
    pub samples: u64,
    /// Samples that were not.
    pub failed_samples: u64,
    /// When the last one was written, by whomever.
    pub last_sample: Option<Timestamp>,
    /// When the last log was delivered.
    pub last_delivery: Option<Timestamp>,
    /// Days before today whose logs the store has not; `None` if that cannot be known.
    pub pending: Option<Vec<Day>>,
    /// Whether the last process that shipped left nothing over; `None` before the first.
    pub shipped: Option<bool>,
    /// The next try.
    pub next_ship: Option<Timestamp>,
}

/// The machine.
pub trait Host {
    /// This moment on the wall clock, which can be set.
    fn now(&self) -> Timestamp;
    /// The time since some fixed moment, on a clock that never goes back.
    fn elapsed(&self) -> Duration;
    /// A number from 0 up to but not including 1.
    fn jitter(&self) -> f64;
    /// Waits until the wall clock shows `until`, at most for `within`, or until something happens.
    /// Shows whoever watches that the service lives, and returns early to do so again.
    ///
    /// # Errors
    /// When it cannot wait: the service would spin.
    fn wait(&mut self, until: Timestamp, within: Duration) -> io::Result<Woken>;
    /// When the last sample of this boot was written, by whomever.
    fn last_sample(&mut self, config: &RunConfig) -> Option<Timestamp>;
    /// Writes one line; returns what is wrong besides, if anything is. Returns early when somebody
    /// wants the service to end.
    ///
    /// # Errors
    /// What kept it from being written.
    fn sample(&mut self, config: &RunConfig) -> Result<Option<String>, String>;
    /// The days before today whose logs the store has not, oldest first.
    ///
    /// # Errors
    /// What keeps them from being known.
    fn pending(&mut self, config: &RunConfig) -> Result<Vec<Day>, String>;
    /// How the last ship went, whoever started it.
    fn last_ship(&mut self, config: &RunConfig) -> Option<LastShip>;
    /// This machine's host name, as it is now.
    ///
    /// # Errors
    /// Why it cannot be the name of logs.
    fn host_name(&mut self) -> Result<ServerName, String>;
    /// This machine's zone, as it is now.
    fn zone(&mut self) -> TimeZone;
    /// Starts the process that ships; its end is told by [`Host::wait`].
    ///
    /// # Errors
    /// What the system says.
    fn start_ship(&mut self, order: &ShipOrder) -> io::Result<()>;
    /// Ends that process if there is one, within a second; its end is not told any more.
    fn stop_ship(&mut self);
    /// Reads the config anew.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    fn reload(&mut self) -> Result<RunConfig, String>;
    /// Says where the service is in its life.
    fn tell(&mut self, phase: Phase, status: &str);
    /// Publishes what there is to know.
    fn publish(&mut self, config: &RunConfig, facts: &Facts);
}

/// Where the service is in its life, for whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// At work.
    Ready,
    /// Reading its config anew; [`Phase::Ready`] follows.
    Reloading,
    /// About to end.
    Stopping,
}
