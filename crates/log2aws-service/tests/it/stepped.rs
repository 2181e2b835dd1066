//! A store that calls a test before every step.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Condition, Store, StoreError, Upload, Version, VersionId};

/// A test's callback before a step; if it returns an error, the step fails with it.
type Before = Box<dyn FnMut(&Step) -> io::Result<()> + Send>;

/// A step about to be made.
pub(crate) struct Step {
    /// Its number, from 0.
    pub(crate) number: usize,
    /// The operation and its target, e.g. `commit web01/2019-08-01.csv`.
    pub(crate) what: String,
    /// How many bytes it writes.
    pub(crate) bytes: usize,
}

/// Forwards everything to the inner store.
#[derive(Clone)]
pub(crate) struct Stepped {
    inner: Arc<dyn Store>,
    steps: Arc<Mutex<(usize, Before)>>,
    /// Counts only steps that other runs can notice.
    visible_only: bool,
}

impl Stepped {
    pub(crate) fn new(
        inner: impl Store + 'static,
        before: impl FnMut(&Step) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let steps = Arc::new(Mutex::new((0, Box::new(before) as Before)));
        Self { inner: Arc::new(inner), steps, visible_only: false }
    }

    /// Counts only steps that see what other runs do, or that these see: not those within a body
    /// that is being read or is not committed yet.
    pub(crate) fn visible(
        inner: impl Store + 'static,
        before: impl FnMut(&Step) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self { visible_only: true, ..Self::new(inner, before) }
    }

    /// How many steps were made.
    pub(crate) fn steps(&self) -> usize {
        self.steps.lock().unwrap().0
    }

    fn step(&self, verb: &str, what: &str, bytes: usize) -> io::Result<()> {
        if self.visible_only && ["create", "read", "write"].contains(&verb) {
            return Ok(());
        }
        let (number, before) = &mut *self.steps.lock().unwrap();
        let step = Step { number: *number, what: format!("{verb} {what}"), bytes };
        *number += 1;
        before(&step)
    }

    fn port_step(&self, verb: &str, key: &ObjectKey) -> Result<(), StoreError> {
        let failed = |source| StoreError::Failed { what: format!("{verb} {key}"), source };
        self.step(verb, key.as_str(), 0).map_err(failed)
    }
}

impl Store for Stepped {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.port_step("newest", key)?;
        self.inner.head(bucket, key)
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        self.port_step("open", key)?;
        let body = self.inner.open(bucket, key, version)?;
        Ok(Box::new(Body { store: self.clone(), key: key.to_string(), inner: body }))
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        self.port_step("create", key)?;
        let upload = self.inner.create(bucket, key, content_type)?;
        Ok(Box::new(Body { store: self.clone(), key: key.to_string(), inner: upload }))
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        self.port_step("delete", key)?;
        self.inner.delete(bucket, key)
    }
}

/// A reader or an upload, step by step.
struct Body<T> {
    store: Stepped,
    key: String,
    inner: T,
}

impl Read for Body<Box<dyn Read + Send>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.store.step("read", &self.key, 0)?;
        self.inner.read(buffer)
    }
}

impl Write for Body<Box<dyn Upload>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.store.step("write", &self.key, bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Upload for Body<Box<dyn Upload>> {
    fn commit_if(self: Box<Self>, condition: &Condition) -> Result<Version, StoreError> {
        self.store
            .step("commit", &self.key, 0)
            .map_err(|source| StoreError::Failed { what: self.key.clone(), source })?;
        self.inner.commit_if(condition)
    }
}
