//! The agent's proof in its long form: thousands of simulated lives, and a sample compared with
//! `vmstat` over a real interval.

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::tools;

/// Runs lives with that many seeds. A failing one prints its seed.
pub(super) fn run(shell: &Shell, lives: u32) -> anyhow::Result<()> {
    println!("== {lives} lives of an agent, with kills and faults");
    tools::debian(shell, &[("strace", "strace"), ("vmstat", "procps"), ("unshare", "util-linux")])?;
    cmd!(shell, "cargo test --quiet -p log2aws-agent-bin --test it proof:: -- --nocapture")
        .env("LOG2AWS_AGENT_RUNS", lives.to_string())
        .quiet()
        .run()
        .context("a line was lost, or claimed to be delivered: LOG2AWS_AGENT_SEED repeats it")?;
    println!("== a sample, and vmstat over the same ten seconds");
    cmd!(shell, "cargo test --quiet -p log2aws-agent --test it sample::live")
        .env("LOG2AWS_VMSTAT_SECONDS", "10")
        .quiet()
        .run()
        .context("a sample differs from vmstat")
}
