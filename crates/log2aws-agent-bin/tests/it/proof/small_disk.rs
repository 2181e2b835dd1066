//! A small disk that fills up and is emptied: logs and state are on a private tmpfs, the server is
//! on another disk.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use log2aws_agent::net::DEFAULT_STALL;
use log2aws_agent::ship::{Days, ShipConfig, ShipReport};
use log2aws_core::day::Day;

use super::faults::Fault;
use super::journal::{Entry, History, Journal};
use super::oracle;
use super::server::Served;
use super::simulation::{Home, Host, Plan};

/// Set only for the inner process: the host's folder, with the small disk.
const HOME: &str = "LOG2AWS_AGENT_SMALL_DISK";

/// Samples per day.
const MARKS: u32 = 72;

/// Runs this binary's test `name` in a mount namespace where the host's disk is a tmpfs with these
/// options.
fn on_a_small_disk(name: &str, options: &str, test: fn(&Path)) {
    if let Some(home) = std::env::var_os(HOME) {
        return test(Path::new(&home));
    }
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let script = r#"mount -t tmpfs -o "$1" tmpfs "$2" || exit 77; shift 2; exec "$@""#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh", options])
        .arg(&disk)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HOME, home.path())
        .output();
    // 77: the mount was refused. unshare itself exits with 1, which a failing test (101) does not.
    match &output {
        Ok(output) if !matches!(output.status.code(), Some(1 | 77)) => {
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(fs::read_dir(&disk).unwrap().count(), 0, "it wrote outside of its disk");
            println!("{told}");
        }
        refused => {
            log2aws_skip::required(name, format!("no small disk can be mounted: {refused:?}"));
        }
    }
}

#[test]
fn a_disk_of_one_mebibyte_fills_and_empties() {
    let name = "proof::small_disk::a_disk_of_one_mebibyte_fills_and_empties";
    on_a_small_disk(name, "size=1m", |folder| {
        // Most of it belongs to somebody else.
        fs::write(folder.join("disk/foreign"), vec![1; 800 << 10]).unwrap();
        fill_and_empty(folder);
    });
}

#[test]
fn a_disk_without_room_for_names_fills_and_empties() {
    let name = "proof::small_disk::a_disk_without_room_for_names_fills_and_empties";
    on_a_small_disk(name, "nr_inodes=30", fill_and_empty);
}

fn fill_and_empty(folder: &Path) {
    let served = Served::start();
    let plan = Plan {
        seed: 1,
        api: served.api(),
        zone: "Asia/Tokyo".into(),
        start: "2026-03-31T15:00:00Z".parse().unwrap(),
        marks: 0,
        interval_minutes: 20,
        ships: 0,
        clock_steps: 0,
        keep_hours: None,
        stall_ms: 0,
        small_disk: true,
    };
    let home = Home::make(folder, &plan);
    let mut host = Host::wake(home.clone(), plan);
    let config = host.ship_config(Days::Pending, DEFAULT_STALL);
    let down = || served.proxy.choose(|_| Fault::Reset);

    // The server is down: the disk fills up, and lines are refused.
    down();
    let filled = fill(&mut host, &config);
    assert!(filled > 10, "full after {filled} days");
    let logs = || oracle::days(&home.log_dir());
    let kept = logs();
    assert_eq!(kept.len(), filled, "an undelivered log is gone");
    for _ in 0..2 {
        assert!(!day_goes_by(&mut host), "there was room");
        assert!(host.ship(&config).is_some());
    }
    assert_eq!(logs()[..filled], kept, "an undelivered log is gone");
    let refused = History::read(&home.journal()).refused;
    let told = refused.last().unwrap();
    assert!(told.contains(".log") && told.contains("full"), "{told}");
    oracle::check(&home, &served);

    // The server is up: the disk is full, and yet everything is delivered and recorded.
    served.proxy.calm();
    let report = must_ship(&host, &config);
    assert!(report.removed.is_empty(), "nobody said that logs may go");
    must_ship(&host, &config);

    // From now on the oldest make room, and no line is refused any more.
    let refused = History::read(&home.journal()).refused.len();
    for day in 0..filled {
        let taken = day_goes_by(&mut host);
        assert!(taken, "day {day}: {:#?}", History::read(&home.journal()).said());
        must_ship(&host, &config);
    }
    assert!(!logs().contains(&kept[0]), "nothing made room");
    assert_eq!(History::read(&home.journal()).refused.len(), refused);
    oracle::check(&home, &served);

    // The server is down again: only delivered logs are removed.
    down();
    let before = logs();
    // If inodes are scarce, records have displaced the logs.
    let changed = before.iter().rev().nth(2);
    if let Some(day) = changed {
        append_foreign(&home, *day);
    }
    let filled = fill(&mut host, &config);
    assert!(filled > 5, "full after {filled} days");
    let delivered = before.iter().rev().nth(1);
    assert!(!delivered.is_some_and(|day| logs().contains(day)), "a delivered log was kept");
    let kept = changed.is_none_or(|day| logs().contains(day));
    assert!(kept, "a log is gone that had changed since its delivery");
    oracle::check(&home, &served);

    // Finally it is emptied.
    served.proxy.calm();
    let config = ShipConfig { keep: Some(Duration::from_hours(24)), ..config };
    must_ship(&host, &config);
    host.clocks.pass(Duration::from_hours(50));
    must_ship(&host, &config);
    host.clocks.pass(Duration::from_hours(50));
    assert!(host.sample(0));
    must_ship(&host, &config);
    assert_eq!(logs().len(), 1, "delivered logs are still there");
    host.clocks.pass(Duration::from_hours(50));
    must_ship(&host, &config);
    let history = oracle::check_end(&home, &served);
    println!(
        "{} lines, {} refused",
        history.lines.values().map(Vec::len).sum::<usize>(),
        history.refused.len()
    );
}

/// An old cron job appends to a log, which then differs from the delivered one.
fn append_foreign(home: &Home, day: Day) {
    let line =
        format!("{day} 23:59:59 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70");
    let mut log = OpenOptions::new().append(true).open(oracle::log(home, day)).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
    Journal::open(&home.journal()).note(&Entry::Foreign { day: day.to_string(), line });
}

/// Days pass until a line is refused; returns the number of logs then.
fn fill(host: &mut Host, config: &ShipConfig) -> usize {
    for _ in 0..400 {
        let taken = day_goes_by(host);
        let report = host.ship(config).unwrap();
        assert_ne!(report.exit_code(), 0, "nobody takes logs: {report:?}");
        if !taken {
            return oracle::days(&config.spool.log_dir).len();
        }
    }
    panic!("the disk does not fill up");
}

/// Ships all that is pending.
fn must_ship(host: &Host, config: &ShipConfig) -> ShipReport {
    let report = host.ship(config).unwrap();
    let left = report.days.iter().filter(|day| !day.outcome.is_done()).collect::<Vec<_>>();
    assert!(left.is_empty(), "{left:#?}");
    report
}

/// A day's samples. False if one was refused.
fn day_goes_by(host: &mut Host) -> bool {
    let mut taken = true;
    for mark in 0..MARKS {
        host.clocks.pass(Duration::from_mins(20));
        taken &= host.sample(mark);
    }
    taken
}
