//! Multipart uploads.
//!
//! `DATA/uploads/<upload>/upload.json` describes the object; each part is a body, `00001` to
//! `10000`, with the usual trailer.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use log2aws_core::key::{BucketName, ObjectKey};
use md5::{Digest as _, Md5};

use super::DiskStore;
use super::condition::Condition;
use super::error::{Corrupt, DiskError, Unreadable};
use super::fs::FileSystem;
use super::inner::Inner;
use super::key_path::KeyPath;
use super::manifest;
use super::object_file::{self, ObjectReader};
use super::parts;
use super::staged::Staged;
use super::staged_file::StagedFile;
use super::types::{
    Attributes, Digests, MAX_PAGE, ObjectInfo, PartInfo, PartListing, UploadId, UploadInfo,
    UploadListing, UploadQuery,
};

/// The highest part number: S3's limit.
const MAX_PART: u16 = 10_000;
/// The minimum size of every part except the last, in bytes: S3's 5 MiB.
const MIN_PART: u64 = 5 * 1024 * 1024;
/// The age at which an upload counts as abandoned.
const ABANDONED: SignedDuration = SignedDuration::from_hours(7 * 24);

impl DiskStore {
    /// Starts a multipart upload. It survives a restart. (`attributes.etag` is not used.)
    ///
    /// # Errors
    /// As [`DiskStore::stage`], and [`DiskError::MetadataTooLarge`].
    pub fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        attributes: &Attributes,
    ) -> Result<UploadId, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let object = format!("{}/{key}", bucket.name);
        KeyPath::new(&bucket.folder, key)?;
        object_file::check(attributes, &object)?;
        let now = self.inner.now();
        let id = UploadId(self.inner.ids.next(now, None));
        let staged = self.inner.root.join("staging").join(id.as_str());
        let folder = self.inner.upload(&id);
        let fs = &*self.inner.fs;
        let write = || {
            fs.create_dir(&staged)?;
            let mut file = fs.create_new(&staged.join("upload.json"))?;
            file.write_all(&manifest::to_json(&bucket.name, key, attributes, now)?)?;
            file.sync()?;
            fs.sync_dir(&staged)?;
            fs.rename(&staged, &folder)?;
            fs.sync_dir(&self.inner.root.join("uploads"))
        };
        write().map_err(|e| {
            // The next start removes what cannot be removed now.
            let _left_to_the_next_start = fs.remove_dir_all(&staged);
            DiskError::of("writing", &folder, &object, e)
        })?;
        Ok(id)
    }

    /// Describes an upload.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::Corrupt`], [`DiskError::Io`].
    pub fn upload_info(&self, upload: &UploadId) -> Result<UploadInfo, DiskError> {
        let file = self.inner.upload(upload).join("upload.json");
        let json = self.inner.fs.read(&file).map_err(|e| missing(upload, "reading", &file, e))?;
        manifest::parse(upload, &json).ok_or_else(|| {
            Corrupt { file, reason: "it does not describe an upload".to_owned() }.into()
        })
    }

    /// Starts writing a part; an existing part with that number stays until the commit.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::PartNumber`], [`DiskError::Full`],
    /// [`DiskError::Io`].
    pub fn stage_part(&self, upload: &UploadId, number: u32) -> Result<StagedPart, DiskError> {
        let in_range = u16::try_from(number).ok().filter(|n| (1..=MAX_PART).contains(n));
        let number = in_range.ok_or(DiskError::PartNumber { number })?;
        let info = self.upload_info(upload)?;
        Ok(StagedPart {
            inner: Arc::clone(&self.inner),
            file: self.inner.stage(&format!("{}/{}", info.bucket, info.key))?,
            upload: info,
            number,
        })
    }

    /// Lists at most `max` parts with numbers above `after` (0 for all).
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::Corrupt`], [`DiskError::Io`].
    pub fn list_parts(
        &self,
        upload: &UploadId,
        after: u16,
        max: usize,
    ) -> Result<PartListing, DiskError> {
        let info = self.upload_info(upload)?;
        let folder = self.inner.upload(upload);
        let failed = |e| missing(upload, "listing", &folder, e);
        let mut numbers = Vec::new();
        for entry in self.inner.fs.read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.name;
            numbers.extend(name.to_str().and_then(part_number).filter(|number| *number > after));
        }
        numbers.sort_unstable();
        let max = max.min(MAX_PAGE);
        let mut listing = PartListing::default();
        for number in &numbers[..max.min(numbers.len())] {
            listing.parts.extend(self.part(&info, *number)?.map(|(part, _)| part));
        }
        if numbers.len() > max {
            listing.next = numbers[..max].last().copied();
        }
        Ok(listing)
    }

    /// Lists the uploads of a bucket. An unreadable description is added to
    /// [`UploadListing::unreadable`], and the other uploads are listed.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`]; [`DiskError::Io`] if the uploads folder cannot be read.
    pub fn list_uploads(
        &self,
        bucket: &BucketName,
        query: &UploadQuery,
    ) -> Result<UploadListing, DiskError> {
        let bucket = self.inner.bucket(bucket)?.name;
        let max = query.max.min(MAX_PAGE);
        let is_after = |info: &UploadInfo| match &query.after {
            None => true,
            Some((key, None)) => info.key.as_str() > key.as_str(),
            Some((key, Some(id))) => (info.key.as_str(), &info.id) > (key.as_str(), id),
        };
        let mut found = BTreeMap::new();
        let mut listing = UploadListing::default();
        for id in self.upload_ids()? {
            let info = match self.upload_info(&id) {
                Ok(info) => info,
                Err(DiskError::NoSuchUpload { .. }) => continue,
                Err(error) => {
                    listing.unreadable.push(Unreadable::of(error, &self.inner.upload(&id)));
                    continue;
                }
            };
            let wanted = info.bucket == bucket && info.key.as_str().starts_with(&query.prefix);
            if wanted && is_after(&info) {
                found.insert((info.key.clone(), id), info);
                if found.len() > max {
                    found.pop_last();
                    listing.more = true;
                }
            }
        }
        listing.uploads = found.into_values().collect();
        Ok(listing)
    }

    /// Assembles the given parts, each by number and entity tag (without quotes). The object
    /// becomes visible when it is committed.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::InvalidPart`], [`DiskError::InvalidPartOrder`]
    /// (also for an empty list), [`DiskError::PartTooSmall`], [`DiskError::Full`],
    /// [`DiskError::Corrupt`], [`DiskError::Io`]. The upload stays, and the call can be repeated.
    pub fn assemble_upload(
        &self,
        upload: &UploadId,
        parts: &[(u16, String)],
    ) -> Result<Assembled<'_>, DiskError> {
        self.assemble_upload_with(upload, parts, &mut |_, _| {})
    }

    /// As [`DiskStore::assemble_upload`]; `see` is called with the bytes of every part in order,
    /// and with the part's number.
    ///
    /// # Errors
    /// As [`DiskStore::assemble_upload`].
    pub fn assemble_upload_with(
        &self,
        upload: &UploadId,
        parts: &[(u16, String)],
        see: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Assembled<'_>, DiskError> {
        let lock = self.inner.lock_upload(upload);
        let info = self.upload_info(upload)?;
        let name = || upload.to_string();
        if parts.is_empty() || !parts.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DiskError::InvalidPartOrder { upload: name() });
        }
        let mut found = Vec::with_capacity(parts.len());
        for (number, etag) in parts {
            match self.part(&info, *number)? {
                Some((part, path)) if part.etag == *etag => found.push((part, path)),
                _ => return Err(DiskError::InvalidPart { upload: name(), number: *number }),
            }
        }
        let all_but_the_last = &found[..found.len() - 1];
        if let Some((part, _)) = all_but_the_last.iter().find(|(p, _)| p.digests.size < MIN_PART) {
            let (number, size) = (part.number, part.digests.size);
            return Err(DiskError::PartTooSmall { upload: name(), number, size });
        }

        let mut whole = self.stage(&info.bucket, &info.key)?;
        let mut tags = Md5::new();
        let mut buffer = vec![0; 256 * 1024];
        for (part, path) in &found {
            tags.update(part.digests.md5);
            let mut whole = ObservedWriter { whole: &mut whole, part: part.number, see };
            copy_part(&*self.inner.fs, upload, part, path, &info.key, &mut buffer, &mut whole)?;
        }
        let etag = format!("{}-{}", hex::encode(tags.finalize()), found.len());
        let mut attributes = Attributes { etag: Some(etag), ..info.attributes };
        parts::note(&mut attributes, found.iter().map(|(part, _)| part.digests.size));
        let upload = upload.clone();
        Ok(Assembled { store: self, upload, bucket: info.bucket, whole, attributes, _lock: lock })
    }

    /// Discards an upload and its parts.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::Io`].
    pub fn abort_upload(&self, upload: &UploadId) -> Result<(), DiskError> {
        let _lock = self.inner.lock_upload(upload);
        self.discard(upload)
    }

    /// Removes uploads that began more than seven days before `now`, and records of uploads that
    /// were completed more than a day before; returns the number of removed uploads.
    ///
    /// # Errors
    /// [`DiskError::Corrupt`], [`DiskError::Io`]: the first one, after all uploads were examined.
    pub fn sweep(&self, now: Timestamp) -> Result<u64, DiskError> {
        let mut removed = 0;
        let mut failure = self.forget_completed(now).err();
        for id in self.upload_ids()? {
            let is_abandoned = |info: &UploadInfo| now.duration_since(info.initiated) > ABANDONED;
            let swept = match self.upload_info(&id) {
                Ok(info) if is_abandoned(&info) => self.abort_upload(&id).map(|()| 1),
                other => other.map(|_| 0),
            };
            match swept {
                Ok(count) => removed += count,
                Err(DiskError::NoSuchUpload { .. }) => {}
                Err(other) => failure = failure.or(Some(other)),
            }
        }
        failure.map_or(Ok(removed), Err)
    }

    /// Makes the upload disappear with one rename, then removes its files.
    fn discard(&self, upload: &UploadId) -> Result<(), DiskError> {
        let folder = self.inner.upload(upload);
        let fs = &*self.inner.fs;
        let trash = self.inner.root.join("staging").join(upload.as_str());
        fs.rename(&folder, &trash).map_err(|e| missing(upload, "removing", &folder, e))?;
        let uploads = self.inner.root.join("uploads");
        fs.sync_dir(&uploads)
            .map_err(|e| DiskError::of("syncing", &uploads, upload.as_str(), e))?;
        // The next start removes what cannot be removed now.
        let _left_to_the_next_start = fs.remove_dir_all(&trash);
        Ok(())
    }

    fn part(
        &self,
        upload: &UploadInfo,
        number: u16,
    ) -> Result<Option<(PartInfo, PathBuf)>, DiskError> {
        let path = self.inner.part(&upload.id, number);
        let found = object_file::open(&*self.inner.fs, &path, &upload.key)?;
        Ok(found.map(|(_, info)| (part_info(number, info), path)))
    }

    fn upload_ids(&self) -> Result<Vec<UploadId>, DiskError> {
        let folder = self.inner.root.join("uploads");
        let failed = |source| DiskError::Io { what: "listing", path: folder.clone(), source };
        let mut ids = Vec::new();
        for entry in self.inner.fs.read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.name;
            ids.extend(name.to_str().and_then(UploadId::parse));
        }
        Ok(ids)
    }
}

/// The assembled parts of an upload. If it is dropped without [`Assembled::commit`], they are
/// removed and the upload stays.
#[derive(Debug)]
pub struct Assembled<'a> {
    store: &'a DiskStore,
    upload: UploadId,
    bucket: BucketName,
    whole: Staged,
    attributes: Attributes,
    /// Keeps others from completing or aborting the upload.
    _lock: MutexGuard<'a, ()>,
}

impl Assembled<'_> {
    /// Makes the object durable and visible if `condition` holds, then removes the upload and
    /// records the result.
    ///
    /// # Errors
    /// As [`Staged::commit`]; the upload stays, and can be assembled again.
    pub fn commit(self, condition: &Condition) -> Result<ObjectInfo, DiskError> {
        let object = self.whole.commit(self.attributes, condition)?;
        self.store.remember_completed(&self.upload, &self.bucket, &object)?;
        self.store.discard(&self.upload)?;
        Ok(object)
    }
}

impl Inner {
    fn upload(&self, upload: &UploadId) -> PathBuf {
        self.root.join("uploads").join(upload.as_str())
    }

    fn part(&self, upload: &UploadId, number: u16) -> PathBuf {
        self.upload(upload).join(format!("{number:05}"))
    }
}

/// A part being written. If it is dropped without [`StagedPart::commit`], it is removed.
#[derive(Debug)]
pub struct StagedPart {
    inner: Arc<Inner>,
    upload: UploadInfo,
    number: u16,
    file: StagedFile,
}

impl StagedPart {
    /// Size and hashes of what was written so far, to compare before the commit.
    pub fn digests(&self) -> Digests {
        self.file.digests()
    }

    /// Makes the part durable, replacing an earlier one with its number.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`] if the upload is gone; [`DiskError::Full`]; [`DiskError::Io`].
    pub fn commit(self) -> Result<PartInfo, DiskError> {
        let Self { inner, upload, number, mut file } = self;
        let object = format!("{}/{}", upload.bucket, upload.key);
        let failed = |file: &StagedFile, e| DiskError::of("writing", file.path(), &object, e);
        file.sync_data().map_err(|e| failed(&file, e))?;
        let now = inner.now();
        let id = inner.ids.next(now, None);
        let digests = file.digests();
        let info =
            object_file::describe(upload.key.clone(), id, digests, Attributes::default(), now);
        file.finish(&info).map_err(|e| failed(&file, e))?;
        let path = inner.part(&upload.id, number);
        file.persist(&path).map_err(|e| missing(&upload.id, "renaming to", &path, e))?;
        let folder = inner.upload(&upload.id);
        inner.fs.sync_dir(&folder).map_err(|e| missing(&upload.id, "syncing", &folder, e))?;
        Ok(part_info(number, info))
    }
}

impl Write for StagedPart {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes the assembled object and passes every byte to an observer.
struct ObservedWriter<'a> {
    whole: &'a mut Staged,
    part: u16,
    see: &'a mut dyn FnMut(u16, &[u8]),
}

impl Write for ObservedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.whole.write(bytes)?;
        (self.see)(self.part, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.whole.flush()
    }
}

fn part_info(number: u16, info: ObjectInfo) -> PartInfo {
    let ObjectInfo { digests, etag, last_modified, .. } = info;
    PartInfo { number, etag, digests, last_modified }
}

fn part_number(name: &str) -> Option<u16> {
    let number = name.parse().ok().filter(|number| (1..=MAX_PART).contains(number))?;
    (format!("{number:05}") == name).then_some(number)
}

/// Appends a part's data. Fails if the part does not match its entity tag.
fn copy_part(
    fs: &dyn FileSystem,
    upload: &UploadId,
    part: &PartInfo,
    path: &Path,
    key: &ObjectKey,
    buffer: &mut [u8],
    whole: &mut impl Write,
) -> Result<(), DiskError> {
    let invalid = || DiskError::InvalidPart { upload: upload.to_string(), number: part.number };
    let (file, info) = object_file::open(fs, path, key)?.ok_or_else(invalid)?;
    if info.etag != part.etag {
        return Err(invalid());
    }
    let mut reader = ObjectReader::new(file, info.digests.size);
    let mut md5 = Md5::new();
    loop {
        let read =
            reader.read(buffer).map_err(|e| DiskError::of("reading", path, key.as_str(), e))?;
        if read == 0 {
            break;
        }
        md5.update(&buffer[..read]);
        whole
            .write_all(&buffer[..read])
            .map_err(|e| DiskError::of("writing", path, key.as_str(), e))?;
    }
    if md5.finalize() != part.digests.md5 {
        let reason = "its data are not what was written".to_owned();
        return Err(Corrupt { file: path.to_owned(), reason }.into());
    }
    Ok(())
}

fn missing(upload: &UploadId, what: &'static str, path: &Path, source: io::Error) -> DiskError {
    if source.kind() == io::ErrorKind::NotFound {
        return DiskError::NoSuchUpload { upload: upload.to_string() };
    }
    DiskError::of(what, path, upload.as_str(), source)
}
