//! The keys that sign the delivery log: a file of the data folder, one key a line, the oldest first.
//!
//! It is not part of a snapshot: a restored store lacks what came later, and would sign a second
//! history under the same name.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use log2aws_core::key::BucketName;
use log2aws_service::http::StoreId;
use log2aws_tlog::note::{Algorithm, SigningKey, VerifierKey};

use crate::config::ServeError;
use crate::credentials::{FileOwner, Random, fill, read_secret_of, write_secret_for};

/// The file in the data folder.
const FILE: &str = "delivery-log-keys";

/// How many keys sign at most: while they rotate, the old one and the new one.
const MAX_KEYS: usize = 2;

/// The name of a store's log. A restored store has another id, and so another log.
pub(crate) fn origin(bucket: &BucketName, id: &StoreId) -> String {
    format!("log2aws/{bucket}/{id}")
}

/// Reads the keys of the log called `origin`; makes one if there is none.
///
/// # Errors
/// The file cannot be read or written, or has no key.
pub(crate) fn read_or_make(
    folder: &Path,
    origin: &str,
    random: Random<'_>,
) -> Result<Vec<SigningKey>, ServeError> {
    let (path, owner) = (folder.join(FILE), FileOwner::of_process());
    let keys = read(&path, owner)?;
    // Keys of another name came with the folder of another store.
    if keys.last().is_some_and(|key| key.verifier().name() == origin) {
        return Ok(keys);
    }
    let keys = vec![make(&path, origin, random)?];
    write(&path, &keys, owner)?;
    Ok(keys)
}

fn make(path: &Path, origin: &str, random: Random<'_>) -> Result<SigningKey, ServeError> {
    let mut seed = [0; 32];
    random(&mut seed)?;
    SigningKey::new(origin, Algorithm::Note, seed).map_err(|_| content(path))
}

fn content(path: &Path) -> ServeError {
    let expected = "the keys of the delivery log; restore it: with a new key a new log begins";
    ServeError::KeyFileContent { path: path.to_owned(), expected }
}

fn read(path: &Path, owner: FileOwner) -> Result<Vec<SigningKey>, ServeError> {
    let Some(text) = read_secret_of(path, owner)? else { return Ok(Vec::new()) };
    let keys: Option<Vec<_>> = text.lines().map(|line| SigningKey::parse(line).ok()).collect();
    keys.filter(|keys| (1..=MAX_KEYS).contains(&keys.len())).ok_or_else(|| content(path))
}

fn write(path: &Path, keys: &[SigningKey], owner: FileOwner) -> Result<(), ServeError> {
    let lines: Vec<String> = keys.iter().map(SigningKey::expose).collect();
    write_secret_for(path, &(lines.join("\n") + "\n"), owner)
}

/// Why the keys of a data folder could not be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogKeyError {
    /// No server has used this folder.
    #[error(
        "{} has no {FILE}: name the data folder of a serve that was started before (--data-dir)",
        .0.display()
    )]
    NoLog(PathBuf),
    /// The server could not read a file that another user has written.
    #[error("{} belongs to the user with the id {owner}: run this as that user, or as root", folder.display())]
    Owner {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The folder cannot be read or locked.
    #[error("{} cannot be used", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] ServeError),
}

/// The keys of a data folder, for the operator's command line.
#[derive(Debug)]
pub struct LogKeyAdmin {
    folder: PathBuf,
    owner: FileOwner,
}

impl LogKeyAdmin {
    /// The keys of `folder`, which a server must have used before.
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn open(folder: &Path) -> Result<Self, LogKeyError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => LogKeyError::NoLog(folder.to_owned()),
            _ => LogKeyError::Folder { folder: folder.to_owned(), source },
        };
        let meta = fs::metadata(folder).map_err(failed)?;
        fs::symlink_metadata(folder.join(FILE)).map_err(failed)?;
        let owner = FileOwner { uid: meta.uid(), gid: meta.gid() };
        let me = FileOwner::of_process();
        if me.uid != 0 && me.uid != owner.uid {
            return Err(LogKeyError::Owner { folder: folder.to_owned(), owner: owner.uid });
        }
        Ok(Self { folder: folder.to_owned(), owner })
    }

    /// The public keys that sign, the oldest first.
    ///
    /// # Errors
    /// [`LogKeyError::File`].
    pub fn verifiers(&self) -> Result<Vec<VerifierKey>, LogKeyError> {
        let keys = read(&self.folder.join(FILE), self.owner)?;
        Ok(keys.iter().map(|key| key.verifier().clone()).collect())
    }

    /// Makes a new key. From now on checkpoints are signed with it and with the key before; an even
    /// older one is removed. A running server signs with them at its next checkpoint.
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn rotate(&self) -> Result<Vec<VerifierKey>, LogKeyError> {
        let failed = |source| LogKeyError::Folder { folder: self.folder.clone(), source };
        let _lock = File::open(&self.folder)
            .and_then(|folder| folder.lock().map(|()| folder))
            .map_err(failed)?;
        let path = self.folder.join(FILE);
        let keys = read(&path, self.owner)?;
        let before = keys.last().ok_or_else(|| LogKeyError::NoLog(self.folder.clone()))?.clone();
        let new = make(&path, before.verifier().name(), &mut fill)?;
        write(&path, &[before, new], self.owner)?;
        self.verifiers()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_once_and_rotate_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(matches!(LogKeyAdmin::open(folder), Err(LogKeyError::NoLog(_))));
        let of = |name: &str| read_or_make(folder, name, &mut fill).unwrap();
        let first = of("log2aws/a/1")[0].verifier().clone();
        let mode = fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let admin = LogKeyAdmin::open(folder).unwrap();
        assert_eq!(admin.verifiers().unwrap(), std::slice::from_ref(&first));
        let second = admin.rotate().unwrap();
        assert_eq!(second[0], first);
        let third = admin.rotate().unwrap();
        assert_eq!(third[0], second[1]);
        let signing: Vec<_> = of("log2aws/a/1").iter().map(|key| key.verifier().clone()).collect();
        assert_eq!(signing, third);
        // A store with another id begins another log.
        assert_eq!(of("log2aws/a/2").len(), 1);
        fs::write(folder.join(FILE), "PRIVATE+KEY+spoilt\n").unwrap();
        assert!(read_or_make(folder, "log2aws/a/2", &mut fill).is_err());
    }
}
