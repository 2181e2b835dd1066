//! The dashboard's token: a file that an operator may rewrite while the server runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::ServeError;
use crate::credentials::{Random, Token};
use crate::file_fingerprint::FileFingerprint;

/// The token's file in the data folder.
pub(crate) const FILE: &str = "dashboard-token";

/// The name of the token of [`FILE`].
pub(crate) const DEFAULT_NAME: &str = "default";

/// Which token somebody is logged in with; no secret. Answers of the dashboard carry it as an
/// extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenName(Arc<str>);

impl Default for TokenName {
    fn default() -> Self {
        Self(DEFAULT_NAME.into())
    }
}

impl TokenName {
    /// The name, for logs and pages.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The file, and what it held when it was last looked at.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    seen: Mutex<(Option<FileFingerprint>, Option<Keys>)>,
}

/// A token, and the key for sessions that is derived from it: with the token, every session ends.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    token: Token,
    session: SessionKey,
}

/// Signs sessions; does not print.
#[derive(Clone)]
pub(crate) struct SessionKey([u8; 32]);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

impl SessionKey {
    /// The code that authenticates a text.
    pub(crate) fn code(&self, text: &[u8]) -> [u8; 32] {
        code(&self.0, text)
    }

    /// Whether it is this key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl Keys {
    fn new(token: Token) -> Self {
        let session = SessionKey(code(token.expose().as_bytes(), b"log2aws dashboard session 1"));
        Self { token, session }
    }

    /// Whether `shown` is the token; takes as long for a near miss as for a far one.
    pub(crate) fn opens(&self, shown: &str) -> bool {
        bool::from(shown.as_bytes().ct_eq(self.token.expose().as_bytes()))
    }

    /// The key of sessions.
    pub(crate) fn session(&self) -> &SessionKey {
        &self.session
    }
}

fn code(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A key may have any length: the error is the trait's, not HMAC's.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

impl TokenFile {
    /// Takes over the token of a data folder; makes one if there is none.
    ///
    /// # Errors
    /// A file that cannot be read or written, that other users can read, or that holds no token.
    pub(crate) fn open(folder: &Path, random: Random<'_>) -> Result<Self, ServeError> {
        let path = folder.join(FILE);
        let token = Token::read_or_make(&path, random)?;
        let seen = Mutex::new((FileFingerprint::of(&path), Some(Keys::new(token))));
        Ok(Self { path, seen })
    }

    /// Where the token stands.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The token as the file has it now. `None` while the file cannot be used: then nobody is let
    /// in, rather than whoever knows a token that the operator wanted to be rid of.
    pub(crate) fn keys(&self) -> Option<Keys> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = FileFingerprint::of(&self.path);
        if stamp != seen.0 {
            let keys = match Token::read(&self.path) {
                Ok(Some(token)) => Some(Keys::new(token)),
                Ok(None) => {
                    let file = self.path.display();
                    tracing::error!(%file, "the dashboard's token is gone: nobody can log in until it is restored, or until a restart makes a new one");
                    None
                }
                Err(error) => {
                    tracing::error!(%error, "the dashboard's token cannot be used: nobody can log in");
                    None
                }
            };
            *seen = (stamp, keys);
        }
        seen.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::credentials::fill;

    #[test]
    fn the_running_server_takes_what_the_operator_writes() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::open(folder.path(), &mut fill).unwrap();
        let made = fs::read_to_string(file.path()).unwrap();
        assert_eq!(made.trim().len(), 32, "24 bytes in base64");
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let old = file.keys().unwrap();
        assert!(old.opens(made.trim()) && !old.opens("") && !old.opens(&made.trim()[1..]));

        fs::write(file.path(), "correct horse battery\n").unwrap();
        let new = file.keys().unwrap();
        assert!(new.opens("correct horse battery") && !new.opens(made.trim()));
        assert_ne!(old.session().0, new.session().0);
    }

    #[test]
    fn a_file_that_cannot_be_used_lets_nobody_in_and_heals() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::open(folder.path(), &mut fill).unwrap();
        let made = fs::read_to_string(file.path()).unwrap();
        let allow = |bits| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(bits)).unwrap();
        };
        allow(0o644);
        assert!(file.keys().is_none());
        allow(0o600);
        assert!(file.keys().unwrap().opens(made.trim()));
        fs::write(file.path(), "short\n").unwrap();
        assert!(file.keys().is_none());
        fs::remove_file(file.path()).unwrap();
        assert!(file.keys().is_none());
        assert!(!file.path().exists(), "a running server makes no token anew");
    }

    #[test]
    fn a_spoilt_or_open_file_is_refused_at_the_start() {
        for (text, mode, says) in [
            ("short\n", 0o600, "at least 16 characters"),
            ("aaaaaaaaaaaaaaaa\n", 0o600, "8 different ones"),
            ("two lines\nof a longer token\n", 0o600, "at least 16 characters"),
            ("0123456789abcdef\n", 0o640, "chmod 600"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(FILE);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = TokenFile::open(folder.path(), &mut fill).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(FILE), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn nothing_of_it_prints() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::open(folder.path(), &mut fill).unwrap();
        let made = fs::read_to_string(file.path()).unwrap();
        let printed = format!("{file:?} {:?}", file.keys());
        assert!(!printed.contains(made.trim()) && !printed.contains("SessionKey("), "{printed}");
    }
}
