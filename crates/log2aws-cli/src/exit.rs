//! Exit codes and error output.

use std::io::Write;
use std::process::ExitCode;

/// The result of a verb. The numbers are stable, because scripts branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed; the message says why.
    Failed,
    /// The command line or the config file is wrong; nothing was done.
    Usage,
    /// Done, but lines were rejected (`convert --strict`).
    Rejects,
    /// Incomplete: `ship` left days pending.
    Missing,
    /// The server refused.
    Refused,
}

impl Exit {
    /// The exit code of the process.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Rejects => 3,
            Self::Missing => 4,
            Self::Refused => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Writes an error and its causes, outermost first, one per line. A cause that is already part of
/// the line above is left out.
pub fn report(stderr: &mut dyn Write, error: &anyhow::Error) {
    // If stderr fails there is nowhere left to report to.
    let _ = write_chain(stderr, error);
}

fn write_chain(stderr: &mut dyn Write, error: &anyhow::Error) -> std::io::Result<()> {
    let mut told = error.to_string();
    writeln!(stderr, "error: {told}")?;
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            writeln!(stderr, "  because: {cause}")?;
            told = cause;
        }
    }
    stderr.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_contract() {
        let all =
            [Exit::Done, Exit::Failed, Exit::Usage, Exit::Rejects, Exit::Missing, Exit::Refused];
        assert_eq!(all.map(Exit::number), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn causes_follow_the_error() {
        let error = anyhow::anyhow!("disk is full").context("a.log was not written");
        let mut out = Vec::new();
        report(&mut out, &error);
        assert_eq!(out, b"error: a.log was not written\n  because: disk is full\n");
    }

    #[test]
    fn what_the_error_tells_is_not_told_twice() {
        let error = anyhow::anyhow!("disk is full");
        let error = error.context("a.log was not written: disk is full").context("no sample");
        let mut out = Vec::new();
        report(&mut out, &error);
        let expected = "error: no sample\n  because: a.log was not written: disk is full\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
