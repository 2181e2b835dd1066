//! The file of named tokens: `dashboard-tokens.json` in the data folder. It contains hashes of
//! tokens, not the tokens.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::token::{BadTokenName, Rights, TokenHash, TokenName};
use crate::config::ServeError;
use crate::credentials::{FileOwner, read_secret_of, write_secret_for};

/// The file in the data folder.
pub(crate) const FILE: &str = "dashboard-tokens.json";

/// The maximum number of named tokens: each login is compared with all of them.
pub(crate) const MOST: usize = 100;

/// The version of the file that this program writes and reads.
const FORMAT: u32 = 1;

/// One named token.
#[derive(Clone, Debug)]
pub(crate) struct NamedToken {
    pub(crate) name: TokenName,
    pub(crate) hash: TokenHash,
    pub(crate) rights: Rights,
    pub(crate) created: Timestamp,
}

/// What makes one named token differ from another of the same name.
#[derive(PartialEq, Eq)]
pub(crate) struct NamedTokenId {
    pub(crate) hash: [u8; 32],
    pub(crate) rights: Rights,
}

impl From<&NamedToken> for NamedTokenId {
    fn from(token: &NamedToken) -> Self {
        Self { hash: token.hash.0, rights: token.rights }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NamedTokensError {
    /// It cannot be read, or other users can read it.
    #[error(transparent)]
    File(#[from] ServeError),
    /// Its content is invalid.
    #[error("{} holds no tokens: {why}; restore it, or remove it and add the tokens again", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

// An unknown field is an error: it could be a restriction that a newer version has added.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    tokens: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    read_only: bool,
    created: String,
}

impl From<&NamedToken> for Entry {
    fn from(token: &NamedToken) -> Self {
        Self {
            name: token.name.to_string(),
            sha256: hex::encode(token.hash.0),
            read_only: token.rights == Rights::ReadOnly,
            created: token.created.to_string(),
        }
    }
}

impl TryFrom<Entry> for NamedToken {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        let Entry { name, sha256, read_only, created } = entry;
        let name: TokenName = name.parse().map_err(|error: BadTokenName| error.to_string())?;
        if name.is_default() {
            return Err(format!("\"{name}\" is the token of another file"));
        }
        let mut hash = [0; 32];
        hex::decode_to_slice(&sha256, &mut hash)
            .map_err(|_| format!("the sha256 of {name} is not 64 hex digits"))?;
        let created = created.parse().map_err(|_| format!("the time of {name} is none"))?;
        let rights = if read_only { Rights::ReadOnly } else { Rights::Full };
        Ok(Self { name, hash: TokenHash(hash), rights, created })
    }
}

/// The named tokens of a folder; none if there is no file.
///
/// # Errors
/// The file cannot be read, can be read or was written by other users, or has invalid content.
pub(crate) fn read(folder: &Path, owner: FileOwner) -> Result<Vec<NamedToken>, NamedTokensError> {
    let path = folder.join(FILE);
    let Some(text) = read_secret_of(&path, owner)? else { return Ok(Vec::new()) };
    parse(&text).map_err(|why| NamedTokensError::Content { path, why })
}

fn parse(text: &str) -> Result<Vec<NamedToken>, String> {
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document.format != FORMAT {
        return Err(format!("its format is {}, and this program knows {FORMAT}", document.format));
    }
    if document.tokens.len() > MOST {
        return Err(format!("it holds {} tokens; {MOST} is the most", document.tokens.len()));
    }
    let tokens: Vec<NamedToken> =
        document.tokens.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    let mut names = HashSet::new();
    match tokens.iter().find(|token| !names.insert(&token.name)) {
        Some(twice) => Err(format!("{} is in it twice", twice.name)),
        None => Ok(tokens),
    }
}

/// Replaces the file atomically. It is synced to disk on return.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(
    folder: &Path,
    tokens: &[NamedToken],
    owner: FileOwner,
) -> Result<(), NamedTokensError> {
    let path = folder.join(FILE);
    let document = Document { format: FORMAT, tokens: tokens.iter().map(Entry::from).collect() };
    let text = serde_json::to_string_pretty(&document).map_err(|error| {
        NamedTokensError::Content { path: path.clone(), why: error.to_string() }
    })?;
    Ok(write_secret_for(&path, &format!("{text}\n"), owner)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Token;

    fn token(name: &str, rights: Rights) -> NamedToken {
        let hash = TokenHash::of(&Token::shown(name));
        let created = Timestamp::from_second(1_800_000_000).unwrap();
        NamedToken { name: name.parse().unwrap(), hash, rights, created }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let owner = FileOwner::of_process();
        assert!(read(folder.path(), owner).unwrap().is_empty());
        let tokens = [token("alice", Rights::Full), token("bob", Rights::ReadOnly)];
        write(folder.path(), &tokens, owner).unwrap();
        let read = read(folder.path(), owner).unwrap();
        assert_eq!(read.len(), 2);
        for (read, written) in read.iter().zip(&tokens) {
            assert_eq!((&read.name, read.rights), (&written.name, written.rights));
            assert_eq!((read.hash.0, read.created), (written.hash.0, written.created));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused_whole() {
        let hash = "ab".repeat(32);
        let entry = |name: &str, sha256: &str, more: &str| {
            format!(
                r#"{{"name":"{name}","sha256":"{sha256}","read_only":true,"created":"2026-11-30T00:00:00Z"{more}}}"#
            )
        };
        let document = |format: u32, entries: &[String]| {
            format!(r#"{{"format":{format},"tokens":[{}]}}"#, entries.join(","))
        };
        let good = entry("alice", &hash, "");
        assert_eq!(parse(&document(1, std::slice::from_ref(&good))).unwrap().len(), 1);
        for (text, why) in [
            (String::new(), "EOF"),
            ("[]".to_owned(), "invalid"),
            (document(2, &[]), "its format is 2"),
            (document(1, &[good.clone(), good.clone()]), "alice is in it twice"),
            (document(1, &[entry("default", &hash, "")]), "another file"),
            (document(1, &[entry("Alice", &hash, "")]), "a token's name has"),
            (document(1, &[entry("alice", "ab", "")]), "not 64 hex digits"),
            (document(1, &[entry("alice", &hash, r#","until":"2026-12-01""#)]), "until"),
            (document(1, &[good.replace("2026-11-30T", "yesterday ")]), "the time of alice"),
            (document(1, &[good.replace(r#""read_only":true,"#, "")]), "read_only"),
            (document(1, &vec![good; 101]), "100 is the most"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
