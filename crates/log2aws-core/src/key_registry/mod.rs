//! The registered public keys of servers, to which their upload URLs are encrypted.
//!
//! All records are one object of the analyzed bucket, [`KEY`]. A record is never removed: revoking
//! a key adds who did it, when and why.

mod enrolment;
mod file;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::retired::{TextError, check_text};
use crate::server_key::{KeyId, PublicKey};
use crate::server_name::ServerName;

pub use self::enrolment::{
    Enrolment, EnrolmentCode, EnrolmentCodeError, EnrolmentError, EnrolmentRequest,
    MAX_ENROLMENT_BYTES, enrolling_server, enrolment_key,
};
pub use self::file::KeyRegistryError;

/// The key of the records in the analyzed bucket.
pub const KEY: &str = ".log2aws/keys.json";

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// The most keys that are kept, revoked ones included.
pub const MAX_KEYS: usize = 40_000;

/// The most open enrolments.
pub const MAX_ENROLMENTS: usize = 10_000;

/// The most keys of a server that are valid at once: the present one and the next.
pub const MAX_VALID: usize = 2;

/// The longest object that is read, in bytes.
pub const MAX_BYTES: u64 = 24 * 1024 * 1024;

/// The longest reason, in bytes of UTF-8.
pub const MAX_WHY_BYTES: usize = 500;

/// The longest name of an operator, in bytes of UTF-8.
pub const MAX_BY_BYTES: usize = 100;

/// A registered key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRecord {
    /// The key.
    #[serde(serialize_with = "as_text")]
    pub key: PublicKey,
    /// Who registered it, as far as their machine knows it.
    pub by: String,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Who revoked it; `None` while it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// The end of a [`KeyRecord`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revocation {
    /// Who revoked it.
    pub by: String,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Why.
    pub why: String,
    /// Whether the server gets plain URLs from then on, if it has no other valid key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
}

fn as_text<T: fmt::Display, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// The form in which a server gets its URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlForm {
    /// Plain: the server has no key.
    Plain,
    /// Encrypted to this key.
    Encrypted(PublicKey),
    /// None: all its keys were revoked.
    Refused,
}

/// Every registered key and every open enrolment.
///
/// Invariants: at most [`MAX_KEYS`], [`MAX_ENROLMENTS`] and [`MAX_VALID`]; no server has a key twice;
/// at most one enrolment of a server is open; every text is within its bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRegistry {
    servers: BTreeMap<ServerName, Vec<KeyRecord>>,
    enrolments: BTreeMap<ServerName, Enrolment>,
}

/// Why a decision was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyDecisionError {
    /// The key is registered already.
    #[error("{0} has the key {1} already, registered by {2} at {3}")]
    Known(ServerName, KeyId, String, Timestamp),
    /// The key was revoked.
    #[error(
        "the key {1} of {0} was revoked by {2} at {3}; make another: log2aws-agent key new --replace"
    )]
    Revoked(ServerName, KeyId, String, Timestamp),
    /// Another server has the key.
    #[error("{0} has that key already: each server makes its own")]
    Anothers(ServerName),
    /// The server has a valid key, and its replacement was not asked for.
    #[error(
        "{0} has the valid key {1}; to register its next one beside it: log2aws key rotate {0} PUBLIC-KEY"
    )]
    HasKey(ServerName, KeyId),
    /// The server has as many valid keys as it can have.
    #[error("{0} has {MAX_VALID} valid keys ({1}, {2}); revoke the one that it no longer uses")]
    Two(ServerName, KeyId, KeyId),
    /// The server has no valid key.
    #[error("{0} has no valid key")]
    None(ServerName),
    /// The server has two keys, or not this one.
    #[error("name one of the valid keys of {0}: {1}")]
    Which(ServerName, String),
    /// [`MAX_KEYS`] or [`MAX_ENROLMENTS`] are kept already.
    #[error("{0} are kept already, which is the maximum")]
    Full(usize),
    /// A text cannot be kept.
    #[error("the {0} cannot be kept: {1}")]
    Text(&'static str, TextError),
    /// The enrolment is refused.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
}

impl KeyRegistry {
    /// Each server that ever had a key, with its keys, the oldest first.
    pub fn servers(&self) -> impl Iterator<Item = (&ServerName, &[KeyRecord])> {
        self.servers.iter().map(|(server, keys)| (server, keys.as_slice()))
    }

    /// The keys of a server, the oldest first.
    pub fn keys(&self, server: &ServerName) -> &[KeyRecord] {
        self.servers.get(server).map_or(&[], Vec::as_slice)
    }

    /// The open enrolments.
    pub fn enrolments(&self) -> impl Iterator<Item = (&ServerName, &Enrolment)> {
        self.enrolments.iter()
    }

    /// The form in which `server` gets its URLs. `known` is the key that it says it has: of two
    /// valid keys it is taken, so that neither side has to be the first to rotate.
    pub fn url_form(&self, server: &ServerName, known: Option<KeyId>) -> UrlForm {
        let keys = self.keys(server);
        let valid = || keys.iter().filter(|key| key.revoked.is_none());
        let named = valid().find(|key| Some(key.key.id()) == known);
        if let Some(key) = named.or_else(|| valid().next_back()) {
            return UrlForm::Encrypted(key.key);
        }
        let last = keys.iter().filter_map(|key| key.revoked.as_ref()).max_by_key(|end| end.at);
        if last.is_none_or(|end| end.plain) { UrlForm::Plain } else { UrlForm::Refused }
    }

    /// Registers the first key of a server, or, with `beside`, the next one beside the present one.
    ///
    /// # Errors
    /// [`KeyDecisionError`]; nothing is changed then.
    pub fn register(
        &mut self,
        server: &ServerName,
        record: KeyRecord,
        beside: bool,
    ) -> Result<(), KeyDecisionError> {
        check_name(&record.by)?;
        let id = record.key.id();
        let same = self.keys(server).iter().find(|known| known.key == record.key);
        if let Some(known) = same {
            let (by, at) =
                known.revoked.as_ref().map_or((&known.by, known.at), |end| (&end.by, end.at));
            let told = (server.clone(), id, by.clone(), at);
            return Err(if known.revoked.is_some() {
                KeyDecisionError::Revoked(told.0, told.1, told.2, told.3)
            } else {
                KeyDecisionError::Known(told.0, told.1, told.2, told.3)
            });
        }
        let has = |keys: &Vec<KeyRecord>| keys.iter().any(|known| known.key == record.key);
        if let Some((other, _)) = self.servers.iter().find(|(_, keys)| has(keys)) {
            return Err(KeyDecisionError::Anothers(other.clone()));
        }
        match (self.valid(server).as_slice(), beside) {
            ([present], false) => {
                return Err(KeyDecisionError::HasKey(server.clone(), *present));
            }
            ([], true) => return Err(KeyDecisionError::None(server.clone())),
            ([one, two, ..], _) => return Err(KeyDecisionError::Two(server.clone(), *one, *two)),
            ([], false) | ([_], true) => {}
        }
        if self.servers.values().map(Vec::len).sum::<usize>() >= MAX_KEYS {
            return Err(KeyDecisionError::Full(MAX_KEYS));
        }
        self.servers.entry(server.clone()).or_default().push(record);
        Ok(())
    }

    /// Revokes a key of a server: its only valid one, unless `key` names it.
    ///
    /// # Errors
    /// [`KeyDecisionError`]; nothing is changed then.
    pub fn revoke(
        &mut self,
        server: &ServerName,
        key: Option<KeyId>,
        revocation: &Revocation,
    ) -> Result<KeyId, KeyDecisionError> {
        check_name(&revocation.by)?;
        check_text(&revocation.why, MAX_WHY_BYTES)
            .map_err(|error| KeyDecisionError::Text("reason", error))?;
        let valid = self.valid(server);
        let id = match (valid.as_slice(), key) {
            ([], _) => return Err(KeyDecisionError::None(server.clone())),
            ([only], None) => *only,
            (valid, Some(key)) if valid.contains(&key) => key,
            (valid, _) => {
                let ids: Vec<_> = valid.iter().map(KeyId::to_string).collect();
                return Err(KeyDecisionError::Which(server.clone(), ids.join(", ")));
            }
        };
        let keys = self.servers.get_mut(server).into_iter().flatten();
        for record in keys.filter(|record| record.key.id() == id && record.revoked.is_none()) {
            record.revoked = Some(revocation.clone());
        }
        Ok(id)
    }

    fn valid(&self, server: &ServerName) -> Vec<KeyId> {
        let valid = self.keys(server).iter().filter(|record| record.revoked.is_none());
        valid.map(|record| record.key.id()).collect()
    }
}

fn check_name(by: &str) -> Result<(), KeyDecisionError> {
    check_text(by, MAX_BY_BYTES).map_err(|error| KeyDecisionError::Text("operator's name", error))
}

#[cfg(test)]
mod tests;
