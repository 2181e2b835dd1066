//! Kills at any moment: acknowledged objects are complete, and nothing half-written is visible.
//!
//! The test starts itself as a child process that puts as fast as it can and notes each put when it
//! is acknowledged; kills it with SIGKILL; opens the store; and repeats this in the same folder,
//! twenty times or as often as `LOG2AWS_CRASH_ROUNDS` says.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use log2aws_core::key::BucketName;
use log2aws_store::DiskStore;
use log2aws_store::disk::{Attributes, Condition};

use crate::common::{again, analyzed, count, get, key, open, put, raw, read_everything};

const CHILD: &str = "LOG2AWS_CRASH_CHILD";
const SEED: u64 = 20_190_801;

#[test]
fn acknowledged_puts_survive_a_kill() {
    if let Some(home) = std::env::var_os(CHILD) {
        put_for_ever(Path::new(&home));
    }
    let rounds: u64 = match std::env::var("LOG2AWS_CRASH_ROUNDS") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => 20,
    };
    let home = tempfile::tempdir().unwrap();
    println!("the seed is {SEED}");
    let mut rng = Rng::with_seed(SEED);
    let mut acknowledged = 0;
    for round in 0..rounds {
        kill_in_the_act(home.path(), rng.u64(..4000), Duration::from_micros(rng.u64(..5000)));
        acknowledged = check(home.path(), round);
    }
    assert!(acknowledged as u64 >= rounds, "only {acknowledged} puts in {rounds} rounds");
}

/// Starts the child, lets it write more than `at_least` bytes of acknowledgements, and kills it
/// `after` that. How much it does depends on the machine; that it does something does not.
fn kill_in_the_act(home: &Path, at_least: u64, after: Duration) {
    let acks = home.join("acks");
    let noted = || fs::metadata(&acks).map_or(0, |file| file.len());
    let before = noted();
    let mut command = again("crash::acknowledged_puts_survive_a_kill", CHILD, home);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while noted() <= before + at_least {
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        assert!(Instant::now() < deadline, "the child puts nothing");
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Opens the store and compares it with what was acknowledged; returns how much that was.
fn check(home: &Path, round: u64) -> usize {
    let store = open(&home.join("data"));
    assert_eq!(count(&home.join("data/staging")), 0, "round {round}");
    let whole = read_everything(&store);
    let acks = fs::read_to_string(home.join("acks")).unwrap();
    for ack in acks.lines() {
        let [bucket, name, version, number] = ack.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{ack:?}")
        };
        let bucket: BucketName = bucket.parse().unwrap();
        if bucket == raw() {
            let seen = whole.contains(&(bucket, key(name), version.to_owned()));
            assert!(seen, "round {round}: {ack} is gone");
        } else {
            // It may have been replaced since, but never by an older body.
            let body = String::from_utf8(get(&store, &bucket, name).unwrap()).unwrap();
            let present: u64 = body.split(' ').next().unwrap().parse().unwrap();
            assert!(
                present >= number.parse().unwrap(),
                "round {round}: {ack} fell back to {present}"
            );
        }
    }
    acks.lines().count()
}

fn put_for_ever(home: &Path) -> ! {
    let store = open(&home.join("data"));
    let acks = OpenOptions::new().append(true).create(true).open(home.join("acks")).unwrap();
    let begin = fs::metadata(home.join("acks")).unwrap().len();
    thread::scope(|scope| {
        for worker in 0..4 {
            let (store, acks) = (&store, &acks);
            scope.spawn(move || work(store, acks, worker, begin));
        }
    });
    unreachable!("the workers put for ever")
}

/// Numbers grow from round to round: they start at the length of the notes, and every note is
/// longer than a number's step.
fn work(store: &DiskStore, acks: &File, worker: u64, begin: u64) {
    let mut rng = Rng::with_seed(begin ^ worker);
    for number in begin.. {
        let size = if rng.u64(..10) == 0 { 600_000 } else { 2_000 };
        let body = format!("{number} {}", "x".repeat(usize::try_from(rng.u64(..size)).unwrap()));
        let name = format!("web{worker}/{}/k", rng.u64(..6));
        let (bucket, info) = match rng.u64(..8) {
            0 => (analyzed(), put_in_parts(store, &name, body.as_bytes())),
            1 => {
                // Creates and removes folders.
                store
                    .delete(&analyzed(), &key(&format!("gone/{worker}")), &Condition::Always)
                    .unwrap();
                put(store, &analyzed(), &format!("gone/{worker}"), body.as_bytes()).unwrap();
                continue;
            }
            2..5 => (raw(), put(store, &raw(), &name, body.as_bytes()).unwrap()),
            _ => (analyzed(), put(store, &analyzed(), &name, body.as_bytes()).unwrap()),
        };
        let ack = format!("{bucket} {name} {} {number}\n", info.version);
        (&*acks).write_all(ack.as_bytes()).unwrap();
    }
}

fn put_in_parts(store: &DiskStore, name: &str, bytes: &[u8]) -> log2aws_store::disk::ObjectInfo {
    let upload = store.create_upload(&analyzed(), &key(name), &Attributes::default()).unwrap();
    let mut part = store.stage_part(&upload, 1).unwrap();
    part.write_all(bytes).unwrap();
    let part = part.commit().unwrap();
    store.assemble_upload(&upload, &[(1, part.etag)]).unwrap().commit(&Condition::Always).unwrap()
}
