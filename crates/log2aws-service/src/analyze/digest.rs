//! Computes the SHA-256 of a log, and of its beginning, while it is read.

use sha2::{Digest as _, Sha256};

/// Computes both in one pass.
pub(super) struct LogDigest {
    hash: Sha256,
    size: u64,
    /// The length of the beginning in bytes, if it is hashed.
    prefix: Option<u64>,
    beginning: Option<String>,
}

impl LogDigest {
    /// `prefix` is the length of the beginning that is also hashed, in bytes.
    pub(super) fn new(prefix: Option<u64>) -> Self {
        let hash = Sha256::new();
        let beginning = (prefix == Some(0)).then(|| hex(hash.clone()));
        Self { hash, size: 0, prefix, beginning }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let end = self.size + bytes.len() as u64;
        let within = self.prefix.filter(|prefix| self.size < *prefix && *prefix <= end);
        let at = within.and_then(|prefix| usize::try_from(prefix - self.size).ok());
        let (first, rest) = bytes.split_at(at.unwrap_or(0));
        self.hash.update(first);
        if at.is_some() {
            self.beginning = Some(hex(self.hash.clone()));
        }
        self.hash.update(rest);
        self.size = end;
    }

    /// The number of bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The hash of all bytes, and that of the beginning if the log is long enough; lower-case hex.
    pub(super) fn finish(self) -> (String, Option<String>) {
        (hex(self.hash), self.beginning)
    }
}

fn hex(hash: Sha256) -> String {
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_hashed_wherever_the_blocks_end() {
        let log = b"one\ntwo\nthree\n";
        let of = |bytes: &[u8]| hex(Sha256::new_with_prefix(bytes));
        for prefix in 0..=log.len() + 1 {
            for block in 1..=log.len() {
                let mut digest = LogDigest::new(Some(prefix as u64));
                log.chunks(block).for_each(|part| digest.update(part));
                assert_eq!(digest.size(), log.len() as u64);
                let (all, beginning) = digest.finish();
                assert_eq!(all, of(log));
                assert_eq!(beginning, log.get(..prefix).map(of), "{prefix} in blocks of {block}");
            }
        }
    }
}
