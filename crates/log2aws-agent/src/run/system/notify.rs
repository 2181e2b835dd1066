//! What systemd is told, where it has started this service, as `sd_notify(3)` has it.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::run::port::Phase;

/// The way to the service manager; where there is none, nothing is said.
#[derive(Debug)]
pub(super) struct Notifier {
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub(super) fn from_environment() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled().filter(|period| !period.is_zero()) }
    }

    /// How often it wants to hear that the service lives: half of the time after which it would
    /// be killed.
    pub(super) fn period(&self) -> Duration {
        self.watchdog.map_or(Duration::MAX, |period| period / 2)
    }

    /// The service lives.
    pub(super) fn alive(&self) {
        if self.watchdog.is_some() {
            send(&[NotifyState::Watchdog]);
        }
    }
}

/// Where the service is in its life.
pub(super) fn tell(phase: Phase, status: &str) {
    let status = NotifyState::Status(status);
    match phase {
        Phase::Ready => send(&[NotifyState::Ready, status]),
        Phase::Stopping => send(&[NotifyState::Stopping, status]),
        // systemd 253 and newer want to know since when, on the clock that never goes back.
        Phase::Reloading => match NotifyState::monotonic_usec_now() {
            Ok(since) => send(&[NotifyState::Reloading, since, status]),
            Err(_) => send(&[NotifyState::Reloading, status]),
        },
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}
