//! The lines that could not be read, as harmless text.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The most lines displayed; the file has all of them.
pub(super) const MAX_SHOWN: usize = 200;

/// One line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectView {
    pub(super) line: u64,
    pub(super) length: u64,
    pub(super) reason: String,
    pub(super) text: String,
    /// Whether the line is binary and displayed byte by byte.
    pub(super) binary: bool,
    /// The number of bytes after which it was cut, if it was.
    pub(super) cut: Option<u64>,
}

/// The first rejects of a file, and whether an entry of it could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RejectExcerpt {
    pub(super) rejects: Vec<RejectView>,
    pub(super) damaged: bool,
}

/// Parses the beginning of a rejects file; `whole` says whether it is the complete file. An entry
/// cut off by the limit does not count as damage.
pub(super) fn read(beginning: &[u8], whole: bool) -> RejectExcerpt {
    #[derive(Deserialize)]
    struct Entry {
        line: u64,
        length: u64,
        reason: String,
        raw: Option<String>,
        raw_base64: Option<String>,
    }
    let mut shown = RejectExcerpt::default();
    let end = if whole { beginning.len() } else { last_line_end(beginning) };
    let lines = beginning[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for line in lines.take(MAX_SHOWN) {
        let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
            shown.damaged = true;
            continue;
        };
        let bytes = entry.raw_base64.as_deref().map(|text| STANDARD.decode(text));
        let (text, binary, kept) = match (entry.raw, bytes) {
            (Some(raw), _) => (visible(&raw), false, raw.len()),
            (None, Some(Ok(bytes))) => (escaped(&bytes), true, bytes.len()),
            (None, Some(Err(_))) => {
                shown.damaged = true;
                continue;
            }
            (None, None) => (String::new(), false, 0),
        };
        let kept = kept as u64;
        shown.rejects.push(RejectView {
            line: entry.line,
            length: entry.length,
            reason: visible(&entry.reason),
            text,
            binary,
            cut: (kept < entry.length).then_some(kept),
        });
    }
    shown
}

fn last_line_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// The text with every character made visible that could hide, reorder or break it.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{61c}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        match c {
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            '\n' => shown.push_str("\\n"),
            c if c.is_control() || hides => {
                // Writing to a `String` cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Binary data: printable bytes as they are, the rest in hex.
fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = br#"{"line":7,"offset":9,"length":5,"reason":"r","raw":"<b>\u202e\u0007"}
{"line":8,"offset":15,"length":900,"reason":"gone","raw_base64":"/wA8"}
"#;

    #[test]
    fn lines_are_shown_as_what_they_are() {
        let shown = read(TWO, true);
        assert!(!shown.damaged);
        assert_eq!(shown.rejects[0].text, "<b>\\u{202e}\\u{7}");
        assert_eq!(shown.rejects[1].text, "\\xff\\x00<");
        assert!(shown.rejects[1].binary);
        assert_eq!(shown.rejects[1].cut, Some(3));
    }

    #[test]
    fn a_damaged_entry_costs_no_other() {
        let damaged = [b"{\"line\":1\n".as_slice(), TWO, b"{\"line\""].concat();
        let shown = read(&damaged, true);
        assert_eq!((shown.rejects.len(), shown.damaged), (2, true));
        let beginning = read(&[TWO, b"{\"line\""].concat(), false);
        assert_eq!((beginning.rejects.len(), beginning.damaged), (2, false));
    }

    #[test]
    fn at_most_so_many_are_shown() {
        let line = b"{\"line\":1,\"offset\":0,\"length\":0,\"reason\":\"r\",\"raw\":\"\"}\n";
        assert_eq!(read(&line.repeat(500), true).rejects.len(), MAX_SHOWN);
    }
}
