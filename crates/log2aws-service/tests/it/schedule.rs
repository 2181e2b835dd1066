//! Runs of analyze that take turns as a schedule says, step by step.

use std::sync::{Arc, Condvar, Mutex};

use log2aws_core::summary::Summary;
use log2aws_service::analyze::analyze;
use log2aws_service::ports::Store as _;
use proptest::prelude::*;

use crate::interleave::Sent;
use crate::stepped::Stepped;
use crate::world::{KEY, MIXED, RAW, allowed, app, memory, put, refused, results};

const LOGS: [&str; 3] = [MIXED, "nonsense\n", "# nothing\n"];

/// Whose turn it is. One run at a time is between two of its steps.
struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Who goes next, from the back; when it is used up, whoever is left.
    schedule: Vec<usize>,
    ended: Vec<bool>,
    holder: Option<usize>,
}

impl State {
    fn next(&mut self) -> Option<usize> {
        while self.schedule.last().is_some_and(|run| self.ended[*run]) {
            self.schedule.pop();
        }
        self.schedule.last().copied().or_else(|| self.ended.iter().position(|ended| !ended))
    }
}

impl Turns {
    fn new(runs: usize, schedule: &[u8]) -> Self {
        let schedule = schedule.iter().map(|run| usize::from(*run) % runs).collect();
        let state = State { schedule, ended: vec![false; runs], holder: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Ends this run's last step and waits for its next turn.
    fn step(&self, run: usize) {
        let mut state = self.state.lock().unwrap();
        if state.holder == Some(run) {
            state.holder = None;
            self.changed.notify_all();
        }
        while state.holder.is_some() || state.next() != Some(run) {
            state = self.changed.wait(state).unwrap();
        }
        state.schedule.pop();
        state.holder = Some(run);
    }

    fn end(&self, run: usize) {
        let mut state = self.state.lock().unwrap();
        state.ended[run] = true;
        state.holder = None;
        self.changed.notify_all();
    }
}

/// Every run puts a version of its own and analyzes by its event; then the results are those of
/// the newest version.
fn check(events: &[Sent], allowed_runs: &[bool], schedule: &[u8]) -> Result<(), TestCaseError> {
    let store = memory();
    let turns = Arc::new(Turns::new(events.len(), schedule));
    std::thread::scope(|threads| {
        for (run, event) in events.iter().enumerate() {
            let (store, turns) = (store.clone(), Arc::clone(&turns));
            threads.spawn(move || {
                turns.step(run);
                let version = put(&store, LOGS[run].as_bytes());
                let steps = Arc::clone(&turns);
                let stepped = Stepped::new(store, move |_| {
                    steps.step(run);
                    Ok(())
                });
                analyze(&app(stepped), &event(&version)).unwrap();
                turns.end(run);
            });
        }
    });
    let (raw, key) = (RAW.parse().unwrap(), KEY.parse().unwrap());
    let newest = store.head(&raw, &key).unwrap().unwrap();
    let log = store.contents(&raw, &key).unwrap().0;
    let newest_run = LOGS.iter().position(|text| text.as_bytes() == log).unwrap();
    let mut results = results(&store);
    let (summary, _) = results.remove("web01/2019-08-01.json").unwrap();
    let summary = Summary::from_json(&summary).unwrap();
    if allowed_runs[newest_run] {
        prop_assert!(summary.refused.is_none());
        prop_assert_eq!(summary.raw.version, newest.id.to_string());
        let alone = memory();
        analyze(&app(alone.clone()), &allowed(&put(&alone, &log))).unwrap();
        let mut expected = crate::world::results(&alone);
        expected.remove("web01/2019-08-01.json");
        prop_assert!(results == expected);
    } else {
        prop_assert!(summary.refused.is_some());
        prop_assert_eq!(results.into_keys().collect::<Vec<_>>(), Vec::<String>::new());
    }
    Ok(())
}

/// Runs go on for a few steps at a time.
fn schedule() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<u8>(), 1..9_usize), 0..30).prop_map(|bursts| {
        bursts.into_iter().flat_map(|(run, steps)| std::iter::repeat_n(run, steps)).collect()
    })
}

proptest! {
    #[test]
    fn the_newest_of_two_decides_whatever_the_schedule(
        kinds in any::<[bool; 2]>(),
        schedule in schedule(),
    ) {
        let sent = kinds.map(|kind| if kind { allowed as Sent } else { refused });
        check(&sent, &kinds, &schedule)?;
    }

    #[test]
    fn the_newest_of_three_decides_whatever_the_schedule(schedule in schedule()) {
        check(&[allowed as Sent; 3], &[true; 3], &schedule)?;
    }
}
