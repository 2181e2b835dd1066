//! The program's components as a `CycloneDX` document, which audit tools read.
//!
//! The list comes from `cargo tree` for this program alone: `cargo metadata`, which other SBOM
//! generators use, would include what only other crates of the workspace link.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use cargo_metadata::{Metadata, MetadataCommand, Package};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::target::Target;
use super::{Source, sha256};

/// What is packaged.
pub(super) struct Program {
    /// Its package.
    pub(super) package: &'static str,
    /// Its file name.
    pub(super) name: &'static str,
    /// The packages of the functions that go with it as zips.
    pub(super) functions: &'static [&'static str],
}

/// Name and version.
type Name = (String, String);

/// The document.
pub(super) fn make(
    shell: &Shell,
    source: &Source,
    program: &Program,
    bytes: &[u8],
    target: Target,
) -> anyhow::Result<String> {
    let Source { version, epoch } = source;
    let time = cmd!(shell, "date -u -d @{epoch} +%Y-%m-%dT%H:%M:%SZ").quiet().read()?;
    let metadata = metadata(shell)?;
    let tree = tree(shell, program, target)?;
    let own = reference(&(program.package.to_owned(), version.clone()));
    let components: Vec<Value> = linked(&tree, program, &metadata)?
        .into_iter()
        .map(|package| component(package, program))
        .collect();
    let depends: Vec<Value> = edges(&tree)
        .into_iter()
        .map(|(name, on)| {
            json!({
                "ref": reference(&name),
                "dependsOn": on.iter().map(reference).collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": program.name,
                "version": version,
                "licenses": [{"expression": env!("CARGO_PKG_LICENSE")}],
                "hashes": [{"alg": "SHA-256", "content": sha256(bytes)}],
            },
        },
        "components": components,
        "dependencies": depends,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The metadata of all packages of the workspace.
pub(super) fn metadata(shell: &Shell) -> anyhow::Result<Metadata> {
    MetadataCommand::new().current_dir(shell.current_dir()).exec().context("cargo metadata failed")
}

/// The trees of linked and build dependencies of the program and of the functions with it, each line
/// prefixed with its depth.
pub(super) fn tree(shell: &Shell, program: &Program, target: Target) -> anyhow::Result<String> {
    let (format, triple) = ("|{p}", target.triple());
    // One after the other: together, each would have the other's features.
    let trees = [program.package].into_iter().chain(program.functions.iter().copied()).map(|package| {
        let tree = cmd!(shell, "cargo tree --locked --package {package} --target {triple} --edges normal,build --prefix depth --format {format}").quiet().read()?;
        Ok(tree + "\n")
    });
    Ok(trees.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

/// The packages in the tree except the program's own, by name.
pub(super) fn linked<'a>(
    tree: &str,
    program: &Program,
    metadata: &'a Metadata,
) -> anyhow::Result<Vec<&'a Package>> {
    let names: BTreeSet<Name> = lines(tree).map(|(_, name)| name).collect();
    let others = names.into_iter().filter(|(name, _)| name != program.package);
    others
        .map(|(name, version)| {
            metadata
                .packages
                .iter()
                .find(|package| *package.name == name && package.version.to_string() == version)
                .with_context(|| format!("cargo metadata does not know {name} {version}"))
        })
        .collect()
}

/// The dependencies of each package in the tree.
fn edges(tree: &str) -> BTreeMap<Name, BTreeSet<Name>> {
    let mut edges: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let mut above: Vec<Name> = Vec::new();
    for (depth, name) in lines(tree) {
        above.truncate(depth);
        if let Some(parent) = above.last() {
            edges.entry(parent.clone()).or_default().insert(name.clone());
        }
        edges.entry(name.clone()).or_default();
        above.push(name);
    }
    edges
}

/// Depth, name and version of each line: `2|serde v1.0.229 (proc-macro) (*)`.
fn lines(tree: &str) -> impl Iterator<Item = (usize, Name)> {
    tree.lines().filter_map(|line| {
        let (depth, package) = line.split_once('|')?;
        let mut words = package.split(' ');
        let name = words.next()?.to_owned();
        let version = words.next()?.strip_prefix('v')?.to_owned();
        Some((depth.parse().ok()?, (name, version)))
    })
}

fn component(package: &Package, program: &Program) -> Value {
    let is_function = program.functions.contains(&package.name.as_str());
    let name = (package.name.to_string(), package.version.to_string());
    let mut component = json!({
        "type": if is_function { "application" } else { "library" },
        "bom-ref": reference(&name),
        "name": name.0,
        "version": name.1,
        "purl": reference(&name),
    });
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let licence = package.license.as_ref();
    // Cargo once used a slash for "or".
    let licence = licence.map(|text| json!([{"expression": text.replace('/', " OR ")}]));
    let repository = text(&package.repository).map(|url| json!([{"type": "vcs", "url": url}]));
    for (key, value) in [
        ("description", text(&package.description).map(|text| json!(text.as_str().map(str::trim)))),
        ("licenses", licence),
        ("externalReferences", repository),
    ] {
        if let Some(value) = value {
            component[key] = value;
        }
    }
    component
}

/// The unique reference of a package.
fn reference((name, version): &Name) -> String {
    format!("pkg:cargo/{name}@{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leans_on_whom_is_read_from_the_depths() {
        let tree = "0|a v1.0.0 (/somewhere/a)\n1|b v2.0.0\n2|c v3.0.0 (proc-macro)\n1|c v3.0.0 (proc-macro) (*)\n";
        let of = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let (a, b, c) = (of("a", "1.0.0"), of("b", "2.0.0"), of("c", "3.0.0"));
        let expected = [
            (a, BTreeSet::from([b.clone(), c.clone()])),
            (b, BTreeSet::from([c.clone()])),
            (c, BTreeSet::new()),
        ];
        assert_eq!(edges(tree), BTreeMap::from(expected));
    }
}
