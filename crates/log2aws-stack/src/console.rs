//! Where a command speaks and asks: a terminal, a pipe, or a test.

use std::io;

/// Takes lines, shows what is going on now, and asks.
#[expect(async_fn_in_trait, reason = "called by this crate alone, never across threads")]
pub trait Console {
    /// A line that stays.
    ///
    /// # Errors
    /// When nobody takes it.
    fn line(&mut self, text: &str) -> io::Result<()>;

    /// What is going on now, in a place that the next status takes over; shown on a terminal alone.
    fn status(&mut self, text: &str);

    /// Asks, and waits for one line; `None` if there is nobody to answer.
    ///
    /// # Errors
    /// When the question cannot be asked.
    async fn ask(&mut self, question: &str) -> io::Result<Option<String>>;
}
