//! The environment in which every command of a task runs: the caller's, not the one that
//! `cargo run` made for xtask.
//!
//! `cargo run` sets `CARGO_MANIFEST_DIR` and others for the program that it starts. Build scripts
//! watch these names (ring's does), so a nested cargo that inherits them takes them for changed,
//! and builds everything above again.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

/// Variables that cargo sets for a program that it runs, apart from those that begin with
/// `CARGO_PKG_`. The user's own settings (`CARGO_HOME`, `CARGO_TARGET_DIR`, ...) are not among them.
const SET_BY_CARGO: &[&str] = &[
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

/// Starts this program anew without cargo's variables, if there are any. Whatever a task then runs
/// inherits none: through xshell, `cargo_metadata` or the standard library.
pub(crate) fn leave_cargos() -> anyhow::Result<()> {
    let names: Vec<OsString> =
        std::env::vars_os().map(|(name, _)| name).filter(|name| is_cargos(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let program = std::env::current_exe().context("xtask cannot find its own program")?;
    let mut again = Command::new(&program);
    again.args(std::env::args_os().skip(1));
    for name in names {
        again.env_remove(name);
    }
    // Returns only if it fails.
    Err(again.exec()).with_context(|| format!("{} cannot be started anew", program.display()))
}

fn is_cargos(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| SET_BY_CARGO.contains(&name) || name.starts_with("CARGO_PKG_"))
}
