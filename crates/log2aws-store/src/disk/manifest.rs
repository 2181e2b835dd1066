//! `upload.json`: the description of a multipart upload.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use serde::{Deserialize, Serialize};

use super::types::{Attributes, UploadId, UploadInfo};

#[derive(Serialize, Deserialize)]
struct Manifest {
    bucket: String,
    key: String,
    content_type: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    user_metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_operator: bool,
    initiated_ms: i64,
}

/// The manifest of an upload that begins at `now`.
pub(crate) fn to_json(
    bucket: &BucketName,
    key: &ObjectKey,
    attributes: &Attributes,
    now: Timestamp,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Manifest {
        bucket: bucket.to_string(),
        key: key.to_string(),
        content_type: attributes.content_type.clone(),
        user_metadata: attributes.user_metadata.clone(),
        source: attributes.source,
        by_operator: attributes.by_operator,
        initiated_ms: now.as_millisecond(),
    })
}

/// Parses a manifest; `None` if it is invalid.
pub(crate) fn parse(upload: &UploadId, json: &[u8]) -> Option<UploadInfo> {
    let manifest: Manifest = serde_json::from_slice(json).ok()?;
    Some(UploadInfo {
        id: upload.clone(),
        bucket: manifest.bucket.parse().ok()?,
        key: manifest.key.parse().ok()?,
        attributes: Attributes {
            content_type: manifest.content_type,
            user_metadata: manifest.user_metadata,
            source: manifest.source,
            by_operator: manifest.by_operator,
            etag: None,
        },
        initiated: Timestamp::from_millisecond(manifest.initiated_ms).ok()?,
    })
}
