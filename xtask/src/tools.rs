//! Installs what the tests need on a machine that has only Rust, Python and apt.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xshell::{Shell, cmd};

/// Debian packages: a program that shows that it is installed, and the package.
const DEBIAN: &[(&str, &str)] = &[
    ("curl", "curl"),
    ("wget", "wget"),
    ("rclone", "rclone"),
    ("s3cmd", "s3cmd"),
    ("vmstat", "procps"),
    ("uptime", "procps"),
    ("openssl", "openssl"),
    ("strace", "strace"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("rpm", "rpm"),
    ("mandoc", "mandoc"),
    ("fish", "fish"),
    ("zsh", "zsh"),
    ("systemd-analyze", "systemd"),
    ("mmdebstrap", "mmdebstrap"),
    // It needs Debian's keys, which Ubuntu does not have by itself.
    ("mmdebstrap", "debian-archive-keyring"),
    ("lintian", "lintian"),
    ("rpmlint", "rpmlint"),
    ("buildah", "buildah"),
    // With its path, because /usr/sbin is only in root's PATH.
    ("/usr/sbin/nginx", "nginx-light"),
    ("/usr/sbin/squid", "squid"),
];

/// cargo-deny is a tool of the check, not of the build: a fixed version, built once, kept in
/// `.tools`.
const CARGO_DENY: &str = "0.20.2";

/// The coverage-guided fuzzer.
const CARGO_FUZZ: &str = "0.13.2";

/// Another S3, only for the soak: AGPL, so it is run and never linked.
const GARAGE: &str = "2.5.0";

/// The Python requirements of the tests, each file beside the tests that need it.
const PYTHON: &[&str] = &[
    "tests/aws/requirements.txt",
    "tests/clients/requirements.txt",
    "tests/packages/requirements.txt",
    LAMBDA,
    DIST,
    "xtask/requirements/workflows.txt",
];

/// The Runtime API of the tests, and what builds the zips including the linker: half a gigabyte.
const LAMBDA: &str = "xtask/requirements/lambda.txt";

/// What builds the agent for old C libraries, with the same linker, and packages it.
const DIST: &str = "xtask/requirements/dist.txt";

/// The tools that the tests call.
pub(crate) struct Tools {
    /// The Python of a virtual environment with pytest, the AWS clients and cfn-lint.
    pub(crate) python: PathBuf,
    /// cargo-deny.
    pub(crate) cargo_deny: PathBuf,
    /// Whether `cargo nextest` is installed; `cargo test` does the same, slower.
    pub(crate) nextest: bool,
}

/// Finds or installs every tool. Prints what it installs.
pub(crate) fn provide(shell: &Shell, root: &Path) -> anyhow::Result<Tools> {
    debian(shell, DEBIAN)?;
    let tools = root.join(".tools");
    shell.create_dir(&tools)?;
    Ok(Tools {
        python: tests(shell, root)?,
        cargo_deny: cargo_deny(shell, &tools)?,
        nextest: cmd!(shell, "cargo nextest --version")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_ok(),
    })
}

/// Installs the packages whose programs are missing: (program, package).
pub(crate) fn debian(shell: &Shell, packages: &[(&str, &str)]) -> anyhow::Result<()> {
    let absent: Vec<&str> = packages
        .iter()
        .filter(|(program, _)| {
            cmd!(shell, "which {program}").quiet().ignore_stdout().run().is_err()
        })
        .map(|(_, package)| *package)
        .collect();
    if absent.is_empty() { Ok(()) } else { install(shell, &absent) }
}

/// The prefix that makes a command run as root.
pub(crate) fn as_root(shell: &Shell) -> anyhow::Result<&'static str> {
    let root = cmd!(shell, "id -u").quiet().read()? == "0";
    // `env` alone changes nothing.
    Ok(if root { "env" } else { "sudo" })
}

fn install(shell: &Shell, absent: &[&str]) -> anyhow::Result<()> {
    println!("xtask: installing {} with apt-get", absent.join(", "));
    let as_root = as_root(shell)?;
    let quiet = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"];
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(absent);
    for step in [vec!["update"], install] {
        cmd!(shell, "{as_root} env {quiet...} {step...}")
            .quiet()
            .ignore_stdout()
            .run()
            .with_context(|| format!("apt-get failed; install {} by hand", absent.join(", ")))?;
    }
    Ok(())
}

/// The Python of the tests.
pub(crate) fn tests(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    python(shell, root, "venv", PYTHON)
}

/// The folder with the commands cargo-lambda and python-zig.
pub(crate) fn lambda(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    // The tests' environment has them too.
    if let Some(python) = made(shell, root, "venv", PYTHON)? {
        return Ok(python.with_file_name(""));
    }
    Ok(python(shell, root, "lambda", &[LAMBDA])?.with_file_name(""))
}

/// The folder with the commands cargo-zigbuild, python-zig and nfpm.
pub(crate) fn dist(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    debian(shell, &[("readelf", "binutils")])?;
    // The tests' environment has them too.
    if let Some(python) = made(shell, root, "venv", PYTHON)? {
        return Ok(python.with_file_name(""));
    }
    Ok(python(shell, root, "dist", &[DIST])?.with_file_name(""))
}

/// The scanner of the template, in an environment of its own: it pins an older boto3 than the tests.
/// And the CDK's example with its packages.
pub(crate) fn scanners(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    node(shell, root, "deploy/examples/cdk")?;
    let python = python(shell, root, "checkov", &["xtask/requirements/checkov.txt"])?;
    Ok(python.with_file_name("checkov"))
}

/// A Python that runs the document's functions as Lambda does.
pub(crate) fn bench(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    python(shell, root, "bench", &["xtask/requirements/bench.txt"])
}

/// The content of these requirement files.
fn wanted(shell: &Shell, root: &Path, files: &[&str]) -> anyhow::Result<String> {
    files.iter().map(|file| Ok(shell.read_file(root.join(file))?)).collect()
}

/// The Python of the virtual environment `name`, if it exists with these requirements.
fn made(shell: &Shell, root: &Path, name: &str, files: &[&str]) -> anyhow::Result<Option<PathBuf>> {
    let venv = root.join(".tools").join(name);
    let python = venv.join("bin/python");
    let have = shell.read_file(venv.join("requirements.txt")).ok();
    let want = wanted(shell, root, files)?;
    Ok((shell.path_exists(&python) && have == Some(want)).then_some(python))
}

/// The Python of the virtual environment `name`, created again unless it exists with these
/// requirements.
fn python(shell: &Shell, root: &Path, name: &str, files: &[&str]) -> anyhow::Result<PathBuf> {
    if let Some(python) = made(shell, root, name, files)? {
        return Ok(python);
    }
    let venv = root.join(".tools").join(name);
    let python = venv.join("bin/python");
    let want = wanted(shell, root, files)?;
    let arguments =
        files.iter().flat_map(|file| [OsString::from("-r"), root.join(file).into_os_string()]);
    println!("xtask: making a Python environment in {}", venv.display());
    let make = || cmd!(shell, "python3 -m venv --clear {venv}").quiet().ignore_stdout().run();
    if make().is_err() {
        // Debian has the module in a package of its own.
        install(shell, &["python3-venv"])?;
        make()
            .context("python3 -m venv failed; install Python 3.10 or newer with its venv module")?;
    }
    cmd!(shell, "{python} -m pip install --quiet --disable-pip-version-check {arguments...}")
        .quiet()
        .run()?;
    shell.write_file(venv.join("requirements.txt"), want)?;
    Ok(python)
}

fn cargo_deny(shell: &Shell, tools: &Path) -> anyhow::Result<PathBuf> {
    cargo_tool(shell, tools, "cargo-deny", CARGO_DENY, &["--no-default-features"])
}

/// cargo-fuzz, only for the soak.
pub(crate) fn cargo_fuzz(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    let tools = root.join(".tools");
    shell.create_dir(&tools)?;
    cargo_tool(shell, &tools, "cargo-fuzz", CARGO_FUZZ, &[])
}

/// Debian's chromium, and what drives it.
pub(crate) fn browser(shell: &Shell, root: &Path) -> anyhow::Result<()> {
    debian(shell, &[("chromium", "chromium")])?;
    node(shell, root, "tests/browser")
}

/// Node, and what the package file of this folder asks for.
pub(crate) fn node(shell: &Shell, root: &Path, folder: &str) -> anyhow::Result<()> {
    debian(shell, &[("node", "nodejs"), ("npm", "npm")])?;
    let folder = root.join(folder);
    let want = shell.read_file(folder.join("package-lock.json"))?;
    let note = folder.join("node_modules/.installed");
    if shell.read_file(&note).is_ok_and(|have| have == want) {
        return Ok(());
    }
    println!("xtask: installing with npm in {}", folder.display());
    cmd!(shell, "npm ci --prefix {folder} --no-fund --no-audit --silent")
        .quiet()
        .run()
        .with_context(|| format!("npm ci failed in {}", folder.display()))?;
    shell.write_file(note, want)?;
    Ok(())
}

/// Garage, only for the soak. Takes minutes.
pub(crate) fn garage(shell: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    let tools = root.join(".tools");
    shell.create_dir(&tools)?;
    let features = ["--no-default-features", "--features", "bundled-libs,sqlite"];
    cargo_tool(shell, &tools, "garage", GARAGE, &features)
}

/// Builds a fixed version of a program, once, into `.tools`.
fn cargo_tool(
    shell: &Shell,
    tools: &Path,
    name: &str,
    version: &str,
    flags: &[&str],
) -> anyhow::Result<PathBuf> {
    let program = tools.join("cargo/bin").join(name);
    let have = cmd!(shell, "{program} --version").quiet().ignore_stderr().read();
    // Each has its own format: "cargo-deny 1.2.3", "garage cargo:1.2.3 [features: …]".
    if have.is_ok_and(|have| have.split([' ', ':']).any(|word| word == version)) {
        return Ok(program);
    }
    println!("xtask: building {name} {version}");
    let (home, target) = (tools.join("cargo"), tools.join("cargo-target"));
    cmd!(shell, "cargo install --quiet --debug --locked {flags...} --root {home} --target-dir {target} {name}@{version}")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .quiet()
        .run()
        .with_context(|| format!("{name} could not be built"))?;
    shell.remove_path(&target)?;
    Ok(program)
}
