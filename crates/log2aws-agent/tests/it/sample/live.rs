//! This machine, compared with its own `vmstat` and `uptime`.

use std::process::{Command, Stdio};

use log2aws_agent::world::{SystemTime, ZoneSource};

use super::*;

/// Runs a program of procps in the C locale; `None` where it is not installed.
fn procps(program: &str) -> Option<String> {
    let output = Command::new(program).env("LC_ALL", "C").output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The output of `uptime` after the time of day. Up to 4.0.4 it prints "0 user", since then "0
/// users", as we do; with systemd it counts the users of utmp, and we do not.
fn tail(uptime: &str) -> String {
    let words = words(uptime);
    let systemd = Path::new("/run/systemd/system").exists();
    let is_of_users = |at: usize| {
        matches!(words[at].as_str(), "user," | "users,")
            || words.get(at + 1).is_some_and(|next| matches!(next.as_str(), "user," | "users,"))
    };
    let kept = (1..words.len()).filter(|at| !(systemd && is_of_users(*at)));
    let kept: Vec<&str> = kept.map(|at| words[at].as_str()).collect();
    kept.join(" ").replace(" 0 user,", " 0 users,")
}

fn config(folder: &Path, mode: SampleMode) -> SampleConfig {
    SampleConfig {
        log_dir: folder.join("log"),
        state_dir: None,
        server: "web01".parse().unwrap(),
        note: None,
        mode,
        interval: None,
        sync: true,
    }
}

fn numbers(row: &str) -> Vec<u64> {
    row.split_whitespace().map(|n| n.parse().unwrap()).collect()
}

const LIKE_ITS_OWN: &str = "this_machine_is_sampled_as_its_own_vmstat_and_uptime_do";

#[test]
fn this_machine_is_sampled_as_its_own_vmstat_and_uptime_do() {
    let version = Command::new("vmstat").arg("--version").output();
    let Ok(version) = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    else {
        log2aws_skip::optional(LIKE_ITS_OWN, "there is no vmstat");
        return;
    };
    if !version.contains("procps-ng 4.0.2") && !version.contains("procps-ng 3.") {
        let why = format!("{} divides the rates since boot by another time", version.trim());
        log2aws_skip::optional(LIKE_ITS_OWN, why);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), SampleMode::SinceBoot);
    let time = SystemTime::new();
    let last_row = |text: String| numbers(text.lines().next_back().unwrap());
    // The minute may change between two of these; then the next round counts.
    for round in 0.. {
        let before = (last_row(procps("vmstat").unwrap()), procps("uptime").unwrap());
        let report = run(&config, &World::system(&time, ZoneSource::default().zone())).unwrap();
        let after = (last_row(procps("vmstat").unwrap()), procps("uptime").unwrap());
        let ours = numbers(&vmstat_of(&report.line).join(" "));
        // r, b and memory change; the columns since boot hardly do. On a machine that booted
        // recently they may change within a moment: then the next round counts too.
        let between = ours
            .iter()
            .zip(before.0.iter().zip(&after.0))
            .skip(6)
            .all(|(value, (first, last))| (first.min(last)..=first.max(last)).contains(&value));
        let (first, last) = (tail(&before.1), tail(&after.1));
        if between && first == last {
            let ours = tail(report.line.split_once(' ').unwrap().1);
            assert!(ours.starts_with(&first), "{first:?} in {:?}", report.line);
            break;
        }
        assert!(round < 20, "never between: {before:?} {:?} {after:?}", report.line);
    }
}

/// Two seconds; the long test, `LOG2AWS_VMSTAT_SECONDS=10`, takes ten.
#[test]
fn an_interval_of_this_machine_is_that_of_its_vmstat() {
    let seconds = std::env::var("LOG2AWS_VMSTAT_SECONDS").unwrap_or_else(|_| "2".into());
    let window = Duration::from_secs(seconds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), SampleMode::Interval { window });
    let time = SystemTime::new();
    for round in 0.. {
        let vmstat = Command::new("vmstat")
            .args(["-n", &seconds, "2"])
            .env("LC_ALL", "C")
            .stdout(Stdio::piped())
            .spawn();
        let Ok(vmstat) = vmstat else {
            let test = "an_interval_of_this_machine_is_that_of_its_vmstat";
            log2aws_skip::optional(test, "there is no vmstat");
            return;
        };
        let report = run(&config, &World::system(&time, ZoneSource::default().zone())).unwrap();
        let theirs = String::from_utf8(vmstat.wait_with_output().unwrap().stdout).unwrap();
        let theirs = numbers(theirs.lines().nth(3).unwrap());
        let ours = numbers(&vmstat_of(&report.line).join(" "));
        // si so bi bo in cs: of the same seconds except for the milliseconds between the starts, in
        // which a burst may occur; then the next round counts. us sy id wa st: per cent.
        let near = ours.iter().zip(&theirs).enumerate().skip(6).all(|(column, (ours, theirs))| {
            let slack = if column < 12 { theirs / 10 + 20 } else { 3 };
            ours.abs_diff(*theirs) <= slack
        });
        if near {
            break;
        }
        assert!(round < 10, "never near: {ours:?} {theirs:?}");
    }
}

#[test]
fn samplers_at_once_leave_whole_lines_and_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("state");
    let mode = SampleMode::Interval { window: Duration::from_millis(1) };
    let config = SampleConfig {
        state_dir: Some(state_dir.clone()),
        interval: None,
        sync: false,
        ..config(folder.path(), mode)
    };
    let files: Vec<PathBuf> = std::thread::scope(|scope| {
        let sampler = || {
            let time = SystemTime::new();
            let sample = |_| {
                let report =
                    run(&config, &World::system(&time, ZoneSource::default().zone())).unwrap();
                assert!(report.state_error.is_none(), "{:?}", report.state_error);
                report.file
            };
            (0..25).map(sample).collect::<Vec<_>>()
        };
        let samplers: Vec<_> = (0..4).map(|_| scope.spawn(sampler)).collect();
        samplers.into_iter().flat_map(|sampler| sampler.join().unwrap()).collect()
    });
    // Two files if midnight was in between.
    let mut days = files.clone();
    days.sort();
    days.dedup();
    let mut lines = 0;
    for day in &days {
        let text = fs::read_to_string(day).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1, "{text}");
        lines += read(&text).len();
    }
    assert_eq!(lines, files.len());
    assert!(log2aws_agent::sample::last(&state_dir).is_some());
    let left: Vec<_> = fs::read_dir(&state_dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    // last-sample.json, and what a delivery needs on a full disk: deliveries, last-ship.json,
    // reserve, ship.lock.
    assert_eq!(left.len(), 5, "{left:?}");
}
