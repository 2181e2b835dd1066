//! Text that people wrote, for pages, charts and terminals.

use std::borrow::Cow;

/// Whether the character is invisible and changes how the text around it is shown: control
/// characters, line separators, and those that change the direction of text.
pub fn is_hidden_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text without [hidden controls](is_hidden_control).
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(is_hidden_control) {
        text.chars().filter(|c| !is_hidden_control(*c)).collect::<String>().into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_breaks_a_line_is_left_out_and_all_else_stays() {
        for (text, shown) in [
            ("本番DB（主系）", "本番DB（主系）"),
            ("a\u{202e}gnp.exe", "agnp.exe"),
            ("\u{2066}a\u{2069}\u{200f}\u{2028}\n\t\u{1b}[31m\u{9b}\u{7f}", "a[31m"),
            ("שלום", "שלום"),
            ("e\u{301} \u{1f469}\u{200d}\u{1f52c}", "e\u{301} \u{1f469}\u{200d}\u{1f52c}"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }
}
