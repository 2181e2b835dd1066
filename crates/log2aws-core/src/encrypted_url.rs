//! An answer with an upload URL, encrypted to one server: HPKE (RFC 9180), base mode,
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, `ChaCha20Poly1305`.
//!
//! The additional data binds an answer to one log and one request, so that neither a replayed
//! answer nor that of another log is opened.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::day::Day;
pub use crate::hpke_seal::Fresh;
use crate::hpke_seal::{open, seal};
use crate::server_key::{KeyId, PrivateKey, PublicKey};
use crate::server_name::ServerName;

/// The media type of the answer.
pub const MEDIA_TYPE: &str = "application/vnd.log2aws.encrypted-url+json";

/// The version of the form.
const VERSION: u32 = 1;

/// HPKE's `info`.
const INFO: &[u8] = b"log2aws/1 url";

/// The client's name for one request: 16 to 64 letters, digits, `-` and `_`, never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

/// Why a text is no [`RequestId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("request_id must have 16 to 64 letters, digits, '-' and '_'")]
pub struct RequestIdError;

impl RequestId {
    /// The id of one request, from fresh random bytes.
    pub fn generate(fresh: &Fresh) -> Self {
        Self(hex::encode(&fresh.bytes()[..16]))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let ok = plain && (16..=64).contains(&text.len());
        if ok { Ok(Self(text.to_owned())) } else { Err(RequestIdError) }
    }
}

/// What an encrypted answer is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The server.
    pub server: &'a ServerName,
    /// The day of the log.
    pub day: Day,
    /// The length of the log in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// The client's request.
    pub request_id: &'a RequestId,
}

/// The kind of log. There is one so far.
const KIND: &str = "load";

impl Binding<'_> {
    /// The additional data: canonical JSON (RFC 8785). Names are sorted, nothing needs an escape,
    /// and a size is far below 2^53.
    fn to_json(self) -> Vec<u8> {
        let sha256 = hex::encode(self.sha256);
        format!(
            r#"{{"date":"{}","kind":"{KIND}","request_id":"{}","server":"{}","sha256":"{sha256}","size":{}}}"#,
            self.day, self.request_id.0, self.server, self.size
        )
        .into_bytes()
    }
}

/// The answer as it is sent. Nothing in it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedUrl {
    v: u32,
    /// The key to which it is encrypted.
    key_id: String,
    /// The request that it answers.
    request_id: String,
    /// The encapsulated key, base64.
    enc: String,
    /// The ciphertext, base64.
    ct: String,
}

/// The answer cannot be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL cannot be encrypted to the key {0}")]
pub struct EncryptError(KeyId);

/// Why an answer cannot be opened. Never repeats any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// It is no JSON of this form.
    #[error("it is incomplete or no encrypted answer")]
    Shape,
    /// It is of a newer form.
    #[error("it has version {0}, and this program reads version {VERSION}: update it")]
    Version(u32),
    /// It answers another request.
    #[error(
        "it answers another request than ours; does a cache or somebody else stand in between?"
    )]
    OtherRequest,
    /// It is encrypted to a key that is not here.
    #[error(
        "it is encrypted to the key {theirs}, and this server has {ours}; register its key: \
         log2aws key register {server} PUBLIC-KEY (here: log2aws-agent key show)"
    )]
    OtherKey {
        /// The key of the answer.
        theirs: KeyId,
        /// The keys here.
        ours: String,
        /// The server.
        server: ServerName,
    },
    /// It was changed, or made for another log.
    #[error("it was changed on its way, or made for another log")]
    Damaged,
}

impl EncryptedUrl {
    /// Encrypts `answer` to a key. Each call needs fresh random bytes.
    ///
    /// # Errors
    /// [`EncryptError`]: the key is no usable point.
    pub fn encrypt(
        answer: &[u8],
        to: &PublicKey,
        binding: Binding<'_>,
        fresh: &Fresh,
    ) -> Result<Self, EncryptError> {
        let sealed = seal(to.bytes(), INFO, &binding.to_json(), answer, fresh);
        let (enc, ct) = sealed.map_err(|_| EncryptError(to.id()))?;
        Ok(Self {
            v: VERSION,
            key_id: to.id().to_string(),
            request_id: binding.request_id.0.clone(),
            enc: BASE64.encode(enc),
            ct: BASE64.encode(ct),
        })
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`DecryptError::Shape`], [`DecryptError::Version`].
    pub fn parse(json: &[u8]) -> Result<Self, DecryptError> {
        #[derive(Deserialize)]
        struct Form {
            v: u32,
        }
        let Form { v } = serde_json::from_slice(json).map_err(|_| DecryptError::Shape)?;
        if v != VERSION {
            return Err(DecryptError::Version(v));
        }
        serde_json::from_slice(json).map_err(|_| DecryptError::Shape)
    }

    /// The id of the key to which it is encrypted, as it is written.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Decrypts the answer with the right one of `keys`.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub fn decrypt(
        &self,
        keys: &[PrivateKey],
        binding: Binding<'_>,
    ) -> Result<Vec<u8>, DecryptError> {
        if self.request_id != binding.request_id.0 {
            return Err(DecryptError::OtherRequest);
        }
        let theirs: KeyId = self.key_id.parse().map_err(|_| DecryptError::Shape)?;
        let key = keys.iter().find(|key| key.public().id() == theirs);
        let key = key.ok_or_else(|| DecryptError::OtherKey {
            theirs,
            ours: keys
                .iter()
                .map(|key| key.public().id().to_string())
                .collect::<Vec<_>>()
                .join(", "),
            server: binding.server.clone(),
        })?;
        let decode = |text: &str| BASE64.decode(text).map_err(|_| DecryptError::Shape);
        let (enc, ct) = (decode(&self.enc)?, decode(&self.ct)?);
        open(key.get(), INFO, &binding.to_json(), &enc, &ct).map_err(|_| DecryptError::Damaged)
    }
}

#[cfg(test)]
mod tests;
