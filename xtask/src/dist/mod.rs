//! `cargo xtask dist`: the agent for installation, in `target/packages`: a deb, an rpm, an archive,
//! their SBOM, and checksums.
//!
//! The same source gives the same bytes, in any folder. Times in the packages are those of the last
//! commit, or `SOURCE_DATE_EPOCH`.

mod elf;
mod notices;
mod packages;
mod sbom;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use xshell::{Shell, cmd};

use crate::{lambda, test, tools};

/// The package to build, and its program.
const PACKAGE: &str = "log2aws-agent-bin";
const PROGRAM: &str = "log2aws-agent";

/// The target: the C library of RHEL 7 or newer.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const GLIBC: (u32, u32) = (2, 17);

/// The size limit of the program in bytes.
const MAX_BYTES: usize = 3_000_000;

/// Builds everything.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let target = test::target_folder(&shell)?;
    let dist = target.join("packages");
    shell.remove_path(&dist)?;
    shell.create_dir(&dist)?;
    let tools = tools::dist(&shell, root)?;
    let source = Source::read(&shell)?;

    let program = build(&shell, root, &target, &tools)?;
    let bytes = shell.read_binary_file(&program)?;
    println!("{PROGRAM}: {} bytes (at most {MAX_BYTES})", bytes.len());
    elf::check(&shell, &program, GLIBC)?;
    ensure!(
        bytes.len() <= MAX_BYTES,
        "{PROGRAM} has {} bytes; at most {MAX_BYTES} are allowed",
        bytes.len()
    );

    let parts = packages::Parts {
        program: &program,
        sbom: sbom::make(&shell, &source, &bytes)?,
        notices: notices::make(&shell)?,
    };
    packages::make(&shell, root, &dist, &tools, &source, &parts)?;
    sums(&shell, &dist)
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
    build(shell, root, &test::target_folder(shell)?, &tools)
}

/// Builds the program for this C library or newer; zig links it.
fn build(shell: &Shell, root: &Path, target: &Path, tools: &Path) -> anyhow::Result<PathBuf> {
    let zigbuild = tools.join("cargo-zigbuild");
    let mut path = tools.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut flags = lambda::without_folders(shell, root, target)?;
    flags.push("\u{1f}-Clink-arg=-T");
    flags.push(root.join("xtask/src/dist/no-unwinding.ld"));
    let target_glibc = format!("{TRIPLE}.{}.{}", GLIBC.0, GLIBC.1);
    cmd!(
        shell,
        "{zigbuild} zigbuild --quiet --locked --profile agent --target {target_glibc} -p {PACKAGE}"
    )
    .env("PATH", path)
    .env("CARGO_ENCODED_RUSTFLAGS", flags)
    .quiet()
    .run()
    .context("the agent could not be built")?;
    Ok(target.join(TRIPLE).join("agent").join(PROGRAM))
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
