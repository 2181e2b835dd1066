//! The entries of the log: one for each raw version that arrived.
//!
//! ```text
//! log2aws-delivery 1
//! server web01
//! date 2019-08-01
//! kind load
//! sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! size 71234
//! version 0r3kq1p2v0000a1b2c3d4e5f
//! arrived 2019-08-02T00:05:07.123Z
//! verdict accepted
//! ```
//!
//! There is one spelling of each entry: what parses is spelled exactly so.

use std::fmt;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use crate::checkpoint::parse_number;

/// The first line of an entry.
const FORMAT: &str = "log2aws-delivery 1";

/// The longest version id that S3 knows, in bytes.
pub const MAX_VERSION: usize = 1024;

/// The longest entry that is read, in bytes.
pub const MAX_DELIVERY: usize = 2048;

/// What a log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// The load of a server.
    Load,
}

/// Whether a version counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It was put by an allowed source.
    Accepted,
    /// It was not; its results were never made.
    Refused,
}

/// One raw version that arrived.
///
/// Invariants: the version id is printable ASCII without spaces, and the time has milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    server: ServerName,
    day: Day,
    kind: LogKind,
    sha256: [u8; 32],
    size: u64,
    version: String,
    arrived: Timestamp,
    verdict: Verdict,
}

/// Why something is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The bytes are no entry of this format.
    #[error("it is no entry of a delivery, or one of a newer program")]
    Form,
    /// The version id cannot be in an entry.
    #[error("a version id has 1 to {MAX_VERSION} printable characters")]
    Version,
}

impl Delivery {
    /// The entry of a raw version of `server`'s log of `day`.
    ///
    /// # Errors
    /// [`DeliveryError::Version`].
    pub fn new(
        (server, day): (ServerName, Day),
        (sha256, size): ([u8; 32], u64),
        version: &str,
        arrived: Timestamp,
        verdict: Verdict,
    ) -> Result<Self, DeliveryError> {
        let fits = (1..=MAX_VERSION).contains(&version.len())
            && version.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(DeliveryError::Version);
        }
        let arrived = Timestamp::from_millisecond(arrived.as_millisecond()).unwrap_or(arrived);
        let (kind, version) = (LogKind::Load, version.to_owned());
        Ok(Self { server, day, kind, sha256, size, version, arrived, verdict })
    }

    /// The server.
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// The day of the log.
    pub fn day(&self) -> Day {
        self.day
    }

    /// What the log is about.
    pub fn kind(&self) -> LogKind {
        self.kind
    }

    /// The SHA-256 of the bytes as they were delivered.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The version id in the store.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// When the store had it, by the store's clock.
    pub fn arrived(&self) -> Timestamp {
        self.arrived
    }

    /// Whether it counts.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Parses an entry.
    ///
    /// # Errors
    /// [`DeliveryError::Form`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DeliveryError> {
        let parse = || {
            let text = str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_DELIVERY)?;
            let mut lines = text.strip_suffix('\n')?.split('\n');
            (lines.next()? == FORMAT).then_some(())?;
            let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
            let server = field("server")?.parse().ok()?;
            let day = Day::parse_canonical(field("date")?).ok()?;
            (field("kind")? == "load").then_some(())?;
            let mut sha256 = [0; 32];
            hex::decode_to_slice(field("sha256")?, &mut sha256).ok()?;
            let size = parse_number(field("size")?)?;
            let version = field("version")?.to_owned();
            let arrived = field("arrived")?.parse().ok()?;
            let verdict = match field("verdict")? {
                "accepted" => Verdict::Accepted,
                "refused" => Verdict::Refused,
                _ => return None,
            };
            Self::new((server, day), (sha256, size), &version, arrived, verdict).ok()
        };
        parse().filter(|read| read.to_string().as_bytes() == bytes).ok_or(DeliveryError::Form)
    }

    /// The entry as it is hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, day, sha256, size, version, arrived, .. } = self;
        let (sha256, LogKind::Load) = (hex::encode(sha256), self.kind);
        let verdict = self.verdict;
        writeln!(f, "{FORMAT}\nserver {server}\ndate {day}\nkind load\nsha256 {sha256}")?;
        writeln!(f, "size {size}\nversion {version}\narrived {arrived:.3}\nverdict {verdict}")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        })
    }
}
