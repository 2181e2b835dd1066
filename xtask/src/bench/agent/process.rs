//! A background process, with the kernel's accounting.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// A process, killed when this is dropped.
pub(super) struct Running {
    child: Child,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        Ok(Self { child })
    }

    /// Starts one that prints its address, and waits for that line.
    pub(super) fn start_and_hear(command: &mut Command) -> anyhow::Result<(Self, String)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        let mut running = Self { child };
        let mut line = String::new();
        let stdout = running.child.stdout.as_mut().context("it has no stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok((running, line))
    }

    /// CPU seconds of all its threads, in nanoseconds (`/proc/*/schedstat`).
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let mut seconds = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
            seconds += nanoseconds / 1e9;
        }
        Ok(seconds)
    }

    /// Its current resident memory, in MiB.
    pub(super) fn resident_mib(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 =
            line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
