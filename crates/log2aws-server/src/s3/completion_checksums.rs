//! The checksums in a `CompleteMultipartUpload`, of parts and of the whole object.

use std::collections::BTreeMap;

use s3s::checksum::ChecksumHasher;
use s3s::dto::{CompleteMultipartUploadInput, CompletedPart};
use s3s::{S3Result, s3_error};

use super::checksum::{NAMES, compare, hasher_of};

/// The expected checksums of one part, or of the whole object.
#[derive(Default)]
struct Claimed {
    /// By name and value.
    sums: Vec<(&'static str, String)>,
    hasher: ChecksumHasher,
}

impl Claimed {
    fn new(sums: [Option<&String>; 5]) -> Option<Self> {
        let named = NAMES.into_iter().zip(sums);
        let sums: Vec<_> = named.filter_map(|(name, sum)| Some((name, sum?.clone()))).collect();
        if sums.is_empty() {
            return None;
        }
        let hasher = hasher_of(sums.iter().map(|(name, _)| *name));
        Some(Self { sums, hasher })
    }

    fn check(self) -> S3Result<()> {
        let found = self.hasher.finalize();
        let sha256 = found.checksum_sha256.clone().unwrap_or_default();
        self.sums.iter().try_for_each(|(name, sent)| compare(name, sent, &found, &sha256))
    }
}

/// The checksums of a completion. They are verified while the parts are assembled, before the
/// object is visible.
#[derive(Default)]
pub(crate) struct CompletionChecksums {
    parts: BTreeMap<u16, Claimed>,
    whole: Option<Claimed>,
}

impl CompletionChecksums {
    /// Parses the request.
    ///
    /// # Errors
    /// A checksum of the parts' checksums, which is not supported here.
    pub(crate) fn of(
        input: &CompleteMultipartUploadInput,
        parts: &[CompletedPart],
    ) -> S3Result<Self> {
        let whole = [
            input.checksum_crc32.as_ref(),
            input.checksum_crc32c.as_ref(),
            input.checksum_crc64nvme.as_ref(),
            input.checksum_sha1.as_ref(),
            input.checksum_sha256.as_ref(),
        ];
        let is_composite = input.checksum_type.as_ref().is_some_and(|t| t.as_str() == "COMPOSITE");
        if whole.iter().flatten().any(|sum| is_composite || sum.contains('-')) {
            return Err(s3_error!(
                NotImplemented,
                "a checksum of the parts' checksums is not compared here: send one with each part"
            ));
        }
        let parts = parts.iter().filter_map(|part| {
            let sums = Claimed::new([
                part.checksum_crc32.as_ref(),
                part.checksum_crc32c.as_ref(),
                part.checksum_crc64nvme.as_ref(),
                part.checksum_sha1.as_ref(),
                part.checksum_sha256.as_ref(),
            ]);
            Some((u16::try_from(part.part_number?).ok()?, sums?))
        });
        Ok(Self { parts: parts.collect(), whole: Claimed::new(whole) })
    }

    /// Processes the next bytes of the whole object, which belong to this part.
    pub(crate) fn update(&mut self, part: u16, bytes: &[u8]) {
        if let Some(claimed) = self.parts.get_mut(&part) {
            claimed.hasher.update(bytes);
        }
        if let Some(claimed) = &mut self.whole {
            claimed.hasher.update(bytes);
        }
    }

    /// Compares every checksum with that of the bytes.
    ///
    /// # Errors
    /// `InvalidPart` with the number of the part that does not match, or `BadDigest` for the whole.
    pub(crate) fn check(self) -> S3Result<()> {
        for (number, claimed) in self.parts {
            if claimed.check().is_err() {
                return Err(s3_error!(
                    InvalidPart,
                    "the checksum of part {number} is not that of its bytes"
                ));
            }
        }
        self.whole.map_or(Ok(()), Claimed::check)
    }
}
