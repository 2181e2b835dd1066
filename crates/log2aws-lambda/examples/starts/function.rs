//! A process of a function, and what the kernel reports about it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fault;
use crate::runtime_api::RuntimeApi;

/// A running function, which is killed on drop.
pub(crate) struct Function {
    api: RuntimeApi,
    child: Child,
    /// Its log.
    log: PathBuf,
    /// The time from spawning the process to its first request for an event.
    pub(crate) start: Duration,
}

impl Function {
    /// Starts one. `environment` is its whole environment apart from the Runtime API; its output
    /// goes to the file `log`.
    pub(crate) fn start(
        command: &[String],
        folder: &Path,
        environment: &BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Self, Fault> {
        let (program, rest) = command.split_first().ok_or("no program")?;
        let api = RuntimeApi::open()?;
        let said = File::create(log)?;
        let begin = Instant::now();
        let child = Command::new(program)
            .args(rest)
            .current_dir(folder)
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let mut function = Self { api, child, log: log.to_owned(), start: Duration::ZERO };
        let asked =
            function.api.asked(&mut function.child).map_err(|error| function.explain(&error))?;
        function.start = asked.duration_since(begin);
        Ok(function)
    }

    /// One invocation: its duration and the response.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> Result<(Duration, Vec<u8>), Fault> {
        self.api.invoke(&mut self.child, event).map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &Fault) -> Fault {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        format!("{error}; the last that it said, backwards: {}", last.join("; ")).into()
    }

    /// The CPU time of its threads.
    pub(crate) fn cpu(&self) -> Result<Duration, Fault> {
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let told = std::fs::read_to_string(task?.path().join("schedstat"))?;
            sum += told.split(' ').next().ok_or("schedstat is empty")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Its peak memory in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64, Fault> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // If it has exited by itself, the wait for its response reports that.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
