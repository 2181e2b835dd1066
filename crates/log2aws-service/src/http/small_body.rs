//! Small request bodies: read whole into memory, and into no more of it than they have bytes.

use std::error::Error;

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt as _;

/// Why a small body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SmallBodyError {
    /// It is longer than the limit, or than it was announced to be.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The most bytes that are taken.
        limit: usize,
    },
    /// It did not arrive whole.
    #[error("the body broke off: {0}")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Reads a body of at most `limit` bytes.
///
/// Each frame is copied and let go of. A frame may be one byte of a network buffer of 8 KiB, and
/// keeps the whole buffer for as long as it lives: a body that is collected frame by frame takes
/// 8,192 times the memory of its bytes if it is sent a byte at a time. The capacity of what is
/// returned is at most the announced length, or `limit` where none is announced.
///
/// # Errors
/// [`SmallBodyError`]. A body that is announced as longer than `limit` is refused before a byte of
/// it is read.
pub async fn read_small_body<B>(body: B, limit: usize) -> Result<Vec<u8>, SmallBodyError>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(body);
    let announced = body.size_hint().exact().map(usize::try_from);
    let most = match announced {
        None => limit,
        Some(Ok(length)) if length <= limit => length,
        Some(_) => return Err(SmallBodyError::TooLong { limit }),
    };
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| SmallBodyError::Broken(error.into()))?;
        // Trailers are no part of the body.
        let Ok(data) = frame.into_data() else { continue };
        append(&mut bytes, &data, most).map_err(|()| SmallBodyError::TooLong { limit })?;
    }
    Ok(bytes)
}

/// Copies `data` behind `bytes`, whose capacity grows by doubling, to `most` bytes and no further.
///
/// # Errors
/// If that would be more than `most` bytes.
fn append(bytes: &mut Vec<u8>, data: &[u8], most: usize) -> Result<(), ()> {
    let needed = bytes.len().saturating_add(data.len());
    if needed > most {
        return Err(());
    }
    if needed > bytes.capacity() {
        let capacity = bytes.capacity().saturating_mul(2).max(needed).min(most);
        bytes.reserve_exact(capacity - bytes.len());
    }
    bytes.extend_from_slice(data);
    Ok(())
}
