//! The status of each background task, for `/-/metrics` and `/-/readyz`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::metrics::{TaskLabel, TaskMetrics};

/// The number of failures in a row that `/-/readyz` reports; a single one is often gone at the next
/// try.
const TROUBLE: u32 = 2;

#[derive(Debug, Default)]
struct TaskStatus {
    failures_in_a_row: u32,
    notice: Option<&'static str>,
}

/// The status of every task. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskBoard {
    metrics: TaskMetrics,
    tasks: Arc<Mutex<BTreeMap<&'static str, TaskStatus>>>,
}

impl TaskBoard {
    pub(crate) fn new(metrics: TaskMetrics) -> Self {
        Self { metrics, tasks: Arc::default() }
    }

    pub(super) fn begin(&self, task: &'static str, now: Timestamp) {
        let label = TaskLabel { task };
        self.metrics.runs.get_or_create(&label).inc();
        drop(self.metrics.failures.get_or_create(&label));
        self.metrics.running.get_or_create(&label).set(1);
        self.metrics.last_run.get_or_create(&label).set(now.as_duration().as_secs_f64());
    }

    /// Records the end of a run; returns the number of failures in a row.
    pub(super) fn end(
        &self,
        task: &'static str,
        now: Timestamp,
        outcome: Result<Option<&'static str>, ()>,
    ) -> u32 {
        let label = TaskLabel { task };
        self.metrics.running.get_or_create(&label).set(0);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let status = tasks.entry(task).or_default();
        if let Ok(notice) = outcome {
            let seconds = now.as_duration().as_secs_f64();
            self.metrics.last_success.get_or_create(&label).set(seconds);
            *status = TaskStatus { failures_in_a_row: 0, notice };
        } else {
            self.metrics.failures.get_or_create(&label).inc();
            status.failures_in_a_row = status.failures_in_a_row.saturating_add(1);
        }
        status.failures_in_a_row
    }

    /// One line for each failing task. It contains nothing confidential.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |(name, status): (&&'static str, &TaskStatus)| {
            let failures = status.failures_in_a_row;
            if failures >= TROUBLE {
                return Some(format!("{name}: failed {failures} times in a row, see the log"));
            }
            status.notice.map(|notice| format!("{name}: {notice}"))
        };
        tasks.iter().filter_map(line).collect()
    }
}
