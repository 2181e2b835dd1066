//! HPKE (RFC 9180) in the one form that is used here: base mode, DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, `ChaCha20Poly1305`, one message.

use std::convert::Infallible;
use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{
    Deserializable as _, HpkeError, Kem, OpModeR, OpModeS, Serializable as _, setup_receiver,
    setup_sender_with_rng,
};

/// A private key, as HPKE has it.
pub(crate) type HpkePrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

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

/// Encrypts to a public key: the encapsulated key, and the ciphertext.
///
/// # Errors
/// The key is a point of low order, which gives everybody the same secret.
pub(crate) fn seal(
    to: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    plain: &[u8],
    fresh: &Fresh,
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to)?;
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

/// Decrypts.
///
/// # Errors
/// It was not encrypted to this key, with this `info` and `aad`.
pub(crate) fn open(
    key: &HpkePrivateKey,
    info: &[u8],
    aad: &[u8],
    enc: &[u8],
    ct: &[u8],
) -> Result<Vec<u8>, HpkeError> {
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc)?;
    let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        key,
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
