//! Enrolment: a server registers its key by a code that an operator gave it.
//!
//! The code holds a secret, the registry only the secret's SHA-256. The server puts its public key
//! with an HMAC under that hash; whoever may write the registry checks it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{KeyDecisionError, KeyRecord, KeyRegistry, MAX_ENROLMENTS, as_text, check_name};
use crate::encrypted_url::Fresh;
use crate::key::ObjectKey;
use crate::server_key::PublicKey;
use crate::server_name::ServerName;

/// The longest request of a server, in bytes.
pub const MAX_ENROLMENT_BYTES: u64 = 4096;

/// As a code begins.
const CODE: &str = "log2aws-enrol-1.";

/// What is authenticated begins with it.
const LABEL: &str = "log2aws/1 enrol";

/// Where servers put their [`EnrolmentRequest`]s, in the raw bucket.
const FOLDER: &str = ".log2aws/enrol/";

/// The key in the raw bucket under which a server puts its [`EnrolmentRequest`].
pub fn enrolment_key(server: &ServerName) -> ObjectKey {
    ObjectKey::under(FOLDER, server)
}

/// The server whose [`enrolment_key`] it is, if it is one.
pub fn enrolling_server(key: &str) -> Option<ServerName> {
    key.strip_prefix(FOLDER)?.parse().ok()
}

/// An open enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Enrolment {
    /// The SHA-256 of the code's secret.
    #[serde(serialize_with = "as_hex")]
    pub secret_sha256: [u8; 32],
    /// Until when the code is good.
    #[serde(serialize_with = "as_text")]
    pub expires: Timestamp,
    /// Who gave the code.
    pub by: String,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex::encode(bytes))
}

/// Exactly `N` bytes from hexadecimal digits.
pub(super) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

/// The code that an operator gives to a server: a secret. It does not print but by
/// [`EnrolmentCode::expose`].
#[derive(Clone)]
pub struct EnrolmentCode {
    /// The server.
    pub server: ServerName,
    /// Until when it is good.
    pub expires: Timestamp,
    secret: [u8; 16],
}

/// Why a text is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no enrolment code, or not a whole one: it begins with {CODE:?}, as `log2aws key register SERVER --code` prints it"
)]
pub struct EnrolmentCodeError;

/// Why an enrolment is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// None is open.
    #[error("no enrolment of {0} is open; give it a code: log2aws key register {0} --code")]
    NotOpen(ServerName),
    /// The code's time is over.
    #[error(
        "the code for {0} was good until {1}; give it another: log2aws key register {0} --code"
    )]
    Expired(ServerName, Timestamp),
    /// The request is no JSON of this form.
    #[error("the request of {0} is damaged")]
    Damaged(ServerName),
    /// It was not made with the code.
    #[error(
        "the request of {0} was not made with the code that is open: somebody else put it, or it was made with an earlier code; nothing was registered"
    )]
    Forged(ServerName),
}

impl EnrolmentCode {
    /// A new code, from fresh random bytes.
    pub fn generate(server: ServerName, expires: Timestamp, fresh: &Fresh) -> Self {
        let mut secret = [0; 16];
        secret.iter_mut().zip(fresh.bytes()).for_each(|(to, byte)| *to = *byte);
        // The text has whole seconds.
        let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        Self { server, expires, secret }
    }

    /// The code as text, only for the operator and the server.
    pub fn expose(&self) -> String {
        let (server, expires) = (&self.server, self.expires.as_second());
        format!(
            "{CODE}{}",
            BASE64.encode(format!("{server} {expires} {}", hex::encode(self.secret)))
        )
    }

    /// The record of the code.
    pub fn enrolment(&self, by: String, at: Timestamp) -> Enrolment {
        Enrolment { secret_sha256: self.hash(), expires: self.expires, by, at }
    }

    /// What the server puts.
    pub fn request(&self, key: &PublicKey) -> EnrolmentRequest {
        let mac = hex::encode(mac(&self.hash(), &self.server, key));
        EnrolmentRequest { v: 1, server: self.server.to_string(), key: key.to_string(), mac }
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

impl FromStr for EnrolmentCode {
    type Err = EnrolmentCodeError;

    fn from_str(text: &str) -> Result<Self, EnrolmentCodeError> {
        let read = || {
            let code = BASE64.decode(text.trim().strip_prefix(CODE)?).ok()?;
            let code = String::from_utf8(code).ok()?;
            let mut parts = code.split(' ');
            let server = parts.next()?.parse().ok()?;
            let expires = Timestamp::from_second(parts.next()?.parse().ok()?).ok()?;
            let secret = read_hex(parts.next()?)?;
            parts.next().is_none().then_some(Self { server, expires, secret })
        };
        read().ok_or(EnrolmentCodeError)
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentCode").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What a server puts to enrol: its public key, and the proof that it has the code.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    v: u32,
    server: String,
    key: String,
    mac: String,
}

impl EnrolmentRequest {
    /// The object that is put.
    pub fn to_json(&self) -> Vec<u8> {
        // Texts and numbers alone: it cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn mac(hash: &[u8; 32], server: &ServerName, key: &PublicKey) -> [u8; 32] {
    hmac(hash, server, key).finalize().into_bytes().into()
}

fn hmac(hash: &[u8; 32], server: &ServerName, key: &PublicKey) -> Hmac<Sha256> {
    // A key as long as SHA-256's block: HMAC would pad it itself (RFC 2104, section 2).
    let mut block = [0; 64];
    block.iter_mut().zip(hash).for_each(|(to, byte)| *to = *byte);
    let mut hmac = Hmac::<Sha256>::new(&block.into());
    hmac.update(format!("{LABEL}\n{server}\n{key}\n").as_bytes());
    hmac
}

impl KeyRegistry {
    /// Opens an enrolment; an earlier code of the server is no longer good.
    ///
    /// # Errors
    /// [`KeyDecisionError`]; nothing is changed then.
    pub fn open_enrolment(
        &mut self,
        server: &ServerName,
        enrolment: Enrolment,
        now: Timestamp,
    ) -> Result<(), KeyDecisionError> {
        check_name(&enrolment.by)?;
        self.enrolments.retain(|_, open| open.expires > now);
        if self.enrolments.len() >= MAX_ENROLMENTS && !self.enrolments.contains_key(server) {
            return Err(KeyDecisionError::Full(MAX_ENROLMENTS));
        }
        self.enrolments.insert(server.clone(), enrolment);
        Ok(())
    }

    /// Whether the server may put a request now.
    ///
    /// # Errors
    /// [`EnrolmentError::NotOpen`], [`EnrolmentError::Expired`].
    pub fn check_enrolment(
        &self,
        server: &ServerName,
        now: Timestamp,
    ) -> Result<&Enrolment, EnrolmentError> {
        let open = self.enrolments.get(server);
        let open = open.ok_or_else(|| EnrolmentError::NotOpen(server.clone()))?;
        if now >= open.expires {
            return Err(EnrolmentError::Expired(server.clone(), open.expires));
        }
        Ok(open)
    }

    /// Checks the request of a server, and registers its key: beside the present one, if it has one.
    /// The enrolment is closed.
    ///
    /// # Errors
    /// [`KeyDecisionError`]; nothing is changed then.
    pub fn accept(
        &mut self,
        server: &ServerName,
        request: &[u8],
        now: Timestamp,
        record: impl FnOnce(PublicKey) -> KeyRecord,
    ) -> Result<PublicKey, KeyDecisionError> {
        let open = self.check_enrolment(server, now)?.clone();
        let damaged = || EnrolmentError::Damaged(server.clone());
        let asked: EnrolmentRequest = serde_json::from_slice(request).map_err(|_| damaged())?;
        let key: PublicKey = asked.key.parse().map_err(|_| damaged())?;
        let mac: [u8; 32] = read_hex(&asked.mac).ok_or_else(damaged)?;
        let ours = asked.v == 1 && asked.server == server.as_str();
        // In constant time.
        let proved = hmac(&open.secret_sha256, server, &key).verify_slice(&mac).is_ok();
        if !(ours && proved) {
            return Err(EnrolmentError::Forged(server.clone()).into());
        }
        let beside = !self.valid(server).is_empty();
        self.register(server, record(key), beside)?;
        self.enrolments.remove(server);
        Ok(key)
    }
}
