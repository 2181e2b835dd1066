//! The queue of day logs to analyze.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log2aws_core::key::{ObjectKey, RawKey};
use prometheus_client::metrics::gauge::Gauge;

/// The maximum number of queued logs. Further ones are not lost: they have no result yet, so the
/// next scan of the raw bucket finds them. An overflow requests a scan.
pub(crate) const CAPACITY: usize = 65_536;

/// The first wait after a failure; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// Day logs to analyze.
///
/// A key is queued once, however often it was put. A key that is put during its analysis is
/// analyzed again afterwards. Two threads never get the same key.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// A log is ready, or will be later. Each notification wakes one worker.
    ready: Condvar,
    /// At least half of the capacity is free again.
    room: Condvar,
    length: Gauge,
    capacity: usize,
}

#[derive(Default)]
struct State {
    jobs: HashMap<ObjectKey, Job>,
    ready: VecDeque<ObjectKey>,
    /// By due time. The number distinguishes entries due at the same instant.
    delayed: BTreeMap<(Instant, u64), ObjectKey>,
    numbers: u64,
    /// A log was left out because the queue was full.
    overflowed: bool,
    stopping: bool,
}

struct Job {
    stage: Stage,
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Ready,
    Delayed(u64),
    Running { again: bool },
}

impl Queue {
    /// An empty queue. `length` is kept at its length.
    pub(crate) fn new(length: Gauge) -> Self {
        Self::with_capacity(length, CAPACITY)
    }

    fn with_capacity(length: Gauge, capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            room: Condvar::new(),
            length,
            capacity,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `key` for analysis. Keys that are not those of day logs are ignored.
    pub(crate) fn enqueue(&self, key: &ObjectKey) {
        if RawKey::parse(key.as_str()).is_none() {
            return;
        }
        let mut state = self.state();
        let full = state.jobs.len() >= self.capacity;
        match state.jobs.get_mut(key) {
            Some(job) => match &mut job.stage {
                Stage::Ready => return,
                Stage::Running { again } => {
                    *again = true;
                    return;
                }
                // A log that failed before may succeed with the new bytes.
                waiting @ Stage::Delayed(_) => *waiting = Stage::Ready,
            },
            None if full => {
                state.overflowed = true;
                return;
            }
            None => {
                state.jobs.insert(key.clone(), Job { stage: Stage::Ready, failures: 0 });
            }
        }
        state.ready.push_back(key.clone());
        self.length.set(i64::try_from(state.jobs.len()).unwrap_or(i64::MAX));
        self.ready.notify_one();
    }

    /// Waits for the next log to analyze; `None` once the queue has been stopped.
    pub(crate) fn next(&self) -> Option<ObjectKey> {
        let mut state = self.state();
        loop {
            if state.stopping {
                return None;
            }
            let now = Instant::now();
            state.wake_due(now);
            if let Some(key) = state.ready.pop_front() {
                // One notification may have been for several logs.
                if !state.ready.is_empty() || !state.delayed.is_empty() {
                    self.ready.notify_one();
                }
                if let Some(job) = state.jobs.get_mut(&key) {
                    job.stage = Stage::Running { again: false };
                }
                return Some(key);
            }
            let due = state.delayed.first_key_value().map(|((due, _), _)| *due);
            state = match due {
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let wait = due.saturating_duration_since(now);
                    let waited = self.ready.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Reports that the analysis of `key` has succeeded.
    pub(crate) fn done(&self, key: &ObjectKey) {
        let mut state = self.state();
        let again = state
            .jobs
            .get(key)
            .is_some_and(|job| matches!(job.stage, Stage::Running { again: true }));
        if again {
            state.jobs.insert(key.clone(), Job { stage: Stage::Ready, failures: 0 });
            state.ready.push_back(key.clone());
            self.ready.notify_one();
        } else {
            state.jobs.remove(key);
        }
        self.length.set(i64::try_from(state.jobs.len()).unwrap_or(i64::MAX));
        if self.has_room(&state) {
            self.room.notify_all();
        }
    }

    /// Reports that the analysis of `key` has failed. It is retried after the returned delay, which
    /// is zero if the log was put again meanwhile.
    pub(crate) fn failed(&self, key: &ObjectKey) -> Duration {
        let mut state = self.state();
        let state = &mut *state;
        let number = state.numbers;
        state.numbers += 1;
        let job = state
            .jobs
            .entry(key.clone())
            .or_insert(Job { stage: Stage::Running { again: false }, failures: 0 });
        let wait = FIRST_WAIT.saturating_mul(1 << job.failures.min(10)).min(LONGEST_WAIT);
        job.failures = job.failures.saturating_add(1);
        // There is another log to take, or an earlier due time.
        self.ready.notify_one();
        if job.stage == (Stage::Running { again: true }) {
            job.stage = Stage::Ready;
            state.ready.push_back(key.clone());
            return Duration::ZERO;
        }
        job.stage = Stage::Delayed(number);
        state.delayed.insert((Instant::now() + wait, number), key.clone());
        wait
    }

    /// Waits until at least half of the capacity is free; `false` once the queue has been stopped.
    pub(crate) fn wait_for_room(&self) -> bool {
        let mut state = self.state();
        while !state.stopping && !self.has_room(&state) {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.stopping
    }

    /// Whether logs were left out and there is space for them again. Resets the flag if so.
    pub(crate) fn take_overflow(&self) -> bool {
        let mut state = self.state();
        let take = state.overflowed && self.has_room(&state);
        state.overflowed &= !take;
        take
    }

    fn has_room(&self, state: &State) -> bool {
        state.jobs.len() <= self.capacity / 2
    }

    /// Stops the queue. Logs still queued have no result, and are found at the next start.
    pub(crate) fn stop(&self) {
        self.state().stopping = true;
        self.ready.notify_all();
        self.room.notify_all();
    }
}

impl State {
    fn wake_due(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry() {
            let (due, number) = *entry.key();
            if due > now {
                break;
            }
            let key = entry.remove();
            // A put may have made it ready already.
            if let Some(job) = self.jobs.get_mut(&key)
                && job.stage == Stage::Delayed(number)
            {
                job.stage = Stage::Ready;
                self.ready.push_back(key);
            }
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(server: &str) -> ObjectKey {
        format!("{server}/2019-08-01.log").parse().unwrap()
    }

    fn queue() -> Queue {
        Queue::new(Gauge::default())
    }

    #[test]
    fn a_key_is_given_out_once_and_again_if_it_was_put_meanwhile() {
        let queue = queue();
        for _ in 0..3 {
            queue.enqueue(&key("web01"));
        }
        assert_eq!(queue.length.get(), 1);
        assert_eq!(queue.next(), Some(key("web01")));
        queue.enqueue(&key("web01"));
        queue.enqueue(&key("web02"));
        // web01 is being analyzed: no other thread gets it.
        assert_eq!(queue.next(), Some(key("web02")));
        queue.done(&key("web02"));
        queue.done(&key("web01"));
        assert_eq!(queue.next(), Some(key("web01")));
        queue.done(&key("web01"));
        assert_eq!(queue.length.get(), 0);
    }

    /// Everything that can happen to one key, in any order.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Step {
        Put,
        Take,
        Done,
        Failed,
        Wake,
    }

    /// The queue and a model of its threads: puts are numbered, and an analysis covers the newest
    /// put at its start.
    struct Model {
        queue: Queue,
        newest: u32,
        running: Option<u32>,
        analyzed: u32,
    }

    impl Model {
        /// `None` if the step is impossible in this state.
        fn step(&mut self, step: Step) -> Option<()> {
            match step {
                Step::Put => {
                    self.newest += 1;
                    self.queue.enqueue(&key("web01"));
                }
                Step::Take => {
                    let waiting = self.queue.state().ready.len();
                    assert!(waiting <= usize::from(self.running.is_none()), "given out twice");
                    (waiting > 0).then(|| self.queue.next())??;
                    self.running = Some(self.newest);
                }
                Step::Done => {
                    self.analyzed = self.running.take()?;
                    self.queue.done(&key("web01"));
                }
                Step::Failed => {
                    self.running.take()?;
                    self.queue.failed(&key("web01"));
                }
                Step::Wake => self.queue.state().wake_due(Instant::now() + 2 * LONGEST_WAIT),
            }
            Some(())
        }
    }

    /// Each call holds the lock throughout, so concurrent threads amount to some order of calls.
    /// This tests all orders of a given length.
    #[test]
    fn in_every_order_of_puts_and_analyses_the_last_analysis_is_of_the_newest_put() {
        const STEPS: [Step; 5] = [Step::Put, Step::Take, Step::Done, Step::Failed, Step::Wake];
        const LENGTH: u32 = 7;
        let mut possible = 0;
        for order in 0..STEPS.len().pow(LENGTH) {
            let at = |n: u32| STEPS[order / STEPS.len().pow(n) % STEPS.len()];
            let order: Vec<Step> = (0..LENGTH).map(at).collect();
            let mut model = Model { queue: queue(), newest: 0, running: None, analyzed: 0 };
            if !order.iter().all(|step| model.step(*step).is_some()) {
                continue;
            }
            possible += 1;
            for step in [Step::Done, Step::Wake, Step::Take].into_iter().cycle().take(9) {
                model.step(step);
            }
            assert_eq!(model.analyzed, model.newest, "{order:?}");
            assert!(model.queue.state().jobs.is_empty(), "{order:?}");
        }
        assert!(possible > 500, "{possible}");
    }

    #[test]
    fn other_objects_are_not_looked_at() {
        let queue = queue();
        queue.enqueue(&"notes.txt".parse().unwrap());
        assert_eq!(queue.length.get(), 0);
    }

    #[test]
    fn failures_wait_longer_each_time_and_are_never_dropped() {
        let queue = queue();
        queue.enqueue(&key("web01"));
        assert!(queue.next().is_some());
        let mut waits = Vec::new();
        for _ in 0..13 {
            waits.push(queue.failed(&key("web01")).as_secs());
            // A put makes it due at once. Its delay keeps growing until it succeeds.
            queue.enqueue(&key("web01"));
            assert_eq!(queue.next(), Some(key("web01")));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]);
        assert_eq!(queue.length.get(), 1);
        queue.done(&key("web01"));
        assert!(queue.state().jobs.is_empty() && queue.state().ready.is_empty());
    }

    #[test]
    fn a_failure_comes_back_after_its_wait() {
        let queue = queue();
        queue.enqueue(&key("web01"));
        assert!(queue.next().is_some());
        let begin = Instant::now();
        assert_eq!(queue.failed(&key("web01")), FIRST_WAIT);
        assert_eq!(queue.next(), Some(key("web01")));
        assert!(begin.elapsed() >= FIRST_WAIT);
    }

    #[test]
    fn what_does_not_fit_asks_for_a_scan() {
        let queue = Queue::with_capacity(Gauge::default(), 2);
        for server in ["a1", "a2", "a3"] {
            queue.enqueue(&key(server));
        }
        assert_eq!(queue.length.get(), 2);
        for _ in 0..2 {
            let next = queue.next().unwrap();
            queue.done(&next);
        }
        assert!(queue.take_overflow());
        assert!(!queue.take_overflow());
    }

    #[test]
    fn every_log_wakes_a_worker_also_those_that_failed() {
        let queue = queue();
        let taken = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(key) = queue.next() {
                        let first = !taken.lock().unwrap().contains(&key);
                        taken.lock().unwrap().push(key.clone());
                        if first {
                            queue.failed(&key);
                        } else {
                            queue.done(&key);
                        }
                    }
                });
            }
            for number in 0..40 {
                queue.enqueue(&key(&format!("web{number}")));
            }
            let begin = Instant::now();
            while queue.length.get() > 0 {
                assert!(begin.elapsed() < Duration::from_secs(20), "a worker was not woken");
                std::thread::sleep(Duration::from_millis(5));
            }
            queue.stop();
        });
        assert_eq!(taken.into_inner().unwrap().len(), 80);
    }

    #[test]
    fn a_stop_wakes_everybody() {
        let queue = Queue::with_capacity(Gauge::default(), 1);
        let busy = key("busy");
        queue.enqueue(&busy);
        assert_eq!(queue.next(), Some(busy));
        std::thread::scope(|scope| {
            let threads = [
                scope.spawn(|| queue.next().is_none()),
                scope.spawn(|| queue.next().is_none()),
                scope.spawn(|| !queue.wait_for_room()),
            ];
            std::thread::sleep(Duration::from_millis(20));
            queue.stop();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        });
    }
}
