//! The process that ships: this same program, so that what it needs of memory ends with it, and
//! so that a name server that never answers can be ended with it.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

use super::events::Events;
use crate::run::port::{ShipOrder, Shipped};

/// How long it may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long it may take to end when it is ended: one that waits for a disk or a server of files
/// ends when those answer.
const LAST_PATIENCE: Duration = Duration::from_millis(100);

/// In its environment: the process that started it.
const PARENT: &str = "LOG2AWS_SHIP_OF_RUN";

/// Whether this process is one that `run` has started to ship. If so, it is ended with `run`,
/// also when that is killed: nobody would end it else.
#[must_use]
pub fn ends_with_run() -> bool {
    let parent = std::env::var(PARENT).ok().and_then(|pid| pid.parse().ok());
    let Some(parent) = parent.and_then(Pid::from_raw) else { return false };
    // Where the system does not offer it, `ship` ends by its own --max-time.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != Some(parent) {
        // It was killed before that was asked for.
        std::process::exit(1);
    }
    true
}

/// A process that ships.
#[derive(Debug)]
pub(super) struct ShipProcess(Child);

impl ShipProcess {
    /// Starts it. The link in /proc leads to the very program that runs, also when an upgrade has
    /// put another in its place.
    pub(super) fn start(order: &ShipOrder) -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("log2aws-agent").args(&order.arguments).stdin(Stdio::null());
        // One stream for all that the service says.
        command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
        // All that it is to know stands in the arguments; the service manager is none of its
        // business.
        for (name, _) in std::env::vars_os() {
            let is_ours = name.as_encoded_bytes().starts_with(b"LOG2AWS_");
            if is_ours || name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" {
                command.env_remove(&name);
            }
        }
        command.env(PARENT, std::process::id().to_string());
        command.spawn().map(Self)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<Shipped> {
        self.0.try_wait().ok().flatten().map(how)
    }

    /// Asks it to end, and ends it if it does not. Both are safe: only what is written down counts
    /// as delivered. Gives it back if even that does not end it in time: it is gone as soon as the
    /// system can.
    pub(super) fn stop(mut self, events: &Events) -> Option<Self> {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // Gone already is as good.
            let _ = kill_process(pid, Signal::TERM);
        }
        if self.ends_within(PATIENCE, events) {
            return None;
        }
        let _ = self.0.kill();
        (!self.ends_within(LAST_PATIENCE, events)).then_some(self)
    }

    fn ends_within(&mut self, patience: Duration, events: &Events) -> bool {
        let asked = Instant::now();
        while self.ended().is_none() {
            let left = patience.saturating_sub(asked.elapsed());
            if left.is_zero() {
                return false;
            }
            // Its end is a signal, too.
            if events.pause(left).is_ok() {
                events.drain();
            }
        }
        true
    }
}

fn how(status: ExitStatus) -> Shipped {
    match status.code().map(u8::try_from) {
        Some(Ok(code)) => Shipped::Exit(code),
        _ => Shipped::Signal(status.signal().unwrap_or_default()),
    }
}
