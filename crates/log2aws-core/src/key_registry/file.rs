//! The registry as an object: JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::enrolment::read_hex;
use super::{
    Enrolment, FORMAT, KeyRecord, KeyRegistry, MAX_ENROLMENTS, MAX_KEYS, MAX_VALID, MAX_WHY_BYTES,
    Revocation, check_name,
};
use crate::retired::check_text;
use crate::server_key::PublicKey;
use crate::server_name::ServerName;

/// Why an object is no [`KeyRegistry`].
#[derive(Debug, thiserror::Error)]
pub enum KeyRegistryError {
    /// Written by a newer version of this program.
    #[error("it has format {0}; this program reads format {FORMAT}: update it")]
    Newer(u32),
    /// It is no such JSON.
    #[error("it is damaged")]
    Json(#[source] serde_json::Error),
    /// A record is invalid.
    #[error("its record of {server:?} is invalid: {why}")]
    Record {
        /// The server, as it is written.
        server: String,
        /// What is wrong with it.
        why: String,
    },
    /// More records than are kept.
    #[error("it has {0} records; at most {1} are read")]
    TooMany(usize, usize),
}

#[derive(Serialize)]
struct FileOut<'a> {
    format: u32,
    servers: BTreeMap<&'a str, &'a [KeyRecord]>,
    enrolments: BTreeMap<&'a str, &'a Enrolment>,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIn {
    #[expect(dead_code, reason = "read before")]
    format: u32,
    servers: BTreeMap<String, Vec<KeyIn>>,
    enrolments: BTreeMap<String, EnrolmentIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyIn {
    key: String,
    by: String,
    at: String,
    revoked: Option<RevocationIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationIn {
    by: String,
    at: String,
    why: String,
    #[serde(default)]
    plain: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolmentIn {
    secret_sha256: String,
    expires: String,
    by: String,
    at: String,
}

fn time(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| format!("{text:?} is no time"))
}

impl KeyIn {
    fn read(self) -> Result<KeyRecord, String> {
        let revoked = self.revoked.map(|end| {
            check_text(&end.why, MAX_WHY_BYTES).map_err(|error| format!("the reason: {error}"))?;
            check_name(&end.by).map_err(|error| error.to_string())?;
            Ok::<_, String>(Revocation {
                by: end.by,
                at: time(&end.at)?,
                why: end.why,
                plain: end.plain,
            })
        });
        check_name(&self.by).map_err(|error| error.to_string())?;
        Ok(KeyRecord {
            key: PublicKey::parse_registered(&self.key).map_err(|error| error.to_string())?,
            by: self.by,
            at: time(&self.at)?,
            revoked: revoked.transpose()?,
        })
    }
}

impl EnrolmentIn {
    fn read(self) -> Result<Enrolment, String> {
        check_name(&self.by).map_err(|error| error.to_string())?;
        let secret_sha256 = read_hex(&self.secret_sha256).ok_or("its hash is none")?;
        let (expires, at) = (time(&self.expires)?, time(&self.at)?);
        Ok(Enrolment { secret_sha256, expires, by: self.by, at })
    }
}

impl KeyRegistry {
    /// Reads the object.
    ///
    /// # Errors
    /// [`KeyRegistryError`]: an object that is not understood says nothing about any server, so
    /// nobody gets a URL by it.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyRegistryError> {
        let FormatOnly { format } =
            serde_json::from_slice(bytes).map_err(KeyRegistryError::Json)?;
        if format != FORMAT {
            return Err(KeyRegistryError::Newer(format));
        }
        let file: FileIn = serde_json::from_slice(bytes).map_err(KeyRegistryError::Json)?;
        let count = file.servers.values().map(Vec::len).sum();
        if count > MAX_KEYS {
            return Err(KeyRegistryError::TooMany(count, MAX_KEYS));
        }
        if file.enrolments.len() > MAX_ENROLMENTS {
            return Err(KeyRegistryError::TooMany(file.enrolments.len(), MAX_ENROLMENTS));
        }
        let mut registry = Self::default();
        for (server, keys) in file.servers {
            let (name, keys) = record(server, || keys.into_iter().map(KeyIn::read).collect())?;
            registry.servers.insert(name, keys);
        }
        for (server, keys) in &registry.servers {
            check_keys(keys)
                .map_err(|why| KeyRegistryError::Record { server: server.to_string(), why })?;
        }
        for (server, enrolment) in file.enrolments {
            let (name, enrolment) = record(server, || enrolment.read())?;
            registry.enrolments.insert(name, enrolment);
        }
        Ok(registry)
    }

    /// The object, as JSON that [`KeyRegistry::parse`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        let servers = self.servers.iter();
        let file = FileOut {
            format: FORMAT,
            servers: servers.map(|(server, keys)| (server.as_str(), keys.as_slice())).collect(),
            enrolments: self
                .enrolments
                .iter()
                .map(|(server, one)| (server.as_str(), one))
                .collect(),
        };
        // Texts and numbers alone: it cannot fail.
        let mut json = serde_json::to_vec(&file).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

fn check_keys(keys: &[KeyRecord]) -> Result<(), String> {
    if keys.iter().filter(|record| record.revoked.is_none()).count() > MAX_VALID {
        return Err(format!("it has more than {MAX_VALID} valid keys"));
    }
    let twice = |(at, record): (usize, &KeyRecord)| {
        keys.iter().skip(at + 1).any(|other| other.key == record.key)
    };
    if keys.iter().enumerate().any(twice) {
        return Err("it has a key twice".to_owned());
    }
    Ok(())
}

fn record<T>(
    server: String,
    read: impl FnOnce() -> Result<T, String>,
) -> Result<(ServerName, T), KeyRegistryError> {
    let name = server.parse::<ServerName>().map_err(|error| error.to_string());
    match name.and_then(|name| Ok((name, read()?))) {
        Ok(read) => Ok(read),
        Err(why) => Err(KeyRegistryError::Record { server, why }),
    }
}
