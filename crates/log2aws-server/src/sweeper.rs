//! A thread that keeps a library in step with its store.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use log2aws_dashboard::library::Library;

use crate::config::ServeError;

/// How long a sweep waits after the store failed it.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// How long a sweep waits for each list that the last one asked for. On AWS a thousand lists cost
/// half a cent: so a view that is left open for a month costs 22 dollars at most.
const FOR_EACH_LIST: Duration = Duration::from_millis(600);

/// Sweeps a library until it is stopped.
#[derive(Debug)]
pub(crate) struct Sweeper {
    stop: Sender<()>,
    stopping: Arc<OnceLock<()>>,
    thread: JoinHandle<()>,
}

impl Sweeper {
    /// Takes over what was cached, sweeps, and does so again after each `every`, or later if a sweep
    /// takes many lists.
    ///
    /// # Errors
    /// [`ServeError::Thread`].
    pub(crate) fn start(library: Library, every: Duration) -> Result<Self, ServeError> {
        let (stop, stopped) = mpsc::channel();
        let stopping = Arc::new(OnceLock::new());
        let is_stopping = stopping.clone();
        let thread = Builder::new().name("sweep".to_owned()).spawn(move || {
            match library.load_cache() {
                Ok(0) => {}
                Ok(days) => tracing::info!(days, "the dashboard's index was cached"),
                Err(error) => tracing::warn!(%error, "the dashboard's cache cannot be read"),
            }
            loop {
                let wait = match sweep(&library, &|| is_stopping.get().is_some()) {
                    Some(lists) => every.max(FOR_EACH_LIST.saturating_mul(lists)),
                    None => AFTER_FAILURE.min(every),
                };
                match stopped.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        let thread = thread.map_err(|source| {
            let what = "the dashboard's index";
            ServeError::Thread { what, source }
        })?;
        Ok(Self { stop, stopping, thread })
    }

    /// Lets the sweep at work end early, and waits for it.
    pub(crate) fn stop(self) {
        let _ = self.stopping.set(());
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the dashboard's index broke down");
        }
    }
}

/// Sweeps once. If that went well: how many lists it took.
fn sweep(library: &Library, stop: &(dyn Fn() -> bool + Sync)) -> Option<u32> {
    let swept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| library.sweep(stop)));
    match swept {
        Ok(Ok(swept)) => {
            if let Some(error) = swept.cache_fault {
                tracing::warn!(error, "the dashboard's cache cannot be written");
            }
            tracing::debug!(
                listed = swept.listed,
                read = swept.read,
                forgotten = swept.forgotten,
                "looked through the results"
            );
            // A list of everything is the exception, and not what the pace goes by.
            let lists = if swept.full { 0 } else { swept.requests };
            Some(u32::try_from(lists).unwrap_or(u32::MAX))
        }
        Ok(Err(error)) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the results could not be looked through"
            );
            None
        }
        Err(_) => {
            tracing::error!("looking through the results broke down");
            None
        }
    }
}
