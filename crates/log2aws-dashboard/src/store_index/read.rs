//! Reads single objects of a day, for pages and downloads.

use std::fmt;
use std::io::{self, Read};

use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey, RawKey, ResultKind};
use log2aws_core::reopening::{self, Reopening};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{ObjectLister, StoreError};

use super::StoreIndex;
use crate::index::KeyLayout;

/// How often an object is looked up again that is replaced between lookup and reading.
const OPEN_ATTEMPTS: u32 = 3;

/// An object that is open for reading.
pub struct OpenObject {
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
    /// The number of bytes.
    pub size: u64,
}

impl fmt::Debug for OpenObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("size", &self.size).finish_non_exhaustive()
    }
}

impl StoreIndex {
    /// Reads a result whole; `None` if there is none.
    ///
    /// # Errors
    /// The store's; [`StoreError::Failed`] also for a result of more than `max` bytes.
    pub fn read(
        &self,
        server: &ServerName,
        day: Day,
        kind: ResultKind,
        max: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(opened) = self.open(server, day, kind)? else { return Ok(None) };
        let what = format!("reading {server}/{day}{}", kind.suffix());
        read_to_end(opened, max, what).map(Some)
    }

    /// Opens a result; `None` if there is none.
    ///
    /// # Errors
    /// The store's.
    pub fn open(
        &self,
        server: &ServerName,
        day: Day,
        kind: ResultKind,
    ) -> Result<Option<OpenObject>, StoreError> {
        let config = &self.inner.config;
        self.first_of(server, day, &config.analyzed, |key| key.result_key(kind))
    }

    /// Opens the log of a day; `None` if there is none, or logs cannot be read here.
    ///
    /// # Errors
    /// The store's.
    pub fn open_log(
        &self,
        server: &ServerName,
        day: Day,
    ) -> Result<Option<OpenObject>, StoreError> {
        let Some(bucket) = &self.inner.config.raw else { return Ok(None) };
        self.first_of(server, day, bucket, RawKey::object_key)
    }

    /// The record with which an operator reopened a day, if there is one.
    ///
    /// # Errors
    /// The store's; [`StoreError::Failed`] also for a record that cannot be parsed.
    pub fn reopening(
        &self,
        server: &ServerName,
        day: Day,
    ) -> Result<Option<Reopening>, StoreError> {
        let what = format!("reading the reopening of {server}/{day}");
        let invalid = |what: &str, error: Box<dyn std::error::Error + Send + Sync>| {
            let source = io::Error::new(io::ErrorKind::InvalidData, error);
            StoreError::Failed { what: what.to_owned(), source }
        };
        let key = Reopening::key(server, day).map_err(|error| invalid(&what, error.into()))?;
        let config = &self.inner.config;
        let Some(opened) = open(&*config.lister, &config.analyzed, &key)? else { return Ok(None) };
        let bytes = read_to_end(opened, reopening::MAX_BYTES, what.clone())?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| invalid(&what, error.into()))
    }

    /// Tries the key layout known to the index, or else both.
    fn first_of(
        &self,
        server: &ServerName,
        day: Day,
        bucket: &BucketName,
        key: impl Fn(&RawKey) -> ObjectKey,
    ) -> Result<Option<OpenObject>, StoreError> {
        let held = self.inner.index().get(server, day.into()).map(|packed| packed.layout);
        let prefix = match held.unwrap_or(self.inner.preferred()) {
            KeyLayout::Plain => KeyPrefix::Off,
            KeyLayout::Spread => KeyPrefix::Spread,
        };
        let forms = RawKey::new(server.clone(), day, prefix).both_forms();
        for form in forms.into_iter().take(if held.is_some() { 1 } else { 2 }) {
            let key = key(&form);
            if let Some(opened) = open(&*self.inner.config.lister, bucket, &key)? {
                return Ok(Some(opened));
            }
        }
        Ok(None)
    }
}

/// Opens the object under a key; `None` if there is none.
pub(super) fn open(
    lister: &dyn ObjectLister,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<Option<OpenObject>, StoreError> {
    let mut attempts = 0;
    loop {
        let Some(version) = lister.head(bucket, key)? else { return Ok(None) };
        attempts += 1;
        match lister.open(bucket, key, &version.id) {
            Ok(reader) => return Ok(Some(OpenObject { reader, size: version.size })),
            // Replaced or removed since the lookup.
            Err(StoreError::NotFound { .. }) if attempts < OPEN_ATTEMPTS => {}
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(other) => return Err(other),
        }
    }
}

/// Reads all of it, at most `max` bytes.
pub(super) fn read_to_end(
    opened: OpenObject,
    max: u64,
    what: String,
) -> Result<Vec<u8>, StoreError> {
    let OpenObject { reader, size } = opened;
    if size > max {
        let told = format!("it has {size} bytes; here {max} are read at most");
        let source = io::Error::new(io::ErrorKind::FileTooLarge, told);
        return Err(StoreError::Failed { what, source });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    match reader.take(size).read_to_end(&mut bytes) {
        Ok(read) if read as u64 == size => Ok(bytes),
        Ok(read) => {
            let told = format!("it ended after {read} of {size} bytes");
            let source = io::Error::new(io::ErrorKind::UnexpectedEof, told);
            Err(StoreError::Failed { what, source })
        }
        Err(source) => Err(StoreError::Failed { what, source }),
    }
}
