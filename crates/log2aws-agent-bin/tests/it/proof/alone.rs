//! Each network fault alone: once, and until the agent gives up.

use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_agent::net::{DEFAULT_STALL, Network};
use log2aws_agent::ship::{self, ShipConfig, ShipError, ShipReport};
use log2aws_agent::world::{ProcRoot, World};
use log2aws_core::day::Day;

use super::faults::{Canned, Fault, Leg};
use super::oracle;
use super::server::{HOST, Served};
use super::simulation::{Clocks, Home, SimulatedTime, ship_config};
use fastrand::Rng;

const LOGS: [(&str, &str); 2] = [
    ("2026-11-20", "# log2aws/1 server=web01\n2026-11-20 00:10:01 up 1 day\n"),
    ("2026-11-21", "# log2aws/1 server=web01\n2026-11-21 00:10:01 up 2 days\nand a torn li"),
];

const STALL: Duration = Duration::from_millis(120);

/// A fault on one of the two requests.
struct Case {
    leg: Leg,
    fault: Fault,
    /// Once, or always.
    once: bool,
    host: String,
}

/// Whether a retry within the same run overcomes it. The others may have a cause that only people
/// can fix.
fn is_passing(leg: Leg, fault: Fault) -> bool {
    match fault {
        Fault::Canned(answer) | Fault::Early(answer) | Fault::Replace(answer) => {
            matches!(answer, Canned::TooMany | Canned::TooManyUntil | Canned::Failed | Canned::Busy)
                || leg == Leg::Store
        }
        Fault::GarbleRequest(_) | Fault::GarbleAnswer(_) => leg == Leg::Store,
        _ => true,
    }
}

#[test]
fn each_fault_alone_costs_no_log_and_a_passing_one_no_run() {
    let kinds = Fault::kinds(&mut Rng::with_seed(5));
    let mut cases = Vec::new();
    for (number, fault) in kinds.into_iter().enumerate() {
        for leg in [Leg::Api, Leg::Store] {
            for once in [true, false] {
                cases.push(Case { leg, fault, once, host: format!("{leg:?}-{number}-{once}") });
            }
        }
    }
    let next = Mutex::new(cases.iter());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                let served = Served::start();
                while let Some(case) = { next.lock().unwrap().next() } {
                    try_case(case, &served);
                }
                assert_eq!(served.proxy.seen().breaches, [""; 0]);
            });
        }
    });
}

#[test]
fn two_machines_with_one_name_are_both_kept_and_one_is_warned() {
    let served = Served::start();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let deliver = |machine: usize| {
        let home = Home(folders[machine].path().to_owned());
        fs::create_dir_all(home.log_dir()).unwrap();
        for (day, text) in LOGS {
            let text = format!("{text} of machine {machine}\n");
            fs::write(home.log_dir().join(format!("{day}.log")), text).unwrap();
        }
        let report = run(&ship_config(&home, HOST, &served.api(), STALL));
        assert_eq!(report.exit_code(), 0, "{report:?}");
        report.warnings
    };
    assert_eq!(deliver(0), [""; 0]);
    let warnings = deliver(1);
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.starts_with("the store already had a log of 2026-11-20 as web01"), "{warning}");
    served.proxy.settle();
    for (day, _) in LOGS {
        assert_eq!(served.versions(day.parse().unwrap()).len(), 2, "{day}");
    }
    assert_eq!(served.proxy.seen().breaches, [""; 0]);
    assert_eq!(deliver(1), [""; 0], "nothing is new");
}

fn try_case(case: &Case, served: &Served) {
    let Case { leg, fault, once, host } = case;
    let name = format!("{leg:?} {fault:?} {}", if *once { "once" } else { "always" });
    let folder = tempfile::tempdir().unwrap();
    let home = Home(folder.path().to_owned());
    fs::create_dir_all(home.log_dir()).unwrap();
    for (day, text) in LOGS {
        fs::write(home.log_dir().join(format!("{day}.log")), text).unwrap();
    }
    let config = ship_config(&home, host, &served.api(), STALL);

    let (leg, fault, mut left) = (*leg, *fault, if *once { 1 } else { usize::MAX });
    served.proxy.choose(move |this| {
        if this == leg && left > 0 {
            left -= 1;
            fault
        } else {
            Fault::None
        }
    });
    let report = run(&config);
    served.proxy.settle();
    for day in &report.days {
        let line = day.to_string();
        assert!(!line.contains("X-Amz-") && !line.contains("Signature="), "{name}: {line}");
        let told =
            day.outcome.is_done() || line.contains("he log stays") || line.contains("pending");
        assert!(told, "{name}: {line}");
    }
    for (day, sha256) in oracle::records(&home.state_dir(), host) {
        let versions = served.versions_of(host, day);
        assert!(versions.iter().any(|version| version.sha256 == sha256), "{name}: {day}");
    }
    let done = report.days.iter().filter(|day| day.outcome.is_done()).count();
    assert_eq!(oracle::records(&home.state_dir(), host).len(), done, "{name}: {report:?}");
    let code = report.exit_code();
    assert!(
        if done == 2 { code == 0 } else { matches!(code, 4 | 5) },
        "{name}: {code}, {report:?}"
    );
    if *once && is_passing(leg, fault) {
        assert_eq!(done, 2, "{name}: {report:?}");
    }

    served.proxy.calm();
    let report = run(&ShipConfig {
        network: Network { stall: DEFAULT_STALL, ..config.network.clone() },
        ..config
    });
    assert_eq!(report.exit_code(), 0, "{name}: {report:?}");
    for (day, text) in LOGS {
        let day: Day = day.parse().unwrap();
        let versions = served.versions_of(host, day);
        assert_eq!(versions.len(), 1, "{name}: {day}");
        assert_eq!(versions[0].bytes, text.as_bytes(), "{name}: {day}");
        let here = fs::read_to_string(home.log_dir().join(format!("{day}.log"))).unwrap();
        assert_eq!(here, text, "{name}");
    }
    let strays = oracle::strays(&home.log_dir(), &home.state_dir(), host);
    assert!(strays.is_empty(), "{name}: left behind: {strays:?}");
}

fn run(config: &ShipConfig) -> ShipReport {
    let now: Timestamp = "2026-11-22T00:04:00Z".parse().unwrap();
    let time = SimulatedTime::new(&Clocks::at(now.as_millisecond(), 0), 1);
    let world = World { time: &time, zone: TimeZone::UTC, proc_root: ProcRoot::system() };
    loop {
        match ship::run(config, &world, &mut |_| {}) {
            // A test on another thread has just forked, and its child holds our lock until its
            // exec.
            Err(ShipError::Busy(_)) => thread::sleep(Duration::from_millis(5)),
            done => return done.unwrap(),
        }
    }
}
