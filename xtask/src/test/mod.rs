//! `cargo xtask test`: install what is needed, then every check and test, cheapest first.

mod report;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use xshell::{Shell, cmd};

use self::report::Report;
use crate::tools::Tools;
use crate::{dist, tidy, tools};

#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the tests with foreign clients (awscli, boto3, rclone, curl, AWS's stand-ins, dpkg, rpm, chromium).
    #[arg(long)]
    skip_clients: bool,
}

/// Runs everything that CI runs. At the end, also of a run that failed, it tells what took longest
/// and which tests could not run here.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let target = target_folder(&shell)?;
    let (skips, junit) = (target.join("skips.txt"), target.join("nextest/default/junit.xml"));
    shell.create_dir(&target)?;
    shell.remove_path(&junit)?;
    shell.write_file(&skips, "")?;
    shell.set_var("LOG2AWS_SKIPS", &skips);
    // The same for pytest: the plugin `skips`.
    shell.set_var("PYTHONPATH", root.join("tests"));
    let mut report = Report::default();
    let done = every_check(&shell, root, &target, options, &mut report);
    report.print(&junit);
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
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

/// What needs no client but our own.
fn rust(shell: &Shell, root: &Path, tools: &Tools, report: &mut Report) -> anyhow::Result<()> {
    let (deny, python) = (&tools.cargo_deny, &tools.python);
    report.step("rustfmt", cmd!(shell, "cargo fmt --all --check"))?;
    report.part("tidy", false, || tidy::run(root))?;
    report.step(
        "cargo-deny",
        cmd!(shell, "{deny} --workspace check --hide-inclusion-graph bans licenses sources"),
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

/// The programs of others against ours.
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
            .env("PYTHONDONTWRITEBYTECODE", "1")
    };
    // The tests of their crates have built the functions.
    report.step(
        "functions under a Lambda Runtime API",
        pytest("tests/aws/bootstraps").env("LOG2AWS_BOOTSTRAPS", target.join("debug")),
    )?;
    report.step("log2aws stack, against an AWS on this machine", pytest("tests/aws/stack"))?;
    report.part("clients on Node", false, || tools::node(shell, root, "tests/clients/node"))?;
    report.step("foreign clients", pytest("tests/clients"))?;
    report.part("the servers' packages", true, || dist::run(root))?;
    // dpkg and mount want root.
    let as_root = tools::as_root(shell)?;
    let dist_of = target.join("packages");
    let (skips_of, plugin_of) = (target.join("skips.txt"), root.join("tests"));
    report.step(
        "the servers' packages, installed",
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

/// Where cargo puts what it builds.
pub(crate) fn target_folder(shell: &Shell) -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(shell.current_dir())
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.target_directory.into_std_path_buf())
}
