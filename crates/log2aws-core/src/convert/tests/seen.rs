//! Lines that were seen in public, and what each must become: `testdata/lines.tsv`.

use super::*;

const LINES: &str = include_str!("../../../../../testdata/lines.tsv");

/// A line and its result, as the file has them.
struct Seen {
    line: Vec<u8>,
    result: &'static str,
}

fn seen() -> Vec<Seen> {
    let lines = LINES.lines().filter(|line| !line.starts_with('#'));
    let seen: Vec<_> = lines
        .map(|line| {
            let (line, result) = line.split_once("\t=>\t").unwrap();
            Seen { line: unescape(line), result }
        })
        .collect();
    assert!(seen.len() > 90);
    seen
}

/// The bytes of a text with the escapes of Python's `unicode_escape`, as Latin-1.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, len) = match after {
            [b't', ..] => (b'\t', 1),
            [b'r', ..] => (b'\r', 1),
            [b'x', digits @ ..] => {
                let digits = std::str::from_utf8(&digits[..2]).unwrap();
                (u8::from_str_radix(digits, 16).unwrap(), 3)
            }
            _ => panic!("{text}"),
        };
        bytes.push(byte);
        rest = &after[len..];
    }
    bytes
}

fn check(log: &[u8], result: &str) {
    let shown = log.escape_ascii().to_string();
    let (kept, totals) = convert(log);
    assert_eq!(totals.lines, 1, "{shown}");
    match result {
        "NOTHING" => assert_eq!((totals.blanks, totals.rejects), (1, 0), "{shown}"),
        "REJECT" => assert_eq!((totals.rows, totals.rejects), (0, 1), "{shown}"),
        row => assert_eq!((kept.csv.trim_end_matches('\n'), totals.rejects), (row, 0), "{shown}"),
    }
}

#[test]
fn every_line_becomes_what_it_must() {
    for Seen { line, result } in seen() {
        check(&line, result);
    }
}

/// How a line ends, what a power cut or an editor left before it, and compression make no difference.
#[test]
fn what_surrounds_a_line_makes_no_difference() {
    for Seen { line, result } in seen() {
        for (before, after) in
            [("", "\n"), ("", "\r\n"), ("", "\r\r\n"), ("\0\0\0\0\0", "\n"), ("\0\0\0\u{feff}", "")]
        {
            // A second byte order mark is text.
            if before.ends_with('\u{feff}') && line.starts_with(b"\xef") {
                continue;
            }
            let log = [before.as_bytes(), &line, after.as_bytes()].concat();
            check(&log, result);
            check(&gzip(&log), result);
        }
    }
}
