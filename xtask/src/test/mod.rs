//! `cargo xtask test`: installs what is needed, then runs every check and test, cheapest first.

mod report;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use xshell::{Shell, cmd};

use self::report::Report;
use crate::tools::Tools;
use crate::{dist, lambda, tidy, tools};

#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the tests with foreign clients (awscli, boto3, rclone, curl, AWS's stand-ins, dpkg, rpm, chromium).
    #[arg(long)]
    skip_clients: bool,
}

/// Disk space that a run from a clone needs, in GB: debug and release builds, documentation, packages
/// and tools. CI needs about a third less, because it builds nothing incrementally.
const DISK_GB: u64 = 15;

/// Runs everything that CI runs. At the end, even after a failure, it prints what took longest and
/// which tests could not run.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let target = target_folder(&shell)?;
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    if ci {
        // Each build is the only one of its source: what a next one could use again is gigabytes.
        shell.set_var("CARGO_INCREMENTAL", "0");
    }
    let (skips, junit) = (target.join("skips.txt"), target.join("nextest/default/junit.xml"));
    shell.create_dir(&target)?;
    warn_of_small_disk(&shell, &target)?;
    shell.remove_path(&junit)?;
    shell.write_file(&skips, "")?;
    shell.set_var("LOG2AWS_SKIPS", &skips);
    // The same for pytest: the plugin `skips`.
    shell.set_var("PYTHONPATH", root.join("tests"));
    let mut report = Report::default();
    let done = every_check(&shell, root, &target, options, &mut report);
    report.print(&junit);
    let left_out = report::skips(&shell.read_file(&skips)?, ci);
    done.and(left_out)
}

fn every_check(
    shell: &Shell,
    root: &Path,
    target: &Path,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let tools = report.part("tools", true, || tools::provide(shell, root))?;
    rust(shell, root, &tools, report)?;
    report
        .build("the README's first command, built", cmd!(shell, "cargo build --quiet --release"))?;
    report.step(
        "the README's first command",
        cmd!(shell, "cargo run --quiet --release -- demo --once"),
    )?;
    if options.skip_clients {
        println!("== foreign clients: left out, as asked");
        return Ok(());
    }
    foreign(shell, root, target, &tools.python, report)
}

/// What needs only our own clients.
fn rust(shell: &Shell, root: &Path, tools: &Tools, report: &mut Report) -> anyhow::Result<()> {
    let (deny, python) = (&tools.cargo_deny, &tools.python);
    report.step("rustfmt", cmd!(shell, "cargo fmt --all --check"))?;
    report.part("tidy", false, || tidy::run(root))?;
    report.step(
        "cargo-deny",
        cmd!(shell, "{deny} --workspace check --hide-inclusion-graph bans licenses sources"),
    )?;
    // It holds them against GitHub's schema, then looks at pins, permissions and expressions.
    let zizmor = python.with_file_name("zizmor");
    report.step(
        "workflows of GitHub",
        cmd!(shell, "{zizmor} --quiet --offline --strict-collection .github/workflows"),
    )?;
    report.step(
        "CloudFormation template",
        cmd!(shell, "{python} -m pytest -q -p no:cacheprovider -p skips tests/aws/template")
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    report.build(
        "clippy",
        cmd!(shell, "cargo clippy --quiet --workspace --all-targets -- -D warnings"),
    )?;
    // Clippy has compiled the examples, and no test runs them.
    let what = ["--workspace", "--lib", "--bins", "--tests"];
    if tools.nextest {
        report.build(
            "tests, built",
            cmd!(shell, "cargo nextest run {what...} --no-run --cargo-quiet"),
        )?;
        report.step(
            "tests",
            cmd!(
                shell,
                "cargo nextest run {what...} --no-fail-fast --status-level fail --final-status-level fail"
            ),
        )?;
    } else {
        report.build("tests, built", cmd!(shell, "cargo test --quiet {what...} --no-run"))?;
        report.step("tests", cmd!(shell, "cargo test --quiet {what...} --no-fail-fast"))?;
    }
    report.step(
        "examples in the documentation",
        cmd!(shell, "cargo test --quiet --workspace --doc --no-fail-fast"),
    )?;
    report.build(
        "documentation",
        cmd!(shell, "cargo doc --quiet --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Other people's clients with our server.
fn foreign(
    shell: &Shell,
    root: &Path,
    target: &Path,
    python: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let binary = &target.join("release/log2aws");
    let pytest = |folder: &str| {
        cmd!(shell, "{python} -m pytest -q -p no:cacheprovider -p skips {folder}")
            .env("LOG2AWS_BINARY", binary)
            // The agent's own tests have built it.
            .env("LOG2AWS_AGENT", target.join("debug/log2aws-agent"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
    };
    // The tests of their crates have built the functions.
    report.step(
        "functions under a Lambda Runtime API",
        pytest("tests/aws/bootstraps").env("LOG2AWS_BOOTSTRAPS", target.join("debug")),
    )?;
    report.step("log2aws stack, against an AWS on this machine", pytest("tests/aws/stack"))?;
    let checkov =
        report.part("scanners of the template", false, || tools::scanners(shell, root))?;
    report.step(
        "the template in checkov, CDK and Terraform",
        pytest("tests/aws/scanners").env("LOG2AWS_CHECKOV", checkov),
    )?;
    report.part("clients on Node", false, || tools::node(shell, root, "tests/clients/node"))?;
    report.step("foreign clients", pytest("tests/clients"))?;
    // What is built already goes into the operator's archive.
    let zips = target.join("functions");
    report.part("packages", true, || {
        lambda::built(shell, &target.join("debug"), &zips)?;
        dist::run(root, &dist::Options::of_built(binary.clone(), zips.clone()))
    })?;
    // dpkg and mount need root.
    let as_root = tools::as_root(shell)?;
    let dist_of = target.join("packages");
    let (skips_of, plugin_of) = (target.join("skips.txt"), root.join("tests"));
    report.step(
        "packages, installed",
        cmd!(
            shell,
            "{as_root} env PYTHONDONTWRITEBYTECODE=1 LOG2AWS_BINARY={binary} LOG2AWS_DIST={dist_of} LOG2AWS_SKIPS={skips_of} PYTHONPATH={plugin_of} {python} -m pytest -q -p no:cacheprovider -p skips tests/packages"
        ),
    )?;
    report.part("tools of the browser", false, || tools::browser(shell, root))?;
    let named = |path: &PathBuf| path.to_string_lossy().ends_with(".test.mjs");
    let visits: Vec<_> =
        shell.read_dir(root.join("tests/browser"))?.into_iter().filter(named).collect();
    report.step(
        "the dashboard in a browser",
        cmd!(shell, "node --test {visits...}").env("LOG2AWS_BINARY", binary),
    )
}

/// Warns before the first build if the disk is likely to run full. It is no error: the target folder
/// may already hold most of what is built.
fn warn_of_small_disk(shell: &Shell, target: &Path) -> anyhow::Result<()> {
    let table = cmd!(shell, "df --block-size=1000000000 --output=avail {target}").quiet().read()?;
    let free = table.lines().last().and_then(|gb| gb.trim().parse::<u64>().ok());
    if let Some(free) = free.filter(|free| *free < DISK_GB) {
        eprintln!(
            "warning: {free} GB are free for {}; a run from a clone needs {DISK_GB} GB there \
             (CARGO_TARGET_DIR names another place, cargo clean empties this one)",
            target.display()
        );
    }
    Ok(())
}

/// Cargo's target folder.
pub(crate) fn target_folder(shell: &Shell) -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(shell.current_dir())
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.target_directory.into_std_path_buf())
}
