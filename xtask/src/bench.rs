//! `cargo xtask bench`: speed and memory, as ratios measured in one run.
//!
//! Figures are those of whole processes from the kernel (`/usr/bin/time`): CPU seconds (user and
//! system), wall seconds, peak memory. The two sides of a ratio run alternately, so that drift of
//! the machine affects both.

mod agent;
mod chart;
mod dashboard;
mod lambda;
pub(crate) mod serve;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use xshell::{Shell, cmd};

use crate::{test, tools};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these. `serve` is all of its parts.
    #[arg(value_parser = ["agent", "convert", "chart", "dashboard", "serve", "serve-deliveries", "serve-memory", "serve-attack", "serve-large", "lambda", "build"])]
    only: Vec<String>,
    /// Deliveries to `serve`; where its memory is measured, six times as many.
    #[arg(long, default_value_t = 20_000)]
    deliveries: u32,
    /// Measure this program, and build none.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// A program of an earlier commit: deliveries are measured in turns with it.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
}

/// The cost of one process.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu_seconds: f64,
    wall_seconds: f64,
    peak_kib: f64,
}

/// Runs the benches.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    tools::debian(&shell, &[("time", "time")])?;
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|o| o == name);
    let scratch = shell.create_temp_dir()?;
    if wanted("build") {
        build(&shell, scratch.path())?;
    }
    if wanted("dashboard") {
        dashboard::run(&shell, scratch.path())?;
        if options.only.len() == 1 {
            return Ok(());
        }
    }
    let binary = if let Some(program) = &options.program {
        program.clone()
    } else {
        cmd!(shell, "cargo build --quiet --profile dist -p log2aws").quiet().run()?;
        test::target_folder(&shell)?.join("dist/log2aws")
    };
    if wanted("agent") {
        agent::run(&shell, root, &binary, scratch.path())?;
    }
    if wanted("convert") {
        convert(&shell, root, &binary, scratch.path())?;
    }
    if wanted("chart") {
        chart::run(&shell, root, &binary, scratch.path())?;
    }
    let bench = serve::Bench {
        shell: &shell,
        binary: &binary,
        before: options.before.clone(),
        deliveries: options.deliveries,
    };
    for part in serve::PARTS {
        if wanted("serve") || wanted(part) {
            bench.run(part)?;
        }
    }
    if wanted("lambda") {
        lambda::run(&shell, root, &binary, scratch.path())?;
    }
    Ok(())
}

/// From a clone to the first CSV row of the demo, with nothing built before.
fn build(shell: &Shell, scratch: &Path) -> anyhow::Result<()> {
    println!("== build: a clone's `cargo run --release -- demo --once`, cold");
    let target = scratch.join("target");
    let cost = measure(
        shell,
        scratch,
        &[
            "env",
            &format!("CARGO_TARGET_DIR={}", target.display()),
            "cargo",
            "run",
            "--quiet",
            "--release",
            "--",
            "demo",
            "--once",
        ],
    )?;
    println!(
        "   {:.0} CPU s, {:.0} s wall (aim: at most 400 CPU s)",
        cost.cpu_seconds, cost.wall_seconds
    );
    shell.remove_path(target)?;
    Ok(())
}

/// `convert` and the document's converter, on a log like the document's.
fn convert(shell: &Shell, root: &Path, binary: &Path, scratch: &Path) -> anyhow::Result<()> {
    println!("== convert: 100 MB and 1 GB of sample lines to CSV");
    let Some(seed) = seed(root) else {
        println!(
            "   left out: no seed folder beside the repository (LOG2AWS_SEED_DIR names another)"
        );
        return Ok(());
    };
    let (small, large) = (scratch.join("100m.log"), scratch.join("1g.log"));
    for (file, bytes) in [(&small, "100000000"), (&large, "1000000000")] {
        generate(&seed, file, &["--bytes", bytes, "--seed", "2"])?;
    }
    let (binary, oracle) = (path(binary)?, path(&seed.join("seed_csv.py"))?.to_owned());
    let (small, large) = (path(&small)?, path(&large)?);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(measure(shell, scratch, &[binary, "convert", small, "-o", "/dev/null"])?);
        theirs.push(measure(shell, scratch, &["python3", &oracle, small, "/dev/null"])?);
    }
    let ratio = median(ours.iter().zip(&theirs).map(|(a, b)| b.cpu_seconds / a.cpu_seconds));
    let cpu = |costs: &[Cost]| median(costs.iter().map(|c| c.cpu_seconds));
    println!(
        "   100 MB: {:.3} CPU s, the seed's converter {:.2} CPU s: 1/{ratio:.0} (aim: at most 1/50)",
        cpu(&ours),
        cpu(&theirs)
    );
    println!("   100 MB: peak {:.1} MiB (aim: at most 8)", peak(&ours));
    let big = measure(shell, scratch, &[binary, "convert", large, "-o", "/dev/null"])?;
    println!(
        "   1 GB:   {:.2} CPU s, peak {:.1} MiB (aim: at most 8)",
        big.cpu_seconds,
        peak(&[big])
    );
    Ok(())
}

/// Generates a log with the seed's generator.
fn generate(seed: &Path, file: &Path, how: &[&str]) -> anyhow::Result<()> {
    let generator = seed.join("gen_log.py");
    let mut python = std::process::Command::new("python3");
    python.arg(&generator).arg("seed").args(how).stdout(std::fs::File::create(file)?);
    anyhow::ensure!(python.status()?.success(), "{} failed", generator.display());
    Ok(())
}

fn seed(root: &Path) -> Option<PathBuf> {
    let named = std::env::var_os("LOG2AWS_SEED_DIR").map(PathBuf::from);
    named.or_else(|| Some(root.parent()?.join("shared/seed"))).filter(|dir| dir.is_dir())
}

fn measure(shell: &Shell, scratch: &Path, command: &[&str]) -> anyhow::Result<Cost> {
    let figures = scratch.join("time.txt");
    cmd!(shell, "/usr/bin/time -o {figures} -f '%U %S %e %M' {command...}")
        .quiet()
        .ignore_stdout()
        .run()?;
    let text = shell.read_file(&figures)?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let [user, system, wall_seconds, peak_kib] = numbers[..] else {
        bail!("/usr/bin/time printed {text:?}");
    };
    // Avoids division by zero below the resolution.
    let cpu_seconds = (user + system).max(0.01);
    Ok(Cost { cpu_seconds, wall_seconds, peak_kib })
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

fn peak(costs: &[Cost]) -> f64 {
    costs.iter().map(|c| c.peak_kib).fold(0.0, f64::max) / 1024.0
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
