//! The environment of every command that a task runs: the caller's, without what `cargo run` adds
//! for xtask.
//!
//! `cargo run` sets `CARGO_MANIFEST_DIR` and others for the program that it starts. Build scripts
//! watch these names (ring's does), so a nested cargo that inherits them sees a change, and
//! rebuilds everything above.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

/// Variables that cargo sets for a program that it runs, besides those that begin with
/// `CARGO_PKG_`. The user's own settings (`CARGO_HOME`, `CARGO_TARGET_DIR`, ...) are not in this
/// list.
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

/// Restarts this program without cargo's variables, if there are any, so that every command of a
/// task, through xshell, `cargo_metadata` or the standard library, inherits none.
pub(crate) fn restart_without_cargo_variables() -> anyhow::Result<()> {
    let names: Vec<OsString> =
        std::env::vars_os().map(|(name, _)| name).filter(|name| is_set_by_cargo(name)).collect();
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

fn is_set_by_cargo(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| SET_BY_CARGO.contains(&name) || name.starts_with("CARGO_PKG_"))
}
