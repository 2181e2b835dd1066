//! An error and everything that caused it, in one line.

use std::error::Error;
use std::fmt;

/// Displays an error followed by its sources, each after a colon. Log messages are of little use
/// without the operating system's own reason at the end.
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading web01 failed")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_reason_of_the_system_is_at_the_end() {
        let error = Outer(std::io::Error::other("Permission denied (os error 13)"));
        assert_eq!(
            ErrorChain(&error).to_string(),
            "reading web01 failed: Permission denied (os error 13)"
        );
    }
}
