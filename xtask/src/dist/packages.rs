//! The deb, the rpm and the archive, with the same files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xshell::{Shell, cmd};

use super::archive::{self, gzip};
use super::target::Target;
use super::{Source, agent};

/// The parts that are not files of the repository.
pub(super) struct Parts<'a> {
    pub(super) program: &'a Path,
    /// The program that writes the manual pages, on this machine.
    pub(super) writer: &'a Path,
    pub(super) sbom: String,
    pub(super) notices: String,
}

/// Lays the files out in a staging folder, and packs them three times into `dist`.
pub(super) fn make(
    shell: &Shell,
    root: &Path,
    dist: &Path,
    tools: &Path,
    source: &Source,
    parts: &Parts<'_>,
    target: Target,
) -> anyhow::Result<()> {
    let Source { version, epoch } = source;
    let scratch = shell.create_temp_dir()?;
    let name = target.archive(agent::NAME, version);
    let stage = scratch.path().join(&name);
    lay_out(shell, root, &stage, source, parts)?;
    let config = stage.join("nfpm.yaml");
    shell.write_file(&config, target.nfpm(&shell.read_file(&config)?)?)?;

    let nfpm = tools.join("nfpm");
    {
        // nfpm reads files relative to the working directory.
        let _folder = shell.push_dir(&stage);
        for packager in ["deb", "rpm"] {
            let package = dist.join(target.package(agent::NAME, version, packager));
            cmd!(
                shell,
                "{nfpm} package --config {config} --packager {packager} --target {package}"
            )
            .env("VERSION", version)
            .env("SOURCE_DATE_EPOCH", epoch)
            .quiet()
            .ignore_stdout()
            .run()
            .with_context(|| format!("the {packager} could not be made"))?;
        }
    }

    archive::write(shell, source, scratch.path(), &name, dist)?;
    shell.write_file(dist.join(format!("{name}.cdx.json")), &parts.sbom)?;
    Ok(())
}

/// Writes the staging folder.
fn lay_out(
    shell: &Shell,
    root: &Path,
    stage: &Path,
    source: &Source,
    parts: &Parts<'_>,
) -> anyhow::Result<()> {
    let program = parts.program;
    shell.create_dir(stage)?;
    shell.copy_file(program, stage.join(agent::NAME))?;
    let from = root.join("deploy/agent");
    for file in shell.read_dir(&from)? {
        if file.is_file() {
            shell.copy_file(&file, stage)?;
        }
    }
    shell.create_dir(stage.join("scripts"))?;
    for script in shell.read_dir(from.join("scripts"))? {
        shell.copy_file(&script, stage.join("scripts"))?;
    }

    let (pages, writer) = (stage.join("man"), parts.writer);
    cmd!(shell, "{writer} man {pages}")
        .env("SOURCE_DATE_EPOCH", &source.epoch)
        .quiet()
        .run()
        .with_context(|| format!("{} does not run here", writer.display()))?;
    for page in shell.read_dir(&pages)? {
        let mut packed = page.clone().into_os_string();
        packed.push(".gz");
        shell.write_file(PathBuf::from(packed), gzip(&shell.read_binary_file(&page)?)?)?;
        shell.remove_path(page)?;
    }
    for shell_name in ["bash", "fish", "zsh"] {
        let script = cmd!(shell, "{writer} completions {shell_name}").quiet().read()?;
        shell.write_file(stage.join("completions").join(shell_name), script + "\n")?;
    }

    shell.write_file(stage.join("copyright"), archive::licence(shell, root)?)?;
    shell.write_file(stage.join("sbom.cdx.json"), &parts.sbom)?;
    shell.write_file(stage.join("third-party.txt.gz"), gzip(parts.notices.as_bytes())?)?;
    // The modes in a package must not depend on the umask of the build.
    cmd!(shell, "chmod -R u=rwX,go=rX {stage}").quiet().run()?;
    Ok(())
}
