//! What a program requires of the target's C library.

use std::path::Path;

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use super::target::{Target, check_processor};

/// Libraries that are part of the C library.
const OF_GLIBC: [&str; 7] = [
    "libc.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "libm.so.6",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// Fails if the program is for another processor, or needs a library other than the C library, or
/// one newer than `newest`; a static program must need none.
pub(super) fn check(
    shell: &Shell,
    program: &Path,
    target: Target,
    newest: (u32, u32),
) -> anyhow::Result<()> {
    let read = |what: &str| {
        cmd!(shell, "readelf --wide {what} {program}").env("LC_ALL", "C").quiet().read()
    };
    check_processor(&read("--file-header")?, target)
        .with_context(|| format!("{} is not what was asked for", program.display()))?;
    let (libraries, versions) = (read("--dynamic")?, read("--version-info")?);
    if target.is_static() {
        let needed = needed(&libraries);
        ensure!(needed.is_empty(), "{} must be static, and wants {needed:?}", program.display());
        return Ok(());
    }
    for library in needed(&libraries) {
        ensure!(OF_GLIBC.contains(&library), "{} wants {library}", program.display());
    }
    let wanted = glibc(&versions);
    let highest = wanted
        .iter()
        .max()
        .with_context(|| format!("{} names no version of glibc", program.display()))?;
    println!("{}: runs from glibc {}.{} on", program.display(), highest.0, highest.1);
    ensure!(
        *highest <= newest,
        "{} wants glibc {}.{}; it must run on {}.{}",
        program.display(),
        highest.0,
        highest.1,
        newest.0,
        newest.1
    );
    Ok(())
}

/// The libraries in the output of `readelf --dynamic`.
fn needed(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.contains("(NEEDED)"));
    lines.filter_map(|line| line.split(['[', ']']).nth(1)).collect()
}

/// The versions of glibc in the output of `readelf --version-info`.
fn glibc(text: &str) -> Vec<(u32, u32)> {
    text.split("GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let version = rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
            let mut parts = version.split('.').map(str::parse);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: &str = "\
Version needs section '.gnu.version_r' contains 1 entry:
  0x0010:   Name: GLIBC_2.17  Flags: none  Version: 12
  0x0020:   Name: GLIBC_2.2.5  Flags: none  Version: 11
  0x0030:   Name: GLIBC_2.34  Flags: none  Version: 10
";

    #[test]
    fn versions_are_compared_as_numbers() {
        let found = glibc(VERSIONS);
        assert_eq!(found, [(2, 17), (2, 2), (2, 34)]);
        assert_eq!(found.iter().max(), Some(&(2, 34)));
        assert!((2, 4) < (2, 17));
    }

    /// This machine's own target.
    fn host() -> Target {
        if Target::ArmGnu.runs_here() { Target::ArmGnu } else { Target::X86Gnu }
    }

    #[test]
    fn a_program_that_is_not_static_or_for_another_processor_is_refused() {
        let shell = Shell::new().unwrap();
        let (musl, other) = match host() {
            Target::ArmGnu => (Target::ArmMusl, Target::X86Gnu),
            _ => (Target::X86Musl, Target::ArmGnu),
        };
        let refused = |target| {
            format!("{:#}", check(&shell, Path::new("/bin/sh"), target, (99, 0)).unwrap_err())
        };
        assert!(refused(musl).contains("must be static, and wants [\"libc.so.6\"]"));
        assert!(refused(other).contains("/bin/sh is not what was asked for: the program is for"));
    }

    #[test]
    fn a_program_of_this_machine_is_measured() {
        let shell = Shell::new().unwrap();
        let program = Path::new("/bin/sh");
        check(&shell, program, host(), (99, 0)).unwrap();
        let error = check(&shell, program, host(), (2, 0)).unwrap_err().to_string();
        assert!(
            error.contains("/bin/sh wants glibc 2.") && error.contains("run on 2.0"),
            "{error}"
        );
        // A normally built Rust program needs more than the C library.
        let own = std::env::current_exe().unwrap();
        let error = check(&shell, &own, host(), (99, 0)).unwrap_err().to_string();
        assert!(error.contains("wants libgcc_s.so.1"), "{error}");
    }

    #[test]
    fn the_libraries_are_read() {
        let text = " 0x01 (NEEDED)  Shared library: [libc.so.6]\n 0x1d (RUNPATH) [/lib]\n";
        assert_eq!(needed(text), ["libc.so.6"]);
    }
}
