//! Two concurrent runs of analyze on one log.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use log2aws_core::summary::Summary;
use log2aws_service::analyze::analyze;
use log2aws_service::ports::Store as _;
use log2aws_store::MemoryStore;

use crate::interleave::{EVERY_PAIR, ROWS, Sent, in_order};
use crate::stepped::Stepped;
use crate::world::{KEY, MIXED, RAW, allowed, app, memory, put, results, settled};

/// The first run pauses before its step `first_at`. The second version is put, and its run starts;
/// before its step `second_at` the first run continues to its end, and then the second does.
/// Returns whether both runs had that many steps, and the store.
fn overlapped(events: [Sent; 2], first_at: usize, second_at: usize) -> (bool, bool, MemoryStore) {
    let store = memory();
    let event = events[0](&put(&store, ROWS));
    let (resume, resumed) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel::<bool>();
    std::thread::scope(|threads| {
        let paused = tell.clone();
        let first = Stepped::visible(store.clone(), move |step| {
            if step.number == first_at {
                paused.send(true).unwrap();
                resumed.recv().unwrap();
            }
            Ok(())
        });
        threads.spawn(move || {
            analyze(&app(first), &event).unwrap();
            tell.send(false).unwrap();
        });
        if !told.recv().unwrap() {
            return (false, false, store.clone());
        }
        let event = events[1](&put(&store, MIXED.as_bytes()));
        let told = Mutex::new(told);
        let reached = Arc::new(AtomicBool::new(false));
        let go_on = {
            let reached = Arc::clone(&reached);
            move || {
                reached.store(true, Ordering::SeqCst);
                resume.send(()).unwrap();
                assert!(!told.lock().unwrap().recv().unwrap());
            }
        };
        let go_on = Arc::new(go_on);
        let within = Arc::clone(&go_on);
        let second = Stepped::visible(store.clone(), move |step| {
            if step.number == second_at {
                within();
            }
            Ok(())
        });
        analyze(&app(second), &event).unwrap();
        let within_reach = reached.load(Ordering::SeqCst);
        if !within_reach {
            go_on();
        }
        (true, within_reach, store.clone())
    })
}

/// For every pair of steps.
fn for_every_overlap(events: [Sent; 2], check: impl Fn(&MemoryStore, &str)) {
    for first_at in 0.. {
        for second_at in 0.. {
            let (first, second, store) = overlapped(events, first_at, second_at);
            if !first {
                assert!(first_at >= 5);
                return;
            }
            check(&store, &format!("first stopped at {first_at}, second at {second_at}"));
            if !second {
                break;
            }
        }
    }
}

#[test]
fn two_runs_end_as_the_model_however_they_overlap() {
    for events in EVERY_PAIR {
        let expected = in_order(&[ROWS, MIXED.as_bytes()], &events);
        for_every_overlap(events, |store, when| assert!(settled(store) == expected, "{when}"));
    }
}

/// Many threads put and analyze one log. Whichever was last, the results are those of the newest
/// version.
#[test]
fn threads_end_in_the_newest_version() {
    for round in 0..50 {
        let store = memory();
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let store = store.clone();
                threads.spawn(move || {
                    for turn in 0..3 {
                        let line = format!("# {round} {thread} {turn}\n");
                        let log = [line.as_bytes(), ROWS].concat();
                        let version = put(&store, &log[..log.len() - 100 * (thread + turn)]);
                        // With that many puts, giving up is allowed; the event is then repeated.
                        while analyze(&app(store.clone()), &allowed(&version)).is_err() {}
                    }
                });
            }
        });
        let concurrent = results(&store);
        let (raw, key) = (RAW.parse().unwrap(), KEY.parse().unwrap());
        let newest = store.head(&raw, &key).unwrap().unwrap();
        let mut log = Vec::new();
        store.open(&raw, &key, &newest.id).unwrap().read_to_end(&mut log).unwrap();
        let alone = memory();
        analyze(&app(alone.clone()), &allowed(&put(&alone, &log))).unwrap();
        let csv = "web01/2019-08-01.csv";
        assert_eq!(concurrent[csv], results(&alone)[csv], "round {round}");
        let summary = &concurrent["web01/2019-08-01.json"].0;
        let summary = Summary::from_json(summary).unwrap();
        assert_eq!(summary.raw.version, newest.id.to_string(), "round {round}");
    }
}
