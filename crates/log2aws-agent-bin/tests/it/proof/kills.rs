//! Random lives from a seed: network faults, kills at random moments and at every step of a
//! delivery, clock changes, and what crashes and other programs do to the files.
//!
//! Fifty lives, or as many as `LOG2AWS_AGENT_RUNS` says; `LOG2AWS_AGENT_SEED` repeats one.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::faults::{Fault, Leg, Step};
use super::journal::{Entry, History, Journal};
use super::oracle;
use super::server::{HOST, Served};
use super::simulation::{Home, Plan};
use fastrand::Rng;

/// The first seed.
const SEED: u64 = 20_190_801;

/// Longer than any life.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Statistics over all lives.
type Count = BTreeMap<String, usize>;

#[test]
fn every_sampled_line_is_delivered_exactly_once_whatever_happens() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, runs) = match number("LOG2AWS_AGENT_SEED") {
        Some(seed) => (seed, 1),
        None => (SEED, number("LOG2AWS_AGENT_RUNS").unwrap_or(50)),
    };
    let next = AtomicU64::new(first);
    let (count, failed) = (Mutex::new(Count::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + runs {
                        break;
                    }
                    match panic::catch_unwind(AssertUnwindSafe(|| live(seed))) {
                        Ok(lived) => add(&mut count.lock().unwrap(), lived),
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let (count, failed) = (count.into_inner().unwrap(), failed.into_inner().unwrap());
    println!("{runs} lives: {count:#?}");
    assert!(failed.is_empty(), "failed: LOG2AWS_AGENT_SEED={failed:?}");
    if runs >= 50 {
        everything_happened(&count);
    }
}

/// A fault that never occurred was not tested.
fn everything_happened(count: &Count) {
    let legs = |name: String| [Leg::Api, Leg::Store].map(|leg| format!("{leg:?} {name}"));
    let kinds = Fault::kinds(&mut Rng::with_seed(0)).into_iter();
    let steps = Step::ALL.into_iter().map(Fault::Kill);
    let others = ["killed", "lines", "torn", "foreign", "delivered", "delivered again"];
    let wanted = kinds.chain(steps).flat_map(|fault| legs(fault.name()));
    let wanted = wanted.chain(others.map(str::to_owned));
    let missing: Vec<String> = wanted.filter(|what| !count.contains_key(what)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

fn add(all: &mut Count, lived: Count) {
    for (what, times) in lived {
        *all.entry(what).or_default() += times;
    }
}

fn plan(rng: &mut Rng, api: String) -> Plan {
    let (zone, start) = *rng
        .choice(&[
            ("Asia/Tokyo", "2026-02-26T20:00:00Z"),
            ("UTC", "2027-12-30T01:00:00Z"),
            ("Europe/Dublin", "2024-02-27T23:00:00Z"),
            // The clock goes forward, and back; by half an hour; a day that does not exist.
            ("America/New_York", "2026-03-06T20:00:00Z"),
            ("America/New_York", "2026-10-30T20:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-03T12:00:00Z"),
            ("Pacific/Apia", "2011-12-28T12:00:00Z"),
        ])
        .unwrap();
    let interval_minutes = *rng.choice(&[30, 60, 120]).unwrap();
    let days = 3 + rng.u64(..6);
    Plan {
        seed: rng.u64(..),
        api,
        zone: zone.into(),
        start: start.parse().unwrap(),
        marks: u32::try_from(days * 24 * 60 / interval_minutes).unwrap(),
        interval_minutes,
        ships: 5 + rng.u64(..40),
        clock_steps: *rng.choice(&[0, 0, 20]).unwrap(),
        keep_hours: *rng.choice(&[None, Some(50), Some(60)]).unwrap(),
        stall_ms: 120,
        small_disk: false,
    }
}

/// Network faults: good days, bad days, and complete outages.
fn network(mut rng: Rng) -> impl FnMut(Leg) -> Fault + Send {
    let (mut left, mut faults, mut kills, mut outage) = (0, 0, 0, None);
    move |leg| {
        if left == 0 {
            left = 1 + rng.u64(..12);
            faults = *rng.choice(&[0, 20, 50, 90]).unwrap();
            kills = *rng.choice(&[0, 10, 25]).unwrap();
            outage = (rng.u64(..100) < 10).then(|| Fault::any(&mut rng));
        }
        left -= 1;
        // Only a request that gets its URL reaches the second leg.
        if leg == Leg::Api && outage.is_none() && rng.u64(..100) < 50 {
            Fault::None
        } else if rng.u64(..100) < kills {
            Fault::kill(&mut rng)
        } else if let Some(fault) = outage {
            fault
        } else if rng.u64(..100) < faults {
            Fault::any(&mut rng)
        } else {
            Fault::None
        }
    }
}

/// The life of one host, from its first sample to the delivery of its last.
fn live(seed: u64) -> Count {
    let mut rng = Rng::with_seed(seed);
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let home = Home::make(folder.path(), &plan(&mut rng, served.api()));
    let mut count = Count::new();
    // The files of a life that panics are kept.
    let lived = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut kills = rng.u64(..30);
        while !live_once(&home, &served, &mut rng, &mut kills) {
            *count.entry("killed".into()).or_default() += 1;
            oracle::check(&home, &served);
            let history = History::read(&home.journal());
            while rng.u64(..100) < 40 {
                if let Some(what) = mischief(&home, &history, &mut rng) {
                    *count.entry(what.into()).or_default() += 1;
                }
            }
        }
        oracle::check(&home, &served);
        served.proxy.calm();
        assert!(run(&home, &served, true, None), "killed on a calm day");
        oracle::check_end(&home, &served)
    }));
    let history = lived.unwrap_or_else(|panic| {
        let kept = folder.keep();
        eprintln!("LOG2AWS_AGENT_SEED={seed}: what is left of it is in {}", kept.display());
        panic::resume_unwind(panic)
    });
    let passed = served.proxy.seen();
    assert!(passed.breaches.is_empty(), "{:?}", passed.breaches);
    for ((leg, fault), times) in passed.count() {
        count.insert(format!("{leg:?} {fault}"), times);
    }
    let lines = history.lines.values().map(Vec::len).sum();
    count.insert("lines".into(), lines);
    count.insert("delivered".into(), history.shipped.len());
    let keys = served.keys().len();
    if history.shipped.len() > keys {
        count.insert("delivered again".into(), history.shipped.len() - keys);
    }
    count
}

/// Starts the host; returns true if it finished, false if it was killed.
fn live_once(home: &Home, served: &Served, rng: &mut Rng, kills: &mut u64) -> bool {
    let mut network = network(Rng::with_seed(rng.u64(..)));
    if *kills == 0 {
        // It must finish at some point.
        served.proxy.choose(move |leg| match network(leg) {
            Fault::Kill(_) => Fault::None,
            fault => fault,
        });
        return run(home, served, false, None);
    }
    *kills -= 1;
    served.proxy.choose(network);
    let at =
        (rng.u64(..100) < 70).then(|| (rng.u64(..6000), Duration::from_micros(rng.u64(..4000))));
    run(home, served, false, at)
}

/// Runs the host until it ends or is killed; `kill` says after how many bytes of the journal, and
/// how long after that.
fn run(home: &Home, served: &Served, calm: bool, mut kill: Option<(u64, Duration)>) -> bool {
    let noted = || fs::metadata(home.journal()).map_or(0, |file| file.len());
    let (before, begin) = (noted(), Instant::now());
    served.proxy.aim(home.start(calm));
    let status = loop {
        if let Some(status) = served.proxy.ended() {
            break status;
        }
        match kill {
            Some((bytes, after)) if noted() > before + bytes => {
                thread::sleep(after);
                served.proxy.kill();
                kill = None;
            }
            _ => thread::sleep(Duration::from_micros(500)),
        }
        assert!(begin.elapsed() < TIMEOUT, "the host does not come to its end");
    };
    served.proxy.settle();
    let output = || fs::read_to_string(home.output()).unwrap();
    assert!(status.success() || status.code().is_none(), "{status}: {}", output());
    status.success()
}

/// Damage to the files while no process runs.
fn mischief(home: &Home, history: &History, rng: &mut Rng) -> Option<&'static str> {
    let state = home.state_dir();
    let days = oracle::days(&home.log_dir());
    match rng.u64(..8) {
        0..=4 if days.is_empty() => None,
        // The end of a line is lost in a crash.
        0..=2 => {
            let day = if rng.u64(..100) < 60 { *days.last()? } else { *rng.choice(&days).unwrap() };
            let line = format!("{day} 04:05:06 up 45 days, 20:04, 1 user, load average: 25.06, 2");
            let text = &line[..usize::try_from(1 + rng.u64(..line.len() as u64 - 1)).unwrap()];
            append(home, day, text)?;
            Journal::open(&home.journal())
                .note(&Entry::Torn { day: day.to_string(), text: text.to_owned() });
            Some("torn")
        }
        // An old cron job appends, even to a delivered log.
        3..=4 => {
            let day = *rng.choice(&days).unwrap();
            let time = day.date().at(0, 0, 0, 0).checked_add(jiff::SignedDuration::from_secs(
                i64::try_from(rng.u64(..86_400)).unwrap(),
            ));
            let time = time.ok().filter(|time| !history.is_taken(*time))?;
            let line = format!(
                "{} up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 124 10 493744 \
                 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0",
                time.strftime("%Y-%m-%d %H:%M:%S")
            );
            append(home, day, &format!("{line}\n"))?;
            Journal::open(&home.journal()).note(&Entry::Foreign { day: day.to_string(), line });
            Some("foreign")
        }
        // A power cut leaves a state file empty or with garbage.
        5 => {
            let records = state.join("deliveries").join(HOST);
            let mut files = vec![state.join("last-sample.json")];
            files.extend(fs::read_dir(records).into_iter().flatten().map(|f| f.unwrap().path()));
            let file = rng.choice(&files).unwrap();
            let rubbish: &&str = rng.choice(&["", "{", "\0\0\0\0", "null"]).unwrap();
            file.exists().then(|| fs::write(file, rubbish).unwrap())?;
            Some("rubbish")
        }
        // The state was on a tmpfs, and the machine rebooted.
        6 => {
            fs::remove_dir_all(state).ok()?;
            Some("state lost")
        }
        _ => {
            let boot = format!("{:08x}-0000-0000-0000-000000000000\n", rng.u64(..1 << 32));
            fs::write(home.proc("sys/kernel/random/boot_id"), boot).unwrap();
            Some("boot")
        }
    }
}

/// Appends to a log, unless its last line is incomplete: the two would be indistinguishable.
fn append(home: &Home, day: log2aws_core::day::Day, text: &str) -> Option<()> {
    let path = oracle::log(home, day);
    let ended = fs::read(&path).unwrap().ends_with(b"\n");
    let mut file = ended.then(|| OpenOptions::new().append(true).open(&path).unwrap())?;
    file.write_all(text.as_bytes()).unwrap();
    Some(())
}
