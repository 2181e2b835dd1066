//! Building a program for old C libraries; zig links it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xshell::{Shell, cmd};

use super::sbom::Program;
use super::target::Target;
use crate::lambda;

/// The oldest C library: that of RHEL 7, and the first on aarch64.
pub(super) const GLIBC: (u32, u32) = (2, 17);

/// What to build, and where everything is.
pub(super) struct Build<'a> {
    pub(super) shell: &'a Shell,
    pub(super) root: &'a Path,
    /// Cargo's target folder.
    pub(super) folder: &'a Path,
    /// The folder of the build tools.
    pub(super) tools: &'a Path,
}

impl Build<'_> {
    /// Builds a program for a target, and its C library or newer.
    pub(super) fn run(
        &self,
        program: &Program,
        profile: &str,
        target: Target,
        flag: Option<OsString>,
    ) -> anyhow::Result<PathBuf> {
        let Self { shell, root, folder, tools } = *self;
        let zigbuild = tools.join("cargo-zigbuild");
        let mut path = tools.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut flags = lambda::without_folders(shell, root, folder)?;
        if let Some(flag) = flag {
            flags.push("\u{1f}");
            flags.push(flag);
        }
        let (package, triple, (major, minor)) = (program.package, target.triple(), GLIBC);
        let with_library = if target.is_static() {
            triple.to_owned()
        } else {
            format!("{triple}.{major}.{minor}")
        };
        cmd!(
            shell,
            "{zigbuild} zigbuild --quiet --locked --profile {profile} --target {with_library} -p {package}"
        )
        .env("PATH", path)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .quiet()
        .run()
        .with_context(|| format!("{} could not be built for {triple}", program.name))?;
        Ok(folder.join(triple).join(profile).join(program.name))
    }
}
