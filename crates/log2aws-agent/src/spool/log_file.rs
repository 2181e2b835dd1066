//! A log file and a snapshot of its content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use log2aws_core::metadata::Metadata;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

/// An open log, with size and hash of what was read. It may grow: only what was read is sent.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    /// Bytes.
    pub(crate) size: u64,
    /// The SHA-256 of these bytes.
    pub(crate) sha256: [u8; 32],
    /// The modification time before it was read ([`modified`]).
    pub(crate) modified: Option<i64>,
}

impl LogFile {
    /// Opens and reads a log, without following a link and without blocking on a pipe.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::read(open_regular(path, OpenOptions::new().read(true))?)
    }

    /// As [`LogFile::open`], and locks out samplers until it is dropped. Fails if a sampler holds
    /// the lock.
    pub(crate) fn open_locked(path: &Path) -> io::Result<Self> {
        // NFS requires write access for a lock.
        let file = open_regular(path, OpenOptions::new().read(true).write(true))?;
        file.try_lock()?;
        Self::read(file)
    }

    fn read(mut file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let (size, sha256) = fingerprint(&mut file, metadata.len())?;
        Ok(Self { file, size, sha256, modified: modified(&metadata) })
    }

    /// The bytes from the start. Reading fails if there are fewer now, because the upload would
    /// hang.
    pub(crate) fn bytes(&mut self) -> io::Result<impl Read + '_> {
        self.file.rewind()?;
        Ok(Exactly { file: &self.file, left: self.size })
    }

    /// Makes what was read durable, and the name of the file. A power cut must not take back what a
    /// record says was delivered.
    pub(crate) fn sync(&self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// The SHA-256 in hex.
    pub(crate) fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }

    /// The SHA-256 of the first `size` bytes, in hex.
    pub(crate) fn sha256_hex_of_first(&mut self, size: u64) -> io::Result<String> {
        self.file.rewind()?;
        Ok(hex::encode(fingerprint(&mut self.file, size)?.1))
    }
}

/// Opens a regular file, without following a link and without blocking on a pipe.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = options.custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// How many bytes from the end are searched for the current metadata line. A day of 144 lines has
/// 20 KB.
const LOOK_BACK: u64 = 1 << 20;

/// The last metadata line of a log, if the end of the log has one.
///
/// # Errors
/// The log cannot be read.
pub(crate) fn last_metadata(path: &Path) -> io::Result<Option<Metadata>> {
    let mut file = open_regular(path, OpenOptions::new().read(true))?;
    let size = file.metadata()?.len();
    Ok(metadata_in_force(&read_tail(&mut file, size)?, size))
}

/// The end of a file of `size` bytes.
pub(crate) fn read_tail(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let mut tail = Vec::with_capacity(usize::try_from(size.min(LOOK_BACK)).unwrap_or_default() + 1);
    file.seek(SeekFrom::Start(size.saturating_sub(LOOK_BACK)))?;
    file.take(LOOK_BACK).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The last metadata line in the tail of a file of `size` bytes.
pub(crate) fn metadata_in_force(tail: &[u8], size: u64) -> Option<Metadata> {
    // The first line of a part is incomplete.
    let lines = tail.split(|byte| *byte == b'\n').skip(usize::from(size > LOOK_BACK));
    lines.filter(|line| line.starts_with(b"#")).filter_map(Metadata::parse).last()
}

/// A file's modification time in nanoseconds since 1970.
pub(super) fn modified(metadata: &fs::Metadata) -> Option<i64> {
    metadata.mtime().checked_mul(1_000_000_000)?.checked_add(metadata.mtime_nsec())
}

struct Exactly<'a> {
    file: &'a File,
    left: u64,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let n = self.file.take(self.left).read(buffer)?;
        if n == 0 && self.left > 0 {
            let text = "the log became shorter while it was sent";
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Size and SHA-256 of the current content, at most `len` bytes.
fn fingerprint(file: &mut File, len: u64) -> io::Result<(u64, [u8; 32])> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    let mut bytes = file.take(len);
    loop {
        match bytes.read(&mut buffer)? {
            0 => return Ok((size, hash.finalize().into())),
            n => {
                hash.update(&buffer[..n]);
                size += n as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_that_grows_is_sent_as_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-21.log");
        fs::write(&path, "abc").unwrap();
        let mut log = LogFile::open(&path).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"def").unwrap();
        let mut sent = Vec::new();
        log.bytes().unwrap().read_to_end(&mut sent).unwrap();
        assert_eq!((sent.as_slice(), log.size), (&b"abc"[..], 3));
        // printf abc | sha256sum
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(log.sha256_hex(), expected);
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        let link = folder.path().join("2026-11-21.log");
        std::os::unix::fs::symlink(folder.path().join("secret"), &link).unwrap();
        assert!(LogFile::open(&link).is_err());
        assert!(LogFile::open(folder.path()).is_err());
    }
}
