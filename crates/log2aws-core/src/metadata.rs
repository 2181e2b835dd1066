//! The metadata line at the head of a day log: the server, and how to interpret the numbers.
//!
//! `# log2aws/1 server=web01 cores=8 tz=Asia/Tokyo mode=interval note=%E6%9C%AC%E7%95%AADB`

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::server_name::ServerName;

/// The beginning of every metadata line of this version.
const MARK: &str = "log2aws/1";

/// The longest note, in bytes of UTF-8.
pub const MAX_NOTE: usize = 200;

/// The longest zone name, in bytes; the longest of the tz database has 32.
pub const MAX_ZONE: usize = 64;

/// The longest interval, in seconds: a day.
const MAX_INTERVAL: u32 = 86_400;

/// Characters to escape in a value: those that would end it, and the escape itself.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The content of a metadata line; each part is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The server's name.
    pub server: Option<ServerName>,
    /// How many cores the server has.
    pub cores: Option<NonZeroU32>,
    /// The time zone of the lines.
    pub zone: Option<ZoneName>,
    /// What the averages of `vmstat` cover.
    pub mode: Option<Mode>,
    /// The sampling interval, in seconds.
    pub interval: Option<NonZeroU32>,
    /// The machine's usual name.
    pub note: Option<Note>,
    /// Pairs that this version does not know or cannot parse, unchanged.
    pub other: Vec<(String, String)>,
}

/// What the averages of `vmstat` (si so bi bo in cs us sy id wa st) cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The time since the previous sample.
    Interval,
    /// The time since boot.
    SinceBoot,
}

/// The name of a time zone, e.g. `Asia/Tokyo`. It is not checked whether the zone exists.
///
/// Invariant: 1 to 64 bytes of printable ASCII without blanks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ZoneName(String);

/// What people call a machine.
///
/// Invariant: 1 to 200 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note(String);

/// Why a text is not a value of a metadata line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not a [`Mode`].
    #[error("mode {0:?} is neither \"interval\" nor \"since-boot\"")]
    Mode(String),
    /// Not a [`ZoneName`].
    #[error("zone name {0:?} is not 1 to {MAX_ZONE} printable ASCII characters without blank")]
    Zone(String),
    /// Not a [`Note`].
    #[error("a note has 1 to {MAX_NOTE} bytes and no control characters; this one has {0} bytes")]
    Note(usize),
}

impl Metadata {
    /// Parses a line that begins with `#`; `None` if it is not a metadata line of this version,
    /// which is not an error: people write comments.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let mut words = text.strip_prefix('#')?.split_ascii_whitespace();
        if words.next() != Some(MARK) {
            return None;
        }
        let mut metadata = Self::default();
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            if metadata.set(key, value).is_none() {
                metadata.other.push((key.to_owned(), value.to_owned()));
            }
        }
        Some(metadata)
    }

    /// Sets one pair; `None` if the key is unknown or the value is invalid.
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "server" => self.server = Some(value.parse().ok()?),
            "cores" => self.cores = Some(value.parse().ok()?),
            "tz" => self.zone = Some(value.parse().ok()?),
            "mode" => self.mode = Some(value.parse().ok()?),
            "interval" => self.interval = Some(interval(value)?),
            "note" => {
                self.note = Some(percent_decode_str(value).decode_utf8().ok()?.parse().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}

/// An interval in seconds, at most a day.
fn interval(text: &str) -> Option<NonZeroU32> {
    text.parse().ok().filter(|interval: &NonZeroU32| interval.get() <= MAX_INTERVAL)
}

impl fmt::Display for Metadata {
    /// The metadata line, without line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# {MARK}")?;
        if let Some(server) = &self.server {
            write!(f, " server={server}")?;
        }
        if let Some(cores) = self.cores {
            write!(f, " cores={cores}")?;
        }
        if let Some(zone) = &self.zone {
            write!(f, " tz={zone}")?;
        }
        if let Some(mode) = self.mode {
            write!(f, " mode={mode}")?;
        }
        if let Some(interval) = self.interval {
            write!(f, " interval={interval}")?;
        }
        if let Some(Note(note)) = &self.note {
            write!(f, " note={}", utf8_percent_encode(note, ESCAPED))?;
        }
        for (key, value) in &self.other {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Mode {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        match text {
            "interval" => Ok(Self::Interval),
            "since-boot" => Ok(Self::SinceBoot),
            _ => Err(MetadataError::Mode(text.chars().take(32).collect())),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interval => "interval",
            Self::SinceBoot => "since-boot",
        })
    }
}

impl ZoneName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ZoneName {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        if (1..=MAX_ZONE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MetadataError::Zone(text.chars().take(32).collect()))
        }
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Note {
    /// The note as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Note {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        if (1..=MAX_NOTE).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MetadataError::Note(text.len()))
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "# log2aws/1 server=web01 cores=8 tz=Asia/Tokyo mode=interval \
                        interval=600 note=%E6%9C%AC%E7%95%AADB";

    fn parse(line: &str) -> Metadata {
        Metadata::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn every_part_is_read_and_written() {
        let metadata = parse(LINE);
        assert_eq!(
            metadata,
            Metadata {
                server: Some("web01".parse().unwrap()),
                cores: NonZeroU32::new(8),
                zone: Some("Asia/Tokyo".parse().unwrap()),
                mode: Some(Mode::Interval),
                interval: NonZeroU32::new(600),
                note: Some("本番DB".parse().unwrap()),
                other: Vec::new(),
            }
        );
        assert_eq!(metadata.to_string(), LINE);
    }

    #[test]
    fn what_is_not_known_is_kept_as_it_stands() {
        let line = "# log2aws/1 cores=0 mode=hourly color=red note=%ff%FE server=a/b interval=0 \
                    interval=86401";
        let metadata = parse(line);
        assert_eq!(metadata.other.len(), 7);
        assert_eq!(Metadata { other: Vec::new(), ..metadata.clone() }, Metadata::default());
        assert_eq!(metadata.to_string(), line);
    }

    #[test]
    fn other_comments_are_not_ours() {
        for line in ["# nightly job", "#", "# log2aws/2 cores=8", "# log2aws/10 cores=8", "#\u{ff}"]
        {
            assert_eq!(Metadata::parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Metadata::parse(b"# log2aws/1 server=\xff"), None);
        assert_eq!(parse("#log2aws/1\tmode=since-boot \r").mode, Some(Mode::SinceBoot));
    }

    #[test]
    fn a_note_is_short_and_one_line() {
        assert!("a".repeat(200).parse::<Note>().is_ok());
        assert_eq!("a".repeat(201).parse::<Note>(), Err(MetadataError::Note(201)));
        assert!("two\nlines".parse::<Note>().is_err());
        assert_eq!(parse("# log2aws/1 note=a%0Ab").note, None);
        let percent = Metadata { note: Some("100%41".parse().unwrap()), ..Metadata::default() };
        assert_eq!(parse(&percent.to_string()), percent);
    }

    proptest! {
        #[test]
        fn a_note_of_any_text_reads_back(text in "[^\\p{Cc}]{1,50}") {
            let metadata = Metadata { note: Some(text.parse().unwrap()), ..Metadata::default() };
            let line = metadata.to_string();
            prop_assert!(line.is_ascii() && !line.contains('\n'));
            prop_assert_eq!(parse(&line), metadata);
        }

        #[test]
        fn any_line_that_reads_writes_and_reads_the_same(pairs in "( (server|cores|tz|mode|note|x)=[!-~]{0,12}){0,8}") {
            let metadata = parse(&format!("# log2aws/1{pairs}"));
            prop_assert_eq!(parse(&metadata.to_string()), metadata);
        }
    }
}
