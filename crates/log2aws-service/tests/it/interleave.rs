//! Two runs of analyze on one log, the second within the first at every one of its steps.

use std::io;

use log2aws_core::event::Event;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::analyze;
use log2aws_service::ports::{Store as _, Version};
use log2aws_store::MemoryStore;

use crate::stepped::Stepped;
use crate::world::{KEY, MIXED, RAW, Results, allowed, app, memory, put, record, refused, results};

pub(crate) const ROWS: &[u8] = include_bytes!("../../../../testdata/document.log");
const EITHER_WAY: [(&[u8], &[u8]); 2] = [(MIXED.as_bytes(), ROWS), (ROWS, MIXED.as_bytes())];

/// What a test sends for a version.
pub(crate) type Sent = fn(&Version) -> Event;

fn unnamed(_: &Version) -> Event {
    record("203.0.113.7", None).into()
}

/// The results when everything comes one after the other.
pub(crate) fn in_order(first: &[u8], second: &[u8], events: [Sent; 2]) -> Results {
    let store = memory();
    for (log, event) in [(first, events[0]), (second, events[1])] {
        let version = put(&store, log);
        analyze(&app(store.clone()), &event(&version)).unwrap();
    }
    results(&store)
}

/// Runs the first event; before its step `at`, does `meanwhile`. Says which step that was, or
/// `None` if the run has not so many.
fn run_first(
    store: &MemoryStore,
    event: &Event,
    at: usize,
    mut meanwhile: impl FnMut() + Send + 'static,
) -> Option<String> {
    let reached = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = std::sync::Arc::clone(&reached);
    let stepped = Stepped::new(store.clone(), move |step| {
        if step.number == at {
            *seen.lock().unwrap() = Some(step.what.clone());
            meanwhile();
        }
        Ok(())
    });
    analyze(&app(stepped), event).unwrap();
    reached.lock().unwrap().clone()
}

#[test]
fn the_newer_version_wins_at_every_step() {
    let cases: [[Sent; 2]; 3] = [[allowed, allowed], [unnamed, unnamed], [refused, allowed]];
    for (first, second) in EITHER_WAY {
        for events in cases {
            let expected = in_order(first, second, events);
            for at in 0.. {
                let store = memory();
                let version = put(&store, first);
                let inner = store.clone();
                let step = run_first(&store, &events[0](&version), at, move || {
                    let version = put(&inner, second);
                    analyze(&app(inner.clone()), &events[1](&version)).unwrap();
                });
                let Some(step) = step else {
                    assert!(at >= 9, "the run had only {at} steps");
                    break;
                };
                assert!(results(&store) == expected, "second run before step {at}: {step}");
            }
        }
    }
}

#[test]
fn the_newer_version_is_seen_without_an_event_of_its_own() {
    let [(first, second), _] = EITHER_WAY;
    let expected = in_order(first, second, [allowed, allowed]);
    for at in 0.. {
        let store = memory();
        let version = put(&store, first);
        let inner = store.clone();
        let put_second = move || drop(put(&inner, second));
        let Some(step) = run_first(&store, &allowed(&version), at, put_second) else { break };
        assert!(results(&store) == expected, "put before step {at}: {step}");
    }
}

/// Nothing stands but a summary that refuses the newer version. Its reason may be another than the
/// event's, if one run wrote over the other's.
pub(crate) fn assert_refused(store: &MemoryStore, when: &str) {
    let results = results(store);
    assert_eq!(results.keys().collect::<Vec<_>>(), ["web01/2019-08-01.json"], "{when}");
    let summary = Summary::from_json(&results["web01/2019-08-01.json"].0).unwrap();
    let newest = store.head(&RAW.parse().unwrap(), &KEY.parse().unwrap()).unwrap().unwrap();
    assert_eq!(summary.raw.version, newest.id.to_string(), "{when}");
    assert!(summary.refused.is_some(), "{when}");
}

#[test]
fn a_refused_version_has_no_results_at_any_step() {
    for (first, second) in EITHER_WAY {
        for at in 0.. {
            let store = memory();
            let version = put(&store, first);
            let inner = store.clone();
            let step = run_first(&store, &allowed(&version), at, move || {
                let version = put(&inner, second);
                analyze(&app(inner.clone()), &refused(&version)).unwrap();
            });
            let Some(step) = step else { break };
            assert_refused(&store, &format!("refused before step {at}: {step}"));
        }
    }
}

/// Both versions are there. The first version's event is at work on the second version when that
/// is refused.
#[test]
fn a_refusal_overtakes_a_run_that_reads_the_refused_version() {
    for at in 0.. {
        let store = memory();
        let version = put(&store, ROWS);
        let bad = put(&store, MIXED.as_bytes());
        let inner = store.clone();
        let step = run_first(&store, &allowed(&version), at, move || {
            analyze(&app(inner.clone()), &refused(&bad)).unwrap();
        });
        let Some(step) = step else { break };
        assert_refused(&store, &format!("refused before step {at}: {step}"));
    }
}

/// Two puts from off the list, the second within the first's run: no timing has either analyzed.
#[test]
fn two_refusals_never_have_results() {
    for good_before in [true, false] {
        for at in 0.. {
            let store = memory();
            if good_before {
                analyze(&app(store.clone()), &allowed(&put(&store, b"# good\n"))).unwrap();
            }
            let version = put(&store, ROWS);
            let inner = store.clone();
            let step = run_first(&store, &refused(&version), at, move || {
                let version = put(&inner, MIXED.as_bytes());
                analyze(&app(inner.clone()), &refused(&version)).unwrap();
            });
            let Some(step) = step else { break };
            let keys: Vec<String> = results(&store).into_keys().collect();
            assert_eq!(keys, ["web01/2019-08-01.json"], "before step {at}: {step}");
        }
    }
}

/// The second run dies at any of its steps while the first stands still at any of its own; then
/// the first goes on, and the second's event comes again.
#[test]
fn a_run_that_dies_within_another_is_repaired() {
    let [(first, second), _] = EITHER_WAY;
    let expected = in_order(first, second, [allowed, allowed]);
    for at in 0.. {
        let mut reached = None;
        for dies_at in 0.. {
            let store = memory();
            let version = put(&store, first);
            let (inner, died) = (store.clone(), std::sync::Arc::new(std::sync::Mutex::new(None)));
            let result = std::sync::Arc::clone(&died);
            reached = run_first(&store, &allowed(&version), at, move || {
                let version = put(&inner, second);
                let mortal = Stepped::new(inner.clone(), move |step| {
                    if step.number >= dies_at { Err(io::Error::other("killed")) } else { Ok(()) }
                });
                let died = analyze(&app(mortal), &allowed(&version)).is_err();
                *result.lock().unwrap() = Some((version, died));
            });
            let Some((version, died)) = died.lock().unwrap().take() else { break };
            if !died {
                break;
            }
            analyze(&app(store.clone()), &allowed(&version)).unwrap();
            assert!(results(&store) == expected, "step {at}: {reached:?}, died at {dies_at}");
        }
        if reached.is_none() {
            break;
        }
    }
}

/// The second run comes and goes while the first stands still at any of its steps; later the first
/// dies, at any step, and its event comes again.
#[test]
fn a_run_that_dies_after_another_is_repaired_by_its_own_event() {
    let cases: [[Sent; 2]; 3] = [[allowed, allowed], [refused, allowed], [allowed, refused]];
    for (first, second) in EITHER_WAY {
        for events in cases {
            let expected = in_order(first, second, events);
            for at in 0..40 {
                for dies_at in at..40 {
                    let store = memory();
                    let event = events[0](&put(&store, first));
                    let inner = store.clone();
                    let stepped = Stepped::new(store.clone(), move |step| {
                        if step.number == at {
                            let version = put(&inner, second);
                            analyze(&app(inner.clone()), &events[1](&version)).unwrap();
                        }
                        let killed = || Err(io::Error::other("killed"));
                        if step.number >= dies_at { killed() } else { Ok(()) }
                    });
                    if analyze(&app(stepped.clone()), &event).is_ok() {
                        assert!(stepped.steps() <= dies_at);
                        break;
                    }
                    analyze(&app(store.clone()), &event).unwrap();
                    let when = format!("second at {at}, died at {dies_at}");
                    if expected.len() == 1 {
                        assert_refused(&store, &when);
                    } else {
                        assert!(results(&store) == expected, "{when}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_failure_at_any_step_is_returned_and_the_next_run_repairs() {
    for (first, second) in EITHER_WAY {
        for sent in [allowed as Sent, refused] {
            let expected = in_order(first, second, [allowed, sent]);
            for at in 0.. {
                let store = memory();
                let version = put(&store, first);
                analyze(&app(store.clone()), &allowed(&version)).unwrap();
                let event = sent(&put(&store, second));
                let stepped = Stepped::new(store.clone(), move |step| {
                    if step.number == at { Err(io::Error::other("no luck")) } else { Ok(()) }
                });
                let outcome = analyze(&app(stepped.clone()), &event);
                if stepped.steps() <= at {
                    assert!(at > 6 && outcome.is_ok());
                    break;
                }
                let error = outcome.unwrap_err();
                assert_eq!((error.failed.len(), error.done.len()), (1, 0), "step {at}");
                assert!(error.to_string().contains("no luck"), "step {at}: {error}");
                assert_eq!(error.failed[0].record.as_ref(), Some(&event.records[0]));
                analyze(&app(store.clone()), &event).unwrap();
                assert!(results(&store) == expected, "after a failure at step {at}");
            }
        }
    }
}
