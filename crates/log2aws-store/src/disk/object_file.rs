//! A body on disk: the data, then a trailer that describes it.
//!
//! ```text
//! data ⏎ {"key":…} ⏎ LLLLLLLL CCCCCCCCCCCCCCCC log2aws1 ⏎
//! ```
//!
//! `L` is the length of the JSON and `C` the beginning of its SHA-256, both in hex. The data come
//! first, so that `head` and `less` show them.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use log2aws_core::key::ObjectKey;
use log2aws_service::ports::VersionId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::{Corrupt, DiskError};
use super::fs::{FileSystem, ReadFile};
use super::types::{Attributes, Digests, ObjectInfo};

/// The limit for content type, entity tag and user metadata together, in bytes. S3 allows 2 KB of
/// user metadata and 8 KB of headers.
pub(crate) const MAX_ATTRIBUTES: usize = 8 * 1024;

/// An upper bound of the JSON of any body: [`MAX_ATTRIBUTES`] and the longest key, escaped.
const MAX_JSON: usize = 64 * 1024;
const MAGIC: &str = " log2aws1\n";
const FOOTER: usize = 1 + 8 + 1 + 16 + MAGIC.len();
/// How much is read at first; almost every trailer is shorter.
const TAIL: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Record {
    key: String,
    version: String,
    size: u64,
    md5: String,
    sha256: String,
    etag: String,
    content_type: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    user_metadata: BTreeMap<String, String>,
    last_modified_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_operator: bool,
}

/// Refuses attributes that do not fit into a trailer.
pub(crate) fn check(attributes: &Attributes, what: &str) -> Result<(), DiskError> {
    let metadata: usize = attributes.user_metadata.iter().map(|(k, v)| k.len() + v.len()).sum();
    let etag = attributes.etag.as_ref().map_or(0, String::len);
    let size = attributes.content_type.len() + etag + metadata;
    if size > MAX_ATTRIBUTES {
        return Err(DiskError::MetadataTooLarge {
            what: what.to_owned(),
            size,
            max: MAX_ATTRIBUTES,
        });
    }
    Ok(())
}

/// The description of a body that is about to be committed.
pub(crate) fn describe(
    key: ObjectKey,
    version: String,
    digests: Digests,
    attributes: Attributes,
    now: Timestamp,
) -> ObjectInfo {
    let Attributes { content_type, user_metadata, source, by_operator, etag } = attributes;
    ObjectInfo {
        key,
        version: VersionId::new(version),
        digests,
        etag: etag.unwrap_or_else(|| hex::encode(digests.md5)),
        content_type,
        user_metadata,
        last_modified: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
        source,
        by_operator,
    }
}

/// The bytes written after the data.
pub(crate) fn trailer(info: &ObjectInfo) -> io::Result<Vec<u8>> {
    let record = Record {
        key: info.key.to_string(),
        version: info.version.to_string(),
        size: info.digests.size,
        md5: hex::encode(info.digests.md5),
        sha256: hex::encode(info.digests.sha256),
        etag: info.etag.clone(),
        content_type: info.content_type.clone(),
        user_metadata: info.user_metadata.clone(),
        last_modified_ms: info.last_modified.as_millisecond(),
        source: info.source,
        by_operator: info.by_operator,
    };
    let json = serde_json::to_string(&record)?;
    Ok(format!("\n{json}{}", footer(json.as_bytes())).into_bytes())
}

fn footer(json: &[u8]) -> String {
    format!("\n{:08x} {}{MAGIC}", json.len(), hex::encode(&Sha256::digest(json)[..8]))
}

/// An open file and its trailer.
pub(crate) type Opened = (Box<dyn ReadFile>, ObjectInfo);

/// Opens a body and reads its trailer; `None` if there is no such file.
pub(crate) fn open(
    fs: &dyn FileSystem,
    path: &Path,
    key: &ObjectKey,
) -> Result<Option<Opened>, DiskError> {
    let failed = |source| DiskError::Io { what: "reading", path: path.to_owned(), source };
    let file = match fs.open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A file with this name cannot exist.
        Err(e) if e.kind() == io::ErrorKind::InvalidFilename => return Ok(None),
        other => other.map_err(failed)?,
    };
    let info = read_trailer(&*file).map_err(failed)?.and_then(|info| {
        if info.key == *key { Ok(info) } else { Err("its trailer names another key") }
    });
    match info {
        Ok(info) => Ok(Some((file, info))),
        Err(reason) => Err(Corrupt { file: path.to_owned(), reason: reason.to_owned() }.into()),
    }
}

/// Reads the trailer. The inner error describes what is wrong with it.
fn read_trailer(file: &dyn ReadFile) -> io::Result<Result<ObjectInfo, &'static str>> {
    let length = file.length()?;
    let tail_at = |size: usize| -> io::Result<Vec<u8>> {
        let size = size.min(usize::try_from(length).unwrap_or(usize::MAX));
        let mut tail = vec![0; size];
        file.read_exact_at(&mut tail, length - size as u64)?;
        Ok(tail)
    };
    let mut tail = tail_at(TAIL)?;
    let Some(json_length) = parse_footer(&tail) else {
        return Ok(Err("it does not end with a trailer"));
    };
    let whole = json_length + FOOTER + 1;
    if json_length > MAX_JSON || whole as u64 > length {
        return Ok(Err("its trailer is cut off"));
    }
    if whole > tail.len() {
        tail = tail_at(whole)?;
    }
    let (json, foot) = tail[tail.len() - whole + 1..].split_at(json_length);
    if foot != footer(json).as_bytes() {
        return Ok(Err("its trailer was altered"));
    }
    Ok(parse_record(json, length - whole as u64))
}

/// The length of the JSON, from the footer.
fn parse_footer(tail: &[u8]) -> Option<usize> {
    let footer = str::from_utf8(tail.get(tail.len().checked_sub(FOOTER)?..)?).ok()?;
    footer.ends_with(MAGIC).then(|| usize::from_str_radix(footer.get(1..9)?, 16).ok())?
}

fn parse_record(json: &[u8], data_length: u64) -> Result<ObjectInfo, &'static str> {
    let record: Record = serde_json::from_slice(json).map_err(|_| "its trailer cannot be read")?;
    if record.size != data_length {
        return Err("its data are not as long as they were");
    }
    let info = || {
        Some(ObjectInfo {
            key: record.key.parse().ok()?,
            version: VersionId::new(record.version),
            digests: Digests {
                size: record.size,
                md5: unhex(&record.md5)?,
                sha256: unhex(&record.sha256)?,
            },
            etag: record.etag,
            content_type: record.content_type,
            user_metadata: record.user_metadata,
            last_modified: Timestamp::from_millisecond(record.last_modified_ms).ok()?,
            source: record.source,
            by_operator: record.by_operator,
        })
    };
    info().ok_or("its trailer cannot be read")
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Reads the data of one body, without its trailer. It is not affected by later puts of the key.
#[derive(Debug)]
pub struct ObjectReader {
    file: Box<dyn ReadFile>,
    position: u64,
    size: u64,
}

impl ObjectReader {
    pub(crate) fn new(file: Box<dyn ReadFile>, size: u64) -> Self {
        Self { file, position: 0, size }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut out[..wanted], self.position)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the body was cut while it was read",
            ));
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a seek before the first byte")
        })?;
        Ok(self.position)
    }
}
