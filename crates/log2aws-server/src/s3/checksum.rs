//! Verifies a body's length and checksums.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use log2aws_store::disk::Digests;
use s3s::S3Result;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::crypto::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::Checksum;
use s3s::s3_error;

/// The headers, and trailers, that carry a checksum.
pub(crate) const NAMES: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// The limit of `x-amz-decoded-content-length`: S3's limit for one PUT.
const MAX_BODY: u64 = 5 * 1024 * 1024 * 1024;

/// The expected properties of a PUT's body, from its headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpectedChecksums {
    /// Its length in bytes, without any chunk frames.
    pub(crate) length: u64,
    md5: Option<[u8; 16]>,
    /// By name and value.
    sums: Vec<(&'static str, String)>,
    /// The checksums that follow the body as trailers.
    trailers: Vec<&'static str>,
}

impl ExpectedChecksums {
    /// Parses the headers.
    ///
    /// # Errors
    /// An invalid checksum, an unknown trailer, or no length.
    pub(crate) fn of(headers: &HeaderMap, length: Option<i64>) -> S3Result<Self> {
        let length = match text(headers, "x-amz-decoded-content-length")? {
            Some(decoded) => decoded.parse().ok(),
            None => length.and_then(|length| u64::try_from(length).ok()),
        };
        let length = length
            .ok_or_else(|| s3_error!(MissingContentLength, "the body's length is not given"))?;
        if length > MAX_BODY {
            return Err(s3_error!(EntityTooLarge, "one PUT may have 5 GiB: upload in parts"));
        }
        let mut claims = Self { length, ..Self::default() };
        if let Some(md5) = text(headers, "content-md5")? {
            let md5 = BASE64_STANDARD.decode(md5).ok().and_then(|md5| md5.try_into().ok());
            claims.md5 = Some(md5.ok_or_else(|| {
                s3_error!(InvalidDigest, "Content-MD5 is not the base64 of 16 bytes")
            })?);
        }
        for name in NAMES {
            if let Some(value) = text(headers, name)? {
                claims.sums.push((name, value.to_owned()));
            }
        }
        for value in headers.get_all("x-amz-trailer") {
            let list = value.to_str().unwrap_or_default().to_ascii_lowercase();
            for wanted in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let known = NAMES.into_iter().find(|name| *name == wanted);
                claims.trailers.push(known.ok_or_else(|| {
                    s3_error!(InvalidRequest, "the trailer {wanted:?} is no checksum that is known")
                })?);
            }
        }
        Ok(claims)
    }

    /// A hasher for what the store does not hash itself.
    pub(crate) fn hasher(&self) -> ChecksumHasher {
        let own = self.sums.iter().map(|(name, _)| *name);
        let mut hasher = hasher_of(own.chain(self.trailers.iter().copied()));
        hasher.sha256 = None;
        hasher
    }

    /// Compares every expectation with what arrived.
    ///
    /// # Errors
    /// `IncompleteBody`, or `BadDigest` with the checksum that does not match.
    pub(crate) fn check(
        &self,
        hasher: ChecksumHasher,
        digests: &Digests,
        trailers: Option<&HeaderMap>,
    ) -> S3Result<Checksum> {
        if digests.size != self.length {
            return Err(s3_error!(
                IncompleteBody,
                "{} bytes were announced and {} arrived",
                self.length,
                digests.size
            ));
        }
        if self.md5.is_some_and(|md5| md5 != digests.md5) {
            return Err(s3_error!(BadDigest, "Content-MD5 is not that of the body that arrived"));
        }
        let mut found = hasher.finalize();
        let sha256 = BASE64_STANDARD.encode(digests.sha256);
        let none = HeaderMap::new();
        let trailers = trailers.unwrap_or(&none);
        for name in &self.trailers {
            let sent = text(trailers, name)?.ok_or_else(|| {
                s3_error!(InvalidRequest, "the trailer {name} was announced and did not arrive")
            })?;
            compare(name, sent, &found, &sha256)?;
        }
        for (name, sent) in &self.sums {
            compare(name, sent, &found, &sha256)?;
        }
        let claimed = |name: &str| {
            self.sums.iter().any(|(known, _)| *known == name) || self.trailers.contains(&name)
        };
        found.checksum_sha256 = claimed(NAMES[4]).then_some(sha256);
        Ok(found)
    }
}

/// A hasher for these checksums.
pub(crate) fn hasher_of(names: impl Iterator<Item = &'static str>) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    for name in names {
        match name {
            "x-amz-checksum-crc32" => hasher.crc32 = Some(Crc32::new()),
            "x-amz-checksum-crc32c" => hasher.crc32c = Some(Crc32c::new()),
            "x-amz-checksum-crc64nvme" => hasher.crc64nvme = Some(Crc64Nvme::new()),
            "x-amz-checksum-sha1" => hasher.sha1 = Some(Sha1::new()),
            _ => hasher.sha256 = Some(Sha256::new()),
        }
    }
    hasher
}

/// Compares a received checksum with that of the body.
pub(crate) fn compare(name: &str, sent: &str, found: &Checksum, sha256: &str) -> S3Result<()> {
    let found = match name {
        "x-amz-checksum-crc32" => found.checksum_crc32.as_deref(),
        "x-amz-checksum-crc32c" => found.checksum_crc32c.as_deref(),
        "x-amz-checksum-crc64nvme" => found.checksum_crc64nvme.as_deref(),
        "x-amz-checksum-sha1" => found.checksum_sha1.as_deref(),
        _ => Some(sha256),
    };
    if found == Some(sent) {
        Ok(())
    } else {
        Err(s3_error!(BadDigest, "{name} is not that of the body that arrived"))
    }
}

/// A header that may occur once.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> S3Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let value = value.to_str().map(str::trim);
            value.map(Some).map_err(|_| s3_error!(InvalidRequest, "{name} cannot be read"))
        }
        (Some(_), Some(_)) => Err(s3_error!(InvalidRequest, "{name} was given twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3s::S3ErrorCode;

    // `hello`: printf hello | md5sum, sha256sum, sha1sum; the CRCs as botocore computes them.
    const CLAIMS: [(&str, &str); 6] = [
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-crc32c", "mnG7TA=="),
        ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
        ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ];

    fn digests(size: u64) -> Digests {
        let decode = |index: usize| BASE64_STANDARD.decode(CLAIMS[index].1).unwrap();
        let (md5, sha256) = (decode(0).try_into().unwrap(), decode(5).try_into().unwrap());
        Digests { size, md5, sha256 }
    }

    fn check(headers: &[(&str, &str)], trailers: &[(&str, &str)]) -> S3Result<Checksum> {
        let map = |pairs: &[(&str, &str)]| -> HeaderMap {
            let pair = |(name, value): &(&str, &str)| {
                (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
            };
            pairs.iter().map(pair).collect()
        };
        let claims = ExpectedChecksums::of(&map(headers), Some(5))?;
        let mut hasher = claims.hasher();
        hasher.update(b"hel");
        hasher.update(b"lo");
        claims.check(hasher, &digests(5), Some(&map(trailers)))
    }

    #[test]
    fn true_claims_hold_in_headers_and_trailers() {
        let all = check(&CLAIMS, &[]).unwrap();
        assert_eq!(all.checksum_crc64nvme.as_deref(), Some("M3eFcAZSQlc="));
        assert_eq!(all.checksum_sha256.as_deref(), Some(CLAIMS[5].1));
        for claim in &CLAIMS[1..] {
            check(&[("x-amz-trailer", claim.0)], &[*claim]).unwrap();
        }
        assert!(check(&[], &[]).unwrap().checksum_sha256.is_none());
    }

    #[test]
    fn each_false_claim_is_a_bad_digest() {
        for (name, value) in CLAIMS {
            let wrong: String = value.chars().rev().collect::<String>();
            let code = |result: S3Result<Checksum>| result.unwrap_err().code().clone();
            let in_header = code(check(&[(name, &wrong)], &[]));
            assert!(
                [S3ErrorCode::BadDigest, S3ErrorCode::InvalidDigest].contains(&in_header),
                "{name}"
            );
            if name != "content-md5" {
                let in_trailer = code(check(&[("x-amz-trailer", name)], &[(name, &wrong)]));
                assert_eq!(in_trailer, S3ErrorCode::BadDigest, "{name}");
            }
        }
        let md5 = [("content-md5", "XUFAKrxLKna5cZ2REBfFkw==")];
        assert_eq!(check(&md5, &[]).unwrap_err().code(), &S3ErrorCode::BadDigest);
    }

    #[test]
    fn an_announced_trailer_must_arrive_and_lengths_must_hold() {
        assert!(check(&[("x-amz-trailer", "x-amz-checksum-crc32")], &[]).is_err());
        assert!(check(&[("x-amz-trailer", "x-amz-meta-a")], &[]).is_err());
        let twice = [("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-checksum-crc32", "NhCmhg==")];
        assert!(check(&twice, &[]).is_err());
        let claims = ExpectedChecksums::of(&HeaderMap::new(), Some(5)).unwrap();
        let code = claims.check(claims.hasher(), &digests(4), None).unwrap_err().code().clone();
        assert_eq!(code, S3ErrorCode::IncompleteBody);
        assert!(ExpectedChecksums::of(&HeaderMap::new(), None).is_err());
        assert!(ExpectedChecksums::of(&HeaderMap::new(), Some(i64::MAX)).is_err());
    }
}
