//! Classes of style sheets that no page, script or drawing has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Each class in a sheet must be written in the crates: whole, or as the beginning before a value that
/// is filled in (`chart-pen-${…}` in scripts, `sev-{{ … }}` in templates, `lens-{…}` in Rust).
pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut text = String::new();
    let mut sheets = Vec::new();
    for file in files.iter().filter(|file| file.starts_with("crates")) {
        let read = || {
            fs::read_to_string(root.join(file))
                .with_context(|| format!("{} cannot be read", file.display()))
        };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs" | "html" | "js") => text.push_str(&read()?),
            Some("css") => sheets.push((file, read()?)),
            _ => {}
        }
    }
    let words: BTreeSet<&str> = text.split(|c| !is_of_class(c)).collect();
    let is_used = |class: &str| {
        let filled = |end: usize| {
            let start = &class[..end];
            ["{", "${"].iter().any(|brace| text.contains(&format!("{start}{brace}")))
        };
        let mut dashes = class.match_indices('-').map(|(at, _)| at + 1);
        words.contains(class) || dashes.any(filled)
    };
    let mut faults = Vec::new();
    for (file, sheet) in sheets {
        for class in classes(&sheet).into_iter().filter(|class| !is_used(class)) {
            faults.push(format!("{}: nothing has the class {class}", file.display()));
        }
    }
    Ok(faults)
}

fn is_of_class(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// The classes in the selectors of a sheet.
fn classes(sheet: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let without_comments = sheet.split("*/").filter_map(|part| part.split("/*").next());
    // What is before a brace is a selector; declarations end with a brace or a semicolon.
    let parts = without_comments.flat_map(|part| part.split_inclusive('{'));
    let before_braces = parts.filter_map(|part| part.strip_suffix('{'));
    for selector in before_braces.filter_map(|part| part.rsplit(['}', ';']).next()) {
        for part in selector.split('.').skip(1) {
            let class = part.split(|c| !is_of_class(c)).next().unwrap_or_default();
            if class.starts_with(|c: char| c.is_ascii_alphabetic()) {
                found.insert(class);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_selectors_alone() {
        let sheet = "/* .no { } */\n.a, b.c-d:is(.e) { margin: .5em; width: 1.x }\n\
                     @media print { .f > g { top: 0 } .h{} }";
        assert_eq!(classes(sheet).into_iter().collect::<Vec<_>>(), ["a", "c-d", "e", "f", "h"]);
    }
}
