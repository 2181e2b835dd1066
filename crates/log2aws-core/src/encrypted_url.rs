//! An answer with an upload URL, encrypted to one server: HPKE (RFC 9180), base mode,
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
//!
//! The additional data binds an answer to one log and one request, so that neither a replayed
//! answer nor that of another log is opened.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{
    Deserializable as _, HpkeError, Kem, OpModeR, OpModeS, Serializable as _, setup_receiver,
    setup_sender_with_rng,
};
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::server_key::{KeyId, PrivateKey, PublicKey};
use crate::server_name::ServerName;

/// The media type of the answer.
pub const MEDIA_TYPE: &str = "application/vnd.log2aws.encrypted-url+json";

/// The version of the form.
const VERSION: u32 = 1;

/// HPKE's `info`.
const INFO: &[u8] = b"log2aws/1 url";

/// Random bytes that are used once.
pub struct Fresh([u8; 32]);

impl Fresh {
    /// Wraps random bytes, which must come from the operating system and must not be used again.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(REDACTED)")
    }
}

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
        Self(fresh.0[..16].iter().map(|byte| format!("{byte:02x}")).collect())
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
        let sha256: String = self.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
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
        fresh: Fresh,
    ) -> Result<Self, EncryptError> {
        let sealed = seal(to, INFO, &binding.to_json(), answer, fresh);
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
        open(key, INFO, &binding.to_json(), &enc, &ct).map_err(|_| DecryptError::Damaged)
    }
}

/// Whether something can be encrypted to a key: points of low order give everybody the same secret.
pub(crate) fn can_encrypt_to(key: &PublicKey) -> bool {
    seal(key, INFO, b"", b"", Fresh([1; 32])).is_ok()
}

fn seal(
    to: &PublicKey,
    info: &[u8],
    aad: &[u8],
    plain: &[u8],
    fresh: Fresh,
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to.bytes())?;
    let mut random = Once { bytes: fresh.0, is_used: false, asked_again: false };
    let (enc, mut context) = setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &to,
        info,
        &mut random,
    )?;
    if random.asked_again || !random.is_used {
        return Err(HpkeError::EncapError);
    }
    let ct = context.seal(plain, aad)?;
    Ok((enc.to_bytes().to_vec(), ct))
}

fn open(
    key: &PrivateKey,
    info: &[u8],
    aad: &[u8],
    enc: &[u8],
    ct: &[u8],
) -> Result<Vec<u8>, HpkeError> {
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc)?;
    let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        key.get(),
        &enc,
        info,
    )?;
    context.open(ct, aad)
}

/// Gives HPKE the random bytes of the argument: it takes 32, once.
struct Once {
    bytes: [u8; 32],
    is_used: bool,
    asked_again: bool,
}

impl TryRng for Once {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.asked_again = true;
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.asked_again = true;
        Ok(0)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        self.asked_again |= self.is_used || to.len() != self.bytes.len();
        self.is_used = true;
        to.iter_mut().zip(self.bytes).for_each(|(to, byte)| *to = byte);
        Ok(())
    }
}

impl TryCryptoRng for Once {}

#[cfg(test)]
mod tests;
