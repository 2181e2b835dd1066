//! Analysis: threads that turn raw logs into results.
//!
//! A put only queues a key. The analysis then reads from the store which version is the newest and
//! where it came from. So the queue need not survive a kill: the scan at the next start finds each
//! log without a result of its newest version.

pub(crate) mod analyzer;
mod queue;
pub(crate) mod startup_scan;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use log2aws_core::key::{ObjectKey, RawKey, is_check_key};

use crate::config::ServeError;
use crate::metrics::Metrics;
pub(crate) use queue::Queue;

/// How often the shutdown checks whether the threads have ended.
const POLL: Duration = Duration::from_millis(5);

/// The outcome of analyzing one day log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// Whether results were written.
    pub(crate) analyzed: bool,
    /// Rows written to CSV.
    pub(crate) rows: u64,
    /// Lines that could not be parsed.
    pub(crate) rejects: u64,
    /// Versions that replaced the bytes of the version before.
    pub(crate) replaced: u64,
}

/// Analyzes day logs. Called on threads that may block.
pub(crate) trait Analyzer: Send + Sync {
    /// Brings the results of a day log up to date with its newest version.
    ///
    /// # Errors
    /// The reason, in one sentence. It is retried.
    fn look(&self, key: &ObjectKey) -> Result<Analysis, String>;

    /// Whether the newest version has no result yet.
    ///
    /// # Errors
    /// The store's, in one sentence.
    fn needs_analysis(&self, key: &RawKey) -> Result<bool, String>;
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) queue: Arc<Queue>,
    pub(crate) analyzer: Arc<dyn Analyzer>,
    pub(crate) metrics: Arc<Metrics>,
    /// Called with the key of each day log whose results may have changed.
    pub(crate) on_analyzed: Arc<dyn Fn(&ObjectKey) + Send + Sync>,
}

impl Workers {
    /// Starts `threads` threads that analyze.
    ///
    /// # Errors
    /// [`ServeError::Thread`]. The threads that were started are stopped.
    pub(crate) fn start(work: &Work, threads: usize) -> Result<Self, ServeError> {
        let mut workers = Self { queue: work.queue.clone(), threads: Vec::new() };
        for _ in 0..threads {
            let work = work.clone();
            workers.spawn("analyze", "analysis", move || work.run())?;
        }
        Ok(workers)
    }

    fn spawn(
        &mut self,
        name: &str,
        what: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), ServeError> {
        let thread = Builder::new().name(name.to_owned()).spawn(body);
        self.threads.push(thread.map_err(|source| ServeError::Thread { what, source })?);
        Ok(())
    }

    /// Lets each thread finish its current log, and waits until `deadline`. A log that is not
    /// finished by then is analyzed at the next start, because its summary is written last.
    pub(crate) fn stop(mut self, deadline: Instant) {
        self.queue.stop();
        while Instant::now() < deadline && self.threads.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(POLL);
        }
        for thread in self.threads.drain(..) {
            if !thread.is_finished() {
                tracing::warn!("an analysis does not end; its log is analyzed at the next start");
                continue;
            }
            if thread.join().is_err() {
                tracing::error!(
                    "an analyzer thread broke down; its log is analyzed at the next start"
                );
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

impl Work {
    fn run(&self) {
        while let Some(key) = self.queue.next() {
            let begin = Instant::now();
            // A log that makes the analyzer panic must not end the thread, which would delay all
            // other logs.
            let look = std::panic::AssertUnwindSafe(|| {
                let looked = self.analyzer.look(&key);
                (self.on_analyzed)(&key);
                looked
            });
            let result = std::panic::catch_unwind(look)
                .unwrap_or_else(|_| Err("the analyzer broke down at this log".to_owned()));
            self.metrics.observe_analysis(begin.elapsed());
            match result {
                Ok(looked) => {
                    if !is_check_key(key.as_str()) {
                        self.metrics.count_analysis(&looked);
                    }
                    if looked.analyzed {
                        let ms = begin.elapsed().as_millis();
                        tracing::info!(%key, rows = looked.rows, rejects = looked.rejects, ms, "analyzed a log");
                    }
                    self.queue.done(&key);
                }
                Err(reason) => {
                    self.metrics.analyze_failures.inc();
                    let again = self.queue.failed(&key).as_secs();
                    tracing::error!(%key, %reason, again_in_seconds = again, "an analysis failed");
                }
            }
        }
    }
}

/// The number of analyzer threads if none is set: eight per core, at most 32: an analysis mostly waits for the disk, because each of its results
/// is synced before the next one begins.
pub(crate) fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.saturating_mul(8).min(32)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use jiff::Timestamp;

    use super::*;

    /// Panics at the first call, fails at the second.
    #[derive(Default)]
    struct Unlucky(Mutex<u32>);

    impl Analyzer for Unlucky {
        fn look(&self, _: &ObjectKey) -> Result<Analysis, String> {
            let look = {
                let mut looks = self.0.lock().unwrap();
                *looks += 1;
                *looks
            };
            match look {
                1 => panic!("a log that breaks the analyzer"),
                2 => Err("the store failed".to_owned()),
                _ => Ok(Analysis { analyzed: true, rows: 7, ..Analysis::default() }),
            }
        }

        fn needs_analysis(&self, _: &RawKey) -> Result<bool, String> {
            Ok(true)
        }
    }

    #[test]
    fn a_look_that_breaks_down_or_fails_is_counted_and_tried_again() {
        let metrics = Arc::new(Metrics::new("0", Timestamp::UNIX_EPOCH));
        let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
        let analyzer = Arc::new(Unlucky::default());
        let work = Work {
            queue: queue.clone(),
            analyzer,
            metrics: metrics.clone(),
            on_analyzed: Arc::new(|_| {}),
        };
        let workers = Workers::start(&work, 1).unwrap();
        queue.enqueue(&"web01/2019-08-01.log".parse().unwrap());
        let begin = Instant::now();
        while metrics.analyzed.get() == 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "it was not tried again");
            std::thread::sleep(Duration::from_millis(10));
        }
        workers.stop(Instant::now() + Duration::from_secs(20));
        assert_eq!((metrics.analyze_failures.get(), metrics.rows.get()), (2, 7));
        assert_eq!(metrics.queue_length.get(), 0);
    }

    /// Blocks the thread with the large log until the logs behind it are done.
    struct HeldUp {
        seen: Mutex<Vec<String>>,
        released: std::sync::Condvar,
    }

    impl Analyzer for HeldUp {
        fn look(&self, key: &ObjectKey) -> Result<Analysis, String> {
            let mut seen = self.seen.lock().unwrap();
            if key.as_str().starts_with("large") {
                let begin = Instant::now();
                while seen.len() < 3 {
                    assert!(begin.elapsed() < Duration::from_secs(20), "the others wait for it");
                    let second = Duration::from_secs(1);
                    seen = self.released.wait_timeout(seen, second).unwrap().0;
                }
            } else {
                seen.push(key.to_string());
                self.released.notify_all();
            }
            Ok(Analysis { analyzed: true, ..Analysis::default() })
        }

        fn needs_analysis(&self, _: &RawKey) -> Result<bool, String> {
            Ok(true)
        }
    }

    /// Blocks until the test releases it.
    struct Slow(Arc<Mutex<()>>, Arc<AtomicBool>);

    impl Analyzer for Slow {
        fn look(&self, _: &ObjectKey) -> Result<Analysis, String> {
            self.1.store(true, Ordering::SeqCst);
            drop(self.0.lock().unwrap());
            Ok(Analysis { analyzed: true, ..Analysis::default() })
        }

        fn needs_analysis(&self, _: &RawKey) -> Result<bool, String> {
            Ok(true)
        }
    }

    #[test]
    fn a_large_log_holds_one_thread_and_those_behind_it_go_in_order() {
        let metrics = Arc::new(Metrics::new("0", Timestamp::UNIX_EPOCH));
        let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
        let analyzer =
            Arc::new(HeldUp { seen: Mutex::default(), released: std::sync::Condvar::new() });
        let work = Work {
            queue: queue.clone(),
            analyzer: analyzer.clone(),
            metrics: metrics.clone(),
            on_analyzed: Arc::new(|_| {}),
        };
        let keys = ["web03", "web01", "web02"].map(|name| format!("{name}/2019-08-01.log"));
        queue.enqueue(&"large/2019-08-01.log".parse().unwrap());
        for key in &keys {
            queue.enqueue(&key.parse().unwrap());
        }
        let workers = Workers::start(&work, 2).unwrap();
        let begin = Instant::now();
        while metrics.analyzed.get() < 4 {
            assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", metrics.analyzed);
            std::thread::sleep(Duration::from_millis(5));
        }
        workers.stop(Instant::now() + Duration::from_secs(20));
        assert_eq!(*analyzer.seen.lock().unwrap(), keys);
    }

    #[test]
    fn the_log_at_hand_is_finished_but_not_waited_for_without_end() {
        for within in [Duration::from_millis(100), Duration::from_secs(20)] {
            let metrics = Arc::new(Metrics::new("0", Timestamp::UNIX_EPOCH));
            let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
            let (held, looking) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
            let work = Work {
                queue: queue.clone(),
                analyzer: Arc::new(Slow(held.clone(), looking.clone())),
                metrics: metrics.clone(),
                on_analyzed: Arc::new(|_| {}),
            };
            let guard = held.lock().unwrap();
            let workers = Workers::start(&work, 2).unwrap();
            queue.enqueue(&"web01/2019-08-01.log".parse().unwrap());
            while !looking.load(Ordering::SeqCst) {
                std::thread::sleep(POLL);
            }
            if within < Duration::from_secs(1) {
                let begin = Instant::now();
                workers.stop(begin + within);
                assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
                assert_eq!(metrics.analyzed.get(), 0);
                drop(guard);
            } else {
                let stopping = std::thread::spawn(move || workers.stop(Instant::now() + within));
                drop(guard);
                stopping.join().unwrap();
                assert_eq!(metrics.analyzed.get(), 1);
            }
        }
    }
}
