//! A dashboard token as the server knows it: name, rights, hash, and the key for its sessions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::credentials::Token;

/// The name of the token in the file `dashboard-token`.
const DEFAULT_NAME: &str = "default";

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 32;

/// The name of a token; not secret. Responses of the dashboard carry it as an extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenName(Arc<str>);

impl TokenName {
    /// The name, for logs and pages.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the name of the token that the first start creates.
    pub fn is_default(&self) -> bool {
        self.as_str() == DEFAULT_NAME
    }
}

/// The name of the token that the first start creates.
impl Default for TokenName {
    fn default() -> Self {
        Self(DEFAULT_NAME.into())
    }
}

impl FromStr for TokenName {
    type Err = BadTokenName;

    fn from_str(text: &str) -> Result<Self, BadTokenName> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let plain = text.bytes().all(|byte| letter(byte) || b"-_.".contains(&byte));
        let begins = text.bytes().next().is_some_and(letter);
        if plain && begins && text.len() <= MAX_NAME_BYTES {
            Ok(Self(text.into()))
        } else {
            Err(BadTokenName)
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not a valid token name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token's name has 1 to 32 of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit"
)]
pub struct BadTokenName;

/// What a login may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything that the dashboard offers.
    Full,
    /// View pages and log out.
    ReadOnly,
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Full => "full",
            Self::ReadOnly => "read-only",
        })
    }
}

/// The SHA-256 of a token. Our tokens have 192 random bits and cannot be guessed: a slow hash would
/// only slow down each login.
#[derive(Clone)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub(crate) fn of(token: &Token) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// Signs sessions. Its `Debug` output does not contain it.
#[derive(Clone)]
pub(crate) struct SessionKey([u8; 32]);

impl SessionKey {
    /// The key of the default token's sessions.
    fn of_token(token: &Token) -> Self {
        Self(code(token.expose().as_bytes(), b"log2aws dashboard session 1"))
    }

    /// The key of a named token's sessions. If it were derived from the hash alone, anybody who has
    /// read the file of hashes could sign a session. So a secret from another file is included.
    fn of_hash(secret: &Token, name: &TokenName, hash: &TokenHash) -> Self {
        let text = [b"log2aws dashboard session 2", &hash.0[..], name.as_str().as_bytes()];
        Self(code(secret.expose().as_bytes(), &text.concat()))
    }

    /// The HMAC of a text.
    pub(crate) fn code(&self, text: &[u8]) -> [u8; 32] {
        code(&self.0, text)
    }

    /// Whether it is this key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

fn code(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC keys may have any length: the error exists only because of the trait.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// A token that opens the dashboard. When it is removed, all its sessions end.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) name: TokenName,
    pub(crate) rights: Rights,
    hash: TokenHash,
    session: SessionKey,
}

impl AccessToken {
    /// The default token.
    pub(crate) fn default_of(token: &Token) -> Self {
        let (hash, session) = (TokenHash::of(token), SessionKey::of_token(token));
        Self { name: TokenName::default(), rights: Rights::Full, hash, session }
    }

    /// A named token; `secret` is the server's session secret.
    pub(crate) fn named(secret: &Token, name: TokenName, rights: Rights, hash: TokenHash) -> Self {
        let session = SessionKey::of_hash(secret, &name, &hash);
        Self { name, rights, hash, session }
    }

    /// Whether `shown` is the hash of this token, in constant time.
    fn has_hash(&self, shown: &TokenHash) -> bool {
        bool::from(self.hash.0.ct_eq(&shown.0))
    }

    /// The key of its sessions.
    pub(crate) fn session(&self) -> &SessionKey {
        &self.session
    }
}

/// The tokens that open the dashboard at a given moment.
#[derive(Debug, Default)]
pub(crate) struct TokenSet {
    tokens: Vec<Arc<AccessToken>>,
    /// Whether a file of tokens cannot be used. If so, a valid token may be unknown.
    pub(crate) is_incomplete: bool,
}

impl TokenSet {
    pub(crate) fn new(tokens: impl IntoIterator<Item = AccessToken>, is_incomplete: bool) -> Self {
        Self { tokens: tokens.into_iter().map(Arc::new).collect(), is_incomplete }
    }

    /// The token that equals `shown`. Always compares all tokens, so that the time reveals nothing.
    pub(crate) fn opened_by(&self, shown: &Token) -> Option<Arc<AccessToken>> {
        let hash = TokenHash::of(shown);
        let mut opened = None;
        for token in &self.tokens {
            if token.has_hash(&hash) {
                opened = Some(token.clone());
            }
        }
        opened
    }

    /// The default token. The login link printed at the start counts as it.
    pub(crate) fn default_token(&self) -> Option<Arc<AccessToken>> {
        self.iter().find(|token| token.name.is_default()).cloned()
    }

    /// Whether the token with this session key still exists.
    pub(crate) fn has_session_key(&self, key: &SessionKey) -> bool {
        self.iter().any(|token| token.session.is(key))
    }

    /// All tokens.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<AccessToken>> {
        self.tokens.iter()
    }

    /// Whether nobody can log in.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["a", "0", "alice", "ops-team_2.tokyo", &"a".repeat(32)] {
            assert_eq!(good.parse::<TokenName>().unwrap().as_str(), good);
        }
        for bad in
            ["", "-a", ".", "_", "Alice", "a b", "a/b", "a\n", "日本", "a\"", &"a".repeat(33)]
        {
            assert_eq!(bad.parse::<TokenName>(), Err(BadTokenName), "{bad:?}");
        }
    }

    #[test]
    fn a_session_key_is_of_one_token_and_one_server() {
        let token = |name: &str, shown: &str, secret: &str| {
            let hash = TokenHash::of(&Token::shown(shown));
            AccessToken::named(&Token::shown(secret), name.parse().unwrap(), Rights::Full, hash)
        };
        let first = token("alice", "one", "secret");
        assert!(first.session().is(token("alice", "one", "secret").session()));
        for other in [("bob", "one", "secret"), ("alice", "two", "secret"), ("alice", "one", "x")] {
            assert!(!first.session().is(token(other.0, other.1, other.2).session()), "{other:?}");
        }
        let default = AccessToken::default_of(&Token::shown("one"));
        assert!(!first.session().is(default.session()));
        let set = TokenSet::new([first.clone(), default], false);
        assert!(set.has_session_key(first.session()));
        assert!(!TokenSet::default().has_session_key(first.session()));
    }
}
