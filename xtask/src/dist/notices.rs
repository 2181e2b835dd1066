//! The licences of the linked crates, which must be distributed with the program.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use cargo_metadata::Package;
use xshell::Shell;

use super::sbom::{self, Program};
use super::target::Target;

/// The names of licence files begin like this.
const NAMES: [&str; 4] = ["LICENSE", "LICENCE", "COPYING", "NOTICE"];

/// Every licence once, under the names of its packages.
pub(super) fn make(shell: &Shell, program: &Program, target: Target) -> anyhow::Result<String> {
    let metadata = sbom::metadata(shell)?;
    let tree = sbom::tree(shell, program, target)?;
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in sbom::linked(&tree, program, &metadata)? {
        // Our own crates are covered by the package's own licence.
        if package.source.is_none() {
            continue;
        }
        for text in files(package)? {
            texts.entry(text).or_default().push(format!("{} {}", package.name, package.version));
        }
    }
    let mut groups: Vec<(Vec<String>, String)> =
        texts.into_iter().map(|(text, packages)| (packages, text)).collect();
    groups.sort();
    let mut out = format!("The licences of what {} is built of.\n", program.name);
    let rule = "=".repeat(78);
    for (packages, text) in groups {
        out.extend(["\n", &rule, "\n", &packages.join(", "), "\n", &rule, "\n\n", &text, "\n"]);
    }
    Ok(out)
}

/// The licence files of a package, unchanged except for trailing blanks.
fn files(package: &Package) -> anyhow::Result<Vec<String>> {
    let folder = package.manifest_path.parent().context("a manifest has no folder")?;
    let mut files: Vec<_> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            path.is_file() && NAMES.iter().any(|known| name.starts_with(known))
        })
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let bytes =
                fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let text = String::from_utf8_lossy(&bytes).replace('\r', "");
            Ok(text.trim().to_owned())
        })
        .collect()
}
