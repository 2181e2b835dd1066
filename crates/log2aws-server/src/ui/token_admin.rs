//! Adds, lists and revokes the dashboard tokens of a data folder, even while a server uses it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::named_tokens::{self, MOST, NamedToken, NamedTokensError};
use super::token::{Rights, TokenHash, TokenName};
use super::tokens::DEFAULT_FILE;
use crate::config::ServeError;
use crate::credentials::{FileOwner, Random, Token, fill};

/// The public facts about a token.
#[derive(Clone, Debug)]
pub struct TokenInfo {
    /// Its name.
    pub name: TokenName,
    /// What a login with it may do.
    pub rights: Rights,
    /// When it was created; for the default token, when its file was last written.
    pub created: Timestamp,
}

/// Why a token could not be added, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No server has used this folder.
    #[error(
        "{} has no {DEFAULT_FILE}: name the data folder of a server that was started before", .0.display()
    )]
    NoDashboard(PathBuf),
    /// The server could not read a file that another user has written.
    #[error("{} belongs to the user with the id {owner}: run this as that user, or as root", folder.display())]
    Owner {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The folder could not be read or locked.
    #[error("{} could not be {doing}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A token of this name exists.
    #[error("there is a token {0} already: revoke it first, or choose another name")]
    Exists(TokenName),
    /// The name is reserved for the token that the server creates.
    #[error("default is the token in {}: to change it, write another into that file", .0.display())]
    Default(PathBuf),
    /// No token of this name exists.
    #[error("there is no token {0}: `log2aws token list` names those that there are")]
    Unknown(TokenName),
    /// The maximum number of tokens is reached.
    #[error("there are {MOST} tokens, which is the most: revoke one that is not used")]
    TooMany,
    /// The file of tokens cannot be used.
    #[error(transparent)]
    File(#[from] NamedTokensError),
    /// No random bytes are available.
    #[error(transparent)]
    Random(ServeError),
}

/// The tokens of a data folder, for the operator's command line.
#[derive(Debug)]
pub struct TokenAdmin {
    folder: PathBuf,
    owner: FileOwner,
}

impl TokenAdmin {
    /// The tokens of `folder`, which a server must have used before.
    ///
    /// # Errors
    /// [`TokenError::NoDashboard`]; [`TokenError::Owner`]; the folder cannot be read.
    pub fn open(folder: &Path) -> Result<Self, TokenError> {
        let no_dashboard = || TokenError::NoDashboard(folder.to_owned());
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => no_dashboard(),
            _ => TokenError::Folder { folder: folder.to_owned(), doing: "read", source },
        };
        let meta = fs::metadata(folder).map_err(failed)?;
        fs::symlink_metadata(folder.join(DEFAULT_FILE)).map_err(failed)?;
        let owner = FileOwner { uid: meta.uid(), gid: meta.gid() };
        let me = FileOwner::of_process();
        if me.uid != 0 && me.uid != owner.uid {
            return Err(TokenError::Owner { folder: folder.to_owned(), owner: owner.uid });
        }
        Ok(Self { folder: folder.to_owned(), owner })
    }

    /// Creates a token and stores its hash. A running server accepts it at once.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn add(
        &self,
        name: TokenName,
        rights: Rights,
        now: Timestamp,
    ) -> Result<Token, TokenError> {
        self.add_with(name, rights, now, &mut fill)
    }

    fn add_with(
        &self,
        name: TokenName,
        rights: Rights,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<Token, TokenError> {
        self.refuse_default(&name)?;
        let _lock = self.lock()?;
        let mut tokens = named_tokens::read(&self.folder, self.owner)?;
        if tokens.iter().any(|token| token.name == name) {
            return Err(TokenError::Exists(name));
        }
        if tokens.len() >= MOST {
            return Err(TokenError::TooMany);
        }
        let token = Token::make(random).map_err(TokenError::Random)?;
        let hash = TokenHash::of(&token);
        // Whole seconds are enough.
        let created = Timestamp::from_second(now.as_second()).unwrap_or(now);
        tokens.push(NamedToken { name, hash, rights, created });
        named_tokens::write(&self.folder, &tokens, self.owner)?;
        Ok(token)
    }

    /// The default token and all others, in the order in which they were added.
    ///
    /// # Errors
    /// The file of named tokens cannot be read.
    pub fn list(&self) -> Result<Vec<TokenInfo>, TokenError> {
        let mut list = Vec::new();
        if let Ok(meta) = fs::metadata(self.folder.join(DEFAULT_FILE))
            && let Ok(created) = Timestamp::from_second(meta.mtime())
        {
            list.push(TokenInfo { name: TokenName::default(), rights: Rights::Full, created });
        }
        let info = |token: NamedToken| TokenInfo {
            name: token.name,
            rights: token.rights,
            created: token.created,
        };
        list.extend(named_tokens::read(&self.folder, self.owner)?.into_iter().map(info));
        Ok(list)
    }

    /// Removes a token. It no longer logs in, and a running server ends its sessions at once.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn revoke(&self, name: &TokenName) -> Result<(), TokenError> {
        self.refuse_default(name)?;
        let _lock = self.lock()?;
        let mut tokens = named_tokens::read(&self.folder, self.owner)?;
        let before = tokens.len();
        tokens.retain(|token| token.name != *name);
        if tokens.len() == before {
            return Err(TokenError::Unknown(name.clone()));
        }
        Ok(named_tokens::write(&self.folder, &tokens, self.owner)?)
    }

    fn refuse_default(&self, name: &TokenName) -> Result<(), TokenError> {
        if name.is_default() {
            return Err(TokenError::Default(self.folder.join(DEFAULT_FILE)));
        }
        Ok(())
    }

    /// Locks the folder itself: the file of tokens is replaced on each write, and root must not
    /// leave a lock file in another user's folder. The lock is held until it is dropped.
    fn lock(&self) -> Result<File, TokenError> {
        let locked = File::open(&self.folder).and_then(|folder| folder.lock().map(|()| folder));
        locked.map_err(|source| TokenError::Folder {
            folder: self.folder.clone(),
            doing: "locked",
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn place() -> (tempfile::TempDir, TokenAdmin) {
        let folder = tempfile::tempdir().unwrap();
        Token::read_or_make(&folder.path().join(DEFAULT_FILE), &mut fill).unwrap();
        let admin = TokenAdmin::open(folder.path()).unwrap();
        (folder, admin)
    }

    fn name(text: &str) -> TokenName {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_added_is_listed_until_it_is_revoked() {
        let (folder, admin) = place();
        let token = admin.add(name("alice"), Rights::ReadOnly, NOW).unwrap();
        assert_eq!(token.expose().len(), 32, "24 bytes in base64");
        admin.add(name("bob"), Rights::Full, NOW).unwrap();
        let list = |admin: &TokenAdmin| -> Vec<_> {
            let line = |token: TokenInfo| format!("{} {}", token.name, token.rights);
            admin.list().unwrap().into_iter().map(line).collect()
        };
        assert_eq!(list(&admin), ["default full", "alice read-only", "bob full"]);
        let path = folder.path().join(named_tokens::FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(token.expose()), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        admin.revoke(&name("alice")).unwrap();
        assert_eq!(list(&admin), ["default full", "bob full"]);
    }

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let (folder, admin) = place();
        admin.add(name("alice"), Rights::Full, NOW).unwrap();
        let text = || fs::read_to_string(folder.path().join(named_tokens::FILE)).unwrap();
        let before = text();
        let errors = [
            admin.add(name("alice"), Rights::Full, NOW).unwrap_err(),
            admin.revoke(&name("bob")).unwrap_err(),
            admin.add(name("default"), Rights::Full, NOW).unwrap_err(),
            admin.revoke(&TokenName::default()).unwrap_err(),
        ];
        for (error, says) in errors.iter().zip([
            "there is a token alice already",
            "there is no token bob",
            "default is the token in",
            "write another into that file",
        ]) {
            assert!(error.to_string().contains(says), "{error}");
        }
        assert_eq!(text(), before);
        for at in 1..MOST {
            admin.add(name(&format!("t{at}")), Rights::Full, NOW).unwrap();
        }
        let full = admin.add(name("one-more"), Rights::Full, NOW).unwrap_err();
        assert!(matches!(full, TokenError::TooMany), "{full}");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_not_replaced() {
        let (folder, admin) = place();
        admin.add(name("alice"), Rights::Full, NOW).unwrap();
        let path = folder.path().join(named_tokens::FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = admin.add(name("bob"), Rights::Full, NOW).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "{}").unwrap();
        for error in [
            admin.add(name("bob"), Rights::Full, NOW).unwrap_err(),
            admin.revoke(&name("alice")).unwrap_err(),
            admin.list().unwrap_err(),
        ] {
            assert!(error.to_string().contains("holds no tokens"), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    }

    #[test]
    fn a_folder_without_a_dashboard_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [folder.path(), &folder.path().join("nothing")] {
            let error = TokenAdmin::open(folder).unwrap_err();
            assert!(matches!(error, TokenError::NoDashboard(_)), "{error}");
        }
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let (folder, admin) = place();
        std::thread::scope(|scope| {
            for at in 0..16 {
                let admin = TokenAdmin::open(folder.path()).unwrap();
                scope.spawn(move || {
                    admin.add(name(&format!("t{at}")), Rights::Full, NOW).unwrap();
                });
            }
        });
        assert_eq!(admin.list().unwrap().len(), 17);
    }
}
