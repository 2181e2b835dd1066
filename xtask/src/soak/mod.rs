//! `cargo xtask soak`: the long form of the tests in CI. Hours, not minutes.

mod agent;
mod garage;
mod zips;

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use xshell::{Shell, cmd};

use crate::bench::serve;
use crate::{test, tools};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these.
    #[arg(value_parser = ["tests", "store", "agent", "fuzz", "deliveries", "garage", "zips"])]
    only: Vec<String>,
    /// How often the store is killed in the middle of its puts (CI: 20).
    #[arg(long, default_value_t = 2_000)]
    kills: u32,
    /// How often the power is cut under the store, alone and beside others (CI: 20,000 and 5,000).
    #[arg(long, default_value_t = 2_000_000)]
    power_cuts: u64,
    /// How many lives of an agent are simulated, with kills and faults (CI: 50).
    #[arg(long, default_value_t = 1_000)]
    lives: u32,
    /// How many cases each property is tried with that does not fix their number (CI: 256).
    #[arg(long, default_value_t = 50_000)]
    cases: u32,
    /// How long each target is fuzzed, in seconds.
    #[arg(long, default_value_t = 3_600)]
    fuzz_seconds: u32,
    /// How many logs are delivered to one `serve` (the bench: 20,000).
    #[arg(long, default_value_t = 500_000)]
    deliveries: u32,
}

/// Runs the long tests, optimised: properties, kills, one long day of deliveries, lives of an
/// agent, another S3, and the functions as shipped.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|o| o == name);
    if wanted("tests") {
        println!("== properties, {} cases each, and {} kills", options.cases, options.kills);
        cmd!(shell, "cargo test --release --workspace")
            .env("PROPTEST_CASES", options.cases.to_string())
            .env("LOG2AWS_CRASH_ROUNDS", options.kills.to_string())
            .quiet()
            .run()
            .context("a long test failed")?;
    }
    if wanted("store") {
        power_cuts(&shell, options.power_cuts)?;
    }
    if wanted("agent") {
        agent::run(&shell, options.lives)?;
    }
    if wanted("garage") {
        garage::run(&shell, root)?;
    }
    if wanted("zips") {
        zips::run(&shell, root)?;
    }
    if wanted("fuzz") {
        fuzz(&shell, root, options.fuzz_seconds)?;
    }
    if wanted("deliveries") {
        deliveries(&shell, options.deliveries)?;
    }
    Ok(())
}

/// Cuts the power under the store, starting from a new seed in every run.
fn power_cuts(shell: &Shell, cuts: u64) -> anyhow::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = now.as_secs() << 20;
    println!("== {cuts} power cuts, seeds from {seed} on");
    cmd!(shell, "cargo test --release -p log2aws-store --lib disk::power -- --nocapture")
        .env("LOG2AWS_POWER_CUTS", cuts.to_string())
        .env("LOG2AWS_POWER_SEED", seed.to_string())
        .quiet()
        .run()
        .context("a power cut lost something: the test names the seed")
}

fn deliveries(shell: &Shell, deliveries: u32) -> anyhow::Result<()> {
    cmd!(shell, "cargo build --quiet --release -p log2aws").quiet().run()?;
    let binary = &test::target_folder(shell)?.join("release/log2aws");
    serve::Bench { shell, binary, before: None, deliveries }.run("serve-deliveries")
}

/// Fuzzes each target, starting from the kept corpus and the golden data. Inputs that break one are
/// kept in `fuzz/artifacts`; others in `target/fuzz-corpus`.
fn fuzz(shell: &Shell, root: &Path, seconds: u32) -> anyhow::Result<()> {
    let cargo_fuzz = tools::cargo_fuzz(shell, root)?;
    let limits = &[format!("-max_total_time={seconds}"), "-max_len=4096".to_owned()];
    let mut broken = Vec::new();
    for target in cmd!(shell, "{cargo_fuzz} fuzz list").quiet().read()?.lines() {
        println!("== fuzzing {target} for {seconds} s");
        let found = test::target_folder(shell)?.join("fuzz-corpus").join(target);
        shell.create_dir(&found)?;
        let kept = format!("fuzz/corpus/{target}");
        // Coverage needs only flags, not a nightly compiler.
        let run = cmd!(
            shell,
            "{cargo_fuzz} fuzz run --sanitizer none {target} {found} {kept} testdata -- {limits...}"
        );
        // The others are fuzzed all the same.
        if let Err(error) = run.env("RUSTC_BOOTSTRAP", "1").quiet().ignore_stderr().run() {
            println!("   {error}");
            broken.push(target.to_owned());
        }
    }
    anyhow::ensure!(broken.is_empty(), "fuzzing {}: see fuzz/artifacts", broken.join(", "));
    Ok(())
}
