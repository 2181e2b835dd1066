//! `cargo xtask lambda`: the two functions as zips for AWS Lambda.
//!
//! The same source gives the same bytes, in any folder: a zip's hash is its name in the artifact
//! bucket, and a deploy that changes nothing must find it there.

use std::ffi::OsString;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use sha2::{Digest as _, Sha256};
use xshell::{Shell, cmd};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::{dist, test, tools};

/// The functions: package, and program in it.
pub(crate) const FUNCTIONS: [(&str, &str); 2] =
    [("log2aws-lambda", "generate-url"), ("log2aws-lambda-analyze", "analyze-log")];

/// The file that names the zips which passed their tests.
pub(crate) const TESTED: &str = "tested.sha256";

/// The C library of `provided.al2023`.
const GLIBC: &str = "2.34";

#[derive(Args)]
pub(crate) struct Options {
    /// For functions on arm64 (Graviton). Wants Rust's library for aarch64-unknown-linux-gnu.
    #[arg(long, conflicts_with = "host")]
    arm64: bool,
    /// Zip what this machine's own compiler and linker make, without zig: quick, for tests. Such
    /// a zip runs on Lambda only if this machine's C library is not newer than Lambda's.
    #[arg(long)]
    host: bool,
    /// With --host: how the programs are built.
    #[arg(long, value_enum, default_value = "release", requires = "host")]
    profile: Profile,
    /// Zip the programs of this folder instead of building them: for tests.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["arm64", "host"])]
    built: Option<PathBuf>,
    /// Then test the programs that are in the zips, on this machine, which must be of their kind, and
    /// write what was tested to `tested.sha256` beside them: a release's arm64 zips are a new
    /// stack's default because of it.
    #[arg(long, conflicts_with_all = ["host", "built"])]
    test: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Profile {
    Debug,
    Release,
    Dist,
}

/// Builds both functions and writes their zips to `target/lambda`.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let target = test::target_folder(&shell)?;
    let (processor, triple) = if options.arm64 {
        ("aarch64", "aarch64-unknown-linux-gnu")
    } else {
        ("x86_64", "x86_64-unknown-linux-gnu")
    };
    ensure!(
        !options.test || processor == std::env::consts::ARCH,
        "this machine is {}, and runs no functions for {processor}: test them on one of their kind",
        std::env::consts::ARCH
    );
    let zips = target.join("lambda");
    if let Some(folder) = &options.built {
        return built(&shell, folder, &zips);
    }
    let programs = if options.host {
        let folder = on_host(&shell, &target, options.profile)?;
        FUNCTIONS.map(|(_, name)| folder.join(name))
    } else {
        by_zig(&shell, root, &target, triple)?
    };
    write(&shell, &zips, &programs)?;
    if options.test {
        tested(&shell, root, &zips, &programs)?;
    }
    Ok(())
}

/// Zips the programs of a folder.
pub(crate) fn built(shell: &Shell, folder: &Path, zips: &Path) -> anyhow::Result<()> {
    write(shell, zips, &FUNCTIONS.map(|(_, name)| folder.join(name)))
}

/// Runs the tests of the functions with these programs, and notes which zips have passed.
fn tested(shell: &Shell, root: &Path, zips: &Path, programs: &[PathBuf]) -> anyhow::Result<()> {
    test_programs(shell, root, programs)?;
    let names = FUNCTIONS.map(|(_, name)| format!("{name}.zip"));
    let lines = names.map(|name| {
        let hash = hex::encode(Sha256::digest(shell.read_binary_file(zips.join(&name))?));
        Ok(format!("{hash}  {name}\n"))
    });
    let lines: Vec<String> = lines.into_iter().collect::<anyhow::Result<_>>()?;
    shell.write_file(zips.join(TESTED), lines.concat())?;
    println!("{}", zips.join(TESTED).display());
    Ok(())
}

/// Runs the tests of the functions, with a Lambda Runtime API, on these programs.
pub(crate) fn test_programs(
    shell: &Shell,
    root: &Path,
    programs: &[PathBuf],
) -> anyhow::Result<()> {
    let python = tools::tests(shell, root)?;
    let folder = shell.create_temp_dir()?;
    for ((_, name), program) in FUNCTIONS.into_iter().zip(programs) {
        shell.copy_file(program, folder.path().join(name))?;
    }
    cmd!(shell, "cargo build --quiet --locked --release -p log2aws").quiet().run()?;
    let binary = test::target_folder(shell)?.join("release/log2aws");
    cmd!(shell, "{python} -m pytest -q -p no:cacheprovider tests/aws/bootstraps")
        .env("LOG2AWS_BINARY", binary)
        .env("LOG2AWS_BOOTSTRAPS", folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .quiet()
        .run()
        .context("a function that was built for Lambda failed")
}

/// Builds both functions for Lambda on `x86_64` and writes their zips; returns the programs.
pub(crate) fn shipped(shell: &Shell, root: &Path) -> anyhow::Result<[PathBuf; FUNCTIONS.len()]> {
    let target = test::target_folder(shell)?;
    let programs = by_zig(shell, root, &target, "x86_64-unknown-linux-gnu")?;
    write(shell, &target.join("lambda"), &programs)?;
    Ok(programs)
}

/// Writes the zips of these programs, in the order of [`FUNCTIONS`].
fn write(shell: &Shell, zips: &Path, programs: &[PathBuf]) -> anyhow::Result<()> {
    shell.create_dir(zips)?;
    shell.remove_path(zips.join(TESTED))?;
    for ((_, name), program) in FUNCTIONS.into_iter().zip(programs) {
        let zip = zip(&shell.read_binary_file(program)?)?;
        let path = zips.join(name).with_extension("zip");
        shell.write_file(&path, &zip)?;
        let hash = hex::encode(Sha256::digest(&zip));
        println!("{}  {} bytes  sha256 {hash}", path.display(), zip.len());
    }
    Ok(())
}

/// Builds with this machine's own compiler and linker; returns the folder of the programs.
pub(crate) fn on_host(shell: &Shell, target: &Path, profile: Profile) -> anyhow::Result<PathBuf> {
    let (name, flag): (_, &[&str]) = match profile {
        Profile::Debug => ("debug", &[]),
        Profile::Release => ("release", &["--release"]),
        Profile::Dist => ("dist", &["--profile", "dist"]),
    };
    for (package, program) in FUNCTIONS {
        cmd!(shell, "cargo build --quiet --locked {flag...} -p {package} --bin {program}")
            .quiet()
            .run()?;
    }
    Ok(target.join(name))
}

/// Builds for Lambda's C library on any machine: cargo-lambda, with zig as linker.
fn by_zig(
    shell: &Shell,
    root: &Path,
    target: &Path,
    triple: &str,
) -> anyhow::Result<[PathBuf; FUNCTIONS.len()]> {
    let library = cmd!(shell, "rustc --print target-libdir --target {triple}").quiet().read()?;
    ensure!(Path::new(&library).is_dir(), dist::target::missing(triple));
    let tools = tools::lambda(shell, root)?;
    let cargo_lambda = tools.join("cargo-lambda");
    let mut path = tools.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let flags = without_folders(shell, root, target)?;
    let folder = target.join("lambda");
    for (package, program) in FUNCTIONS {
        // One after the other, so that neither is built with the other's features. By default,
        // cargo-lambda changes the profile to abort on panic.
        cmd!(shell, "{cargo_lambda} lambda build --quiet --locked --disable-optimizations --profile dist --target {triple}.{GLIBC} --lambda-dir {folder} -p {package} --bin {program}")
            .env("PATH", &path)
            .env("CARGO_ENCODED_RUSTFLAGS", &flags)
            .quiet()
            .run()
            .with_context(|| format!("{program} could not be built"))?;
    }
    // cargo-lambda moves each program to where Lambda's tools expect it.
    Ok(FUNCTIONS.map(|(_, name)| folder.join(name).join("bootstrap")))
}

/// Flags of rustc that remove this machine's paths from the panic messages of a program.
pub(crate) fn without_folders(
    shell: &Shell,
    root: &Path,
    target: &Path,
) -> anyhow::Result<OsString> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let compiler = cmd!(shell, "rustc --print sysroot").quiet().read()?;
    // If several match, rustc uses the last one.
    let named = [
        (home.as_path(), "/cargo"),
        (Path::new(&compiler), "/rust"),
        (root, "/log2aws"),
        (target, "/target"),
    ];
    let flags = named.map(|(folder, name)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push("=");
        flag.push(name);
        flag
    });
    Ok(flags.join(std::ffi::OsStr::new("\u{1f}")))
}

/// A zip of one program under the name that Lambda starts, with the version of log2aws; it depends
/// on nothing else.
pub(crate) fn zip(bootstrap: &[u8]) -> anyhow::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options.unix_permissions(0o755))?;
    zip.write_all(bootstrap)?;
    zip.start_file("log2aws-version", options.unix_permissions(0o644))?;
    writeln!(zip, "{}", env!("CARGO_PKG_VERSION"))?;
    Ok(zip.finish()?.into_inner())
}

/// Lambda's name for the processor of the program in a zip.
pub(crate) fn architecture(zip: &[u8]) -> anyhow::Result<&'static str> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip))?;
    let mut head = [0; 20];
    archive.by_name("bootstrap")?.read_exact(&mut head)?;
    // Source: System V ABI, "ELF Header", e_machine: EM_X86_64 and EM_AARCH64.
    match u16::from_le_bytes([head[18], head[19]]) {
        62 => Ok("x86_64"),
        183 => Ok("arm64"),
        other => anyhow::bail!("the program is for a processor of the number {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_holds_the_program_and_its_version() {
        let program: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let made = zip(&program).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&made)).unwrap();
        assert_eq!(archive.len(), 2);
        let mut version = String::new();
        archive.by_name("log2aws-version").unwrap().read_to_string(&mut version).unwrap();
        assert_eq!(version, concat!(env!("CARGO_PKG_VERSION"), "\n"));
        let mut entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755);
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert_eq!(read, program);
    }

    #[test]
    fn the_same_program_makes_the_same_zip_at_any_time() {
        let made = zip(b"program").unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&made)).unwrap();
        let written = archive.by_index(0).unwrap().last_modified().unwrap();
        assert_eq!((written.year(), written.month(), written.day()), (1980, 1, 1));
        // Zip timestamps have a resolution of two seconds.
        std::thread::sleep(std::time::Duration::from_millis(2_100));
        assert_eq!(zip(b"program").unwrap(), made);
    }
}
