//! The program, in its own folders.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use log2aws_agent::run::{Offset, Schedule, ShipWindow};
use rustix::process::{Pid, Signal, kill_process};

/// The default timeout of these tests.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// Folders of one agent.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The content of a file; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// All lines of all day logs.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut logs: Vec<_> =
            fs::read_dir(self.path("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
        logs.sort();
        let text: String = logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// The program with this verb, in these folders, with only the given environment.
    pub(crate) fn command(&self, verb: &str, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_log2aws-agent"));
        command.env_clear().arg(verb).args(flags);
        // The test's own flags come first; clap accepts each only once.
        for (flag, folder) in [("--log-dir", "log"), ("--state-dir", "state")] {
            if !flags.iter().any(|given| given.starts_with(flag)) {
                command.arg(flag).arg(self.path(folder));
            }
        }
        if !flags.iter().any(|given| given.starts_with("--config")) {
            command.arg("--config=/dev/null");
        }
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn output(&self, verb: &str, flags: &[&str]) -> Output {
        self.command(verb, flags).output().unwrap()
    }

    /// Starts `run`; its output goes to the file `said`.
    pub(crate) fn run(&self, flags: &[&str], env: &[(&str, &str)]) -> Running {
        let mut command = self.command("run", flags);
        command.envs(env.iter().copied()).stderr(File::create(self.path("said")).unwrap());
        Running(command.spawn().unwrap())
    }
}

/// A running `run` or other verb, killed on drop.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal_to(self.id(), signal);
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Stops it; returns its exit code and how long that took.
    pub(crate) fn end(&mut self) -> (Option<i32>, Duration) {
        let told = Instant::now();
        self.signal(Signal::TERM);
        let status = self.0.wait().unwrap();
        (status.code(), told.elapsed())
    }

    /// The processes that it has started.
    pub(crate) fn children(&self) -> Vec<u32> {
        children(self.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The children of a process.
pub(crate) fn children(of: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap();
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parent = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    numbers.filter(|id| parent(id) == Some(of)).collect()
}

pub(crate) fn signal_to(id: u32, signal: Signal) {
    kill_process(Pid::from_raw(id.cast_signed()).unwrap(), signal).unwrap();
}

pub(crate) fn exists(id: u32) -> bool {
    // A zombie does not count.
    fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

/// Waits until the condition holds.
pub(crate) fn until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(start.elapsed() < TIMEOUT, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A name whose host is among the first to catch up after a start.
pub(crate) fn early_name() -> String {
    let is_early = |name: &String| {
        let schedule = Schedule {
            interval: "10s".parse().unwrap(),
            window: ShipWindow::DEFAULT,
            offset: Offset::of(&name.parse().unwrap()),
            zone: jiff::tz::TimeZone::UTC,
        };
        schedule.catch_up() < Duration::from_millis(300)
    };
    (0..100_000).map(|number| format!("web{number}")).find(is_early).unwrap()
}

/// A date some days ago, as in log names.
pub(crate) fn days_ago(days: i64) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    now.checked_sub(jiff::Span::new().days(days)).unwrap().to_string()
}

/// A listening service manager.
pub(crate) struct Manager(UnixDatagram);

impl Manager {
    pub(crate) fn new(place: &Place) -> Self {
        let socket = UnixDatagram::bind(place.path("notify")).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self(socket)
    }

    /// The next message.
    pub(crate) fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Discards the messages so far.
    pub(crate) fn forget(&self) {
        self.0.set_nonblocking(true).unwrap();
        while self.0.recv(&mut [0; 64]).is_ok() {}
        self.0.set_nonblocking(false).unwrap();
    }

    /// The next message other than a watchdog message.
    pub(crate) fn next_news(&self) -> String {
        loop {
            match self.next() {
                alive if alive == "WATCHDOG=1\n" => {}
                news => return news,
            }
        }
    }
}
