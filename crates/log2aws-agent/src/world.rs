//! The agent's inputs from the outside, as one argument.

mod host_name;
mod zone;

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use self::host_name::{HostNameError, host_name, is_default_host_name};
pub(crate) use self::zone::latest_day;
pub use self::zone::{ZoneName, ZoneNameError, ZoneSource};

/// The environment of one run.
#[derive(Debug)]
pub struct World<'a> {
    /// Clocks, sleeping, randomness.
    pub time: &'a dyn Time,
    /// The zone of the line times and of "yesterday".
    pub zone: TimeZone,
    /// The machine to sample.
    pub proc_root: ProcRoot,
}

impl<'a> World<'a> {
    /// This machine, in this zone.
    pub fn system(time: &'a SystemTime, zone: TimeZone) -> Self {
        Self { time, zone, proc_root: ProcRoot::system() }
    }
}

/// The zone of this name, from the machine's own files.
pub(crate) fn zone_named(name: &str) -> Option<TimeZone> {
    zone::named(Path::new("/"), Some(name.as_ref()))
}

/// Clocks, sleeping and randomness.
pub trait Time: std::fmt::Debug {
    /// The wall clock, which can be set.
    fn now(&self) -> Timestamp;
    /// The monotonic clock.
    fn elapsed(&self) -> Duration;
    /// Sleeps.
    fn sleep(&self, duration: Duration);
    /// A random number from 0 up to but not including 1.
    fn jitter(&self) -> f64;
    /// Random bytes of the operating system.
    ///
    /// # Errors
    /// It gives none.
    fn random(&self) -> io::Result<[u8; 32]>;
    /// Whether the process was asked to stop, so that [`Time::sleep`] may have returned early.
    fn is_stopping(&self) -> bool {
        false
    }
}

/// The clocks of this machine.
#[derive(Debug)]
pub struct SystemTime {
    start: Instant,
}

impl SystemTime {
    /// Starts the monotonic clock.
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

    fn random(&self) -> io::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }
}

/// Where a machine's numbers are read, and the kernel's units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcRoot {
    /// The folder that holds `proc` and `run`: `/`, or a recorded tree.
    pub path: PathBuf,
    /// Bytes of a memory page.
    pub page_size: u64,
    /// Ticks of CPU time in a second.
    pub ticks_per_second: u64,
}

impl ProcRoot {
    /// This machine.
    pub fn system() -> Self {
        Self {
            path: PathBuf::from("/"),
            page_size: rustix::param::page_size() as u64,
            ticks_per_second: rustix::param::clock_ticks_per_second(),
        }
    }
}
