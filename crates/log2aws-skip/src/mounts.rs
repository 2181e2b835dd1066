//! Tests that mount file systems, without root and without traces on the machine.

use std::io;
use std::process::Command;

/// Set in the process that has mounts of its own.
const INSIDE: &str = "LOG2AWS_TEST_OWN_MOUNTS";

/// Runs a test in a mount namespace of its own: no other process sees its mounts, and they end with
/// it. For that the test's program starts itself again under unshare(1); `test` is the full name of
/// the test in it. `probe` tries the mount that the test needs. If either is not possible here, a
/// required skip is reported.
///
/// # Panics
///
/// If the test fails.
pub fn with_own_mounts(test: &str, probe: impl FnOnce() -> io::Result<()>, run: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return match probe() {
            Ok(()) => run(),
            Err(refused) => crate::required(test, format!("cannot mount here: {refused}")),
        };
    }
    let program = std::env::current_exe();
    let output = program.and_then(|program| {
        Command::new("unshare")
            .args(["--map-root-user", "--mount"])
            .arg(program)
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, "1")
            .output()
    });
    match &output {
        // unshare itself exits with 1, which a failing test (101) does not.
        Ok(output) if output.status.code() != Some(1) => {
            let stdout = String::from_utf8_lossy(&output.stdout);
            print!("{stdout}");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
        }
        refused => crate::required(test, format!("no mount namespace of its own: {refused:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::parent_id;

    use super::*;

    #[test]
    fn the_mounts_are_those_of_the_test_alone() {
        let name = "mounts::tests::the_mounts_are_those_of_the_test_alone";
        let folder = |process| std::env::temp_dir().join(format!("log2aws-mounts-{process}"));
        let mine = folder(std::process::id());
        let is_outer = std::env::var_os(INSIDE).is_none();
        if is_outer {
            std::fs::create_dir(&mine).unwrap();
        }
        let probe = || {
            let mount = Command::new("mount")
                .args(["-t", "tmpfs", "tmpfs"])
                .arg(folder(parent_id()))
                .output()?;
            if mount.status.success() {
                Ok(())
            } else {
                Err(io::Error::other(format!("{mount:?}")))
            }
        };
        with_own_mounts(name, probe, || {
            std::fs::write(folder(parent_id()).join("file"), "in the mount").unwrap();
        });
        if is_outer {
            // Fails if the file is in it.
            std::fs::remove_dir(&mine).unwrap();
        }
    }
}
