//! The Japanese of documents and program texts: one word for one thing, as docs/glossary.ja.md
//! says, and a uniform way to write it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// The table of words. It must name the forbidden ones, so it is not checked itself.
const GLOSSARY: &str = "docs/glossary.ja.md";

/// The folders and files with the Japanese of the programs.
const TEXTS: [&str; 6] = [
    "crates/log2aws-core/src/chart/html.rs",
    "crates/log2aws-core/src/chart/period/words.rs",
    "crates/log2aws-core/src/chart/words/",
    "crates/log2aws-dashboard/src/i18n/",
    "deploy/agent/agent.env",
    "deploy/agent/agent.toml",
];

/// A row of the glossary.
#[derive(Debug, PartialEq, Eq)]
struct Term {
    /// The words to use.
    words: Vec<String>,
    /// The words not to use for the same thing.
    variants: Vec<String>,
}

/// Checks the Japanese documents and texts.
pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let read = |file: &Path| {
        fs::read_to_string(root.join(file))
            .with_context(|| format!("{} cannot be read", file.display()))
    };
    let terms = terms(&read(Path::new(GLOSSARY))?);
    ensure!(!terms.is_empty(), "{GLOSSARY} has no table of words");
    let (mut faults, mut texts) = (Vec::new(), 0_usize);
    for file in files {
        let name = file.to_string_lossy();
        let found = if name.ends_with(".ja.md") && name != GLOSSARY {
            document(&terms, &read(file)?)
        } else if TEXTS.iter().any(|text| name.starts_with(text)) {
            texts += 1;
            source(&terms, &read(file)?)
        } else {
            continue;
        };
        faults.extend(found.into_iter().map(|fault| format!("{name}:{fault}")));
    }
    ensure!(texts >= TEXTS.len(), "the Japanese of the programs is not where tidy looks for it");
    Ok(faults)
}

/// The rows of the glossary's table: English, the words to use, the words not to use.
fn terms(glossary: &str) -> Vec<Term> {
    let list = |cell: &str| -> Vec<String> {
        cell.split('、')
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect()
    };
    let rows = glossary.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').collect();
        let [_, words, variants] = cells[..] else { return None };
        Some(Term { words: list(words), variants: list(variants) })
    });
    // The head and the rule below it.
    rows.skip(2).collect()
}

/// The violations in a document, each with its line.
fn document(terms: &[Term], text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut in_code, mut before) = (false, "");
    for (number, line) in (1..).zip(text.lines()) {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        let mut told: Vec<String> = variants(terms, line).collect();
        if !in_code && !fence {
            let prose = prose(line);
            told.extend(half_width(&prose));
            told.extend(unspaced(&prose));
            if is_text(before) && is_text(line) && !begins_item(line) {
                told.push("a paragraph is one line: GitHub shows the break as a blank".to_owned());
            }
        }
        faults.extend(told.into_iter().map(|fault| format!("{number}: {fault}")));
        before = if in_code || fence { "" } else { line };
    }
    faults
}

/// The violations in the source of texts, each with its line.
fn source(terms: &[Term], text: &str) -> Vec<String> {
    let lines = (1..).zip(text.lines());
    let found = lines.flat_map(|(number, line)| {
        let told = variants(terms, line).chain(half_width(line)).chain(unspaced(line));
        told.map(move |fault| format!("{number}: {fault}")).collect::<Vec<_>>()
    });
    found.collect()
}

/// The words of a line that the glossary forbids.
fn variants<'t>(terms: &'t [Term], line: &str) -> impl Iterator<Item = String> + use<'t> {
    let mut words: Vec<&str> =
        terms.iter().flat_map(|term| &term.words).map(String::as_str).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    // A word may hold a forbidden one: サーバー holds サーバ.
    let rest = words.iter().fold(line.to_owned(), |rest, word| rest.replace(word, "\0"));
    terms.iter().flat_map(move |term| {
        let used: Vec<&String> = term.variants.iter().filter(|word| rest.contains(*word)).collect();
        let say = |word: &String| format!("{word}: the glossary says {}", term.words.join(", "));
        used.into_iter().map(say).collect::<Vec<_>>()
    })
}

/// A line without code and the targets of links.
fn prose(line: &str) -> String {
    let text: String = line
        .split('`')
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { part } else { "`" })
        .collect();
    let mut parts = text.split("](");
    let mut prose = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        prose.push(']');
        prose.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    prose
}

/// Parentheses and colons of ASCII beside a Japanese character, also with a blank between.
fn half_width(text: &str) -> Option<String> {
    let text = text.replace(" (", "(").replace(") ", ")");
    let found = pairs(&text).find(|(a, b)| {
        let mark = |c: &char| matches!(c, '(' | ')' | ':');
        mark(a) && is_japanese(*b) || is_japanese(*a) && mark(b)
    })?;
    Some(format!("{}{}: parentheses and colons are full-width", found.0, found.1))
}

/// A letter or digit of ASCII beside a Japanese letter without a blank.
fn unspaced(text: &str) -> Option<String> {
    let found = pairs(text).find(|(a, b)| {
        a.is_ascii_alphanumeric() && is_letter(*b) || is_letter(*a) && b.is_ascii_alphanumeric()
    })?;
    Some(format!("{}{}: a blank stands between Latin and Japanese", found.0, found.1))
}

fn pairs(text: &str) -> impl Iterator<Item = (char, char)> {
    text.chars().zip(text.chars().skip(1))
}

/// A kana or kanji.
fn is_letter(c: char) -> bool {
    matches!(c, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '一'..='鿿' | '々')
}

/// A kana, a kanji or Japanese punctuation.
fn is_japanese(c: char) -> bool {
    is_letter(c) || matches!(c, '、' | '。' | '「' | '」' | '（' | '）')
}

/// Whether a line is running text: no heading, table, list's end or blank.
fn is_text(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with(['#', '|']) && !line.starts_with("![")
}

fn begins_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ") || (number.len() < line.len() && number.starts_with(". "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "text\n\n| en | ja | not |\n| --- | --- | --- |\n\
        | server | サーバー | サーバ |\n| summary | 集計、集計ファイル | サマリ、要約 |\n";

    fn faults(text: &str) -> Vec<String> {
        document(&terms(TABLE), text)
    }

    #[test]
    fn the_glossary_is_a_table_of_words_to_use_and_not_to_use() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let server = Term { words: words(&["サーバー"]), variants: words(&["サーバ"]) };
        let summary = Term {
            words: words(&["集計", "集計ファイル"]),
            variants: words(&["サマリ", "要約"]),
        };
        assert_eq!(terms(TABLE), [server, summary]);
    }

    #[test]
    fn a_forbidden_word_is_named_with_its_line_and_the_word_to_use() {
        let found = faults("サーバーと集計\n\n```sh\n# サーバごとに\n```\n\nサーバーのサマリ");
        let expected = [
            "4: サーバ: the glossary says サーバー",
            "7: サマリ: the glossary says 集計, 集計ファイル",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_text_in_a_source_is_held_to_the_same_words() {
        let found = source(&terms(TABLE), "// text\na: \"b\", \"サーバ（4コア）\";");
        let expected = [
            "2: サーバ: the glossary says サーバー",
            "2: 4コ: a blank stands between Latin and Japanese",
        ];
        assert_eq!(found, expected);
        assert!(source(&terms(TABLE), "a: \"(b: 1)\", \"サーバー（4 コア）：{n} 件\";").is_empty());
    }

    #[test]
    fn a_paragraph_is_one_line() {
        assert_eq!(faults("動いていた\nのに").len(), 1);
        assert_eq!(faults("- 動いていた\n  のに").len(), 1);
        for good in [
            "動いていた\n\nのに",
            "- 一つ\n- 二つ\n2. 三つ",
            "# 題\n文",
            "| 表 |\n| --- |\n| 中 |",
            "文\n```sh\n一行\n二行\n```\n文",
        ] {
            assert!(faults(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn punctuation_beside_japanese_is_full_width() {
        for bad in ["鍵(PEM)", "値 (k) を", "(全員)", "次のとおり: a", "`log`の集計(一部)"]
        {
            assert_eq!(faults(bad).len(), 1, "{bad}");
        }
        for good in ["鍵（PEM）", "[題](a.md)を", "`f(全)`", "[sadf(1)](x)", "値：a: b", "`a`: `b`"]
        {
            assert!(faults(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn a_blank_stands_between_latin_and_japanese() {
        for bad in ["4コア", "待ちI/O"] {
            assert_eq!(faults(bad).len(), 1, "{bad}");
        }
        for good in ["4 コア", "`a`と", "（8）", "10 %を"] {
            assert!(faults(good).is_empty(), "{good}");
        }
    }
}
