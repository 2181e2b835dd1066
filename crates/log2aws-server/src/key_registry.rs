//! The registry of the servers' keys: made once, empty, in a new data folder.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::SignedDuration;
use log2aws_core::key::{BucketName, KeyError, ObjectKey};
use log2aws_core::key_registry::{KEY, KeyRegistry};
use log2aws_service::ports::{Condition, Store, StoreError};

use crate::config::ServeError;

/// How long the registry is kept: reading it again costs little here.
pub(crate) const HOLD: SignedDuration = SignedDuration::from_secs(2);

/// Exists once the registry was made.
const MADE: &str = "key-registry-made";

/// Random bytes of the operating system.
pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Makes an empty registry unless this data folder had one before: one that is gone since then is
/// not made again, since servers with a key would get plain URLs.
///
/// # Errors
/// [`ServeError::KeyRegistry`], [`ServeError::KeyFile`].
pub(crate) fn make_once(
    store: &dyn Store,
    bucket: &BucketName,
    data_dir: &Path,
) -> Result<(), ServeError> {
    let failed = |error| ServeError::KeyRegistry(KEY, error);
    let key: ObjectKey = KEY.parse().map_err(|error: KeyError| {
        failed(StoreError::Failed { what: KEY.to_owned(), source: io::Error::other(error) })
    })?;
    let path = data_dir.join(MADE);
    let is_there = store.head(bucket, &key).map_err(failed)?.is_some();
    if path.exists() {
        if !is_there {
            tracing::error!(
                "s3://{bucket}/{key} is gone, so nobody gets a URL: restore it, or, if no server \
                 ever had a key, make an empty one: log2aws key list --init"
            );
        }
        return Ok(());
    }
    if !is_there {
        let make = || {
            let mut upload = store.create(bucket, &key, "application/json")?;
            let written = upload.write_all(&KeyRegistry::default().to_json());
            written
                .map_err(|source| StoreError::Failed { what: format!("{bucket}/{key}"), source })?;
            upload.commit_if(&Condition::Absent)
        };
        match make() {
            Ok(_) | Err(StoreError::Changed { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    // Only after the registry is durable.
    let marked = File::create(&path).and_then(|file| file.sync_all());
    let marked = marked.and_then(|()| File::open(data_dir)?.sync_all());
    marked.map_err(|source| ServeError::KeyFile {
        path,
        doing: crate::config::KeyFileAction::Written,
        source,
    })
}
