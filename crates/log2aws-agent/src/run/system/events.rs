//! Events of the service: a wall-clock timer, clock changes, signals.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// The longest wait, after which a missed event is noticed.
const LONGEST: Duration = Duration::from_hours(1);

/// The timer and the signals of this process.
#[derive(Debug)]
pub(super) struct Events {
    timer: OwnedFd,
    signals: UnixStream,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Events {
    /// From now on only uncatchable signals end this process.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        let (signals, writer) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        let (stop, reload) = (Arc::default(), Arc::default());
        for (signal, what) in [
            (SIGTERM, Some(&stop)),
            (SIGINT, Some(&stop)),
            (SIGHUP, Some(&reload)),
            (SIGCHLD, None),
        ] {
            // The flag is set before the byte is sent, so the reader of the byte finds the flag.
            if let Some(what) = what {
                flag::register(signal, Arc::clone(what))?;
            }
            low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(Self { timer, signals, stop, reload })
    }

    /// Whether the service was asked to stop; it stays true.
    pub(super) fn stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Whether a reload was requested since the last call.
    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }

    /// Clears pending wake-ups. Called before handling what they were for, so that later ones are
    /// not lost.
    pub(super) fn drain(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.signals).read(&mut bytes), Ok(1..)) {}
    }

    /// Waits for a signal, for the wall clock to show `until`, or for `within` to pass; returns
    /// whether the clock was set in the meantime.
    pub(super) fn wait(&self, until: Timestamp, within: Duration) -> io::Result<bool> {
        // Zero would disarm the timer, and it cannot represent times before 1970.
        let value =
            until.duration_since(Timestamp::UNIX_EPOCH).max(jiff::SignedDuration::new(0, 1));
        let value = Timespec { tv_sec: value.as_secs(), tv_nsec: i64::from(value.subsec_nanos()) };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        match timerfd_settime(&self.timer, flags, &once) {
            // The timer remains armed (timerfd_create(2)).
            Err(Errno::CANCELED) => return Ok(true),
            result => result?,
        };
        self.poll(&[&self.timer], within)?;
        match rustix::io::read(&self.timer, &mut [0; 8]) {
            Err(Errno::CANCELED) => Ok(true),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a signal, or for `within` to pass.
    pub(super) fn pause(&self, within: Duration) -> io::Result<()> {
        self.poll(&[], within)
    }

    fn poll(&self, others: &[&OwnedFd], within: Duration) -> io::Result<()> {
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(others.iter().map(|fd| PollFd::new(*fd, PollFlags::IN)));
        let within = within.min(LONGEST);
        let timeout = Timespec {
            tv_sec: within.as_secs().cast_signed(),
            tv_nsec: i64::from(within.subsec_nanos()),
        };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
