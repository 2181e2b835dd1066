//! The name of a server, as used in keys.

use std::fmt;
use std::str::FromStr;

/// The longest host name that DNS knows, in bytes (RFC 1123 §2.1, RFC 1035 §2.3.4).
pub const MAX_LEN: usize = 253;

/// The reserved server of test deliveries, such as those of `stack check`.
///
/// It is no server of the fleet: calendar, tables, reports, alerts and the fleet's metrics leave it
/// out, so that a test delivery cannot hide that no other log came. [`ServerName::is_check`] decides.
pub const CHECK: &str = "log2aws-check";

/// The name of an on-premise server.
///
/// Invariants: 1 to 253 bytes of ASCII letters, digits, `-`, `.` and `_`; does not begin with `.`
/// or `-`; contains no `..`. It is therefore always a single path segment, in an object key and in
/// a file path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(String);

/// Why a text is not a [`ServerName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerNameError {
    /// The name is empty.
    #[error("the server name is empty")]
    Empty,
    /// Longer than a host name can be.
    #[error("the server name has {0} bytes; a host name has at most {MAX_LEN}")]
    TooLong(usize),
    /// A character that host names cannot contain.
    #[error("the server name contains {0:?}; letters, digits, '-', '.' and '_' are allowed")]
    BadCharacter(char),
    /// Begins with a dot or a hyphen.
    #[error("the server name begins with {0:?}; it must begin with a letter, a digit or '_'")]
    BadStart(char),
    /// Contains an empty label.
    #[error("the server name contains \"..\"")]
    DoubleDot,
}

impl ServerName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the reserved name [`CHECK`], which is not counted anywhere.
    pub fn is_check(&self) -> bool {
        self.0 == CHECK
    }
}

impl FromStr for ServerName {
    type Err = ServerNameError;

    fn from_str(text: &str) -> Result<Self, ServerNameError> {
        if text.is_empty() {
            return Err(ServerNameError::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(ServerNameError::TooLong(text.len()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(ServerNameError::BadCharacter(bad));
        }
        if let Some(start @ ('.' | '-')) = text.chars().next() {
            return Err(ServerNameError::BadStart(start));
        }
        if text.contains("..") {
            return Err(ServerNameError::DoubleDot);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_pass() {
        for name in ["web01", "db-1.example.co.jp", "_gw", "A", "10.0.0.7", &"a".repeat(253)] {
            assert_eq!(name.parse::<ServerName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn each_bad_name_is_refused_for_its_reason() {
        let cases = [
            ("", ServerNameError::Empty),
            ("..", ServerNameError::BadStart('.')),
            ("a..b", ServerNameError::DoubleDot),
            (".a", ServerNameError::BadStart('.')),
            ("-a", ServerNameError::BadStart('-')),
            ("%2e%2e", ServerNameError::BadCharacter('%')),
            ("a/b", ServerNameError::BadCharacter('/')),
            ("a b", ServerNameError::BadCharacter(' ')),
            ("サーバ", ServerNameError::BadCharacter('サ')),
        ];
        for (text, reason) in cases {
            assert_eq!(text.parse::<ServerName>(), Err(reason), "{text:?}");
        }
        assert_eq!("a".repeat(300).parse::<ServerName>(), Err(ServerNameError::TooLong(300)));
    }
}
