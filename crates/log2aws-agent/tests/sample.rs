//! `sample` against recorded machines, whose `vmstat` rows are known, and against this one.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_agent::sample::{SampleConfig, SampleError, SampleMode, SampleReport, run};
use log2aws_agent::world::{Machine, SystemTime, Time, World};

const INTERVAL: SampleMode = SampleMode::Interval { window: Duration::from_secs(6) };

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/proc").join(name)
}

fn row(name: &str, file: &str) -> Vec<String> {
    words(&fs::read_to_string(recorded(name).join(file)).unwrap())
}

/// What `vmstat` printed for the recorded interval. 4.0.2 reads memory once only, so its second
/// row repeats that of the first; ours is that of the moment, as /proc/meminfo of `later` has it.
fn interval_row() -> Vec<String> {
    let mut row = row("debian12-2-cores", "interval.txt");
    for (field, kib) in row[2..6].iter_mut().zip(["0", "22330192", "9788", "1932684"]) {
        kib.clone_into(field);
    }
    row
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The 17 columns at the end of a sample line.
fn vmstat_of(line: &str) -> Vec<String> {
    let words = words(line);
    words[words.len() - 17..].to_vec()
}

/// A machine that stands at one recorded tree until somebody waits, then at the next.
#[derive(Debug)]
struct Recorded {
    folder: tempfile::TempDir,
    next: RefCell<Vec<PathBuf>>,
    now: Cell<Timestamp>,
    slept: Cell<Duration>,
}

impl Recorded {
    fn new(trees: &[PathBuf]) -> Self {
        let recorded = Self {
            folder: tempfile::tempdir().unwrap(),
            next: RefCell::new(trees.iter().rev().cloned().collect()),
            now: Cell::new("2026-11-22T14:59:58Z".parse().unwrap()),
            slept: Cell::default(),
        };
        recorded.advance();
        recorded
    }

    fn advance(&self) {
        if let Some(tree) = self.next.borrow_mut().pop() {
            let proc = self.root().join("proc");
            let _ = fs::remove_file(&proc);
            symlink(tree.join("proc"), &proc).unwrap();
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn config(&self, mode: SampleMode) -> SampleConfig {
        SampleConfig {
            log_dir: self.root().join("log"),
            state_dir: None,
            server: "web01".parse().unwrap(),
            note: Some("本番 DB".parse().unwrap()),
            mode,
            sync: false,
        }
    }

    fn run(&self, config: &SampleConfig) -> Result<SampleReport, SampleError> {
        let machine = Machine { root: self.root(), page_size: 4096, ticks_per_second: 100 };
        run(config, &World { time: self, zone: TimeZone::get("Asia/Tokyo").unwrap(), machine })
    }
}

impl Time for Recorded {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn elapsed(&self) -> Duration {
        self.slept.get()
    }

    fn sleep(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
        self.now.set(self.now.get() + duration);
        self.advance();
    }

    fn jitter(&self) -> f64 {
        0.0
    }
}

#[test]
fn since_boot_is_what_vmstat_prints() {
    for name in ["debian12-2-cores", "altered-64-cores"] {
        let machine = Recorded::new(&[recorded(name).join("earlier")]);
        let report = machine.run(&machine.config(SampleMode::SinceBoot)).unwrap();
        assert_eq!(vmstat_of(&report.line), row(name, "since-boot.txt"), "{name}");
        assert_eq!(report.interval, None);
        assert_eq!(machine.slept.get(), Duration::ZERO);
    }
}

#[test]
fn an_interval_is_what_vmstat_prints_and_the_line_is_of_its_end() {
    let name = "debian12-2-cores";
    let tree = recorded(name);
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
    let report = machine.run(&machine.config(INTERVAL)).unwrap();
    assert_eq!(vmstat_of(&report.line), interval_row());
    assert_eq!(report.interval, Some(Duration::from_secs(6)));
    // 14:59:58Z and six seconds is the next day in Tokyo, and so is the file.
    assert_eq!(report.file, machine.root().join("log/2026-11-23.log"));
    assert_eq!(
        fs::read_to_string(&report.file).unwrap(),
        format!(
            "# log2aws/1 server=web01 cores=2 tz=Asia/Tokyo mode=interval note={}\n{}\n",
            "%E6%9C%AC%E7%95%AA%20DB", report.line
        )
    );
    let head = "2026-11-23 00:00:04 up 43 min, 0 users, load average: ";
    assert!(report.line.starts_with(head), "{}", report.line);
}

#[test]
fn the_next_interval_begins_where_the_last_ended() {
    let tree = recorded("debian12-2-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("earlier"), tree.join("later")]);
    let config =
        SampleConfig { state_dir: Some(machine.root().join("state")), ..machine.config(INTERVAL) };
    let first = machine.run(&config).unwrap();
    assert_eq!(first.interval, Some(Duration::ZERO));
    machine.advance();

    let second = machine.run(&config).unwrap();
    assert_eq!(machine.slept.get(), Duration::from_secs(6), "the second did not wait");
    assert_eq!(vmstat_of(&second.line), interval_row());
    assert!(second.state_error.is_none(), "{:?}", second.state_error);

    // A third at the same moment has no interval of its own to go by: it waits for one.
    machine.run(&config).unwrap();
    assert_eq!(machine.slept.get(), Duration::from_secs(12));
}

#[test]
fn counters_of_another_boot_are_not_carried_over() {
    let tree = recorded("debian12-2-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("earlier")]);
    let state_dir = machine.root().join("state");
    let config = SampleConfig { state_dir: Some(state_dir.clone()), ..machine.config(INTERVAL) };
    machine.run(&config).unwrap();

    let state = state_dir.join("last-sample.json");
    let boot_id = fs::read_to_string(tree.join("later/proc/sys/kernel/random/boot_id")).unwrap();
    let kept = fs::read_to_string(&state).unwrap();
    let other = kept.replace(boot_id.trim(), "00000000-0000-0000-0000-000000000000");
    assert_ne!(other, kept);
    for (case, text) in [
        ("another boot", other),
        ("a counter that went back", kept.replace(':', ":9")),
        ("torn", "{".into()),
    ] {
        fs::write(&state, text).unwrap();
        machine.next.borrow_mut().push(tree.join("later"));
        let before = machine.slept.get();
        machine.run(&config).unwrap();
        assert_eq!(machine.slept.get(), before + Duration::from_secs(6), "{case}");
    }
}

#[test]
fn a_state_that_cannot_be_kept_is_told_and_costs_no_line() {
    let tree = recorded("debian12-2-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
    let blocked = machine.root().join("blocked");
    fs::write(&blocked, "a file").unwrap();
    let config = SampleConfig { state_dir: Some(blocked), ..machine.config(INTERVAL) };
    let report = machine.run(&config).unwrap();
    assert!(fs::read_to_string(&report.file).unwrap().ends_with(&format!("{}\n", report.line)));
    let error = report.state_error.unwrap().to_string();
    assert!(error.contains("blocked/last-sample.json") && error.contains("--state-dir"), "{error}");
}

#[test]
fn a_machine_without_proc_is_an_error_and_leaves_no_log() {
    let machine = Recorded::new(&[PathBuf::from("/nowhere")]);
    let error = machine.run(&machine.config(INTERVAL)).unwrap_err().to_string();
    assert!(error.contains("proc/uptime") && error.contains("is /proc mounted?"), "{error}");
    assert!(!machine.root().join("log").exists());
}

#[test]
fn a_log_folder_that_cannot_be_made_is_named() {
    let machine = Recorded::new(&[recorded("debian12-2-cores").join("earlier")]);
    fs::write(machine.root().join("log"), "a file").unwrap();
    let error = machine.run(&machine.config(SampleMode::SinceBoot)).unwrap_err().to_string();
    assert!(error.contains("the log folder") && error.contains("--log-dir"), "{error}");
}

/// Runs a program of procps in the C locale; `None` where it is not installed.
fn procps(program: &str) -> Option<String> {
    let output = Command::new(program).env("LC_ALL", "C").output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn this_machine_is_sampled_as_its_own_vmstat_and_uptime_do() {
    let version = Command::new("vmstat").arg("--version").output();
    let Ok(version) = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    else {
        eprintln!("skipped: there is no vmstat here");
        return;
    };
    if !version.contains("procps-ng 4.0.2") && !version.contains("procps-ng 3.") {
        eprintln!("skipped: {} divides the rates since boot by another time", version.trim());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = SampleConfig {
        log_dir: folder.path().to_owned(),
        state_dir: None,
        server: "web01".parse().unwrap(),
        note: None,
        mode: SampleMode::SinceBoot,
        sync: false,
    };
    let time = SystemTime::new();
    let last_row = |text: String| -> Vec<u64> {
        text.lines().next_back().unwrap().split_whitespace().map(|n| n.parse().unwrap()).collect()
    };
    // The minute may change between two of these; then the next round decides.
    for round in 0.. {
        let before = (last_row(procps("vmstat").unwrap()), procps("uptime").unwrap());
        let report = run(&config, &World::system(&time)).unwrap();
        let after = (last_row(procps("vmstat").unwrap()), procps("uptime").unwrap());
        let ours: Vec<u64> =
            vmstat_of(&report.line).iter().map(|field| field.parse().unwrap()).collect();
        // r and b jump and memory moves; the columns since boot hardly do. On a machine just
        // booted and at work they may still turn within a moment: then, too, the next round.
        let between = ours
            .iter()
            .zip(before.0.iter().zip(&after.0))
            .skip(6)
            .all(|(value, (first, last))| (first.min(last)..=first.max(last)).contains(&value));
        // Up to 4.0.4 `uptime` says "0 user", since then "0 users", as we do.
        let tail = |uptime: &str| words(uptime)[1..].join(" ").replace(" 0 user,", " 0 users,");
        let (first, last) = (tail(&before.1), tail(&after.1));
        if between && first == last {
            assert!(report.line.contains(&first), "{:?} in {:?}", first, report.line);
            break;
        }
        assert!(round < 20, "never between: {before:?} {:?} {after:?}", report.line);
    }
}
