//! The operator's program: `log2aws` with the functions' zips beside it, and the image of `serve`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use super::sbom::Program;
use super::target::Target;
use super::zig::{self, Build};
use super::{Source, archive, elf, notices, sbom};
use crate::{lambda, tools};

/// The package to build, its program, and the functions with it.
const LOG2AWS: Program = Program {
    package: "log2aws",
    name: "log2aws",
    functions: &["log2aws-lambda", "log2aws-lambda-analyze"],
};

/// The image's user and group: those of nobody else's image of a server, and no user of Debian's.
const USER: &str = "65532";

/// Builds the program, unless it is given.
fn build(with: &Build<'_>, given: Option<&Path>, target: Target) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let program = with.run(&LOG2AWS, "dist", target, None)?;
    elf::check(with.shell, &program, target, zig::GLIBC)?;
    Ok(program)
}

/// Packs the archive of a target.
pub(super) fn archive(
    with: &Build<'_>,
    source: &Source,
    given: (Option<&Path>, Option<&Path>),
    target: Target,
) -> anyhow::Result<()> {
    let Build { shell, root, folder, .. } = *with;
    let (program, zips) = given;
    let program = build(with, program, target)?;
    let bytes = shell.read_binary_file(&program)?;
    println!("{} for {}: {} bytes", LOG2AWS.name, target.triple(), bytes.len());
    let scratch = shell.create_temp_dir()?;
    let name = target.archive(LOG2AWS.name, &source.version);
    let stage = scratch.path().join(&name);
    shell.create_dir(&stage)?;
    shell.copy_file(&program, stage.join(LOG2AWS.name))?;
    for page in ["README.md", "README.ja.md"] {
        shell.copy_file(root.join(page), &stage)?;
    }
    let zips = if let Some(zips) = zips {
        zips.to_owned()
    } else {
        lambda::shipped(shell, root)?;
        folder.join("lambda")
    };
    functions(shell, &zips, &stage.join("lambda"))?;
    let sbom = sbom::make(shell, source, &LOG2AWS, &bytes, target)?;
    let notices = notices::make(shell, &LOG2AWS, target)?;
    shell.write_file(stage.join("LICENSE"), archive::licence(shell, root)?)?;
    shell.write_file(stage.join("sbom.cdx.json"), &sbom)?;
    shell.write_file(stage.join("third-party.txt.gz"), archive::gzip(notices.as_bytes())?)?;
    let dist = folder.join("packages");
    archive::write(shell, source, scratch.path(), &name, &dist)?;
    shell.write_file(dist.join(format!("{name}.cdx.json")), &sbom)?;
    Ok(())
}

/// Copies the zips, each pair into the folder of its architecture.
fn functions(shell: &Shell, from: &Path, to: &Path) -> anyhow::Result<()> {
    let zips = lambda::FUNCTIONS.map(|(_, name)| format!("{name}.zip"));
    let mut copied = 0;
    for folder in [from.to_owned(), from.join("x86_64"), from.join("arm64")] {
        if !zips.iter().any(|zip| shell.path_exists(folder.join(zip))) {
            continue;
        }
        for zip in &zips {
            let bytes = shell.read_binary_file(folder.join(zip))?;
            let architecture = lambda::architecture(&bytes)
                .with_context(|| format!("{} is not to be used", folder.join(zip).display()))?;
            ensure!(
                folder == from || folder.ends_with(architecture),
                "{} is for {architecture}",
                folder.join(zip).display()
            );
            shell.write_file(to.join(architecture).join(zip), bytes)?;
            let tested = folder.join(lambda::TESTED);
            if shell.path_exists(&tested) {
                shell.copy_file(&tested, to.join(architecture))?;
            }
        }
        copied += 1;
    }
    ensure!(copied > 0, "there are no zips of the functions in {}", from.display());
    Ok(())
}

/// Builds the image of `serve`: the static program, and nothing of any other image.
pub(super) fn image(
    with: &Build<'_>,
    source: &Source,
    given: Option<&Path>,
    target: Target,
) -> anyhow::Result<()> {
    let Build { shell, root, folder, .. } = *with;
    ensure!(
        given.is_some() || target.is_static(),
        "the image has no C library: build it for a target with musl, not {}",
        target.triple()
    );
    tools::debian(shell, &[("buildah", "buildah")])?;
    let program = build(with, given, target)?;
    let bytes = shell.read_binary_file(&program)?;
    let scratch = shell.create_temp_dir()?;
    let context = scratch.path().join("context");
    shell.create_dir(context.join("data"))?;
    shell.create_dir(context.join("doc"))?;
    shell.copy_file(&program, context.join(LOG2AWS.name))?;
    let sbom = sbom::make(shell, source, &LOG2AWS, &bytes, target)?;
    let notices = notices::make(shell, &LOG2AWS, target)?;
    shell.write_file(context.join("doc/LICENSE"), archive::licence(shell, root)?)?;
    shell.write_file(context.join("doc/sbom.cdx.json"), &sbom)?;
    shell.write_file(context.join("doc/third-party.txt.gz"), archive::gzip(notices.as_bytes())?)?;
    cmd!(shell, "chmod -R u=rwX,go=rX {context}").quiet().run()?;

    let Source { version, epoch } = source;
    let (file, store) = (root.join("deploy/serve/Containerfile"), scratch.path().join("store"));
    let (architecture, name) = (target.debian(), format!("localhost/log2aws:{version}"));
    // A store of its own, without mounts: nothing stays on this machine, and root is not needed.
    let store = path(&store)?;
    let store = ["--root", &store, "--storage-driver", "vfs"];
    let user = format!("USER={USER}");
    let labels = format!("org.opencontainers.image.version={version}");
    cmd!(shell, "buildah {store...} build --quiet --isolation chroot --format oci --os linux --arch {architecture} --timestamp {epoch} --build-arg {user} --label {labels} --tag {name} --file {file} {context}")
        .quiet()
        .ignore_stdout()
        .run()
        .context("the image could not be built")?;
    let tar = scratch.path().join("image.tar");
    let to = format!("docker-archive:{}:{name}", path(&tar)?);
    cmd!(shell, "buildah {store...} push --quiet {name} {to}").quiet().ignore_stdout().run()?;
    let packed = archive::gzip(&shell.read_binary_file(&tar)?)?;
    let name = format!("log2aws-{version}-image-{}.tar.gz", target.processor());
    shell.write_file(folder.join("packages").join(name), packed)?;
    Ok(())
}

fn path(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().context("the path of a temporary folder is no text")?;
    Ok(text.to_owned())
}
