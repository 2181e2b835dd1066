//! Lists of objects and versions.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use log2aws_service::ports::VersionId;
use log2aws_store::disk::{
    Entry, ListQuery, Listing, MAX_PAGE, ObjectInfo, VersionEntry, VersionMarker, VersionQuery,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, ETag, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass, Owner,
};
use s3s::{S3Result, s3_error};

use super::get::{moment, signed};
use crate::s3::incoming_body::on_disk_thread;
use crate::s3::{Disk, bucket_name};

/// Characters that S3 does not encode under `encoding-type=url`.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/');

/// Encodes keys as requested: XML cannot represent every character that a key may have.
struct Encoding(Option<EncodingType>);

impl Encoding {
    fn of(asked: Option<EncodingType>) -> S3Result<Self> {
        match &asked {
            Some(kind) if kind.as_str() != "url" => {
                Err(s3_error!(InvalidArgument, "encoding-type may only be url"))
            }
            _ => Ok(Self(asked)),
        }
    }

    fn write(&self, text: &str) -> String {
        match self.0 {
            Some(_) => utf8_percent_encode(text, PLAIN).to_string(),
            None => text.to_owned(),
        }
    }

    fn write_some(&self, text: Option<&str>) -> Option<String> {
        text.filter(|text| !text.is_empty()).map(|text| self.write(text))
    }
}

/// The number of entries in a page.
pub(crate) fn page(asked: Option<i32>) -> S3Result<usize> {
    let asked = asked.map_or(Ok(MAX_PAGE), usize::try_from);
    let asked = asked.map_err(|_| s3_error!(InvalidArgument, "a page cannot be negative"))?;
    Ok(asked.min(MAX_PAGE))
}

/// A page size in the type of s3s; it is at most [`MAX_PAGE`].
pub(crate) fn count(length: usize) -> Option<i32> {
    i32::try_from(length).ok()
}

/// The owner of all objects.
pub(crate) fn owner() -> Owner {
    Owner { id: Some("log2aws".to_owned()), ..Default::default() }
}

/// The objects and common prefixes of one page.
fn written(
    listing: Listing,
    encoding: &Encoding,
    owner: Option<&Owner>,
) -> S3Result<(Vec<Object>, Vec<CommonPrefix>)> {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for entry in listing.entries {
        match entry {
            Entry::CommonPrefix(prefix) => {
                prefixes.push(CommonPrefix { prefix: Some(encoding.write(&prefix)) });
            }
            Entry::Object(info) => objects.push(Object {
                key: Some(encoding.write(info.key.as_str())),
                e_tag: Some(ETag::Strong(info.etag.clone())),
                last_modified: Some(moment(info.last_modified)),
                size: Some(signed(info.digests.size)?),
                owner: owner.cloned(),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Default::default()
            }),
        }
    }
    Ok((objects, prefixes))
}

async fn page_of(disk: &Disk, bucket: &str, query: ListQuery) -> S3Result<Listing> {
    let bucket = bucket_name(bucket)?;
    let disk = disk.clone();
    on_disk_thread(move || {
        if query.max == 0 {
            return Ok(Listing::default());
        }
        let listing = disk.store.list(&bucket, &query).map_err(disk.fault())?;
        disk.unreadable.report(&listing.unreadable);
        Ok(listing)
    })
    .await
}

/// Implements `ListObjects`, the first version.
pub(crate) async fn list(disk: &Disk, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
    let encoding = Encoding::of(input.encoding_type)?;
    let max = page(input.max_keys)?;
    let query = ListQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.marker.clone().filter(|marker| !marker.is_empty()),
        max,
    };
    let listing = page_of(disk, &input.bucket, query).await?;
    let next = listing.next.clone();
    let (objects, prefixes) = written(listing, &encoding, Some(&owner()))?;
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&input.prefix.unwrap_or_default())),
        marker: Some(encoding.write(&input.marker.unwrap_or_default())),
        delimiter: encoding.write_some(input.delimiter.as_deref()),
        max_keys: count(max),
        is_truncated: Some(next.is_some()),
        next_marker: encoding.write_some(next.as_deref()),
        contents: Some(objects),
        common_prefixes: Some(prefixes),
        encoding_type: encoding.0,
        ..Default::default()
    })
}

/// Implements `ListObjectsV2`.
pub(crate) async fn list_v2(
    disk: &Disk,
    input: ListObjectsV2Input,
) -> S3Result<ListObjectsV2Output> {
    let encoding = Encoding::of(input.encoding_type)?;
    let max = page(input.max_keys)?;
    let after = match &input.continuation_token {
        Some(token) => Some(read_token(token)?),
        None => input.start_after.clone(),
    };
    let query = ListQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: after.filter(|after| !after.is_empty()),
        max,
    };
    let listing = page_of(disk, &input.bucket, query).await?;
    let owner = input.fetch_owner.unwrap_or(false).then(owner);
    let (next, found) = (listing.next.clone(), listing.entries.len());
    let (objects, prefixes) = written(listing, &encoding, owner.as_ref())?;
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&input.prefix.unwrap_or_default())),
        start_after: encoding.write_some(input.start_after.as_deref()),
        delimiter: encoding.write_some(input.delimiter.as_deref()),
        max_keys: count(max),
        key_count: count(found),
        is_truncated: Some(next.is_some()),
        continuation_token: input.continuation_token,
        next_continuation_token: next.map(|next| BASE64_URL_SAFE_NO_PAD.encode(next)),
        contents: Some(objects),
        common_prefixes: Some(prefixes),
        encoding_type: encoding.0,
        ..Default::default()
    })
}

/// Implements `ListObjectVersions`.
pub(crate) async fn list_versions(
    disk: &Disk,
    input: ListObjectVersionsInput,
) -> S3Result<ListObjectVersionsOutput> {
    let encoding = Encoding::of(input.encoding_type)?;
    let max = page(input.max_keys)?;
    let bucket = bucket_name(&input.bucket)?;
    let after = input.key_marker.clone().filter(|key| !key.is_empty()).map(|key| {
        let version = input.version_id_marker.as_deref().filter(|id| !id.is_empty());
        VersionMarker { key, version: version.map(VersionId::new) }
    });
    let query = VersionQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after,
        max,
    };
    let (disk, shown) = (disk.clone(), disk);
    let listing = on_disk_thread(move || {
        if query.max == 0 {
            return Ok(log2aws_store::disk::VersionListing::default());
        }
        let listing = disk.store.list_versions(&bucket, &query).map_err(disk.fault())?;
        disk.unreadable.report(&listing.unreadable);
        Ok(listing)
    })
    .await?;
    let (mut versions, mut prefixes) = (Vec::new(), Vec::new());
    for entry in listing.entries {
        match entry {
            VersionEntry::CommonPrefix(prefix) => {
                prefixes.push(CommonPrefix { prefix: Some(encoding.write(&prefix)) });
            }
            VersionEntry::Version { info, latest } => {
                let shown = shown.shown_version(&input.bucket, &info.version);
                versions.push(version(&info, latest, shown, &encoding)?);
            }
        }
    }
    let next = listing.next;
    Ok(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&input.prefix.unwrap_or_default())),
        key_marker: Some(encoding.write(&input.key_marker.unwrap_or_default())),
        version_id_marker: input.version_id_marker,
        delimiter: encoding.write_some(input.delimiter.as_deref()),
        max_keys: count(max),
        is_truncated: Some(next.is_some()),
        next_key_marker: next.as_ref().map(|next| encoding.write(&next.key)),
        next_version_id_marker: next.and_then(|next| next.version).map(|id| id.to_string()),
        versions: Some(versions),
        common_prefixes: Some(prefixes),
        encoding_type: encoding.0,
        ..Default::default()
    })
}

fn version(
    info: &ObjectInfo,
    latest: bool,
    shown: Option<String>,
    encoding: &Encoding,
) -> S3Result<ObjectVersion> {
    Ok(ObjectVersion {
        key: Some(encoding.write(info.key.as_str())),
        version_id: Some(shown.unwrap_or_else(|| "null".to_owned())),
        is_latest: Some(latest),
        e_tag: Some(ETag::Strong(info.etag.clone())),
        last_modified: Some(moment(info.last_modified)),
        size: Some(signed(info.digests.size)?),
        owner: Some(owner()),
        storage_class: Some(ObjectVersionStorageClass::from_static(
            ObjectVersionStorageClass::STANDARD,
        )),
        ..Default::default()
    })
}

fn read_token(token: &str) -> S3Result<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "the continuation token is not one of ours"))
}
