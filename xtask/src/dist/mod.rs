//! `cargo xtask dist`: what is installed, in `target/packages`: for each target the agent as deb, rpm
//! and archive, `log2aws` as an archive with the functions' zips, their SBOM, and checksums of all;
//! when asked for, the image of `serve`.
//!
//! The same source gives the same bytes, in any folder. Times in the packages are those of the last
//! commit, or `SOURCE_DATE_EPOCH`.

mod agent;
mod archive;
mod elf;
mod notices;
mod operator;
mod packages;
mod sbom;
pub(crate) mod target;
mod zig;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use sha2::{Digest as _, Sha256};
use xshell::{Shell, cmd};

use self::target::Target;
use self::zig::Build;
use crate::{test, tools};

pub(crate) use self::agent::program;

#[derive(Args)]
pub(crate) struct Options {
    /// Whom to build for; several times for several. Another target than this machine's own wants
    /// Rust's library for it.
    #[arg(long = "target", value_enum, default_values_t = [Target::usual()])]
    targets: Vec<Target>,
    /// What to make; several times for several.
    #[arg(long, value_enum, default_values_t = [Part::Agent, Part::Log2aws])]
    only: Vec<Part>,
    /// Put the zips of this folder beside `log2aws`, or those in `x86_64` and `arm64` below it, instead of
    /// building those for `x86_64`.
    #[arg(long, value_name = "DIR")]
    functions: Option<PathBuf>,
    /// Pack this program as `log2aws` instead of building it: for tests.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// What can be made.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The agent's packages.
    Agent,
    /// The operator's archive.
    Log2aws,
    /// The image of `serve`; its target is one with musl.
    Image,
}

impl Options {
    /// For tests: the agent as shipped, and `log2aws` and its zips as they are already built.
    pub(crate) fn of_built(program: PathBuf, functions: PathBuf) -> Self {
        Self {
            targets: vec![Target::usual()],
            only: vec![Part::Agent, Part::Log2aws, Part::Image],
            functions: Some(functions),
            program: Some(program),
        }
    }
}

/// Makes everything for all targets.
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
    let with = Build { shell: &shell, root, folder: &folder, tools: &tools };
    let (program, functions) = (options.program.as_deref(), options.functions.as_deref());
    for target in &options.targets {
        for part in &options.only {
            match part {
                Part::Agent => agent::make(&with, &source, *target)?,
                Part::Log2aws => {
                    operator::archive(&with, &source, (program, functions), *target)?;
                }
                Part::Image => operator::image(&with, &source, program, *target)?,
            }
        }
    }
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
