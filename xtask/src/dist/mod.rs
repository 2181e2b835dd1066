//! `cargo xtask dist`: the agent for installation, in `target/packages`: for each target a deb, an
//! rpm, an archive and their SBOM, and checksums of all.
//!
//! The same source gives the same bytes, in any folder. Times in the packages are those of the last
//! commit, or `SOURCE_DATE_EPOCH`.

mod elf;
mod notices;
mod packages;
mod sbom;
pub(crate) mod target;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use sha2::{Digest as _, Sha256};
use xshell::{Shell, cmd};

use self::target::Target;
use crate::{lambda, test, tools};

/// The package to build, and its program.
const PACKAGE: &str = "log2aws-agent-bin";
const PROGRAM: &str = "log2aws-agent";

/// The oldest C library: that of RHEL 7, and the first on aarch64.
const GLIBC: (u32, u32) = (2, 17);

/// The size limit in bytes of the program for [`Target::usual`]; the others are only reported.
const MAX_BYTES: usize = 3_000_000;

#[derive(Args)]
pub(crate) struct Options {
    /// Whom to build for; several times for several. Another target than this machine's own wants
    /// Rust's library for it.
    #[arg(long = "target", value_enum, default_values_t = [Target::usual()])]
    targets: Vec<Target>,
}

impl Default for Options {
    fn default() -> Self {
        Self { targets: vec![Target::usual()] }
    }
}

/// Builds everything for all targets.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    for target in &options.targets {
        target.check_installed(&shell)?;
    }
    let folder = test::target_folder(&shell)?;
    let dist = folder.join("packages");
    shell.remove_path(&dist)?;
    shell.create_dir(&dist)?;
    let tools = tools::dist(&shell, root)?;
    let source = Source::read(&shell)?;
    for target in &options.targets {
        one(&shell, root, &folder, &tools, &source, *target)?;
    }
    sums(&shell, &dist)
}

/// Builds and packages the program for one target.
fn one(
    shell: &Shell,
    root: &Path,
    folder: &Path,
    tools: &Path,
    source: &Source,
    target: Target,
) -> anyhow::Result<()> {
    let program = build(shell, root, folder, tools, target)?;
    let bytes = shell.read_binary_file(&program)?;
    println!("{PROGRAM} for {}: {} bytes", target.triple(), bytes.len());
    elf::check(shell, &program, target, GLIBC)?;
    ensure!(
        target != Target::usual() || bytes.len() <= MAX_BYTES,
        "{PROGRAM} has {} bytes; at most {MAX_BYTES} are allowed",
        bytes.len()
    );
    let parts = packages::Parts {
        program: &program,
        writer: &writer(shell, folder, &program, target)?,
        sbom: sbom::make(shell, source, &bytes, target)?,
        notices: notices::make(shell, target)?,
    };
    packages::make(shell, root, &folder.join("packages"), tools, source, &parts, target)
}

/// The program that writes manual pages and completions: the same one, if it runs on this machine.
fn writer(shell: &Shell, folder: &Path, program: &Path, target: Target) -> anyhow::Result<PathBuf> {
    if target.runs_here() {
        return Ok(program.to_owned());
    }
    cmd!(shell, "cargo build --quiet --locked -p {PACKAGE}")
        .quiet()
        .run()
        .context("the agent could not be built for this machine, where it writes its pages")?;
    Ok(folder.join("debug").join(PROGRAM))
}

/// The version information in the packages.
struct Source {
    version: String,
    /// Seconds since 1970.
    epoch: String,
}

impl Source {
    fn read(shell: &Shell) -> anyhow::Result<Self> {
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => cmd!(shell, "git log -1 --format=%ct").quiet().read().context(
                "no commit gives the packages their time; say it in SOURCE_DATE_EPOCH, in seconds since 1970",
            )?,
        };
        ensure!(
            epoch.parse::<u32>().is_ok(),
            "SOURCE_DATE_EPOCH must be seconds since 1970, not {epoch:?}"
        );
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), epoch })
    }
}

/// The program as installed, for benchmarks.
pub(crate) fn program(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    let tools = tools::dist(shell, root)?;
    build(shell, root, &test::target_folder(shell)?, &tools, Target::usual())
}

/// Builds the program for a target, and its C library or newer; zig links it.
fn build(
    shell: &Shell,
    root: &Path,
    folder: &Path,
    tools: &Path,
    target: Target,
) -> anyhow::Result<PathBuf> {
    let zigbuild = tools.join("cargo-zigbuild");
    let mut path = tools.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut flags = lambda::without_folders(shell, root, folder)?;
    flags.push("\u{1f}-Clink-arg=-T");
    flags.push(root.join("xtask/src/dist/no-unwinding.ld"));
    let (triple, (major, minor)) = (target.triple(), GLIBC);
    let with_library =
        if target.is_static() { triple.to_owned() } else { format!("{triple}.{major}.{minor}") };
    cmd!(
        shell,
        "{zigbuild} zigbuild --quiet --locked --profile agent --target {with_library} -p {PACKAGE}"
    )
    .env("PATH", path)
    .env("CARGO_ENCODED_RUSTFLAGS", flags)
    .quiet()
    .run()
    .with_context(|| format!("the agent could not be built for {}", target.triple()))?;
    Ok(folder.join(target.triple()).join("agent").join(PROGRAM))
}

/// Writes the checksums of all files in the format of `sha256sum --check`.
fn sums(shell: &Shell, dist: &Path) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for file in shell.read_dir(dist)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lines.push(format!("{}  {name}\n", sha256(&shell.read_binary_file(&file)?)));
        println!("{}", file.display());
    }
    shell.write_file(dist.join("SHA256SUMS"), lines.concat())?;
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
