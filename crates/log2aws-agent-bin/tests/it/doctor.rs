//! `doctor` from the command line with a real server: its output and exit code.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use log2aws_server::{ServeConfig, Server};
use log2aws_service::http::DayRules;
use log2aws_service::ports::Clock;
use tempfile::TempDir;
use tokio::sync::oneshot;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A server, stopped on drop.
struct Served {
    api: String,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn to(allowed: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let mut config = ServeConfig::new(folder.path().to_owned(), allowed.parse().unwrap());
        config.days = DayRules { days_back: 36_500, days_ahead: 36_500, final_after_days: None };
        config.public_url = Some(api.parse().unwrap());
        let server = Server::open(config, Arc::new(SystemClock)).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let stopped = async {
                let _ = stopped.await;
            };
            runtime.unwrap().block_on(server.run(listener, || {}, stopped)).unwrap();
        });
        Self { api, folder, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A machine that was sampled a moment ago.
struct Machine(TempDir);

impl Machine {
    fn sampled() -> Self {
        // Not in the folder for temporary files, which may be a tmpfs that the doctor would report.
        let machine = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let done = machine.agent(&["sample", "--since-boot"], &[]);
        assert!(done.status.success(), "{done:?}");
        machine
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir("/");
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
            .env("LOG2AWS_SERVER", "web01")
            .env("LOG2AWS_LOG_DIR", self.0.path().join("log"))
            .env("LOG2AWS_STATE_DIR", self.0.path().join("state"))
            .env("TERM", "xterm");
        command
    }

    fn agent(&self, args: &[&str], environment: &[(&str, &str)]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_log2aws-agent"));
        self.command(program, args).envs(environment.iter().copied()).output().unwrap()
    }

    /// The same on a terminal (script(1), of Debian's bsdutils).
    fn on_a_terminal(&self, args: &str, environment: &[(&str, &str)]) -> String {
        let program = env!("CARGO_BIN_EXE_log2aws-agent");
        let line = format!("{program} {args}");
        let mut command = self.command(Path::new("script"), &["-qec", &line, "/dev/null"]);
        text(&command.envs(environment.iter().copied()).output().unwrap())
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The files of a folder, and their sizes, without those that the server writes by itself: its cache,
/// and the audit log, which has a line for each URL.
fn contents(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if name == "dashboard-cache" || name == "audit" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                all.push((entry.path(), entry.metadata().unwrap().len()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn nothing_is_wrong_and_nothing_is_written() {
    let (served, machine) = (Served::to("127.0.0.0/8"), Machine::sampled());
    // Where logs arrive: serve's own tasks write elsewhere meanwhile.
    let raw = served.folder.path().join("buckets/serverlogs-local");
    let before = (contents(&raw), contents(machine.0.path()));
    let done = machine.agent(&["doctor", "--api", &served.api], &[]);
    let said = text(&done);
    assert_eq!(done.status.code(), Some(0), "{said}");
    for line in [
        "ok    server        web01\n",
        "ok    allow-list    web01 is let in as 127.0.0.1\n",
        "ok    clock         this machine's and the API's agree\n",
        "\nnothing is wrong\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(!said.contains("X-Amz") && !said.contains('\u{1b}'), "{said}");
    assert_eq!((contents(&raw), contents(machine.0.path())), before);
}

#[test]
fn a_refusal_is_told_with_our_address_and_fails() {
    let (served, machine) = (Served::to("192.0.2.1, web02@127.0.0.1"), Machine::sampled());
    let done = machine.agent(&["doctor", "--json"], &[("LOG2AWS_API", &served.api)]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let faults: Vec<&serde_json::Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] != "ok")
        .collect();
    let [fault] = faults[..] else { panic!("{faults:?}") };
    assert_eq!((&fault["check"], &fault["verdict"]), (&"allow-list".into(), &"fail".into()));
    let hint =
        "put web01@127.0.0.1 on its allow-list, or correct --server if that is another's name";
    assert_eq!(fault["hint"], hint);
    // Under this name it is allowed.
    let renamed = machine.agent(&["doctor", "--server", "web02", "--api", &served.api], &[]);
    assert!(text(&renamed).contains("web02 is let in as 127.0.0.1"), "{}", text(&renamed));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let machine = Machine::sampled();
    let red = "\u{1b}[1;31mfail\u{1b}[0m  api ";
    assert!(machine.on_a_terminal("doctor", &[]).contains(red));
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let said = machine.on_a_terminal("doctor", &[plain]);
        assert!(said.contains("fail  api ") && !said.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn a_config_file_that_is_wrong_is_told_before_anything_else() {
    let machine = Machine::sampled();
    let file = machine.0.path().join("agent.toml");
    fs::write(&file, "sever = \"web01\"\n").unwrap();
    let done = machine.agent(&["doctor", "--config", file.to_str().unwrap()], &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("unknown key \"sever\"; did you mean \"server\"?"), "{said}");
    fs::write(&file, "server = \"web03\"\n").unwrap();
    let done = machine.agent(&["doctor", "--config", file.to_str().unwrap()], &[]);
    assert!(text(&done).starts_with(&format!("ok    config        {}\n", file.display())));
}
