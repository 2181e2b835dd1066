//! The project's tasks. People and CI use the same commands.

mod bench;
mod dist;
mod environment;
mod lambda;
mod soak;
mod test;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need, then run every check and test.
    Test(test::Options),
    /// Measure speed and memory, as ratios in one run.
    Bench(bench::Options),
    /// Run the long form of the tests, for hours.
    Soak(soak::Options),
    /// Build both functions for AWS Lambda, as zips in `target/lambda`; without a flag those that
    /// run on Intel and AMD. The same source gives the same bytes.
    Lambda(lambda::Options),
    /// Build what is installed, in `target/packages`: the agent as deb, rpm and archive, `log2aws` as an
    /// archive with the functions' zips, SBOM, sums; without a flag for every Linux on Intel and AMD
    /// from glibc 2.17 on. The same source gives the same bytes.
    Dist(dist::Options),
    /// Check the rules of the house: arrows, bans, a `//!` on every file, docs that name real tests.
    Tidy,
}

fn main() -> ExitCode {
    match environment::restart_without_cargo_variables().and_then(|()| run(Cli::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let root = root()?;
    match cli.task {
        Task::Test(options) => test::run(&root, &options),
        Task::Bench(options) => bench::run(&root, &options),
        Task::Soak(options) => soak::run(&root, &options),
        Task::Lambda(options) => lambda::run(&root, &options),
        Task::Dist(options) => dist::run(&root, &options),
        Task::Tidy => tidy::run(&root),
    }
}

/// The root of the repository: the folder above this package.
fn root() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("xtask has no parent folder")
}
