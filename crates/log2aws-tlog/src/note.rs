//! Signed notes, their keys, and cosignatures: <https://c2sp.org/signed-note>,
//! <https://c2sp.org/tlog-cosignature>.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The longest note that is read, in bytes.
pub const MAX_NOTE: usize = 64 * 1024;

/// The most signatures of a note.
pub const MAX_SIGNATURES: usize = 100;

/// The longest name of a key, in bytes.
pub const MAX_NAME: usize = 255;

/// The beginning of a secret key's text, as Go's module `sumdb/note` writes it.
const SECRET: &str = "PRIVATE+KEY+";

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 over the text of the note.
    Note,
    /// Ed25519 over a checkpoint and a time: `cosignature/v1`.
    Cosignature,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// The public part of a key, under which a signature is found and checked.
///
/// Its text is the form that every C2SP program takes: `name+id+key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    key: [u8; 32],
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not have the three parts.
    #[error("a key has the form NAME+ID+KEY")]
    Form,
    /// The name cannot be one.
    #[error("the name of a key has 1 to {MAX_NAME} bytes, without spaces and '+'")]
    Name,
    /// It is of a kind that this program does not check.
    #[error("it is no Ed25519 key")]
    Kind,
    /// The id is not that of the name and key: a part was changed or lost.
    #[error("its id does not fit its name and key: was it copied as a whole?")]
    Id,
}

/// Whether a text can be the name of a key.
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

fn key_id(name: &str, algorithm: Algorithm, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', algorithm.byte()])
        .chain_update(key)
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Splits `name+id+base64` and checks the id; `public` gives the public key of the 32 bytes.
fn parse_key(
    text: &str,
    public: impl Fn(&[u8; 32]) -> Option<[u8; 32]>,
) -> Result<(VerifierKey, [u8; 32]), KeyError> {
    let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
    let (id, encoded) = rest.split_once('+').ok_or(KeyError::Form)?;
    if !is_name(name) {
        return Err(KeyError::Name);
    }
    let mut expected = [0; 4];
    if hex::decode_to_slice(id, &mut expected).is_err() || id.contains(|c: char| c.is_uppercase()) {
        return Err(KeyError::Form);
    }
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| KeyError::Form)?;
    let (kind, bytes) = decoded.split_first().ok_or(KeyError::Form)?;
    let algorithm = match kind {
        1 => Algorithm::Note,
        4 => Algorithm::Cosignature,
        _ => return Err(KeyError::Kind),
    };
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Kind)?;
    let key = public(&bytes).ok_or(KeyError::Kind)?;
    if key_id(name, algorithm, &key) != expected {
        return Err(KeyError::Id);
    }
    Ok((VerifierKey { name: name.to_owned(), algorithm, key }, bytes))
}

impl VerifierKey {
    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.algorithm, &self.key)
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Ok(parse_key(text, |key| Some(*key))?.0)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = std::iter::once(self.algorithm.byte()).chain(self.key).collect();
        let key = BASE64_STANDARD.encode(key);
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id()))
    }
}

/// A key that signs; does not print.
#[derive(Clone)]
pub struct SigningKey {
    seed: [u8; 32],
    public: VerifierKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key that belongs to 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError`] if the name is none.
    pub fn new(name: &str, algorithm: Algorithm, seed: [u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let key = public_of(&seed).ok_or(KeyError::Kind)?;
        Ok(Self { seed, public: VerifierKey { name: name.to_owned(), algorithm, key } })
    }

    /// Parses the text of [`Self::expose`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(SECRET).ok_or(KeyError::Form)?;
        let (public, seed) = parse_key(rest, public_of)?;
        Ok(Self { seed, public })
    }

    /// The secret as text, in the form of Go's module `sumdb/note`.
    pub fn expose(&self) -> String {
        let VerifierKey { name, algorithm, .. } = &self.public;
        let seed: Vec<u8> = std::iter::once(algorithm.byte()).chain(self.seed).collect();
        format!("{SECRET}{name}+{}+{}", hex::encode(self.public.id()), BASE64_STANDARD.encode(seed))
    }

    /// The public part.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.seed).ok()?;
        pair.sign(message).as_ref().try_into().ok()
    }
}

fn public_of(seed: &[u8; 32]) -> Option<[u8; 32]> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    pair.public_key().as_ref().try_into().ok()
}

/// One signature of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Signature {
    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let decoded = BASE64_STANDARD.decode(encoded).ok()?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }

    fn is_of(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = self.id.iter().chain(&self.bytes).copied().collect();
        write!(f, "— {} {}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// A text with signatures. Parsing checks none of them.
///
/// Invariant: the text ends with a line feed, and has no other control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// Why a note cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The bytes are no note.
    #[error("it is no signed note: {0}")]
    Form(&'static str),
    /// The signature of a key that is known is not that of this text.
    #[error("the signature of {0} does not fit: the text was changed after it was signed")]
    Wrong(String),
    /// None of the keys has signed it.
    #[error("none of the given keys has signed it")]
    Unsigned,
    /// The key could not sign.
    #[error("the key of {0} cannot sign")]
    Key(String),
}

impl Note {
    /// A text without signatures yet.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn new(text: String) -> Result<Self, NoteError> {
        let wrong = |c: char| c.is_ascii_control() && c != '\n';
        if !text.ends_with('\n') || text.contains(wrong) || text.len() > MAX_NOTE {
            return Err(NoteError::Form("its text does not end with a line feed, or has others"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Parses a note.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::Form("it is too long"));
        }
        let all = str::from_utf8(bytes).map_err(|_| NoteError::Form("it is not UTF-8"))?;
        let end = all.rfind("\n\n").ok_or(NoteError::Form("it has no empty line"))?;
        let (text, lines) = (&all[..=end], &all[end + 2..]);
        let mut note = Self::new(text.to_owned())?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form("its last line has no end"))?;
        for line in lines.split('\n') {
            let signature = Signature::parse(line);
            note.signatures.push(signature.ok_or(NoteError::Form("a line is no signature"))?);
            if note.signatures.len() > MAX_SIGNATURES {
                return Err(NoteError::Form("it has too many signatures"));
            }
        }
        Ok(note)
    }

    /// The text that is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, which nobody has checked.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the key is not for notes.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), NoteError> {
        let cannot = || NoteError::Key(key.public.name.clone());
        if key.public.algorithm != Algorithm::Note {
            return Err(cannot());
        }
        let signature = key.sign(self.text.as_bytes()).ok_or_else(cannot)?;
        self.push(key, signature.to_vec());
        Ok(())
    }

    /// Adds a cosignature. The caller has seen that the checkpoint continues what the key signed
    /// before.
    ///
    /// # Errors
    /// [`NoteError::Key`] if the key is not for cosignatures.
    pub fn cosign(&mut self, key: &SigningKey, at: Timestamp) -> Result<(), NoteError> {
        let cannot = || NoteError::Key(key.public.name.clone());
        let time = u64::try_from(at.as_second()).map_err(|_| cannot())?;
        if key.public.algorithm != Algorithm::Cosignature {
            return Err(cannot());
        }
        let signature = key.sign(&self.cosigned(time)).ok_or_else(cannot)?;
        self.push(key, time.to_be_bytes().into_iter().chain(signature).collect());
        Ok(())
    }

    fn push(&mut self, key: &SigningKey, bytes: Vec<u8>) {
        let (name, id) = (key.public.name.clone(), key.public.id());
        self.signatures.retain(|signature| !signature.is_of(&key.public));
        self.signatures.push(Signature { name, id, bytes });
    }

    /// Adds the signature lines of a note with the same text.
    pub fn add_signatures_of(&mut self, other: &Self) {
        for signature in other.signatures.iter().filter(|_| other.text == self.text) {
            if !self.signatures.contains(signature) && self.signatures.len() < MAX_SIGNATURES {
                self.signatures.push(signature.clone());
            }
        }
    }

    fn cosigned(&self, time: u64) -> Vec<u8> {
        format!("cosignature/v1\ntime {time}\n{}", self.text).into_bytes()
    }

    /// The keys among `keys` that signed the note; one at least.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`], [`NoteError::Wrong`].
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signed = Vec::new();
        for key in keys.iter().filter(|key| key.algorithm == Algorithm::Note) {
            let mut own =
                self.signatures.iter().filter(|signature| signature.is_of(key)).peekable();
            if own.peek().is_none() {
                continue;
            }
            if !own.all(|signature| key.verifies(self.text.as_bytes(), &signature.bytes)) {
                return Err(NoteError::Wrong(key.name.clone()));
            }
            signed.push(key);
        }
        if signed.is_empty() { Err(NoteError::Unsigned) } else { Ok(signed) }
    }

    /// When the witness with this key cosigned the note; `None` if it did not.
    ///
    /// # Errors
    /// [`NoteError::Wrong`].
    pub fn cosigned_at(&self, key: &VerifierKey) -> Result<Option<Timestamp>, NoteError> {
        let mut newest = None;
        for signature in self.signatures.iter().filter(|signature| signature.is_of(key)) {
            let checked = signature.bytes.split_first_chunk::<8>().and_then(|(time, bytes)| {
                let time = u64::from_be_bytes(*time);
                let valid = key.algorithm == Algorithm::Cosignature
                    && key.verifies(&self.cosigned(time), bytes);
                let time = Timestamp::from_second(i64::try_from(time).ok()?).ok()?;
                valid.then_some(time)
            });
            newest = newest.max(Some(checked.ok_or_else(|| NoteError::Wrong(key.name.clone()))?));
        }
        Ok(newest)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}
