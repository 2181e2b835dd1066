//! One log at work: what is known of it, and its results as they are written.

use std::io;

use log2aws_core::key::{ObjectKey, RawKey, ResultKind};

use super::AnalyzeApp;
use crate::ports::{Settings, StoreError, Upload, Version};

/// One log and what it takes to work on it.
pub(super) struct Job<'a> {
    pub(super) app: &'a AnalyzeApp,
    pub(super) settings: &'a Settings,
    pub(super) key: &'a RawKey,
    pub(super) raw_key: ObjectKey,
}

impl Job<'_> {
    pub(super) fn newest(&self) -> Result<Option<Version>, StoreError> {
        self.app.store.head(&self.settings.raw_bucket, &self.raw_key)
    }

    /// Puts a result in the place of the one that stands there; `None` leaves none.
    pub(super) fn replace(
        &self,
        kind: ResultKind,
        result: Option<NewResult>,
    ) -> Result<(), StoreError> {
        match result {
            Some(result) => result.commit(),
            None => self.remove(kind),
        }
    }

    pub(super) fn remove(&self, kind: ResultKind) -> Result<(), StoreError> {
        self.app.store.delete(&self.settings.analyzed_bucket, &self.key.result_key(kind))
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

    /// A result that is written, but for its commit.
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

    pub(super) fn commit(self) -> Result<(), StoreError> {
        self.upload.commit().map(|_| ())
    }
}
