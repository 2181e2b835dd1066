//! A cargo that a task calls must find fresh what the user's own cargo has built.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Variables that `cargo run` sets for the program that it starts, and its build scripts'
/// `OUT_DIR`.
const SET_BY_CARGO: &[&str] = &[
    "CARGO",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "OUT_DIR",
];

/// A package whose build script watches all of these, as ring's does.
fn package(folder: &Path) {
    let watch = |name: &&str| format!("    println!(\"cargo::rerun-if-env-changed={name}\");\n");
    let watched = SET_BY_CARGO.iter().map(watch).collect::<Vec<_>>().concat();
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
    fs::write(folder.join("build.rs"), format!("fn main() {{\n{watched}}}\n")).unwrap();
    let manifest = "[package]\nname = \"watcher\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
}

/// Without the variables of the cargo that runs this test.
fn as_a_user_calls(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if SET_BY_CARGO.contains(&&*name) || name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(&*name);
        }
    }
    command
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_nested_cargo_finds_fresh_what_the_users_own_has_built() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path());
    let cargo = std::env::var("CARGO").unwrap();
    let build = ["build", "--offline", "--verbose"];
    for wanted in ["Compiling watcher", "Fresh watcher"] {
        let output =
            as_a_user_calls(&cargo).args(build).current_dir(folder.path()).output().unwrap();
        assert!(told(&output).contains(wanted), "{}", told(&output));
    }

    // Replaces the cargo of the task: it runs the same build.
    let stand_in = folder.path().join("cargo");
    let script = format!(
        "#!/bin/sh\ncd '{}' && '{cargo}' {} && exit 3\n",
        folder.path().display(),
        build.join(" ")
    );
    fs::write(&stand_in, script).unwrap();
    fs::set_permissions(&stand_in, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut xtask = as_a_user_calls(env!("CARGO_BIN_EXE_xtask"));
    xtask.arg("tidy").env("PATH", path);
    for name in SET_BY_CARGO {
        xtask.env(name, "xtask's own");
    }
    xtask.env("CARGO", &stand_in);
    let output = xtask.output().unwrap();
    assert!(told(&output).contains("Fresh watcher"), "{}", told(&output));
}
