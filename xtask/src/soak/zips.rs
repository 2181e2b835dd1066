//! The programs in the zips, built for Lambda's own C library, with a Lambda Runtime API.

use std::path::Path;

use xshell::Shell;

use crate::lambda;

/// Builds the zips, and runs the tests of the functions with their content.
pub(super) fn run(shell: &Shell, root: &Path) -> anyhow::Result<()> {
    println!("== the zips");
    lambda::test_programs(shell, root, &lambda::shipped(shell, root)?)
}
