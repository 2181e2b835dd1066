//! The agent for servers: deb, rpm and archive for each target.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use super::sbom::Program;
use super::target::Target;
use super::zig::{self, Build};
use super::{Source, elf, notices, packages, sbom};
use crate::{test, tools};

/// The package to build, and its program.
const AGENT: Program = Program { package: "log2aws-agent-bin", name: NAME, functions: &[] };

/// The program's name.
pub(super) const NAME: &str = "log2aws-agent";

/// The size limit in bytes of the program for [`Target::usual`]; the others are only reported. The
/// aim is 3,000,000; encrypted URLs and the verbs of keys took it past that.
const MAX_BYTES: usize = 3_060_000;

/// Builds and packages the program for one target.
pub(super) fn make(with: &Build<'_>, source: &Source, target: Target) -> anyhow::Result<()> {
    let Build { shell, root, folder, tools } = *with;
    let program = build(with, target)?;
    let bytes = shell.read_binary_file(&program)?;
    println!("{} for {}: {} bytes", NAME, target.triple(), bytes.len());
    elf::check(shell, &program, target, zig::GLIBC)?;
    ensure!(
        target != Target::usual() || bytes.len() <= MAX_BYTES,
        "{} has {} bytes; at most {MAX_BYTES} are allowed",
        NAME,
        bytes.len()
    );
    let parts = packages::Parts {
        program: &program,
        writer: &writer(shell, folder, &program, target)?,
        sbom: sbom::make(shell, source, &AGENT, &bytes, target)?,
        notices: notices::make(shell, &AGENT, target)?,
    };
    packages::make(shell, root, &folder.join("packages"), tools, source, &parts, target)
}

/// The program that writes manual pages and completions: the same one, if it runs on this machine.
fn writer(shell: &Shell, folder: &Path, program: &Path, target: Target) -> anyhow::Result<PathBuf> {
    if target.runs_here() {
        return Ok(program.to_owned());
    }
    let package = AGENT.package;
    cmd!(shell, "cargo build --quiet --locked -p {package}")
        .quiet()
        .run()
        .context("the agent could not be built for this machine, where it writes its pages")?;
    Ok(folder.join("debug").join(NAME))
}

/// The program as installed, for benchmarks.
pub(crate) fn program(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    let (folder, tools) = (test::target_folder(shell)?, tools::dist(shell, root)?);
    build(&Build { shell, root, folder: &folder, tools: &tools }, Target::usual())
}

/// Builds the program.
fn build(with: &Build<'_>, target: Target) -> anyhow::Result<PathBuf> {
    let mut flag = OsString::from("-Clink-arg=-T");
    flag.push(with.root.join("xtask/src/dist/no-unwinding.ld"));
    // One encrypted URL a day: the portable code of the ciphers is fast enough, and the others would
    // be linked beside it.
    for portable in [
        "curve25519_dalek_backend=\"serial\"",
        "chacha20_backend=\"soft\"",
        "poly1305_backend=\"soft\"",
    ] {
        flag.push("\u{1f}--cfg\u{1f}");
        flag.push(portable);
    }
    with.run(&AGENT, "agent", target, Some(flag))
}
