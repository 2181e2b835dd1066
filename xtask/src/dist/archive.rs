//! Archives that are the same bytes whenever their files are.

use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use xshell::{Shell, cmd};

use super::Source;

/// Packs the folder `name` of `within` into `dist`.
pub(super) fn write(
    shell: &Shell,
    source: &Source,
    within: &Path,
    name: &str,
    dist: &Path,
) -> anyhow::Result<()> {
    let epoch = &source.epoch;
    // The modes must not depend on the umask of the build.
    let folder = within.join(name);
    cmd!(shell, "chmod -R u=rwX,go=rX {folder}").quiet().run()?;
    let tar = cmd!(shell, "tar --create --format=ustar --sort=name --owner=root:0 --group=root:0 --mtime=@{epoch} --directory {within} {name}")
        .quiet()
        .output()?
        .stdout;
    shell.write_file(dist.join(format!("{name}.tar.gz")), gzip(&tar)?)?;
    Ok(())
}

/// The licences under which everything may be used.
pub(super) fn licence(shell: &Shell, root: &Path) -> anyhow::Result<String> {
    let mut licence = String::from("log2aws may be used under either of these two licences.\n");
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        licence = licence + "\n" + &shell.read_file(root.join(file))?;
    }
    Ok(licence)
}

/// gzip without name and time.
pub(super) fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}
