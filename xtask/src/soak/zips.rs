//! The programs in the zips, built for Lambda's own C library, with a Lambda Runtime API.

use std::path::Path;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::{lambda, test, tools};

/// Builds the zips, and runs the tests of the functions with their content.
pub(super) fn run(shell: &Shell, root: &Path) -> anyhow::Result<()> {
    println!("== the zips");
    let python = tools::tests(shell, root)?;
    let folder = shell.create_temp_dir()?;
    for ((_, name), program) in lambda::FUNCTIONS.into_iter().zip(lambda::shipped(shell, root)?) {
        shell.copy_file(program, folder.path().join(name))?;
    }
    cmd!(shell, "cargo build --quiet --release -p log2aws").quiet().run()?;
    let binary = test::target_folder(shell)?.join("release/log2aws");
    cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/aws/bootstraps")
        .env("LOG2AWS_BINARY", binary)
        .env("LOG2AWS_BOOTSTRAPS", folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .quiet()
        .run()
        .context("a function that was built for Lambda failed")
}
