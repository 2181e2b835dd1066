//! The project's rules, as checks that fail.

mod arrows;
mod japanese;
mod modules;
mod sheets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use xshell::{Shell, cmd};

use self::arrows::ARROWS;

/// What a crate must never link, even indirectly: (crate, prefix of the linked crate, why).
const NEVER_LINKS: &[(&str, &str, &str)] = &[
    ("log2aws-core", "tokio", "core is pure"),
    ("log2aws-core", "hyper", "core is pure"),
    ("log2aws-core", "rustix", "core does no I/O"),
    ("log2aws-service", "tokio", "the handlers bring no runtime"),
    ("log2aws-service", "hyper", "the handlers bring no server"),
    ("log2aws-dashboard", "tokio", "the dashboard brings no runtime"),
    ("log2aws-dashboard", "hyper", "the dashboard brings no server"),
    ("log2aws-dashboard", "aws-", "the dashboard shows any store through the port"),
    ("log2aws-raster", "rustix", "pictures are made of bytes alone"),
    ("log2aws-lambda", "resvg", "generate-url draws nothing"),
    ("log2aws-service", "resvg", "who draws pictures is handed in by the world"),
    ("log2aws-service", "aws-", "the handlers link no SDK"),
    ("log2aws-agent", "tokio", "the agent is small: no runtime"),
    ("log2aws-agent-bin", "tokio", "the agent is small: no runtime"),
    ("log2aws-agent-bin", "aws-", "the agent holds no AWS credentials: no SDK"),
    ("log2aws-agent-bin", "axum", "the agent serves nothing"),
    ("log2aws-agent-bin", "regex", "the agent is small: 3 MB"),
    ("log2aws-lambda", "aws-sdk", "generate-url starts in 2 ms: no SDK"),
    ("log2aws-lambda", "aws-config", "generate-url starts in 2 ms: no SDK"),
    ("log2aws-server", "aws-", "who runs serve needs no AWS"),
    ("log2aws", "lambda", "the functions are programs of their own"),
    ("log2aws-stack", "lambda", "the stack is made of the functions' zips, not of their code"),
    ("log2aws-agent", "aws-", "the agent holds no AWS credentials: no SDK"),
];

/// The crates whose own clippy.toml must ban I/O, clock and environment.
const PURE: &[&str] = &["log2aws-core", "log2aws-dashboard", "log2aws-raster", "log2aws-service"];

/// A file must be readable in one sitting.
const MAX_LINES: usize = 500;

/// Checks every rule and reports all violations together.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .exec()
        .context("cargo metadata failed")?;
    let files = tracked_files(root)?;
    let mut faults = crate_arrows(&metadata);
    faults.extend(links(root)?);
    faults.extend(bans(root));
    faults.extend(modules::check(root, &files, arrows::MODULES, arrows::KNOWN_CIRCLES)?);
    faults.extend(sources(root, &files)?);
    faults.extend(promises(root, &files)?);
    faults.extend(threats(root, &files)?);
    faults.extend(paths(root, &files)?);
    faults.extend(japanese::check(root, &files)?);
    faults.extend(sheets::check(root, &files)?);
    if faults.is_empty() {
        println!("tidy: {} files, {} rooms, nothing to say", files.len(), ARROWS.len());
        return Ok(());
    }
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    bail!("{} rules of the house are broken", faults.len())
}

fn tracked_files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let list = cmd!(shell, "git ls-files --cached --others --exclude-standard").quiet().read()?;
    Ok(list.lines().map(PathBuf::from).filter(|file| root.join(file).is_file()).collect())
}

fn crate_arrows(metadata: &Metadata) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let members: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|p| p.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(arrows) = allowed.get(package.name.as_str()) else {
            faults.push(format!("{}: not in the table of xtask/src/tidy/arrows.rs", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            // Tests may use any crate.
            let counts = dependency.kind != DependencyKind::Development;
            let name = dependency.name.as_str();
            if counts && members.contains(name) && !arrows.contains(&name) {
                faults.push(format!("{}: must not lean on {name}", package.name));
            }
        }
    }
    faults
}

/// Calls `cargo tree` for each crate: the metadata of the whole workspace would show each crate
/// with the features that the others enable.
fn links(root: &Path) -> anyhow::Result<Vec<String>> {
    let shell = Shell::new()?;
    shell.change_dir(root);
    let package = "{p}";
    let mut faults = Vec::new();
    for (room, prefix, why) in NEVER_LINKS {
        let tree = cmd!(
            shell,
            "cargo tree --package {room} --edges normal --prefix none --format {package}"
        )
        .quiet()
        .read()?;
        let linked: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| name.starts_with(prefix))
            .collect();
        faults.extend(linked.iter().map(|name| format!("{room}: links {name}, but {why}")));
    }
    Ok(faults)
}

fn bans(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for room in PURE {
        let path = root.join("crates").join(room).join("clippy.toml");
        let text = fs::read_to_string(&path).unwrap_or_default();
        for ban in
            ["std::fs::File", "std::net::", "std::env::var", "Timestamp::now", "std::println"]
        {
            if !text.contains(ban) {
                faults.push(format!("crates/{room}/clippy.toml: does not ban {ban}"));
            }
        }
    }
    faults
}

fn sources(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for file in files {
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if !["rs", "js", "mjs", "css"].contains(&kind) {
            continue;
        }
        let text = fs::read_to_string(root.join(file))
            .with_context(|| format!("{} cannot be read", file.display()))?;
        if kind == "rs" && !text.starts_with("//!") {
            faults.push(format!("{}: begins without a //! line", file.display()));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            faults
                .push(format!("{}: {lines} lines; a file has at most {MAX_LINES}", file.display()));
        }
    }
    Ok(faults)
}

/// Every path in a document (`` `crates/…` `` and similar) must exist in the repository.
fn paths(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    const FOLDERS: [&str; 6] = ["crates/", "deploy/", "xtask/", "docs/", "testdata/", "tests/"];
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(root.join(file))
            .with_context(|| format!("{} cannot be read", file.display()))?;
        for code in text.split('`').skip(1).step_by(2) {
            let path = code.split("::").next().unwrap_or(code);
            let named = FOLDERS.iter().any(|room| path.starts_with(room));
            if named && !path.contains([' ', '\n', '*', '{']) && !root.join(path).exists() {
                faults.push(format!("{}: {path} does not exist", file.display()));
            }
        }
    }
    Ok(faults)
}

/// Every promise of SEMANTICS.md names its tests: `` `path/to/file.rs::test_name` `` or ``
/// `path/to/file.py::test_name` ``. Each must exist.
fn promises(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let path = root.join("SEMANTICS.md");
    let text = fs::read_to_string(&path).context("SEMANTICS.md cannot be read")?;
    let mut faults = Vec::new();
    let mut held = 0_usize;
    for paragraph in text.split("\n\n").filter(|p| p.starts_with("- ") || p.starts_with("* ")) {
        let tests = tests_named_in(paragraph);
        if tests.is_empty() {
            let start: String = paragraph.chars().take(60).collect();
            faults.push(format!("SEMANTICS.md: no test is named for: {start}…"));
        }
        held += tests.len();
        faults.extend(absent_tests(root, files, "SEMANTICS.md", &tests)?);
    }
    if held == 0 {
        faults.push("SEMANTICS.md: names no test at all".to_owned());
    }
    Ok(faults)
}

/// Every row of THREATS.md in a table whose last column is `test` names a test, or says `none: `
/// and why. Each test must exist.
fn threats(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let path = root.join("THREATS.md");
    let text = fs::read_to_string(&path).context("THREATS.md cannot be read")?;
    let mut faults = Vec::new();
    let (mut tested, mut rows) = (false, 0_usize);
    for line in text.lines() {
        if !line.starts_with('|') {
            tested = false;
        } else if line.ends_with("| test |") {
            tested = true;
        } else if tested && !line.starts_with("| ---") {
            rows += 1;
            let tests = tests_named_in(line);
            let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
            if tests.is_empty() && !last.starts_with("none: ") {
                let start: String = line.chars().take(60).collect();
                faults.push(format!("THREATS.md: no test is named for: {start}…"));
            }
            faults.extend(absent_tests(root, files, "THREATS.md", &tests)?);
        }
    }
    if rows == 0 {
        faults.push("THREATS.md: names no attack with its test".to_owned());
    }
    Ok(faults)
}

fn tests_named_in(text: &str) -> Vec<&str> {
    let code = text.split('`').skip(1).step_by(2);
    // An IPv6 address can begin with the same two colons.
    code.filter(|code| code.contains("::") && !code.starts_with("::")).collect()
}

/// A violation for each of these tests that does not exist.
fn absent_tests(
    root: &Path,
    files: &[PathBuf],
    document: &str,
    tests: &[&str],
) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for test in tests {
        let Some((file, name)) = test.split_once("::") else { continue };
        if !files.iter().any(|known| known == Path::new(file)) {
            faults.push(format!("{document}: {file} does not exist"));
            continue;
        }
        let source = fs::read_to_string(root.join(file))?;
        let defines = |keyword: &str| source.contains(&format!("{keyword} {name}("));
        if !defines("fn") && !defines("def") {
            faults.push(format!("{document}: {file} has no test {name}"));
        }
    }
    Ok(faults)
}
