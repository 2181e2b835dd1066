//! Reads a small object during an HTTP request.

use async_trait::async_trait;
use log2aws_core::key::{BucketName, ObjectKey};

use super::StoreError;

/// Reads small objects. Unlike [`super::Store`] it is asynchronous, for the URL handler.
#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// The newest version of an object; `None` if the key has none.
    ///
    /// # Errors
    /// [`StoreError::Failed`], also for an object of more than `max_bytes` bytes.
    async fn read(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, StoreError>;
}
