//! `cargo xtask test`: install what is needed, then every check and test, cheapest first.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use xshell::{Cmd, Shell, cmd};

use crate::{dist, tidy, tools};

#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the tests with foreign clients (awscli, boto3, rclone, curl, AWS's stand-ins, dpkg, rpm, chromium).
    #[arg(long)]
    skip_clients: bool,
}

/// Runs everything that CI runs.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let tools = tools::provide(&shell, root)?;
    let deny = &tools.cargo_deny;

    step("rustfmt", cmd!(shell, "cargo fmt --all --check"))?;
    println!("== tidy");
    tidy::run(root)?;
    step(
        "cargo-deny",
        cmd!(shell, "{deny} --workspace check --hide-inclusion-graph bans licenses sources"),
    )?;
    let python = &tools.python;
    step(
        "CloudFormation template",
        cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/aws/template")
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    step("clippy", cmd!(shell, "cargo clippy --quiet --workspace --all-targets -- -D warnings"))?;
    let tests = if tools.nextest {
        cmd!(
            shell,
            "cargo nextest run --workspace --no-fail-fast --status-level fail --final-status-level fail"
        )
    } else {
        cmd!(shell, "cargo test --quiet --workspace --all-targets --no-fail-fast")
    };
    step("tests", tests)?;
    step(
        "documentation",
        cmd!(shell, "cargo doc --quiet --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    step("the README's first command", cmd!(shell, "cargo run --quiet --release -- demo --once"))?;
    if options.skip_clients {
        println!("== foreign clients: left out, as asked");
        return Ok(());
    }
    let target = target_folder(&shell)?;
    let binary = target.join("release/log2aws");
    // The tests of their crates have built the functions.
    step(
        "functions under a Lambda Runtime API",
        cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/aws/bootstraps")
            .env("LOG2AWS_BINARY", &binary)
            .env("LOG2AWS_BOOTSTRAPS", target.join("debug"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    step(
        "log2aws stack, against an AWS on this machine",
        cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/aws/stack")
            .env("LOG2AWS_BINARY", &binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    step(
        "foreign clients",
        cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/clients")
            .env("LOG2AWS_BINARY", &binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    println!("== the servers' packages");
    dist::run(root)?;
    // dpkg and mount want root.
    let as_root = tools::as_root(&shell)?;
    let (binary_of, dist_of) = (&binary, target.join("packages"));
    step(
        "the servers' packages, installed",
        cmd!(
            shell,
            "{as_root} env PYTHONDONTWRITEBYTECODE=1 LOG2AWS_BINARY={binary_of} LOG2AWS_DIST={dist_of} {python} -m pytest -q -p no:cacheprovider tests/packages"
        ),
    )?;
    tools::browser(&shell, root)?;
    let named = |path: &PathBuf| path.to_string_lossy().ends_with(".test.mjs");
    let visits: Vec<_> =
        shell.read_dir(root.join("tests/browser"))?.into_iter().filter(named).collect();
    step(
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

fn step(name: &str, command: Cmd<'_>) -> anyhow::Result<()> {
    println!("== {name}");
    let start = Instant::now();
    command.quiet().run().with_context(|| format!("{name}: failed"))?;
    println!("   {name}: passed in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
