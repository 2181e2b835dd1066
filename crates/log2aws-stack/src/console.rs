//! Output and questions: on a terminal, a pipe, or in a test.

use std::io;

/// Prints lines, shows a status, and asks questions.
#[expect(async_fn_in_trait, reason = "called by this crate alone, never across threads")]
pub trait Console {
    /// Prints a line.
    ///
    /// # Errors
    /// The output cannot be written.
    fn line(&mut self, text: &str) -> io::Result<()>;

    /// Shows what is going on, replacing the previous status; only on a terminal.
    fn status(&mut self, text: &str);

    /// Asks, and reads one line; `None` if the input has ended.
    ///
    /// # Errors
    /// The question cannot be printed.
    async fn ask(&mut self, question: &str) -> io::Result<Option<String>>;
}
