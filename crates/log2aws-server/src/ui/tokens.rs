//! All tokens that open the dashboard, as currently stored in their files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::named_tokens::{self, NamedToken};
use super::token::{AccessToken, TokenSet};
use crate::config::ServeError;
use crate::credentials::{FileOwner, Random, Token};
use crate::file_fingerprint::FileState;

/// The default token's file in the data folder.
pub(crate) const DEFAULT_FILE: &str = "dashboard-token";

/// The file with the secret from which the session keys of named tokens are derived.
const SESSION_SECRET_FILE: &str = "dashboard-session-key";

/// The files, and the tokens that they held when they last changed.
#[derive(Debug)]
pub(crate) struct Tokens {
    folder: PathBuf,
    default_file: PathBuf,
    session_secret: Token,
    seen: Mutex<Seen>,
    /// Only one task reads the files at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Seen {
    /// `None` before the first read.
    files: Option<[FileState; 2]>,
    tokens: Arc<TokenSet>,
}

impl Tokens {
    /// Reads the tokens of a data folder. Creates the default one if there is none.
    ///
    /// # Errors
    /// The file of the default token or of the session secret cannot be read or written, is
    /// readable by other users, or holds no token. An unusable file of named tokens does not
    /// prevent the start.
    pub(crate) fn open(folder: &Path, random: Random<'_>) -> Result<Self, ServeError> {
        let default_file = folder.join(DEFAULT_FILE);
        Token::read_or_make(&default_file, random)?;
        let session_secret = Token::read_or_make(&folder.join(SESSION_SECRET_FILE), random)?;
        let seen = Seen { files: None, tokens: Arc::default() };
        let (folder, turn) = (folder.to_owned(), Arc::default());
        let tokens = Self { folder, default_file, session_secret, seen: Mutex::new(seen), turn };
        tokens.read();
        Ok(tokens)
    }

    /// The file of the default token.
    pub(crate) fn default_file(&self) -> &Path {
        &self.default_file
    }

    /// The current tokens. A disk that hangs blocks one thread of the blocking pool, and all
    /// requests to the dashboard.
    pub(crate) async fn now(self: &Arc<Self>) -> Arc<TokenSet> {
        let turn = self.turn.clone().lock_owned().await;
        let tokens = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            // Held until the files have been read, even if the request was cancelled.
            let _turn = turn;
            tokens.read()
        });
        read.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the dashboard's tokens could not be read: nobody can log in");
            Arc::default()
        })
    }

    /// The current tokens. Blocks. While a file cannot be used, none of its tokens is accepted: one
    /// of them may be the one that the operator wanted to remove.
    pub(crate) fn read(&self) -> Arc<TokenSet> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let files = [&self.default_file, &self.folder.join(named_tokens::FILE)];
        let files = Some(files.map(|path| FileState::of(path)));
        let is_new = files != seen.files;
        // A file that could not be read is read again: the cause may not be in the file itself.
        if is_new || seen.tokens.is_incomplete {
            let (default, named) = (self.default_token(), self.named_tokens());
            if is_new {
                for error in [default.as_ref().err(), named.as_ref().err()].into_iter().flatten() {
                    tracing::error!("the dashboard: {error}: nobody can log in with its tokens");
                }
            }
            let is_incomplete = default.is_err() || named.is_err();
            let all = default.into_iter().chain(named.into_iter().flatten());
            *seen = Seen { files, tokens: Arc::new(TokenSet::new(all, is_incomplete)) };
        }
        seen.tokens.clone()
    }

    fn default_token(&self) -> Result<AccessToken, String> {
        match Token::read(&self.default_file) {
            Ok(Some(token)) => Ok(AccessToken::default_of(&token)),
            Ok(None) => Err(format!(
                "{} is gone; restore it, or restart to have a new one made",
                self.default_file.display()
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    fn named_tokens(&self) -> Result<Vec<AccessToken>, String> {
        let token = |token: NamedToken| {
            AccessToken::named(&self.session_secret, token.name, token.rights, token.hash)
        };
        let tokens = named_tokens::read(&self.folder, FileOwner::of_process());
        let tokens = tokens.map_err(|error| error.to_string())?;
        Ok(tokens.into_iter().map(token).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::credentials::fill;
    use crate::ui::token::Rights;
    use crate::ui::token_admin::TokenAdmin;

    fn opens(tokens: &Tokens, shown: &str) -> bool {
        tokens.read().opened_by(&Token::shown(shown)).is_some()
    }

    #[test]
    fn the_running_server_takes_what_the_operator_writes() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), &mut fill).unwrap();
        let file = tokens.default_file();
        let made = fs::read_to_string(file).unwrap();
        let made = made.trim();
        assert_eq!(made.len(), 32, "24 bytes in base64");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(opens(&tokens, made) && !opens(&tokens, "") && !opens(&tokens, &made[1..]));
        let old = tokens.read().default_token().unwrap();

        fs::write(file, "correct horse battery\n").unwrap();
        assert!(opens(&tokens, "correct horse battery") && !opens(&tokens, made));
        assert!(!tokens.read().has_session_key(old.session()));
    }

    #[test]
    fn a_file_that_cannot_be_used_lets_nobody_in_and_heals() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), &mut fill).unwrap();
        let file = tokens.default_file();
        let made = fs::read_to_string(file).unwrap();
        let allow = |bits| {
            fs::set_permissions(file, fs::Permissions::from_mode(bits)).unwrap();
        };
        allow(0o644);
        assert!(tokens.read().is_empty() && tokens.read().is_incomplete);
        allow(0o600);
        assert!(opens(&tokens, made.trim()) && !tokens.read().is_incomplete);
        fs::write(file, "short\n").unwrap();
        assert!(tokens.read().is_empty());
        fs::remove_file(file).unwrap();
        assert!(tokens.read().is_empty());
        assert!(!file.exists(), "a running server makes no token anew");
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
            let path = folder.path().join(DEFAULT_FILE);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Tokens::open(folder.path(), &mut fill).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(DEFAULT_FILE), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_pipe_in_place_of_a_token_file_is_refused_and_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join(DEFAULT_FILE);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).unwrap();
        let error = Tokens::open(folder.path(), &mut fill).unwrap_err();
        let chain = log2aws_core::error_chain::ErrorChain(&error).to_string();
        assert!(chain.contains("not a regular file"), "{chain}");
    }

    #[test]
    fn the_two_files_fail_and_heal_apart() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), &mut fill).unwrap();
        let made = fs::read_to_string(tokens.default_file()).unwrap();
        let admin = TokenAdmin::open(folder.path()).unwrap();
        let alice = admin.add("alice".parse().unwrap(), Rights::Full, Timestamp::UNIX_EPOCH);
        let alice = alice.unwrap();
        assert!(opens(&tokens, alice.expose()) && opens(&tokens, made.trim()));

        let named = folder.path().join(named_tokens::FILE);
        let good = fs::read_to_string(&named).unwrap();
        fs::write(&named, &good[1..]).unwrap();
        assert!(!opens(&tokens, alice.expose()) && opens(&tokens, made.trim()));
        assert!(tokens.read().is_incomplete);
        // It does not prevent the start of a server.
        let again = Tokens::open(folder.path(), &mut fill).unwrap();
        assert!(opens(&again, made.trim()) && !opens(&again, alice.expose()));
        fs::write(&named, &good).unwrap();
        assert!(opens(&tokens, alice.expose()) && !tokens.read().is_incomplete);

        fs::write(tokens.default_file(), "short\n").unwrap();
        assert!(opens(&tokens, alice.expose()) && !opens(&tokens, made.trim()));
    }

    #[test]
    fn a_restart_keeps_the_session_keys() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), &mut fill).unwrap();
        let admin = TokenAdmin::open(folder.path()).unwrap();
        admin.add("alice".parse().unwrap(), Rights::Full, Timestamp::UNIX_EPOCH).unwrap();
        let again = Tokens::open(folder.path(), &mut fill).unwrap().read();
        let before = tokens.read();
        assert_eq!(before.iter().count(), 2);
        assert!(before.iter().all(|token| again.has_session_key(token.session())));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_disk_that_hangs_holds_up_no_thread_of_the_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Arc::new(Tokens::open(folder.path(), &mut fill).unwrap());
        // Readers wait for this lock as they would for a disk.
        let (locked, is_locked) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let disk = std::thread::spawn({
            let tokens = tokens.clone();
            move || {
                let _seen = tokens.seen.lock().unwrap();
                locked.send(()).unwrap();
                released.recv_timeout(Duration::from_secs(10)).is_ok()
            }
        });
        is_locked.recv().unwrap();
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let tokens = tokens.clone();
                tokio::spawn(async move { tokens.now().await.iter().count() })
            })
            .collect();
        let pause = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>());
        assert!(pause.await.is_err() && readers.iter().all(|reader| !reader.is_finished()));
        release.send(()).unwrap();
        assert!(disk.join().unwrap(), "the runtime waited until the disk answered");
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
    }

    #[test]
    fn nothing_of_it_prints() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), &mut fill).unwrap();
        let printed = format!("{tokens:?} {:?}", tokens.read());
        for file in [DEFAULT_FILE, SESSION_SECRET_FILE] {
            let secret = fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(!printed.contains(secret.trim()), "{printed}");
        }
        assert!(!printed.contains("SessionKey(") && !printed.contains("TokenHash("), "{printed}");
    }
}
