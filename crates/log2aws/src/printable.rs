//! Text of others for a terminal.

use log2aws_core::plain_text::is_hidden_control;

/// The text with the characters escaped that a terminal obeys.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden_control(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}
