//! Maps keys to paths: every key has one path, and no path leaves the bucket's folder.

use std::path::{Path, PathBuf};

use log2aws_core::key::ObjectKey;

use super::error::DiskError;
use super::id::is_id;

/// The longest name of a key's segment on disk, in bytes. With `@` and a version id it fills the
/// 255 bytes that file systems allow.
pub(crate) const MAX_SEGMENT: usize = 230;

/// The paths of a key's bodies.
#[derive(Clone, Debug)]
pub(crate) struct KeyPath {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The key's last segment, escaped.
    name: String,
}

impl KeyPath {
    /// The path of `key` below its bucket's folder.
    pub(crate) fn new(bucket: &Path, key: &ObjectKey) -> Result<Self, DiskError> {
        let too_long = || DiskError::KeyTooLong { key: key.to_string() };
        let (folders, name) =
            key.as_str().rsplit_once('/').map_or((None, key.as_str()), |(f, n)| (Some(f), n));
        let folder = match folders {
            None => bucket.to_owned(),
            Some(folders) => folder(bucket, folders).ok_or_else(too_long)?,
        };
        let name = escape(name);
        if name.len() > MAX_SEGMENT { Err(too_long()) } else { Ok(Self { folder, name }) }
    }

    /// The file of the current body.
    pub(crate) fn current(&self) -> PathBuf {
        self.folder.join(format!("{}@", self.name))
    }

    /// The file of an older body.
    pub(crate) fn older(&self, version: &str) -> PathBuf {
        self.folder.join(format!("{}@{version}", self.name))
    }
}

/// The folder of `segments`, which are separated by slashes; `None` if one is too long to exist.
pub(crate) fn folder(bucket: &Path, segments: &str) -> Option<PathBuf> {
    let mut path = bucket.to_owned();
    for segment in segments.split('/') {
        let name = escape(segment);
        if name.len() > MAX_SEGMENT {
            return None;
        }
        path.push(name);
    }
    Some(path)
}

/// The meaning of a name in a bucket's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The current body of the key that ends with this segment.
    Current(String),
    /// An older body of it, and its version id.
    Older(String, String),
    /// The folder of this segment, if it is a folder on disk.
    Folder(String),
}

impl Name {
    /// Parses a name; `None` if the store would not have written it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.split_once('@') {
            None => unescape(name).map(Self::Folder),
            Some((segment, "")) => unescape(segment).map(Self::Current),
            Some((segment, id)) if is_id(id) => {
                unescape(segment).map(|segment| Self::Older(segment, id.to_owned()))
            }
            Some(_) => None,
        }
    }
}

/// Escapes a segment: `@` (our own separator), `%`, control characters and a leading dot become
/// `%XX`, an empty segment becomes a single `%`.
fn escape(segment: &str) -> String {
    if segment.is_empty() {
        return "%".to_owned();
    }
    let mut name = String::with_capacity(segment.len());
    for (i, c) in segment.char_indices() {
        if matches!(c, '@' | '%') || c.is_control() || (i == 0 && c == '.') {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                name.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    name.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
                }
            }
        } else {
            name.push(c);
        }
    }
    name
}

/// The inverse of [`escape`]; `None` for a name that [`escape`] cannot produce.
fn unescape(name: &str) -> Option<String> {
    let segment = if name == "%" {
        String::new()
    } else if name.contains('%') {
        let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'%' {
                let [high, low, tail @ ..] = tail else { return None };
                rest = tail;
                bytes.push(digit(high)? << 4 | digit(low)?);
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).ok()?
    } else {
        name.to_owned()
    };
    (escape(&segment) == name).then_some(segment)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_readable_and_cannot_lead_out() {
        for (segment, name) in [
            ("2019-08-01.log", "2019-08-01.log"),
            ("", "%"),
            (".", "%2E"),
            ("..", "%2E."),
            (".hidden", "%2Ehidden"),
            ("a@b", "a%40b"),
            ("100%", "100%25"),
            ("a\0\n\u{7f}\u{85}", "a%00%0A%7F%C2%85"),
            ("日本語 x", "日本語 x"),
        ] {
            assert_eq!(escape(segment), name);
            assert_eq!(unescape(name).as_deref(), Some(segment));
        }
    }

    #[test]
    fn foreign_names_are_not_read() {
        for name in
            [".", "..", ".x", "a%", "a%4", "a%zz", "a%41", "a%2f", "%%", "%FF", "a@b", "a@@", ""]
        {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_longest_segment_leaves_room_for_a_version() {
        let key = |text: String| text.parse::<ObjectKey>().unwrap();
        let longest = KeyPath::new(Path::new("b"), &key("x".repeat(MAX_SEGMENT))).unwrap();
        let name = longest.older(&"0".repeat(super::super::id::ID_LEN));
        assert_eq!(name.file_name().unwrap().len(), 255);
        for long in ["x".repeat(231), "@".repeat(77), format!("{}/x", "語".repeat(77))] {
            let refused = KeyPath::new(Path::new("b"), &key(long));
            assert!(matches!(refused, Err(DiskError::KeyTooLong { .. })), "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn every_segment_has_one_name(segment in "[^/]{0,60}") {
            let name = escape(&segment);
            prop_assert!(!name.contains(['/', '@', '\0']) && !name.starts_with('.'));
            prop_assert_eq!(unescape(&name), Some(segment));
        }

        #[test]
        fn every_name_has_one_segment(name in "[a%@.0-9A-F]{0,6}") {
            if let Some(segment) = unescape(&name) {
                prop_assert_eq!(escape(&segment), name);
            }
        }
    }
}
