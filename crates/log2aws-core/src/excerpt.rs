//! The beginning of a text from outside, for use in an error message.

/// At most 32 characters.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(32).collect()
}
