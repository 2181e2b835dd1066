//! The key pair of a server, to which its upload URLs are encrypted: X25519 (RFC 7748).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, Serializable as _};
use sha2::{Digest as _, Sha256};

use crate::hpke_seal::{Fresh, HpkePrivateKey, seal};

/// The algorithm, as the text of a public key begins.
const PUBLIC: &str = "x25519:";

/// As the text of a private key begins.
const PRIVATE: &str = "x25519-private:";

/// A key of a server, in bytes.
const LEN: usize = 32;

/// The public key of a server. As text, `x25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; LEN]);

/// Identifies a public key: the first 8 bytes of its SHA-256, as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// The private key of a server: a secret. It does not print.
#[derive(Clone)]
pub struct PrivateKey(HpkePrivateKey);

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerKeyError {
    /// It does not begin as one.
    #[error("it is no key of log2aws: one begins with {0:?}, as `log2aws-agent key new` prints it")]
    Shape(&'static str),
    /// A private key where a public one belongs.
    #[error(
        "it is a private key, which never leaves its server; the public one is needed: keep this one secret, or make another"
    )]
    Private,
    /// A key of another algorithm.
    #[error(
        "it is a key of another algorithm ({0}); log2aws encrypts to X25519 keys, as `log2aws-agent key new` makes them"
    )]
    Algorithm(&'static str),
    /// Not 32 bytes of base64.
    #[error("after {0:?} it must have 43 characters of base64; is it complete?")]
    Length(&'static str),
    /// A point to which nothing can be encrypted.
    #[error("it is no usable X25519 key: everybody could read what is encrypted to it")]
    Weak,
    /// Not a key id.
    #[error("a key id has 16 hexadecimal digits")]
    Id,
}

impl PublicKey {
    /// The key's id.
    pub fn id(&self) -> KeyId {
        let digest = Sha256::digest(self.0);
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        KeyId(id)
    }

    /// The key, for encryption.
    pub(crate) fn bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// Reads the text of a key that was checked before, when it was registered.
    ///
    /// # Errors
    /// [`ServerKeyError`], but not [`ServerKeyError::Weak`]: that check costs as much as an
    /// encryption, and a registry has thousands of keys.
    pub fn parse_registered(text: &str) -> Result<Self, ServerKeyError> {
        let Some(key) = text.strip_prefix(PUBLIC) else { return Err(foreign(text)) };
        read(key).map(Self).ok_or(ServerKeyError::Length(PUBLIC))
    }
}

impl FromStr for PublicKey {
    type Err = ServerKeyError;

    fn from_str(text: &str) -> Result<Self, ServerKeyError> {
        let key = Self::parse_registered(text.trim())?;
        // Points of low order give everybody the same secret, whatever the random bytes are.
        let sealed = seal(&key.0, b"", b"", b"", &Fresh::new([1; 32]));
        sealed.map(|_| key).map_err(|_| ServerKeyError::Weak)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PrivateKey {
    /// A new key from 32 fresh random bytes.
    pub fn generate(fresh: &Fresh) -> Self {
        Self(X25519HkdfSha256::derive_keypair(fresh.bytes()).0)
    }

    /// The public key of the pair.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; LEN];
        X25519HkdfSha256::sk_to_pk(&self.0).write_exact(&mut bytes);
        PublicKey(bytes)
    }

    /// The text that [`PrivateKey::parse`] reads; only for the file that keeps the key.
    pub fn expose_text(&self) -> String {
        let mut bytes = [0; LEN];
        self.0.write_exact(&mut bytes);
        format!("{PRIVATE}{}", BASE64.encode(bytes))
    }

    /// Reads the text of a private key.
    ///
    /// # Errors
    /// [`ServerKeyError`], which never repeats the text.
    pub fn parse(text: &str) -> Result<Self, ServerKeyError> {
        let key = text.trim().strip_prefix(PRIVATE).ok_or(ServerKeyError::Shape(PRIVATE))?;
        let key = read(key).and_then(|bytes| HpkePrivateKey::from_bytes(&bytes).ok());
        key.map(Self).ok_or(ServerKeyError::Length(PRIVATE))
    }

    /// The key, for decryption.
    pub(crate) fn get(&self) -> &HpkePrivateKey {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(REDACTED)")
    }
}

impl FromStr for KeyId {
    type Err = ServerKeyError;

    fn from_str(text: &str) -> Result<Self, ServerKeyError> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(|number| Self(number.to_be_bytes())).ok_or(ServerKeyError::Id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 32 bytes of base64. People copy keys with and without the `=` at the end.
fn read(text: &str) -> Option<[u8; LEN]> {
    let bytes = BASE64.decode(text.strip_suffix('=').unwrap_or(text)).ok()?;
    bytes.try_into().ok()
}

/// What a text is that is no public key of ours.
fn foreign(text: &str) -> ServerKeyError {
    const OTHERS: [(&str, &str); 8] = [
        ("ssh-ed25519", "an SSH key, Ed25519"),
        ("ssh-rsa", "an SSH key, RSA"),
        ("ecdsa-sha2", "an SSH key, ECDSA"),
        ("-----BEGIN", "a PEM file"),
        ("ed25519:", "Ed25519, which signs"),
        ("x448:", "X448"),
        ("p256:", "P-256"),
        ("age1", "a key of age"),
    ];
    if text.starts_with(PRIVATE) {
        return ServerKeyError::Private;
    }
    let other = OTHERS.iter().find(|(start, _)| text.starts_with(start));
    other.map_or(ServerKeyError::Shape(PUBLIC), |(_, name)| ServerKeyError::Algorithm(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7748, section 6.1: Alice's pair.
    const ALICE_PRIVATE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = PrivateKey::generate(&Fresh::new([7; 32]));
        let read = PrivateKey::parse(&format!("{}\n", key.expose_text())).unwrap();
        assert_eq!(read.public(), key.public());
        let public = key.public();
        assert_eq!(public.to_string().parse::<PublicKey>().unwrap(), public);
        assert_eq!(format!("{public}=").parse::<PublicKey>().unwrap(), public);
        assert_eq!(public.id().to_string().parse::<KeyId>().unwrap(), public.id());
        assert!(!format!("{key:?}").contains(&key.expose_text()[15..]));
    }

    #[test]
    fn keys_of_others_are_told_as_what_they_are() {
        let told = |text: &str| text.parse::<PublicKey>().unwrap_err();
        assert_eq!(told("ssh-ed25519 AAAAC3Nza"), ServerKeyError::Algorithm("an SSH key, Ed25519"));
        assert_eq!(told("-----BEGIN PUBLIC KEY-----"), ServerKeyError::Algorithm("a PEM file"));
        assert_eq!(told("AAAA"), ServerKeyError::Shape("x25519:"));
        assert_eq!(told("x25519:AAAA"), ServerKeyError::Length("x25519:"));
        let private = PrivateKey::generate(&Fresh::new([7; 32])).expose_text();
        assert_eq!(told(&private), ServerKeyError::Private);
        assert!(!told(&private).to_string().contains(&private[15..]));
    }

    /// The points of low order that RFC 7748's section 7 warns of: 0, 1 and one of order 8 (as in
    /// the list of <https://cr.yp.to/ecdh.html>).
    #[test]
    fn a_point_that_gives_everybody_the_same_secret_is_no_key() {
        let order_8 = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ];
        let mut one = [0; 32];
        one[0] = 1;
        for point in [[0; 32], one, order_8] {
            let text = PublicKey(point).to_string();
            assert_eq!(text.parse::<PublicKey>().unwrap_err(), ServerKeyError::Weak);
        }
    }

    #[test]
    fn the_pair_of_rfc_7748() {
        let mut bytes = [0; 32];
        hex_to(ALICE_PRIVATE, &mut bytes);
        let private = PrivateKey::parse(&format!("{PRIVATE}{}", BASE64.encode(bytes))).unwrap();
        hex_to("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", &mut bytes);
        assert_eq!(private.public(), PublicKey(bytes));
    }

    fn hex_to(hex: &str, to: &mut [u8; 32]) {
        for (at, byte) in to.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        }
    }
}
