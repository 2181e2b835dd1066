//! The targets for which the agent is packaged, and the names by which packages call them.

use std::path::Path;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use xshell::{Shell, cmd};

/// A processor and a C library. On the command line: Rust's name for the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Intel and AMD, glibc 2.17 and newer.
    #[value(name = "x86_64-unknown-linux-gnu")]
    X86Gnu,
    /// Intel and AMD, statically linked.
    #[value(name = "x86_64-unknown-linux-musl")]
    X86Musl,
    /// 64-bit Arm, glibc 2.17 and newer.
    #[value(name = "aarch64-unknown-linux-gnu")]
    ArmGnu,
    /// 64-bit Arm, statically linked.
    #[value(name = "aarch64-unknown-linux-musl")]
    ArmMusl,
}

impl Target {
    /// Rust's name.
    pub(super) const fn triple(self) -> &'static str {
        match self {
            Self::X86Gnu => "x86_64-unknown-linux-gnu",
            Self::X86Musl => "x86_64-unknown-linux-musl",
            Self::ArmGnu => "aarch64-unknown-linux-gnu",
            Self::ArmMusl => "aarch64-unknown-linux-musl",
        }
    }

    /// Whether the program brings its C library with it.
    pub(super) const fn is_static(self) -> bool {
        matches!(self, Self::X86Musl | Self::ArmMusl)
    }

    /// The name of the processor: the kernel's and rpm's.
    pub(super) const fn processor(self) -> &'static str {
        match self {
            Self::X86Gnu | Self::X86Musl => "x86_64",
            Self::ArmGnu | Self::ArmMusl => "aarch64",
        }
    }

    /// The same: Debian's and nfpm's.
    pub(super) const fn debian(self) -> &'static str {
        match self {
            Self::X86Gnu | Self::X86Musl => "amd64",
            Self::ArmGnu | Self::ArmMusl => "arm64",
        }
    }

    /// What distinguishes the names of the static program's files from the other's.
    const fn suffix(self) -> &'static str {
        if self.is_static() { "-musl" } else { "" }
    }

    /// The name of the archive, without its ending.
    pub(super) fn archive(self, program: &str, version: &str) -> String {
        format!("{program}-{version}-linux-{}{}", self.processor(), self.suffix())
    }

    /// The name of the package for this packager.
    pub(super) fn package(self, program: &str, version: &str, packager: &str) -> String {
        let suffix = self.suffix();
        if packager == "deb" {
            format!("{program}_{version}-1_{}{suffix}.deb", self.debian())
        } else {
            format!("{program}-{version}-1.{}{suffix}.rpm", self.processor())
        }
    }

    /// nfpm's settings for this target, made of those for [`Target::X86Gnu`].
    pub(super) fn nfpm(self, settings: &str) -> anyhow::Result<String> {
        let replace = |text: &str, from: &str, to: &str| {
            ensure!(
                text.matches(from).count() == 1,
                "deploy/agent/nfpm.yaml must have one {from:?}"
            );
            Ok(text.replacen(from, to, 1))
        };
        let mut text = replace(settings, "arch: amd64\n", &format!("arch: {}\n", self.debian()))?;
        if self.is_static() {
            for library in ["\"libc6 (>= 2.17)\", ", "\"glibc >= 2.17\", "] {
                text = replace(&text, library, "")?;
            }
        }
        Ok(text)
    }

    /// Fails if Rust's library for this target is missing.
    pub(super) fn check_installed(self, shell: &Shell) -> anyhow::Result<()> {
        let triple = self.triple();
        let library =
            cmd!(shell, "rustc --print target-libdir --target {triple}").quiet().read()?;
        ensure!(Path::new(&library).is_dir(), missing(triple));
        Ok(())
    }

    /// Whether this machine can run the program.
    pub(super) fn runs_here(self) -> bool {
        self.processor() == std::env::consts::ARCH
    }

    /// The default of the command line: what servers mostly are.
    pub(super) const fn usual() -> Self {
        Self::X86Gnu
    }
}

/// What to do where Rust has no library for a target.
pub(crate) fn missing(triple: &str) -> String {
    format!(
        "Rust's library for {triple} is not installed; `rustup target add {triple}` installs it"
    )
}

/// Fails if the header of the program names another processor than the target's.
pub(super) fn check_processor(header: &str, target: Target) -> anyhow::Result<()> {
    let machine = header
        .lines()
        .find_map(|line| line.trim().strip_prefix("Machine:"))
        .context("readelf names no machine")?
        .trim();
    let expected = match target {
        Target::X86Gnu | Target::X86Musl => "Advanced Micro Devices X86-64",
        Target::ArmGnu | Target::ArmMusl => "AArch64",
    };
    ensure!(machine == expected, "the program is for {machine}, not for {expected}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = include_str!("../../../deploy/agent/nfpm.yaml");

    #[test]
    fn a_target_has_the_name_that_the_command_line_takes() {
        for target in Target::value_variants() {
            let value = target.to_possible_value().unwrap();
            assert_eq!(value.get_name(), target.triple());
            assert!(target.triple().starts_with(target.processor()));
        }
    }

    #[test]
    fn no_two_targets_have_files_of_one_name() {
        let mut names: Vec<String> = Target::value_variants()
            .iter()
            .flat_map(|target| {
                ["deb", "rpm"]
                    .map(|packager| target.package("agent", "1.0.0", packager))
                    .into_iter()
                    .chain([target.archive("agent", "1.0.0")])
            })
            .collect();
        assert_eq!(
            names[..3],
            ["agent_1.0.0-1_amd64.deb", "agent-1.0.0-1.x86_64.rpm", "agent-1.0.0-linux-x86_64"]
        );
        assert_eq!(
            Target::ArmMusl.package("agent", "1.0.0", "deb"),
            "agent_1.0.0-1_arm64-musl.deb"
        );
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }

    #[test]
    fn a_package_is_of_the_targets_processor_and_needs_a_c_library_if_the_program_does() {
        let settings = |target: Target| target.nfpm(SETTINGS).unwrap();
        assert_eq!(settings(Target::X86Gnu), SETTINGS);
        let arm = settings(Target::ArmGnu);
        assert!(arm.contains("\narch: arm64\n") && arm.contains("\"libc6 (>= 2.17)\", passwd"));
        for musl in [settings(Target::X86Musl), settings(Target::ArmMusl)] {
            assert!(musl.contains("depends: [passwd]") && musl.contains("depends: [shadow-utils]"));
            assert!(!musl.contains("libc6") && !musl.contains("glibc"), "{musl}");
        }
        let error = Target::ArmGnu.nfpm("arch: all\n").unwrap_err().to_string();
        assert!(error.contains("nfpm.yaml must have one"), "{error}");
    }

    #[test]
    fn another_library_of_rust_is_named_with_its_command() {
        assert!(missing("a-b-c").contains("`rustup target add a-b-c`"));
        let shell = Shell::new().unwrap();
        for target in Target::value_variants() {
            if let Err(error) = target.check_installed(&shell) {
                let command = format!("rustup target add {}", target.triple());
                assert!(error.to_string().contains(&command), "{error}");
            }
        }
    }

    #[test]
    fn the_processor_of_a_program_is_read() {
        let header = "ELF Header:\n  Class: ELF64\n  Machine:         AArch64\n";
        check_processor(header, Target::ArmMusl).unwrap();
        let error = check_processor(header, Target::X86Gnu).unwrap_err().to_string();
        assert!(error.contains("is for AArch64"), "{error}");
        assert!(check_processor("", Target::X86Gnu).is_err());
    }
}
