//! The program that is measured: `log2aws serve` in a process of its own, so that its memory and its
//! CPU time are its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::client::Client;

/// How long a start, a scan or the last analyses may take.
const PATIENCE: Duration = Duration::from_mins(20);

/// Ticks of a CPU second in `/proc/PID/stat`: the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running `serve`. Dropping it ends it.
pub(super) struct Program {
    child: Child,
    folder: PathBuf,
    pub(super) address: SocketAddr,
    /// Seconds from the start of the process until it was ready.
    pub(super) ready_seconds: f64,
}

impl Program {
    /// Starts `binary` on a data folder, on a free port of loopback, and waits until it is ready.
    /// Settings are given by the environment: an earlier program ignores those that it lacks.
    pub(super) fn start(
        binary: &Path,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error", "--data-dir"])
            .arg(folder)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let mut line = String::new();
        let output = child.stdout.take().context("the program has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split(' ').next());
        let address = address.with_context(|| format!("it did not say where it serves: {line}"))?;
        let (address, folder) = (address.parse()?, folder.to_owned());
        let mut program = Self { child, folder, address, ready_seconds: 0.0 };
        while Client::new(program.address).get("/-/readyz", "").is_err() {
            ensure!(begin.elapsed() < PATIENCE, "it does not become ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        program.ready_seconds = begin.elapsed().as_secs_f64();
        Ok(program)
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    fn memory_mib(&self, field: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.with_context(|| format!("no {field} in /proc"))? / 1024.0)
    }

    /// Resident memory now.
    pub(super) fn resident_mib(&self) -> anyhow::Result<f64> {
        self.memory_mib("VmRSS")
    }

    /// The most resident memory since the start.
    pub(super) fn peak_mib(&self) -> anyhow::Result<f64> {
        self.memory_mib("VmHWM")
    }

    /// User and system time of the whole process.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let ticks = ticks(11).zip(ticks(12)).context("no CPU time in /proc/PID/stat")?;
        Ok((ticks.0 + ticks.1) / TICKS_PER_SECOND)
    }

    /// CPU time of the threads of that name.
    fn thread_cpu_seconds(&self, name: &str) -> anyhow::Result<f64> {
        let mut seconds = 0.0;
        for task in fs::read_dir(self.proc("task"))? {
            let task = task?.path();
            // A thread may end meanwhile.
            let Ok(comm) = fs::read_to_string(task.join("comm")) else { continue };
            if comm.trim_end() == name {
                let stat = fs::read_to_string(task.join("schedstat"))?;
                let nanoseconds = stat.split(' ').next().unwrap_or_default();
                seconds += nanoseconds.parse::<f64>()? / 1e9;
            }
        }
        Ok(seconds)
    }

    /// Waits until a background task has run once; tells how much CPU time its thread took.
    pub(super) fn first_run_cpu_seconds(&self, task: &str) -> anyhow::Result<f64> {
        let series =
            format!("log2aws_background_last_success_timestamp_seconds{{task=\"{task}\"}}");
        self.wait_for(&series, |value| value > 0.0)?;
        self.thread_cpu_seconds(task)
    }

    /// Waits until every delivered log has its results.
    pub(super) fn wait_for_results(&self) -> anyhow::Result<()> {
        self.wait_for("log2aws_analyze_queue_length", |length| length < 1.0)
    }

    fn wait_for(&self, series: &str, is_done: impl Fn(f64) -> bool) -> anyhow::Result<()> {
        let begin = Instant::now();
        while !self.metric(series)?.is_some_and(&is_done) {
            ensure!(begin.elapsed() < PATIENCE, "{series} does not come to its end");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The value of a series; `None` before there is one.
    pub(super) fn metric(&self, series: &str) -> anyhow::Result<Option<f64>> {
        let token = fs::read_to_string(self.folder.join("metrics-token"))?;
        let authorization = format!("Authorization: Bearer {}\r\n", token.trim());
        let metrics = Client::new(self.address).get("/-/metrics", &authorization)?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.map(str::parse).transpose()?)
    }

    /// Ends it as an operator does.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > PATIENCE {
                bail!("it does not stop");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, or this ends it.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
