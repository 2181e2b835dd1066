//! Notifications to systemd, as in `sd_notify(3)`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::run::port::Phase;

/// How long to wait for space in the manager's socket.
const TIMEOUT: Duration = Duration::from_millis(100);

/// The socket of the service manager; without one, nothing is sent.
#[derive(Debug)]
pub(super) struct Notifier {
    watchdog: Option<Duration>,
    is_managed: bool,
}

impl Notifier {
    /// From the environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        Self { watchdog: watchdog(variable, std::process::id()), is_managed: socket().is_some() }
    }

    /// Whether a service manager runs this process.
    pub(super) fn is_managed(&self) -> bool {
        self.is_managed
    }

    /// The watchdog period: half of the manager's timeout.
    pub(super) fn period(&self) -> Duration {
        self.watchdog.map_or(Duration::MAX, |period| period / 2)
    }

    /// Sends a watchdog message. If it is lost, the next one will do.
    pub(super) fn alive(&self) {
        if self.watchdog.is_some() {
            let _ = send("WATCHDOG=1\n");
        }
    }
}

/// Reports the phase of the service and its status line.
pub(super) fn notify(phase: Phase, status: &str) {
    let state = match phase {
        Phase::Ready => "READY=1\n".to_owned(),
        Phase::Working => String::new(),
        Phase::Stopping => "STOPPING=1\n".to_owned(),
        // systemd 253 and newer require the monotonic time.
        Phase::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={micros}\n")
        }
    };
    if let Err(error) = send(&format!("{state}STATUS={status}\n")) {
        tracing::warn!("the service manager cannot be notified: {error}");
    }
}

/// The address of the manager's socket.
fn socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty())
}

/// The manager's timeout for this process, if it has a watchdog.
fn watchdog(variable: impl Fn(&str) -> Option<String>, process: u32) -> Option<Duration> {
    let timeout = variable("WATCHDOG_USEC")?.parse().ok().filter(|micros| *micros > 0)?;
    let is_ours = variable("WATCHDOG_PID").is_none_or(|of| of.parse() == Ok(process));
    is_ours.then(|| Duration::from_micros(timeout))
}

fn send(message: &str) -> io::Result<()> {
    socket().map_or(Ok(()), |socket| send_to(socket.as_bytes(), message))
}

/// Does not block while the manager does not read: neither a sample nor the shutdown may wait for
/// it.
fn send_to(path: &[u8], message: &str) -> io::Result<()> {
    let address = match path {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    socket.send(message.as_bytes()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_watchdog_is_that_of_this_process() {
        let of = |usec: Option<&str>, pid: Option<&str>| {
            let variable = |name: &str| match name {
                "WATCHDOG_USEC" => usec.map(str::to_owned),
                _ => pid.map(str::to_owned),
            };
            watchdog(variable, 4711)
        };
        let minute = Some(Duration::from_mins(1));
        assert_eq!(of(Some("60000000"), Some("4711")), minute);
        assert_eq!(of(Some("60000000"), None), minute);
        for (usec, pid) in [
            (Some("60000000"), Some("4712")),
            (Some("60000000"), Some("")),
            (Some("0"), None),
            (Some("soon"), None),
            (None, Some("4711")),
        ] {
            assert_eq!(of(usec, pid), None, "{usec:?} {pid:?}");
        }
    }

    #[test]
    fn names_of_both_kinds_are_reached() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("log2aws-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, address) in [
            (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}")),
        ] {
            send_to(address.as_bytes(), "READY=1\n").unwrap();
            let mut bytes = [0; 64];
            let length = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], b"READY=1\n");
        }
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let path = path.display().to_string();
        // As many messages as the system's queue holds (net.unix.max_dgram_qlen), and one more.
        while send_to(path.as_bytes(), "WATCHDOG=1\n").is_ok() {}
        let start = Instant::now();
        assert!(send_to(path.as_bytes(), "STOPPING=1\n").is_err());
        assert!(start.elapsed() < 5 * TIMEOUT, "{:?}", start.elapsed());
    }
}
