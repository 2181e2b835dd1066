//! Conditions of writes and deletes, checked under the key's lock.

use std::path::Path;

use log2aws_core::key::ObjectKey;

use super::error::DiskError;
use super::inner::Bucket;
use super::object_file;
use super::types::ObjectInfo;

/// What must be stored under a key for a write or a delete to happen.
///
/// The condition is checked while the key is locked: of two writers with [`Condition::Absent`]
/// exactly one succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// No condition.
    #[default]
    Always,
    /// The key has no object: `If-None-Match: *`.
    Absent,
    /// The key has an object: `If-Match: *`.
    Present,
    /// The key's object has this entity tag (without quotes): `If-Match: "…"`.
    Matches(String),
}

impl Condition {
    /// Fails unless the condition holds for `current`, the object under `key` if there is one.
    pub(crate) fn check(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        present: Option<&ObjectInfo>,
    ) -> Result<(), DiskError> {
        let names = || (bucket.name.to_string(), key.to_string());
        let holds = match (self, present) {
            (Self::Always, _) | (Self::Absent, None) | (Self::Present, Some(_)) => true,
            (Self::Present | Self::Matches(_), None) => {
                let (bucket, key) = names();
                return Err(DiskError::NoSuchKey { bucket, key });
            }
            (Self::Absent, Some(_)) => false,
            (Self::Matches(etag), Some(info)) => info.etag == *etag,
        };
        if holds {
            return Ok(());
        }
        let (bucket, key) = names();
        Err(DiskError::PreconditionFailed { bucket, key })
    }

    /// [`Condition::check`] for the file `current`, which is not read if there is no condition.
    pub(crate) fn check_file(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        current: &Path,
    ) -> Result<(), DiskError> {
        if *self == Self::Always {
            return Ok(());
        }
        let present = object_file::open(&*bucket.fs, current, key)?.map(|(_, info)| info);
        self.check(bucket, key, present.as_ref())
    }
}
