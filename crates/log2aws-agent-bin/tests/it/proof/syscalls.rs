//! The real binary, killed at every system call of one `sample` and of one `ship`, by strace.
//!
//! After each kill the disk is checked, the same verb runs again undisturbed, and the result must
//! be as if nothing had happened. strace kills at the entry of a call, so the previous call is done
//! and this one is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use log2aws_core::metadata::Metadata;

use super::oracle;
use super::server::Served;
use super::simulation::copy;

const SIGKILL: i32 = 9;

/// The folders of one agent.
struct Place {
    folder: tempfile::TempDir,
    server: String,
}

impl Place {
    fn new(server: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: server.to_owned() }
    }

    /// The same state, for a server of another name.
    fn copy_for(&self, server: &str) -> Self {
        let other = Self::new(server);
        copy(self.folder.path(), other.folder.path());
        let records = other.state().join("deliveries");
        if records.exists() {
            fs::rename(records.join(&self.server), records.join(server)).unwrap();
        }
        other
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The agent with this verb, started through `by`.
    fn agent(&self, by: &[&str], verb: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_log2aws-agent");
        let mut words: Vec<&str> = by.iter().copied().chain([binary]).collect();
        words.extend(verb);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--server", &self.server]);
        command.arg("--log-dir").arg(self.log()).arg("--state-dir").arg(self.state());
        // This machine's settings and network must not matter.
        command.env_clear().env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
        command
    }

    fn must(&self, verb: &[&str]) -> Output {
        let output = self.agent(&[], verb).output().unwrap();
        assert!(output.status.success(), "{verb:?}: {output:?}");
        output
    }

    /// Lets strace kill the agent at the entry of call number `number` of this name. False if it
    /// finished before.
    fn killed_at(&self, verb: &[&str], call: &str, number: usize) -> bool {
        let inject = format!("inject={call}:signal=KILL:when={number}");
        let by = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"];
        let by: Vec<&str> = by.into_iter().chain([inject.as_str()]).collect();
        let output = self.agent(&by, verb).output().unwrap();
        let status = output.status;
        let killed = status.signal() == Some(SIGKILL) || status.code() == Some(128 + SIGKILL);
        assert!(killed || status.success(), "{call} {number}: {output:?}");
        killed
    }

    /// Each system call and how often it occurs, in the thread with the most calls.
    fn calls(&self, verb: &[&str]) -> BTreeMap<String, usize> {
        let trace = self.folder.path().join("trace");
        let by = ["strace", "-f", "-qq", "-o", trace.to_str().unwrap()];
        let output = self.agent(&by, verb).output();
        let output =
            output.unwrap_or_else(|e| panic!("no strace: {e}; install Debian's package strace"));
        assert!(output.status.success(), "{output:?}");
        let mut calls: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in fs::read_to_string(&trace).unwrap().lines() {
            let (thread, call) = line.split_once(' ').unwrap();
            let Some((name, _)) = call.trim_start().split_once('(') else { continue };
            if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                *calls.entry((name.to_owned(), thread.to_owned())).or_default() += 1;
            }
        }
        let mut most = BTreeMap::new();
        for ((name, _), count) in calls {
            let count = count.max(*most.get(&name).unwrap_or(&0));
            most.insert(name, count);
        }
        // strace itself calls it.
        most.remove("execve");
        most
    }
}

/// Kills `verb` at each of its system calls, each in a copy of `place`, and lets `check` check the
/// result. Returns the calls. `name` makes a server name from a call's name.
fn kill_everywhere(
    place: &Place,
    verb: &[&str],
    name: fn(&str) -> String,
    check: impl Fn(&Place, &str) + Sync,
) -> BTreeSet<String> {
    let calls = place.copy_for(&name("traced")).calls(verb);
    let all: Vec<(&str, usize)> = calls
        .iter()
        .flat_map(|(name, count)| (1..=*count).map(|number| (name.as_str(), number)))
        .collect();
    let (next, killed) = (Mutex::new(all.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let Some((call, number)) = next.lock().unwrap().next() else { break };
                    let at = format!("{call}-{number}");
                    let copy = place.copy_for(&name(&at));
                    if copy.killed_at(verb, call, *number) {
                        killed.lock().unwrap().push((*call).to_owned());
                    }
                    check(&copy, &at);
                }
            });
        }
    });
    let killed = killed.into_inner().unwrap();
    println!("{verb:?}: {} system calls, killed at {}", all.len(), killed.len());
    assert!(killed.len() * 10 >= all.len() * 9, "killed at {} of {}", killed.len(), all.len());
    killed.into_iter().collect()
}

/// All lines of all logs except metadata lines, including incomplete ones.
fn lines(place: &Place) -> Vec<String> {
    let mut lines = Vec::new();
    for day in oracle::days(&place.log()) {
        let text = fs::read_to_string(place.log().join(format!("{day}.log"))).unwrap();
        let heads = text.lines().filter(|line| Metadata::parse(line.as_bytes()).is_some());
        assert_eq!(heads.count(), 1, "{text}");
        lines.extend(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned));
    }
    lines
}

#[test]
fn a_sample_killed_at_any_system_call_leaves_whole_lines() {
    let place = Place::new("sampled");
    place.must(&["sample"]);
    let whole = lines(&place);
    let log = place.log().join(format!("{}.log", oracle::days(&place.log())[0]));
    let torn = "2026-11-24 04:05:06 up 45 days, 20:04, 1 user, load average: 25.06, 2";
    fs::write(&log, fs::read_to_string(&log).unwrap() + torn).unwrap();
    // From here on a sample continues from the last one and need not measure.
    thread::sleep(Duration::from_millis(1100));
    let verb = ["sample"];
    let calls = kill_everywhere(
        &place,
        &verb,
        |_| "sampled".to_owned(),
        |place, at| {
            let first = lines(place);
            place.must(&verb);
            let second = lines(place);
            for line in &whole {
                let count = |lines: &[String]| lines.iter().filter(|l| l == &line).count();
                assert_eq!((count(&first), count(&second)), (1, 1), "{at}: {line:?}");
            }
            // One more line than before the kill, all complete except the interrupted one.
            let grown = |lines: &[String]| lines.iter().filter(|line| *line != torn).count();
            assert!((whole.len()..=whole.len() + 1).contains(&grown(&first)), "{at}: {first:#?}");
            assert_eq!(grown(&second), grown(&first) + 1, "{at}: {first:#?} {second:#?}");
            assert!(
                second.iter().all(|line| line == torn || oracle::is_whole(line)),
                "{second:#?}"
            );
            let state = fs::read(place.state().join("last-sample.json")).unwrap();
            serde_json::from_slice::<serde_json::Value>(&state).unwrap();
            let strays = oracle::strays(&place.log(), &place.state(), &place.server);
            assert!(strays.is_empty(), "{at}: left behind: {strays:?}");
        },
    );
    for call in ["write", "flock", "openat", "rename"] {
        assert!(calls.contains(call), "never killed at {call}: {calls:?}");
    }
}

/// The logs to deliver.
const LOGS: [(&str, &str); 3] = [
    ("2020-02-01", "# log2aws/1 server=web01\nold\n"),
    ("2020-02-02", "# log2aws/1 server=web01\none\ntwo\n"),
    ("2020-02-03", "# log2aws/1 server=web01\nthree, torn"),
];

#[test]
fn a_ship_killed_at_any_system_call_loses_nothing_and_claims_nothing() {
    let served = Served::start();
    let api = served.api();
    let place = Place::new("shipped");
    fs::create_dir(place.log()).unwrap();
    let write = |day: &str, text: &str| fs::write(place.log().join(format!("{day}.log")), text);
    write(LOGS[0].0, LOGS[0].1).unwrap();
    // Delivered a year ago, so that it must be removed.
    place.must(&["ship", "--api", &api]);
    let record = place.state().join(format!("deliveries/shipped/{}.json", LOGS[0].0));
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    text["delivered_at"] = "2021-01-01T00:00:00Z".into();
    fs::write(&record, text.to_string()).unwrap();
    for (day, text) in &LOGS[1..] {
        write(day, text).unwrap();
    }

    let verb = ["ship", "--api", api.as_str(), "--keep-days", "30"];
    let is_stored = |server: &str, day: &str, sha256: &str| {
        let versions = served.versions_of(server, day.parse().unwrap());
        versions.iter().any(|version| version.sha256 == sha256)
    };
    // The store keeps what earlier kills let through, so each uses its own name.
    let calls = kill_everywhere(&place, &verb, str::to_owned, |place, at| {
        served.proxy.settle();
        for (day, sha256) in oracle::records(&place.state(), &place.server) {
            let old = day.to_string() == LOGS[0].0;
            let stored = old || is_stored(&place.server, &day.to_string(), &sha256);
            assert!(stored, "{at}: {day} is written down as delivered, and is not");
        }
        check_logs(place, at, 0);
        place.must(&verb);
        check_logs(place, at, 1);
        for (day, text) in &LOGS[1..] {
            let versions = served.versions_of(&place.server, day.parse().unwrap());
            assert_eq!(versions.len(), 1, "{at}: {day}");
            assert_eq!(versions[0].bytes, text.as_bytes(), "{at}: {day}");
        }
        let strays = oracle::strays(&place.log(), &place.state(), &place.server);
        assert!(strays.is_empty(), "{at}: left behind: {strays:?}");
        let left = place.must(&["ship", "--api", &api, "--dry-run", "--json"]);
        assert!(!String::from_utf8_lossy(&left.stdout).contains("would_deliver"), "{at}: {left:?}");
    });
    for call in ["write", "flock", "connect", "sendto", "recvfrom", "fsync", "rename", "unlink"] {
        assert!(calls.contains(call), "never killed at {call}: {calls:?}");
    }
}

/// The logs are unchanged; the oldest may be gone, and must be after a complete run.
fn check_logs(place: &Place, at: &str, runs: usize) {
    for (day, text) in LOGS {
        let here = fs::read(place.log().join(format!("{day}.log"))).ok();
        let may_be_gone = day == LOGS[0].0;
        match here {
            Some(here) if here == text.as_bytes() => assert!(!may_be_gone || runs == 0, "{at}"),
            None if may_be_gone => {}
            other => panic!("{at}: {day} is {other:?}, was {text:?}"),
        }
    }
}
