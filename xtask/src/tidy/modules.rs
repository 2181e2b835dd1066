//! Dependencies between the modules of one crate: no circles, and for a crate with a table, no
//! others.
//!
//! They are read from the paths in the sources (`use crate::...`, `super::...`, and the same within
//! code). A parent may use its children and a child its parent; only siblings count, at each level.
//! Test code does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Which sibling uses which: (parent, child) to the siblings used, each with a file as evidence.
type Arrows = BTreeMap<(String, String), BTreeMap<String, String>>;

/// A crate, and for each of its modules those that it may use.
pub(super) type Table = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// Checks each crate's modules.
pub(super) fn check(
    root: &Path,
    files: &[PathBuf],
    tables: &[Table],
    known_circles: &[(&str, &str)],
) -> anyhow::Result<Vec<String>> {
    let mut crates: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for file in files {
        let text = file.to_string_lossy();
        let Some((name, source)) =
            text.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"))
        else {
            continue;
        };
        if file.extension().is_some_and(|extension| extension == "rs") {
            let code = fs::read_to_string(root.join(file))
                .with_context(|| format!("{text} cannot be read"))?;
            crates.entry(name.to_owned()).or_default().insert(source.to_owned(), code);
        }
    }
    let mut faults = Vec::new();
    for (name, sources) in &crates {
        let arrows = arrows(sources);
        let circles = circles(&arrows);
        for (parent, circle) in &circles {
            if !known_circles.contains(&(name, parent)) {
                faults.push(format!("crates/{name}: modules use each other in a circle: {circle}"));
            }
        }
        let gone = known_circles.iter().filter(|(known, parent)| {
            known == name && !circles.iter().any(|(found, _)| found == parent)
        });
        faults.extend(gone.map(|(_, parent)| {
            format!("crates/{name}: {parent} has no circle any more; take it from KNOWN_CIRCLES")
        }));
        let table = tables.iter().find(|(known, _)| known == name).map(|(_, table)| *table);
        faults.extend(table.into_iter().flat_map(|table| against(name, table, &arrows)));
    }
    Ok(faults)
}

/// Dependencies between the crate's own modules that its table does not allow.
fn against(name: &str, table: &[(&str, &[&str])], arrows: &Arrows) -> Vec<String> {
    let mut faults = Vec::new();
    for ((parent, from), targets) in arrows {
        if parent != "crate" {
            continue;
        }
        let allowed = table.iter().find(|(module, _)| module == from).map(|(_, allowed)| *allowed);
        for (to, file) in targets {
            if !allowed.is_some_and(|allowed| allowed.contains(&to.as_str())) {
                faults.push(format!("crates/{name}/src/{file}: {from} must not use {to}"));
            }
        }
    }
    faults
}

/// The dependencies between siblings in these sources (path below `src`, text).
fn arrows(sources: &BTreeMap<String, String>) -> Arrows {
    let tests: BTreeSet<Vec<String>> = sources
        .iter()
        .flat_map(|(file, text)| {
            let home = module(file);
            text.split("#[cfg(test)]\n").skip(1).filter_map(move |rest| {
                let name = rest.trim_start().strip_prefix("mod ")?.split_once(';')?.0;
                Some([home.clone(), vec![name.to_owned()]].concat())
            })
        })
        .collect();
    let modules: BTreeSet<Vec<String>> = sources.keys().map(|file| module(file)).collect();
    let mut arrows = Arrows::new();
    for (file, text) in sources {
        let from = module(file);
        if tests.iter().any(|test| from.starts_with(test)) {
            continue;
        }
        for mut to in uses(&from, &without_tests(text)) {
            while !modules.contains(&to) && to.pop().is_some() {}
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if let (Some(child), Some(sibling)) = (from.get(common), to.get(common)) {
                let key = (from[..common].join("::"), child.clone());
                arrows.entry(key).or_default().entry(sibling.clone()).or_insert(file.clone());
            }
        }
    }
    arrows
}

/// The module of a file: `a/b.rs` and `a/b/mod.rs` are `crate::a::b`. A program beside the library
/// is a root of its own.
fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = if path == "lib" || path == "main" { "" } else { path.trim_end_matches("/mod") };
    let segments = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned);
    std::iter::once("crate".to_owned()).chain(segments).collect()
}

/// The code without comments, and without the tests at its end.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().map(|line| {
        // A `//` in a string may hide the rest of its line, which does not matter for paths.
        line.split_once("//").map_or(line, |(code, _)| code)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path in the code that begins with `crate`, `self` or `super`, made absolute.
fn uses(home: &[String], code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':')) {
                continue;
            }
            let mut rest = &code[at..];
            tree(&mut rest, &[], &mut found);
        }
    }
    found.into_iter().map(|path| absolute(home, &path)).collect()
}

/// Parses one path, or a tree of them: `a::{b, c::d}`.
fn tree(rest: &mut &str, prefix: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    loop {
        *rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('{') {
            *rest = inner;
            while !rest.is_empty() {
                tree(rest, &path, found);
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                let closed = rest[end..].starts_with('}');
                *rest = rest.get(end + 1..).unwrap_or_default();
                if closed || rest.trim_start().starts_with('}') {
                    *rest = rest.trim_start();
                    *rest = if closed { *rest } else { rest.get(1..).unwrap_or_default() };
                    break;
                }
            }
            return;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        path.push(rest[..end].to_owned());
        *rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) => *rest = more,
            None => break,
        }
    }
    found.push(path);
}

/// The absolute path: `super::x` in `crate::a::b` is `crate::a::x`.
fn absolute(home: &[String], path: &[String]) -> Vec<String> {
    let mut whole = home.to_vec();
    for segment in path {
        match segment.as_str() {
            "crate" => whole.truncate(1),
            "self" => {}
            "super" => whole.truncate(whole.len().saturating_sub(1).max(1)),
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

/// Each circle once: the parent of its modules, and the path as `crate::a -> crate::b -> crate::a`,
/// beginning with its first name.
fn circles(arrows: &Arrows) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (parent, child) in arrows.keys() {
        let mut way = vec![child.clone()];
        walk(arrows, parent, &mut way, &mut BTreeSet::new(), &mut found);
    }
    found
}

/// Extends `way`, and records each path that returns to its first module.
fn walk(
    arrows: &Arrows,
    parent: &str,
    way: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
    found: &mut BTreeSet<(String, String)>,
) {
    let (Some(first), Some(last)) = (way.first().cloned(), way.last().cloned()) else { return };
    let Some(next) = arrows.get(&(parent.to_owned(), last)) else { return };
    for module in next.keys() {
        if *module == first {
            let names = way.iter().chain([module]).map(|name| format!("{parent}::{name}"));
            found.insert((parent.to_owned(), names.collect::<Vec<_>>().join(" -> ")));
        } else if *module > first && seen.insert(module.clone()) {
            way.push(module.clone());
            walk(arrows, parent, way, seen, found);
            way.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sources: &[(&str, &str)]) -> BTreeSet<String> {
        let sources = sources.iter().map(|(file, text)| ((*file).into(), (*text).into()));
        circles(&arrows(&sources.collect())).into_iter().map(|(_, circle)| circle).collect()
    }

    #[test]
    fn a_circle_among_modules_is_named() {
        let circle = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a/mod.rs", "use crate::{d, b::{self, Thing}};"),
            ("b.rs", "fn f() { super::c::g(); }"),
            ("c.rs", "use crate::a::deep::X;"),
            ("d.rs", ""),
        ];
        let expected = "crate::a -> crate::b -> crate::c -> crate::a";
        assert_eq!(told(&circle), BTreeSet::from([expected.to_owned()]));
    }

    #[test]
    fn a_circle_deep_in_a_module_is_named() {
        let circle = [
            ("chart/mod.rs", "mod axis; mod geometry; use self::axis::Axis;"),
            ("chart/axis.rs", "use super::geometry::Point;"),
            ("chart/geometry.rs", "use crate::chart::axis::Axis;"),
        ];
        let expected = "crate::chart::axis -> crate::chart::geometry -> crate::chart::axis";
        assert_eq!(told(&circle), BTreeSet::from([expected.to_owned()]));
    }

    #[test]
    fn parents_comments_and_tests_make_no_circle() {
        let none = [
            ("a/mod.rs", "mod x;\n#[cfg(test)]\nmod tests;\nuse x::X;\nuse crate::b::B;"),
            ("a/x.rs", "use super::Y;\n// see crate::b\n"),
            ("a/tests.rs", "use crate::b::B;"),
            ("b.rs", "//! Used by crate::a.\n#[cfg(test)]\nmod tests {\n use crate::a::X;\n}\n"),
        ];
        assert!(told(&none).is_empty(), "{:?}", told(&none));
    }

    #[test]
    fn an_arrow_that_the_table_lacks_is_named_with_its_file() {
        let sources = [("a/x.rs", "use crate::b::B;"), ("b.rs", ""), ("c.rs", "use crate::b;")];
        let sources = sources.map(|(file, text)| (file.to_owned(), text.to_owned()));
        let arrows = arrows(&sources.into());
        let faults = against("log2aws-x", &[("a", &[]), ("b", &["a"]), ("c", &["b"])], &arrows);
        assert_eq!(faults, ["crates/log2aws-x/src/a/x.rs: a must not use b"]);
    }
}
