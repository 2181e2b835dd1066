//! What a verb says because a person sits at the terminal.

use std::io::{self, IsTerminal as _, Read, Write};

/// Standard input up to its first end. A terminal would go on after Ctrl-D.
#[derive(Debug)]
pub(crate) struct Stdin {
    inner: io::StdinLock<'static>,
    has_ended: bool,
}

impl Stdin {
    /// Takes standard input.
    pub(crate) fn lock() -> Self {
        Self { inner: io::stdin().lock(), has_ended: false }
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended {
            return Ok(0);
        }
        let len = self.inner.read(buf)?;
        self.has_ended = len == 0 && !buf.is_empty();
        Ok(len)
    }
}

/// Says that a verb which reads standard input waits for it, if that is a terminal.
pub(crate) fn announce_input(reads_stdin: bool, stderr: &mut dyn Write) {
    if reads_stdin && io::stdin().is_terminal() {
        // Without standard error, the verb still works.
        let _ = writeln!(stderr, "reading standard input; Ctrl-D ends it");
    }
}
