//! The built program as a process of its own, and requests to it, byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running `log2aws serve`. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The path of the link that logs in once.
    pub(crate) link: String,
    log: PathBuf,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program without the settings in the environment of the tests.
pub(crate) fn program() -> Command {
    command(Command::new(env!("CARGO_BIN_EXE_log2aws")))
}

fn command(mut command: Command) -> Command {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

impl Program {
    /// `log2aws serve` on a port of its own, its log in a file of `folder`.
    pub(crate) fn serve(folder: &Path, args: &[&str]) -> Self {
        Self::start(program(), folder, args)
    }

    /// The same where the process may have at most so many files.
    pub(crate) fn serve_with_files(files: u32, folder: &Path, args: &[&str]) -> Self {
        let mut shell = command(Command::new("sh"));
        let script = format!("ulimit -n {files}; exec \"$@\"");
        shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_log2aws")]);
        Self::start(shell, folder, args)
    }

    /// `change` may set what the environment has to hold.
    pub(crate) fn start(mut command: Command, folder: &Path, args: &[&str]) -> Self {
        let log = folder.join("serve.log");
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--print-login-link"])
            .args(args)
            .env("HOME", folder)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let link =
            lines.find_map(|line| line.strip_prefix("dashboard: http://").map(str::to_owned));
        let Some(link) = link else {
            let _ = child.wait();
            panic!("it did not start: {}", std::fs::read_to_string(log).unwrap());
        };
        let (address, path) = link.split_once('/').unwrap();
        Self { child, address: address.parse().unwrap(), link: format!("/{path}"), log }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended, for so long at most.
    pub(crate) fn ends_within(&mut self, within: Duration) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < within, "still running after {within:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// A request of which the head is sent, with these further lines.
    pub(crate) fn begin(&self, request: &str, more: &[&str]) -> TcpStream {
        let mut stream = self.connect();
        let mut head = format!("{request} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for line in more {
            head.push_str(line);
            head.push_str("\r\n");
        }
        stream.write_all((head + "\r\n").as_bytes()).unwrap();
        stream
    }

    /// The answer to a request on a connection of its own: status, head and body.
    pub(crate) fn ask(&self, request: &str, more: &[&str], body: &[u8]) -> (u16, String) {
        let length = format!("content-length: {}", body.len());
        let lines: Vec<&str> = more.iter().copied().chain(["connection: close", &length]).collect();
        let mut stream = self.begin(request, &lines);
        // An early answer may end the connection before the whole body is sent.
        let _ = stream.write_all(body);
        answer(stream)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path}"), &[], b"")
    }

    /// The path of a URL for one log.
    pub(crate) fn url(&self, server: &str, date: &str) -> String {
        let (status, text) = self.get(&format!("/?server={server}&date={date}"));
        assert_eq!(status, 200, "{text}");
        let url = text.rsplit_once("\r\n\r\n").unwrap().1.trim();
        url.strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned()
    }

    pub(crate) fn put(&self, server: &str, date: &str, body: &[u8]) -> (u16, String) {
        self.ask(&format!("PUT {}", self.url(server, date)), &[], body)
    }
}

/// Reads an answer to the end of its connection.
pub(crate) fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {text}")), text)
}

/// Waits for what happens elsewhere; fails with `what` if it does not.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The last whole day.
pub(crate) fn yesterday() -> String {
    days_ago(1)
}

pub(crate) fn days_ago(days: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.saturating_sub(jiff::ToSpan::days(days)).to_string()
}

/// A short log of a day.
pub(crate) fn log_of(date: &str) -> Vec<u8> {
    let row = "up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 124 10 493744 379918752 \
               0 8428556 0 0 1852 156 0 0 26 12 60 2 0";
    format!("{date} 00:00:01 {row}\n{date} 00:10:01 {row}\n").into_bytes()
}
