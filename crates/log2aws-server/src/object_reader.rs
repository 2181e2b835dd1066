//! Reads small objects of the store on a blocking thread.

use std::io::{self, Read as _};
use std::sync::Arc;

use async_trait::async_trait;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{ObjectReader, Store, StoreError};

/// A reader for the URL handler, which must not block the runtime.
pub(crate) struct StoreReader(pub(crate) Arc<dyn Store>);

#[async_trait]
impl ObjectReader for StoreReader {
    async fn read(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, bucket, key) = (self.0.clone(), bucket.clone(), key.clone());
        let what = format!("reading {bucket}/{key}");
        let read = move || read_object(store.as_ref(), &bucket, &key, max_bytes);
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|error| Err(StoreError::Failed { what, source: error.into() }))
    }
}

fn read_object(
    store: &dyn Store,
    bucket: &BucketName,
    key: &ObjectKey,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let failed = |source| StoreError::Failed { what: format!("reading {bucket}/{key}"), source };
    let Some(version) = store.head(bucket, key)? else { return Ok(None) };
    if version.size > max_bytes {
        let reason = format!("it has {} bytes, more than {max_bytes}", version.size);
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, reason)));
    }
    let reader = match store.open(bucket, key, &version.id) {
        // Removed, or replaced in a bucket without versions: the next request reads the current
        // one.
        Err(StoreError::NotFound { .. }) => {
            return Err(failed(io::Error::new(io::ErrorKind::NotFound, "it changed meanwhile")));
        }
        reader => reader?,
    };
    let mut bytes = Vec::new();
    reader.take(max_bytes).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}
