//! The shipping process: this same program as a child, so that its memory is freed, and a name
//! lookup that hangs can be killed.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

use super::events::Events;
use crate::run::port::{ShipOrder, Shipped};

/// How long it may take to end after SIGTERM.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How long it may take to end after SIGKILL: a process that waits for a disk or a file server ends
/// when that responds.
const KILL_TIMEOUT: Duration = Duration::from_millis(100);

/// An environment variable with the process id of the parent.
const PARENT: &str = "LOG2AWS_SHIP_OF_RUN";

/// Whether `run` started this process for shipping. If so, it dies with `run`, even if that is
/// killed, because nobody else would end it.
#[must_use]
pub fn ends_with_run() -> bool {
    let parent = std::env::var(PARENT).ok().and_then(|pid| pid.parse().ok());
    let Some(parent) = parent.and_then(Pid::from_raw) else { return false };
    // Without this system call, `ship` ends by its own --max-time.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != Some(parent) {
        // The parent was killed before that call.
        std::process::exit(1);
    }
    true
}

/// A shipping process.
#[derive(Debug)]
pub(super) struct ShipProcess(Child);

impl ShipProcess {
    /// Starts it. The link in /proc names the running program, even if an upgrade has replaced the
    /// file.
    pub(super) fn start(order: &ShipOrder) -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("log2aws-agent").args(&order.arguments).stdin(Stdio::null());
        // One output stream for the whole service.
        command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
        // The arguments contain everything; it must not talk to the service manager.
        for (name, _) in std::env::vars_os() {
            let is_ours = name.as_encoded_bytes().starts_with(b"LOG2AWS_");
            if is_ours || name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" {
                command.env_remove(&name);
            }
        }
        command.envs(order.environment.0.iter().map(|(name, value)| (name, value)));
        command.env(PARENT, std::process::id().to_string());
        command.spawn().map(Self)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<Shipped> {
        self.0.try_wait().ok().flatten().map(how)
    }

    /// Sends SIGTERM, then SIGKILL. Both are safe, because only recorded deliveries count. Returns
    /// the process if it is still there, waiting in the kernel.
    pub(super) fn stop(mut self, events: &Events) -> Option<Self> {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It may be gone already.
            let _ = kill_process(pid, Signal::TERM);
        }
        if self.ends_within(TIMEOUT, events) {
            return None;
        }
        let _ = self.0.kill();
        (!self.ends_within(KILL_TIMEOUT, events)).then_some(self)
    }

    fn ends_within(&mut self, patience: Duration, events: &Events) -> bool {
        let asked = Instant::now();
        while self.ended().is_none() {
            let left = patience.saturating_sub(asked.elapsed());
            if left.is_zero() {
                return false;
            }
            // Its end also arrives as a signal.
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
