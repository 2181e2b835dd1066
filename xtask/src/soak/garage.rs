//! The functions with another S3 that validates requests strictly: Garage.

use std::path::Path;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::{test, tools};

/// Builds Garage and the functions as shipped, and tests them together.
pub(super) fn run(shell: &Shell, root: &Path) -> anyhow::Result<()> {
    println!("== the functions with Garage");
    let garage = tools::garage(shell, root)?;
    let python = tools::tests(shell, root)?;
    cmd!(shell, "cargo build --quiet --profile dist -p log2aws-lambda -p log2aws-lambda-analyze")
        .quiet()
        .run()
        .context("the functions could not be built")?;
    let bootstraps = test::target_folder(shell)?.join("dist");
    cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/aws/garage")
        .env("LOG2AWS_GARAGE", garage)
        .env("LOG2AWS_BOOTSTRAPS", bootstraps)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .quiet()
        .run()
        .context("a test with Garage failed")
}
