//! Two runs of analyze on one log, the second one inside the first at every step.

use std::io;
use std::sync::{Arc, Mutex};

use log2aws_core::event::Event;
use log2aws_service::analyze::analyze;
use log2aws_service::ports::{Store as _, Version};
use log2aws_store::MemoryStore;

use crate::stepped::Stepped;
use crate::world::{
    ALLOWED, ANALYZED, KEY, MIXED, RAW, REFUSALS, Results, SUMMARY, allowed, app, app_with, memory,
    put, record, refusals, refused, results, settings, settled, summary,
};

pub(crate) const ROWS: &[u8] = include_bytes!("../../../../testdata/document.log");
const EITHER_WAY: [(&[u8], &[u8]); 2] = [(MIXED.as_bytes(), ROWS), (ROWS, MIXED.as_bytes())];

/// The event that a test sends for a version.
pub(crate) type Sent = fn(&Version) -> Event;

pub(crate) const EVERY_PAIR: [[Sent; 2]; 4] =
    [[allowed, allowed], [allowed, refused], [refused, allowed], [refused, refused]];

fn unnamed(_: &Version) -> Event {
    record("203.0.113.7", None).into()
}

/// The model: the result of sequential execution. The results are those of the newest accepted
/// version, and every refused version is listed once.
pub(crate) fn in_order(logs: &[&[u8]], events: &[Sent]) -> Results {
    let store = memory();
    let (mut accepted, mut expected) = (Vec::new(), Vec::new());
    for (log, event) in logs.iter().zip(events) {
        let version = put(&store, log);
        let event = event(&version);
        let good = event == allowed(&version);
        analyze(&app(store.clone()), &event).unwrap();
        if good { &mut accepted } else { &mut expected }.push(version.id.to_string());
    }
    accepted.reverse();
    let told = summary(&store).map_or_else(Vec::new, |summary| {
        assert_eq!(Some(&summary.raw.version), accepted.first());
        summary.versions.into_iter().map(|listed| listed.version).collect()
    });
    assert_eq!(told, accepted);
    assert_eq!(refusals(&store), expected);
    settled(&store)
}

/// Runs the first event and calls `meanwhile` before its step `at`. Returns that step, or `None` if
/// the run has fewer.
fn run_first(
    store: &MemoryStore,
    event: &Event,
    at: usize,
    meanwhile: impl FnMut() + Send + 'static,
) -> Option<String> {
    run_first_as(store, ALLOWED, event, at, meanwhile)
}

/// The same with another allow-list.
fn run_first_as(
    store: &MemoryStore,
    list: &str,
    event: &Event,
    at: usize,
    mut meanwhile: impl FnMut() + Send + 'static,
) -> Option<String> {
    let reached = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&reached);
    let stepped = Stepped::visible(store.clone(), move |step| {
        if step.number == at {
            *seen.lock().unwrap() = Some(step.what.clone());
            meanwhile();
        }
        Ok(())
    });
    analyze(&app_with(stepped, Some(settings(list))), event).unwrap();
    reached.lock().unwrap().clone()
}

#[test]
fn two_runs_end_as_the_model_at_every_step() {
    for (first, second) in EITHER_WAY {
        for events in EVERY_PAIR {
            let expected = in_order(&[first, second], &events);
            for at in 0.. {
                let store = memory();
                let version = put(&store, first);
                let inner = store.clone();
                let step = run_first(&store, &events[0](&version), at, move || {
                    let version = put(&inner, second);
                    analyze(&app(inner.clone()), &events[1](&version)).unwrap();
                });
                let Some(step) = step else {
                    assert!(at >= 5, "the run had only {at} steps");
                    break;
                };
                assert!(settled(&store) == expected, "second run before step {at}: {step}");
            }
        }
    }
}

/// Both versions exist while the first version's event is handled.
#[test]
fn an_older_version_does_not_stay_at_any_step() {
    for (first, second) in EITHER_WAY {
        for events in EVERY_PAIR {
            let expected = in_order(&[first, second], &events);
            for at in 0.. {
                let store = memory();
                let (old, new) = (put(&store, first), put(&store, second));
                let inner = store.clone();
                let step = run_first(&store, &events[0](&old), at, move || {
                    analyze(&app(inner.clone()), &events[1](&new)).unwrap();
                });
                let Some(step) = step else { break };
                assert!(settled(&store) == expected, "second run before step {at}: {step}");
            }
        }
    }
}

/// Three versions, the third of which decides: the other runs pause meanwhile.
#[test]
fn three_runs_within_each_other_end_as_the_model() {
    let kinds = [allowed as Sent, refused];
    let logs = [ROWS, MIXED.as_bytes(), b"nonsense\n"];
    for which in 0..8 {
        let events = [0, 1, 2].map(|bit| kinds[(which >> bit) & 1]);
        let expected = in_order(&logs, &events);
        for at in 0.. {
            let mut reached = None;
            for within in 0.. {
                let store = memory();
                let versions = logs.map(|log| put(&store, log));
                let [first, second, third] = [0, 1, 2].map(|i| events[i](&versions[i]));
                let (inner, seen) = (store.clone(), Arc::new(Mutex::new(None)));
                let result = Arc::clone(&seen);
                reached = run_first(&store, &first, at, move || {
                    let (innermost, third) = (inner.clone(), third.clone());
                    let step = run_first(&inner, &second, within, move || {
                        analyze(&app(innermost.clone()), &third).unwrap();
                    });
                    *result.lock().unwrap() = step;
                });
                if seen.lock().unwrap().is_none() {
                    break;
                }
                assert!(settled(&store) == expected, "{which}: {at} {reached:?}, {within}");
            }
            if reached.is_none() {
                break;
            }
        }
    }
}

/// An event without a version is for the newest one.
#[test]
fn events_without_a_version_end_in_the_newest() {
    for (first, second) in EITHER_WAY {
        let expected = in_order(&[first, second], &[allowed, allowed]);
        for at in 0.. {
            let store = memory();
            let version = put(&store, first);
            let inner = store.clone();
            let step = run_first(&store, &unnamed(&version), at, move || {
                let version = put(&inner, second);
                analyze(&app(inner.clone()), &unnamed(&version)).unwrap();
            });
            let Some(step) = step else { break };
            let results = settled(&store);
            for (key, result) in &expected {
                let same = key == SUMMARY || results.get(key) == Some(result);
                assert!(same, "{key}, second run before step {at}: {step}");
            }
            let newest = summary(&store).unwrap();
            assert_eq!(newest.raw.size, second.len() as u64, "before step {at}: {step}");
        }
    }
}

/// The event of one version is repeated, and the list changes in between: the first decision holds.
#[test]
fn of_two_verdicts_on_one_version_one_holds() {
    let lists = [ALLOWED, "192.0.2.1"];
    let by = |store, list| app_with(store, Some(settings(list)));
    for first in 0..2 {
        for at in 0.. {
            let store = memory();
            analyze(&app(store.clone()), &allowed(&put(&store, b"# before\n"))).unwrap();
            let event = allowed(&put(&store, ROWS));
            let (inner, again) = (store.clone(), event.clone());
            let step = run_first_as(&store, lists[first], &event, at, move || {
                let other = app_with(inner.clone(), Some(settings(lists[1 - first])));
                analyze(&other, &again).unwrap();
            });
            let Some(step) = step else { break };
            let id = event.records[0].version.clone().unwrap();
            let accepted = summary(&store).unwrap().accepted().get(&id).is_some();
            let (told, when) = (refusals(&store), format!("before step {at}: {step}"));
            assert_eq!(told, if accepted { vec![] } else { vec![id] }, "{when}");
            let before = results(&store);
            for list in lists {
                analyze(&by(store.clone(), list), &event).unwrap();
                assert!(results(&store) == before, "{when}, again");
            }
        }
    }
}

/// The second run dies at any of its steps while the first pauses at any of its own; then the first
/// continues, and the second's event is repeated.
#[test]
fn a_run_that_dies_within_another_is_repaired() {
    let [(first, second), _] = EITHER_WAY;
    for events in EVERY_PAIR {
        let expected = in_order(&[first, second], &events);
        for at in 0.. {
            let mut reached = None;
            for dies_at in 0.. {
                let store = memory();
                let version = put(&store, first);
                let (inner, died) = (store.clone(), Arc::new(Mutex::new(None)));
                let result = Arc::clone(&died);
                reached = run_first(&store, &events[0](&version), at, move || {
                    let version = put(&inner, second);
                    let died = analyze(&app(mortal(&inner, dies_at)), &events[1](&version));
                    *result.lock().unwrap() = Some((version, died.is_err()));
                });
                let Some((version, died)) = died.lock().unwrap().take() else { break };
                if !died {
                    break;
                }
                analyze(&app(store.clone()), &events[1](&version)).unwrap();
                assert!(settled(&store) == expected, "step {at}: {reached:?}, died at {dies_at}");
            }
            if reached.is_none() {
                break;
            }
        }
    }
}

fn mortal(store: &MemoryStore, dies_at: usize) -> Stepped {
    Stepped::visible(store.clone(), move |step| {
        if step.number >= dies_at { Err(io::Error::other("killed")) } else { Ok(()) }
    })
}

/// The second run starts and ends while the first pauses at any of its steps; later the first dies,
/// at any step, and its event is repeated.
#[test]
fn a_run_that_dies_after_another_is_repaired_by_its_own_event() {
    let [(first, second), _] = EITHER_WAY;
    for events in EVERY_PAIR {
        let expected = in_order(&[first, second], &events);
        for at in 0..60 {
            for dies_at in at..60 {
                let store = memory();
                let event = events[0](&put(&store, first));
                let inner = store.clone();
                let stepped = Stepped::visible(store.clone(), move |step| {
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
                assert!(settled(&store) == expected, "{when}");
            }
        }
    }
}

#[test]
fn a_failure_at_any_step_is_returned_and_the_next_run_repairs() {
    for (first, second) in EITHER_WAY {
        for good in [true, false] {
            let sent = if good { allowed as Sent } else { refused };
            let expected = in_order(&[first, second], &[allowed, sent]);
            for at in 0.. {
                let store = memory();
                let version = put(&store, first);
                analyze(&app(store.clone()), &allowed(&version)).unwrap();
                let before = settled(&store);
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
                if !good {
                    let mut after = settled(&store);
                    after.remove(REFUSALS);
                    assert!(after == before, "a refusal failed at step {at}");
                }
                analyze(&app(store.clone()), &event).unwrap();
                assert!(settled(&store) == expected, "after a failure at step {at}");
            }
        }
    }
}

/// Retention, the bucket's lifecycle and `aws s3 rm` remove old results at any step of a run: some
/// of the previous results, or all. Removal is not a refusal: what the run writes stays, previous
/// results that were not removed stay, and nothing else appears.
#[test]
fn results_that_expire_at_any_step_refuse_nothing() {
    let removals: [&[&str]; 4] = [
        &["csv"],
        &["json"],
        &["csv", "svg", "png", "rejects.jsonl"],
        &["csv", "svg", "png", "rejects.jsonl", "json", "refused.jsonl"],
    ];
    let logs: [&[u8]; 3] = [b"no\n", MIXED.as_bytes(), ROWS];
    for removed in removals {
        for good in [true, false] {
            let sent = if good { allowed as Sent } else { refused };
            let expected = in_order(&logs, &[refused, allowed, sent]);
            let newest = if good { 2 } else { 1 };
            for at in 0.. {
                let store = memory();
                let bad = put(&store, logs[0]);
                analyze(&app(store.clone()), &refused(&bad)).unwrap();
                let stays = put(&store, logs[1]);
                analyze(&app(store.clone()), &allowed(&stays)).unwrap();
                let stood = results(&store);
                let event = sent(&put(&store, logs[2]));
                let inner = store.clone();
                let step = run_first(&store, &event, at, move || {
                    let now = results(&inner);
                    for ending in removed {
                        let key = format!("web01/2019-08-01.{ending}");
                        // Only old results.
                        if now.get(&key) == stood.get(&key) {
                            let (bucket, key) = (ANALYZED.parse().unwrap(), key.parse().unwrap());
                            inner.delete(&bucket, &key).unwrap();
                        }
                    }
                });
                let Some(step) = step else { break };
                let when = format!("{removed:?} before step {at}: {step}");
                let after = settled(&store);
                for (key, result) in &after {
                    let history = key == SUMMARY || key == REFUSALS;
                    assert!(history || expected.get(key) == Some(result), "{key}, {when}");
                }
                if let Some(summary) = summary(&store) {
                    assert_eq!(summary.raw.size, logs[newest].len() as u64, "{when}");
                    assert!(summary.refused.is_none(), "{when}");
                }
                if !good {
                    assert!(refusals(&store).contains(&event.records[0].version.clone().unwrap()));
                }
                // The newest accepted version's event restores its results.
                let versions = store.versions(&RAW.parse().unwrap(), &KEY.parse().unwrap());
                analyze(&app(store.clone()), &allowed(&versions[newest])).unwrap();
                let back = settled(&store);
                for (key, result) in &expected {
                    let history = key == SUMMARY || key == REFUSALS;
                    assert!(history || back.get(key) == Some(result), "{key} is back, {when}");
                }
            }
        }
    }
}

/// After all results except the summary are removed, a late event of an older version restores
/// those of the newest.
#[test]
fn a_late_event_after_results_expired_takes_no_summary_away() {
    let store = memory();
    let (old, new) = (put(&store, ROWS), put(&store, MIXED.as_bytes()));
    for version in [&old, &new] {
        analyze(&app(store.clone()), &allowed(version)).unwrap();
    }
    let whole = settled(&store);
    for ending in ["csv", "svg", "png", "rejects.jsonl"] {
        let key = format!("web01/2019-08-01.{ending}").parse().unwrap();
        store.delete(&ANALYZED.parse().unwrap(), &key).unwrap();
    }
    // With any list.
    for (version, list) in [(&old, ALLOWED), (&old, "192.0.2.1"), (&new, "192.0.2.1")] {
        analyze(&app_with(store.clone(), Some(settings(list))), &allowed(version)).unwrap();
        assert!(settled(&store) == whole);
    }
}
