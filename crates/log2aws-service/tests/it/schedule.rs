//! Runs of analyze interleaved by a schedule, step by step.

use std::sync::{Arc, Condvar, Mutex};

use log2aws_service::analyze::analyze;
use log2aws_service::ports::Store as _;
use proptest::prelude::*;

use crate::interleave::Sent;
use crate::stepped::Stepped;
use crate::world::{
    KEY, MIXED, RAW, allowed, app, memory, put, refusals, refused, settled, summary,
};

const LOGS: [&str; 3] = [MIXED, "nonsense\n", "# nothing\n"];

/// The current turn. Only one run at a time is between two of its steps.
struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The order of turns, from the back; when it is used up, any remaining run.
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

/// Every run puts a version of its own and handles its event; then the results are those of the
/// newest accepted version, and every refused one is listed once.
fn check(accepted: &[bool], schedule: &[u8]) -> Result<(), TestCaseError> {
    let store = memory();
    let turns = Arc::new(Turns::new(accepted.len(), schedule));
    std::thread::scope(|threads| {
        for (run, accepted) in accepted.iter().enumerate() {
            let (store, turns) = (store.clone(), Arc::clone(&turns));
            let event = if *accepted { allowed as Sent } else { refused };
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
    // The same in the order of the puts.
    let (raw, key) = (RAW.parse().unwrap(), KEY.parse().unwrap());
    let alone = memory();
    let mut named = Vec::new();
    for version in store.versions(&raw, &key) {
        let mut log = Vec::new();
        store.open(&raw, &key, &version.id).unwrap().read_to_end(&mut log).unwrap();
        let run = LOGS.iter().position(|text| text.as_bytes() == log).unwrap();
        put(&alone, &log);
        let event = if accepted[run] { allowed(&version) } else { refused(&version) };
        analyze(&app(alone.clone()), &event).unwrap();
        if !accepted[run] {
            named.push(version.id.to_string());
        }
    }
    let mut refused = refusals(&store);
    refused.sort();
    prop_assert_eq!(refused, named);
    prop_assert_eq!(summary(&store).is_some(), accepted.contains(&true));
    prop_assert!(settled(&store) == settled(&alone));
    Ok(())
}

/// Runs continue for a few steps at a time.
fn schedule() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<u8>(), 1..9_usize), 0..30).prop_map(|bursts| {
        bursts.into_iter().flat_map(|(run, steps)| std::iter::repeat_n(run, steps)).collect()
    })
}

proptest! {
    #[test]
    fn the_newest_accepted_decides_whatever_the_schedule(
        accepted in prop::collection::vec(any::<bool>(), 2..=3),
        schedule in schedule(),
    ) {
        check(&accepted, &schedule)?;
    }
}
