//! What the agent needs of the world, as one argument.

mod zone;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::server_name::{ServerName, ServerNameError};

/// The world of one run.
#[derive(Debug)]
pub struct World<'a> {
    /// Clocks, waiting, chance.
    pub time: &'a dyn Time,
    /// The zone of the line times and of "yesterday".
    pub zone: TimeZone,
    /// The machine that is sampled.
    pub machine: Machine,
}

impl<'a> World<'a> {
    /// This machine, in its own zone.
    pub fn system(time: &'a SystemTime) -> Self {
        Self { time, zone: local_zone(), machine: Machine::system() }
    }
}

/// This machine's own zone, as it is now: `TZ`, else `/etc/localtime`; UTC if neither can be read,
/// which is what `date` then goes by, too.
pub fn local_zone() -> TimeZone {
    let named = std::env::var_os("TZ");
    if let Some(zone) = zone::named(Path::new("/"), named.as_deref()) {
        return zone;
    }
    // It is kept for some minutes, and whoever asks again asks because it has changed.
    jiff::tz::db().reset();
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Clocks, waiting and chance.
pub trait Time: std::fmt::Debug {
    /// This moment on the wall clock, which can be set.
    fn now(&self) -> Timestamp;
    /// The time since some fixed moment, on a clock that never goes back.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
    /// A number from 0 up to but not including 1.
    fn jitter(&self) -> f64;
}

/// The clocks of this machine.
#[derive(Debug)]
pub struct SystemTime {
    start: Instant,
}

impl SystemTime {
    /// Starts the clock that never goes back.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemTime {
    fn default() -> Self {
        Self::new()
    }
}

impl Time for SystemTime {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }

    fn jitter(&self) -> f64 {
        fastrand::f64()
    }
}

/// Where a machine's numbers are read, and the units that the kernel counts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The folder that holds `proc` and `run`: `/`, or a recorded tree.
    pub root: PathBuf,
    /// Bytes of a memory page.
    pub page_size: u64,
    /// Ticks of CPU time in a second.
    pub ticks_per_second: u64,
}

impl Machine {
    /// This machine.
    pub fn system() -> Self {
        Self {
            root: PathBuf::from("/"),
            page_size: rustix::param::page_size() as u64,
            ticks_per_second: rustix::param::clock_ticks_per_second(),
        }
    }
}

/// This machine's host name, as a server name.
///
/// # Errors
/// The host name cannot stand in a key; say `--server` then.
pub fn host_name() -> Result<ServerName, ServerNameError> {
    rustix::system::uname().nodename().to_string_lossy().parse()
}
