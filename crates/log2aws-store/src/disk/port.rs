//! The disk store as an implementation of the service's ports.

use std::io::{self, Write};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{
    self, ListPage, ListQuery, ObjectLister, ObjectMeta, Store, StoreError, Upload, Version,
    VersionId,
};

use super::condition::Condition;
use super::staged::Staged;
use super::types::{Attributes, Entry, MAX_PAGE, ObjectInfo};
use super::{DiskError, DiskStore};

impl Store for DiskStore {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        match self.head(bucket, key, None) {
            Ok(info) => Ok(Some(version(&info))),
            Err(DiskError::NoSuchKey { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError> {
        let (_, reader) = self.open_object(bucket, key, Some(version))?;
        Ok(Box::new(reader))
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        let staged = self.stage(bucket, key)?;
        Ok(Box::new(DiskUpload { staged, content_type: content_type.to_owned() }))
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        Ok(self.delete(bucket, key, &Condition::Always)?)
    }
}

impl ObjectLister for DiskStore {
    /// Omits damaged objects, as the lists of S3 do.
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        let query = super::ListQuery {
            prefix: query.prefix.clone(),
            delimiter: query.folders.then(|| "/".to_owned()),
            after: query.after.clone(),
            max: MAX_PAGE,
        };
        let listing = self.list(bucket, &query)?;
        let mut page = ListPage { next: listing.next, ..ListPage::default() };
        for entry in listing.entries {
            match entry {
                Entry::CommonPrefix(folder) => page.folders.push(folder),
                Entry::Object(info) => page.objects.push(ObjectMeta {
                    e_tag: info.version.to_string(),
                    size: info.digests.size,
                    key: info.key,
                }),
            }
        }
        Ok(page)
    }
}

struct DiskUpload {
    staged: Staged,
    content_type: String,
}

impl Write for DiskUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.staged.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.staged.flush()
    }
}

impl Upload for DiskUpload {
    fn commit_if(self: Box<Self>, condition: &ports::Condition) -> Result<Version, StoreError> {
        let Self { staged, content_type } = *self;
        let attributes = Attributes { content_type, ..Attributes::default() };
        let changed = |bucket, key| StoreError::Changed { what: format!("{bucket}/{key}") };
        match staged.commit(attributes, &Condition::from(condition)) {
            Ok(info) => Ok(version(&info)),
            // The object that the condition names is gone.
            Err(DiskError::NoSuchKey { bucket, key }) => Err(changed(bucket, key)),
            Err(other) => Err(other.into()),
        }
    }
}

fn version(info: &ObjectInfo) -> Version {
    Version { id: info.version.clone(), size: info.digests.size, e_tag: info.etag.clone() }
}

impl From<&ports::Condition> for Condition {
    fn from(condition: &ports::Condition) -> Self {
        match condition {
            ports::Condition::None => Self::Always,
            ports::Condition::Absent => Self::Absent,
            ports::Condition::ETag(e_tag) => Self::Matches(e_tag.clone()),
        }
    }
}
