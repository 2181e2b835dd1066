//! The work on one log: its stored results, and new results as they are written.

use std::io::{self, Read as _};

use log2aws_core::key::{ObjectKey, RawKey, ResultKind};

use super::{AnalyzeApp, Outcome, RecordFailure};
use crate::ports::{Condition, Settings, StoreError, Upload, Version, VersionId};

/// The maximum size of a summary or a list of refused versions that is read, in bytes. Ours have a
/// few kilobytes.
pub const MAX_SUMMARY_BYTES: u64 = 4 * 1024 * 1024;

/// One log and everything needed to work on it.
pub(super) struct Job<'a> {
    pub(super) app: &'a AnalyzeApp,
    pub(super) settings: &'a Settings,
    pub(super) key: &'a RawKey,
    pub(super) raw_key: ObjectKey,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        app: &'a AnalyzeApp,
        settings: &'a Settings,
        key: &'a RawKey,
    ) -> Result<Self, RecordFailure> {
        if settings.raw_bucket == settings.analyzed_bucket {
            return Err(RecordFailure::OneBucket(settings.raw_bucket.clone()));
        }
        Ok(Self { app, settings, key, raw_key: key.object_key() })
    }

    /// The newest version of the raw log.
    pub(super) fn newest(&self) -> Result<Option<Version>, StoreError> {
        self.app.store.head(&self.settings.raw_bucket, &self.raw_key)
    }

    /// The result of this kind, if there is one.
    pub(super) fn result(&self, kind: ResultKind) -> Result<Option<Version>, StoreError> {
        self.app.store.head(&self.settings.analyzed_bucket, &self.key.result_key(kind))
    }

    /// The same for a result that is overwritten if it is damaged.
    pub(super) fn found(&self, kind: ResultKind) -> Result<Found, StoreError> {
        match self.result(kind) {
            Ok(Some(version)) => Ok(Found::Version(version)),
            Ok(None) => Ok(Found::Absent),
            Err(StoreError::Failed { source, .. })
                if source.kind() == io::ErrorKind::InvalidData =>
            {
                Ok(Found::Damaged)
            }
            Err(other) => Err(other),
        }
    }

    /// Reads a small result; `None` if it is too large or has been removed meanwhile.
    pub(super) fn read(
        &self,
        kind: ResultKind,
        version: &Version,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (bucket, key) = (&self.settings.analyzed_bucket, self.key.result_key(kind));
        if version.size > MAX_SUMMARY_BYTES {
            return Ok(None);
        }
        let mut body = match self.app.store.open(bucket, &key, &version.id) {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            body => body?.take(MAX_SUMMARY_BYTES),
        };
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|source| StoreError::Failed {
            what: format!("reading {bucket}/{key}"),
            source,
        })?;
        Ok(Some(bytes))
    }

    pub(super) fn remove(&self, kind: ResultKind) -> Result<(), StoreError> {
        self.app.store.delete(&self.settings.analyzed_bucket, &self.key.result_key(kind))
    }

    pub(super) fn gone(&self) -> Outcome {
        Outcome::Gone { key: self.key.clone() }
    }
}

/// A result as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Absent,
    Version(Version),
    /// Its bytes are not the ones that were written.
    Damaged,
}

impl Found {
    /// The condition that it is unchanged since it was found. A damaged object has no usable `ETag`,
    /// so there is none for it.
    fn unchanged(&self) -> Condition {
        match self {
            Self::Absent => Condition::Absent,
            Self::Version(version) => Condition::ETag(version.e_tag.clone()),
            Self::Damaged => Condition::None,
        }
    }
}

/// A result that is being written.
pub(super) struct NewResult {
    upload: Box<dyn Upload>,
    what: String,
}

impl NewResult {
    pub(super) fn create(job: &Job<'_>, kind: ResultKind) -> Result<Self, StoreError> {
        let (bucket, key) = (&job.settings.analyzed_bucket, job.key.result_key(kind));
        let upload = job.app.store.create(bucket, &key, kind.content_type())?;
        Ok(Self { upload, what: format!("{bucket}/{key}") })
    }

    /// A result that is fully written but not committed.
    pub(super) fn of(job: &Job<'_>, kind: ResultKind, bytes: &[u8]) -> Result<Self, StoreError> {
        let mut result = Self::create(job, kind)?;
        result.write(bytes)?;
        Ok(result)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.upload.write_all(bytes).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { what: self.what.clone() }
            }
            _ => StoreError::Failed { what: format!("writing {}", self.what), source },
        })
    }

    pub(super) fn commit(self) -> Result<VersionId, StoreError> {
        Ok(self.upload.commit()?.id)
    }

    /// Commits if the object is still the one that was found. Returns whether it did.
    pub(super) fn commit_unless_changed(self, found: &Found) -> Result<bool, StoreError> {
        match self.upload.commit_if(&found.unchanged()) {
            Ok(_) => Ok(true),
            Err(StoreError::Changed { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
