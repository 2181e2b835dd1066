//! The key pairs of this server, in its state folder: the present one and, while it is rotated, the
//! one before. The private parts never leave it.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use log2aws_core::encrypted_url::Fresh;
use log2aws_core::server_key::{PrivateKey, PublicKey, ServerKeyError};

use crate::spool::{StateError, open_regular, replace, state, with_hint};
use crate::world::Time;

/// The file with the private keys, one in a line, the newest last.
pub const FILE: &str = "server-keys";

/// How many pairs are kept.
const MAX: usize = 2;

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 4096;

/// The key pairs, the newest last. At most two.
#[derive(Clone, Debug, Default)]
pub struct ServerKeys(Vec<PrivateKey>);

/// Why the key pairs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerKeysError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The file cannot be read.
    #[error("the server's key, {path}, cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("the server's key, {path}, cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Others can read the file.
    #[error(
        "others can read the server's key, {path} (mode {mode:03o}): make another \
         (key new --replace), and have an operator revoke this one"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error(
        "{path} holds no key in line {line}: {error}; restore the file, or remove it and make \
         another key (key new), which an operator registers"
    )]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: ServerKeyError,
    },
    /// There is a pair already.
    #[error(
        "this server has a key already, {0}; --replace makes the next one beside it, and keeps \
         this one until then"
    )]
    Exists(PublicKey),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[source] io::Error),
}

impl ServerKeys {
    /// Reads the pairs; none if there is no file.
    ///
    /// # Errors
    /// [`ServerKeysError`]: without its key a server must not go on as if it never had one.
    pub fn load(state_dir: &Path) -> Result<Self, ServerKeysError> {
        let path = state_dir.join(FILE);
        let mut options = OpenOptions::new();
        let file = match open_regular(&path, options.read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                let source = with_hint(&path, source);
                return Err(ServerKeysError::Read { path, source });
            }
        };
        let read = |text: &mut String| -> io::Result<u32> {
            let mode = file.metadata()?.mode() & 0o777;
            file.take(MAX_BYTES).read_to_string(text)?;
            Ok(mode)
        };
        let mut text = String::new();
        let mode = match read(&mut text) {
            Ok(mode) => mode,
            Err(source) => return Err(ServerKeysError::Read { path, source }),
        };
        if mode & 0o077 != 0 {
            return Err(ServerKeysError::Open { path, mode });
        }
        let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let keys = lines.map(|(text, line)| {
            let read = PrivateKey::parse(text);
            read.map_err(|error| ServerKeysError::Content { path: path.clone(), line, error })
        });
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            let error = ServerKeyError::Shape("x25519-private:");
            return Err(ServerKeysError::Content { path, line: 1, error });
        }
        Ok(Self(keys))
    }

    /// Makes a pair, and keeps it durably before it is told to anybody. With `replace` the present
    /// one stays as the one before.
    ///
    /// # Errors
    /// [`ServerKeysError`]; nothing is changed then.
    pub fn add(
        state_dir: &Path,
        replace_present: bool,
        time: &dyn Time,
    ) -> Result<PublicKey, ServerKeysError> {
        state::make(state_dir)?;
        let present = match Self::load(state_dir) {
            // What others have read is not kept.
            Err(ServerKeysError::Open { .. }) if replace_present => Self::default(),
            loaded => loaded?,
        };
        if let Some(newest) = present.newest().filter(|_| !replace_present) {
            return Err(ServerKeysError::Exists(newest));
        }
        let fresh = time.random().map(Fresh::new).map_err(ServerKeysError::Random)?;
        let mut keys = present.0;
        keys.push(PrivateKey::generate(&fresh));
        keys.drain(..keys.len().saturating_sub(MAX));
        let lines: Vec<_> = keys.iter().map(PrivateKey::expose_text).collect();
        let text = lines.join("\n") + "\n";
        let path = state_dir.join(FILE);
        // The file is made with mode 0600.
        replace(&path, text.as_bytes(), true).map_err(|source| {
            let source = with_hint(&path, source);
            ServerKeysError::Write { path, source }
        })?;
        // At least the one that was just pushed.
        Self(keys).newest().ok_or_else(|| ServerKeysError::Random(io::ErrorKind::Other.into()))
    }

    /// The private keys, the newest last.
    pub(crate) fn private(&self) -> &[PrivateKey] {
        &self.0
    }

    /// The public keys, the newest last.
    pub fn public(&self) -> impl DoubleEndedIterator<Item = PublicKey> + '_ {
        self.0.iter().map(PrivateKey::public)
    }

    /// The newest public key.
    pub fn newest(&self) -> Option<PublicKey> {
        self.public().next_back()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::world::SystemTime;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_and_its_next_one_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert!(ServerKeys::load(&state).unwrap().newest().is_none());
        let time = SystemTime::new();
        let first = ServerKeys::add(&state, false, &time).unwrap();
        assert_eq!(mode(&state.join(FILE)), 0o600);
        let told = ServerKeys::add(&state, false, &time).unwrap_err();
        assert!(told.to_string().contains(&first.to_string()), "{told}");
        let second = ServerKeys::add(&state, true, &time).unwrap();
        let third = ServerKeys::add(&state, true, &time).unwrap();
        let kept: Vec<_> = ServerKeys::load(&state).unwrap().public().collect();
        assert_eq!(kept, [second, third]);
        assert_ne!(first, second);
        assert_eq!(mode(&state.join(FILE)), 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (state, time) = (folder.path(), SystemTime::new());
        ServerKeys::add(state, false, &time).unwrap();
        let path = state.join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let told = ServerKeys::load(state).unwrap_err().to_string();
        assert!(told.contains("mode 644") && told.contains("--replace"), "{told}");
        let next = ServerKeys::add(state, true, &time).unwrap();
        let kept: Vec<_> = ServerKeys::load(state).unwrap().public().collect();
        assert_eq!(kept, [next], "what others have read is not kept");
        for text in ["", "x25519-private:AAAA\n"] {
            fs::write(&path, text).unwrap();
            let told = ServerKeys::load(state).unwrap_err().to_string();
            assert!(told.contains("holds no key in line 1"), "{told}");
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(ServerKeys::load(state), Err(ServerKeysError::Read { .. })));
    }
}
