//! Files that say who may log in, compared with their last known states.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::file_fingerprint::FileState;
use crate::ui::{LoginKeys, NamedTokenId};

/// The named tokens, by name.
type Named = BTreeMap<String, NamedTokenId>;

/// The file of the default token, and that of the named ones.
pub(crate) struct WatchedFiles {
    keys: LoginKeys,
    default: WatchedFile,
    named: WatchedFile,
    /// The named tokens when their file was last read; `None` if it never could be.
    known: Option<Named>,
}

impl WatchedFiles {
    /// Starts from the current states. Blocks.
    pub(crate) fn new(keys: LoginKeys) -> Self {
        let [default, named] = keys.files().map(WatchedFile::new);
        let known = keys.named();
        Self { keys, default, named, known }
    }

    /// What has changed since the last call, one text for each change. Blocks.
    pub(crate) fn changes(&mut self) -> Vec<String> {
        let mut changes = Vec::new();
        if let Some(change) = self.default.change() {
            changes.push(format!("{} {change}", self.default.name()));
        }
        if let Some(change) = self.named.change() {
            let name = self.named.name();
            // An unusable file lets nobody in, and revokes no token: it may be repaired.
            let now = self.keys.named();
            let found = self.known.as_ref().zip(now.as_ref());
            let tokens = found.map(|(known, now)| differences(known, now)).unwrap_or_default();
            self.known = now.or(self.known.take());
            if tokens.is_empty() {
                changes.push(format!("{name} {change}"));
            }
            changes.extend(tokens.into_iter().map(|token| format!("{name}: {token}")));
        }
        changes
    }

    /// Whether the state of a file cannot be determined.
    pub(crate) fn is_unknown(&self) -> bool {
        self.default.is_unknown || self.named.is_unknown
    }
}

/// One file.
struct WatchedFile {
    path: PathBuf,
    seen: FileState,
    is_unknown: bool,
}

impl WatchedFile {
    fn new(path: PathBuf) -> Self {
        let seen = FileState::of(&path);
        Self { path, seen, is_unknown: false }
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What happened to the file since the last call, in one word. A failure to find out is not a
    /// removal; it is logged once.
    fn change(&mut self) -> Option<&'static str> {
        let now = FileState::of(&self.path);
        if let FileState::Unknown(error) = now {
            if !self.is_unknown {
                let path = self.path.display();
                tracing::error!(%path, %error, "a file of dashboard tokens cannot be examined");
            }
            self.is_unknown = true;
            return None;
        }
        self.is_unknown = false;
        match (std::mem::replace(&mut self.seen, now), now) {
            (before, now) if before == now => None,
            (FileState::Missing, _) => Some("made"),
            (_, FileState::Missing) => Some("removed"),
            _ => Some("changed"),
        }
    }
}

/// Which tokens were revoked, changed and added. A token with the name of an earlier one is another.
fn differences(before: &Named, now: &Named) -> Vec<String> {
    let is_another = |name: &String, token: &NamedTokenId, others: &Named| {
        others.get(name).is_none_or(|other| other.hash != token.hash)
    };
    let revoked = before.iter().filter(|(name, token)| is_another(name, token, now));
    let changed = now.iter().filter(|(name, token)| {
        before.get(*name).is_some_and(|old| old.hash == token.hash && old != *token)
    });
    let added = now.iter().filter(|(name, token)| is_another(name, token, before));
    let revoked = revoked.map(|(name, _)| format!("revoked {name}"));
    let changed = changed.map(|(name, _)| format!("changed {name}"));
    revoked.chain(changed).chain(added.map(|(name, _)| format!("added {name}"))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;

    use super::*;
    use crate::credentials::fill;
    use crate::test_clock::FixedClock;
    use crate::ui::{Rights, TokenAdmin};

    #[test]
    fn each_named_token_is_a_change_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let keys = LoginKeys::open(folder.path(), &FixedClock::EPOCH, &mut fill).unwrap();
        let mut watched = WatchedFiles::new(keys);
        let admin = TokenAdmin::open(folder.path()).unwrap();
        let add = |name: &str| {
            admin
                .add(name.parse().unwrap(), Rights::Full, Timestamp::UNIX_EPOCH)
                .map(drop)
                .unwrap();
        };
        let revoke = |name: &str| admin.revoke(&name.parse().unwrap()).unwrap();
        assert!(watched.changes().is_empty());
        add("alice");
        add("bob");
        let file = "dashboard-tokens.json";
        let texts = |changes: &[&str]| -> Vec<String> {
            changes.iter().map(|change| format!("{file}: {change}")).collect()
        };
        assert_eq!(watched.changes(), texts(&["added alice", "added bob"]));
        assert!(watched.changes().is_empty());
        revoke("alice");
        revoke("bob");
        add("bob");
        assert_eq!(watched.changes(), texts(&["revoked alice", "revoked bob", "added bob"]));
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("false", "true")).unwrap();
        assert_eq!(watched.changes(), texts(&["changed bob"]));
        fs::write(&path, "{").unwrap();
        assert_eq!(watched.changes(), ["dashboard-tokens.json changed"]);
        fs::remove_file(&path).unwrap();
        assert_eq!(watched.changes(), texts(&["revoked bob"]));
    }

    #[test]
    fn a_file_that_cannot_be_examined_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let keys = LoginKeys::open(folder.path(), &FixedClock::EPOCH, &mut fill).unwrap();
        let mut watched = WatchedFiles::new(keys);
        let (path, aside) = (folder.path().join("dashboard-token"), folder.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        symlink(&path, &path).unwrap();
        assert!(watched.changes().is_empty() && watched.is_unknown());
        fs::remove_file(&path).unwrap();
        assert_eq!(watched.changes(), ["dashboard-token removed"]);
        assert!(!watched.is_unknown());
        fs::rename(&aside, &path).unwrap();
        assert_eq!(watched.changes(), ["dashboard-token made"]);
    }
}
