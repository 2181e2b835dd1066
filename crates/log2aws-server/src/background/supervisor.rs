//! Runs each background task on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use log2aws_core::error_chain::ErrorChain;
use log2aws_service::ports::Clock;

use super::{BackgroundTask, Stop, TaskBoard, TaskError};
use crate::config::ServeError;

/// The delay after a first failure; doubles with each further one in a row.
const FIRST_RETRY: Duration = Duration::from_secs(30);

/// The maximum delay after a failure.
const LONGEST_RETRY: Duration = Duration::from_hours(1);

/// All tasks of one server.
pub(crate) struct Supervisor {
    stop: Stop,
    board: TaskBoard,
    clock: Arc<dyn Clock>,
    /// Every thread has a clone of the sender: the last one to end closes the channel.
    alive: (Sender<()>, Receiver<()>),
}

impl Supervisor {
    pub(crate) fn new(board: TaskBoard, clock: Arc<dyn Clock>) -> Self {
        Self { stop: Stop::default(), board, clock, alive: channel() }
    }

    /// The flag that stops all tasks.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Runs a task until the stop flag is set.
    ///
    /// # Errors
    /// [`ServeError::Thread`].
    pub(crate) fn start(&self, mut task: impl BackgroundTask + 'static) -> Result<(), ServeError> {
        let (stop, board, clock) = (self.stop.clone(), self.board.clone(), self.clock.clone());
        let (what, alive) = (task.name(), self.alive.0.clone());
        let run = move || {
            while !stop.is_set() {
                let wait = run_once(&mut task, &stop, &board, &*clock);
                if !stop.wait(wait) {
                    break;
                }
            }
            // What a task holds, such as the lock on the data folder, must be free when `join`
            // returns.
            drop(task);
            drop(alive);
        };
        let thread = Builder::new().name(what.to_owned()).spawn(run);
        thread.map(drop).map_err(|source| ServeError::Thread { what, source })
    }

    /// Stops all tasks, and waits for that long until they have ended.
    pub(crate) fn join(mut self, within: Duration) {
        self.stop.set();
        let (sender, receiver) = std::mem::replace(&mut self.alive, channel());
        drop(sender);
        let begin = Instant::now();
        if receiver.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
            let waited = begin.elapsed().as_millis();
            tracing::warn!(waited, "a background task does not end; it is left behind");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.set();
    }
}

/// Runs a task once; returns the delay until the next run.
fn run_once(
    task: &mut dyn BackgroundTask,
    stop: &Stop,
    board: &TaskBoard,
    clock: &dyn Clock,
) -> Duration {
    let name = task.name();
    board.begin(name, clock.now());
    // A panic must not end the task permanently.
    let outcome = catch_unwind(AssertUnwindSafe(|| task.run_once(stop)))
        .unwrap_or_else(|_| Err(std::io::Error::other("it panicked").into()));
    match outcome {
        Ok(next) => {
            board.end(name, clock.now(), Ok(next.notice));
            next.after
        }
        Err(TaskError { source, retry_after }) => {
            let failures = board.end(name, clock.now(), Err(()));
            let wait = retry_after.unwrap_or_else(|| backoff(failures));
            let (error, retry_in_seconds) = (ErrorChain(&*source), wait.as_secs());
            tracing::error!(
                task = name, %error,
                failures,
                retry_in_seconds,
                "a background task failed"
            );
            wait
        }
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::Timestamp;

    use super::super::Next;
    use super::*;
    use crate::metrics::Metrics;
    use crate::test_clock::FixedClock;

    /// Panics, fails, then succeeds.
    struct Unlucky(Arc<AtomicU32>);

    impl BackgroundTask for Unlucky {
        fn name(&self) -> &'static str {
            "unlucky"
        }

        fn run_once(&mut self, _: &Stop) -> Result<Next, TaskError> {
            let retry_after = Some(Duration::from_millis(1));
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("a task that panics"),
                1 => Err(TaskError { source: "no".into(), retry_after }),
                _ => Ok(Next { after: Duration::from_hours(1), notice: Some("all is well") }),
            }
        }
    }

    #[test]
    fn a_task_that_panics_or_fails_is_counted_and_run_again() {
        let metrics = Metrics::new("0", Timestamp::UNIX_EPOCH);
        let board = TaskBoard::new(metrics.tasks.clone());
        let runs = Arc::new(AtomicU32::new(0));
        let (mut task, stop) = (Unlucky(runs), Stop::default());
        assert_eq!(run_once(&mut task, &stop, &board, &FixedClock::EPOCH), FIRST_RETRY);
        assert!(board.troubles().is_empty(), "one failure is no trouble yet");
        assert_eq!(
            run_once(&mut task, &stop, &board, &FixedClock::EPOCH),
            Duration::from_millis(1)
        );
        assert_eq!(board.troubles(), ["unlucky: failed 2 times in a row, see the log"]);
        run_once(&mut task, &stop, &board, &FixedClock::EPOCH);
        assert_eq!(board.troubles(), ["unlucky: all is well"]);
        let text = metrics.encode().unwrap();
        for line in [
            "log2aws_background_runs_total{task=\"unlucky\"} 3",
            "log2aws_background_failures_total{task=\"unlucky\"} 2",
            "log2aws_background_running{task=\"unlucky\"} 0",
            "log2aws_background_last_success_timestamp_seconds{task=\"unlucky\"} 0.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    /// Lets go of what it holds some time after its thread was stopped.
    struct SlowToDrop(Arc<AtomicU32>);

    impl BackgroundTask for SlowToDrop {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn run_once(&mut self, _: &Stop) -> Result<Next, TaskError> {
            Ok(Next { after: Duration::from_hours(1), notice: None })
        }
    }

    impl Drop for SlowToDrop {
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(50));
            self.0.store(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_task_has_let_go_of_everything_when_join_returns() {
        let supervisor = Supervisor::new(TaskBoard::default(), Arc::new(FixedClock::EPOCH));
        let dropped = Arc::new(AtomicU32::new(0));
        supervisor.start(SlowToDrop(dropped.clone())).unwrap();
        supervisor.join(Duration::from_secs(20));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        let waits = [1, 2, 3, 8, u32::MAX].map(|failures| backoff(failures).as_secs());
        assert_eq!(waits, [30, 60, 120, 3600, 3600]);
    }

    #[test]
    fn the_stop_ends_a_task_that_waits() {
        let supervisor = Supervisor::new(TaskBoard::default(), Arc::new(FixedClock::EPOCH));
        let runs = Arc::new(AtomicU32::new(2));
        supervisor.start(Unlucky(runs.clone())).unwrap();
        let begin = Instant::now();
        while runs.load(Ordering::SeqCst) == 2 {
            assert!(begin.elapsed() < Duration::from_secs(20), "the task was not run");
            std::thread::sleep(Duration::from_millis(1));
        }
        let begin = Instant::now();
        supervisor.join(Duration::from_secs(20));
        assert!(begin.elapsed() < Duration::from_secs(5), "the stop was not seen");
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
