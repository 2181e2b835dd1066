//! The registry of keys of servers, which generate-url must be able to read before it gives anybody
//! a URL: an empty one is made where there never was one.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use log2aws_core::key_registry::{KEY, KeyRegistry};

use super::Work;
use super::change_set::ChangeSet;
use crate::console::Console;
use crate::error::StackError;
use crate::fault::{self, CallError};
use crate::phase::Phase;
use crate::stack::ExistingStack;
use crate::watch::Session;

/// What stands at the registry's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A registry.
    Present,
    /// Nothing, and no version of it.
    Never,
    /// Nothing any more, but older versions or a delete marker.
    Gone,
}

impl Work<'_> {
    fn bucket<C>(&self, session: &Session<'_, C>) -> String {
        self.request.env.analyzed_bucket(&session.cloud.account, &session.cloud.region)
    }

    /// Makes the registry before the functions are changed, if its bucket exists, so that new
    /// functions never find none.
    ///
    /// # Errors
    /// The registry is gone, or cannot be looked for or made; the stack was not changed.
    pub(super) async fn provide_keys_before<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        existing: Option<&ExistingStack>,
        planned: &ChangeSet,
    ) -> Result<(), StackError> {
        let bucket = self.bucket(session);
        if existing.is_none() && !self.kept_buckets(session, planned).contains(&bucket) {
            return Ok(());
        }
        provide(session, &bucket).await.map_err(|error| error.told("the stack was not changed"))
    }

    /// Makes the registry after the stack was made or found as it should be.
    ///
    /// # Errors
    /// The registry is gone, or cannot be looked for or made.
    pub(super) async fn provide_keys<C: Console>(
        &self,
        session: &mut Session<'_, C>,
    ) -> Result<(), StackError> {
        self.phase.set(Phase::After("the registry of keys was made"));
        let bucket = self.bucket(session);
        let so_far = "the stack is as it should be, but its servers get no URL until the registry is \
                      there";
        provide(session, &bucket).await.map_err(|error| error.told(so_far))
    }

    /// Says what is left to do after a create that is not waited for.
    pub(super) fn print_keys_left<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        existing: Option<&ExistingStack>,
        planned: &ChangeSet,
    ) -> Result<(), StackError> {
        let bucket = self.bucket(session);
        if existing.is_none() && !self.kept_buckets(session, planned).contains(&bucket) {
            session.console.line(&format!(
                "no server gets a URL until the registry of keys is there: when AWS has finished, \
                 deploy again, or make it by\n  {}",
                init(&bucket)
            ))?;
        }
        Ok(())
    }
}

fn init(bucket: &str) -> String {
    format!("log2aws key list --init --results s3://{bucket}")
}

/// Why there is no registry.
enum KeysError {
    Gone(String),
    Call(String, CallError),
    Console(std::io::Error),
}

impl KeysError {
    fn told(self, so_far: &str) -> StackError {
        match self {
            Self::Gone(bucket) => StackError::State(format!(
                "the registry of keys s3://{bucket}/{KEY} was deleted or has expired, and an empty one \
                 would give plain URLs to servers that have keys; {so_far}. Restore it: find its last \
                 version by\n  aws s3api list-object-versions --bucket {bucket} --prefix {KEY}\nand \
                 copy it back by\n  aws s3api copy-object --bucket {bucket} --key {KEY} \
                 --copy-source '{bucket}/{KEY}?versionId=VERSION'\nIf no server ever had a key, make an empty one by\n  {}",
                init(&bucket)
            )),
            Self::Call(bucket, fault) => StackError::State(format!(
                "{fault}; {so_far}. Run this command again when that is mended, or have somebody who \
                 may write there run\n  {}",
                init(&bucket)
            )),
            Self::Console(error) => error.into(),
        }
    }
}

async fn provide<C: Console>(session: &mut Session<'_, C>, bucket: &str) -> Result<(), KeysError> {
    let failed = |fault| KeysError::Call(bucket.to_owned(), fault);
    match find(session, bucket).await.map_err(failed)? {
        Found::Present => return Ok(()),
        Found::Gone => return Err(KeysError::Gone(bucket.to_owned())),
        Found::Never => {}
    }
    if make(session, bucket).await.map_err(failed)? {
        let line =
            format!("made the registry of keys s3://{bucket}/{KEY}: no server has a key yet");
        session.console.line(&line).map_err(KeysError::Console)?;
    }
    Ok(())
}

/// Looks through all versions, because a registry that was deleted must not look like none.
async fn find<C>(session: &Session<'_, C>, bucket: &str) -> Result<Found, CallError> {
    let list = session.cloud.s3.list_object_versions().bucket(bucket).prefix(KEY);
    let list = list.expected_bucket_owner(&session.cloud.account);
    let found = list.send().await.map_err(|error| {
        fault::call(format!("looking for s3://{bucket}/{KEY} (s3:ListBucketVersions)"), &error)
    })?;
    let ours = |key: Option<&str>| key == Some(KEY);
    let versions = || found.versions().iter().filter(|version| ours(version.key()));
    let markers = found.delete_markers().iter().any(|marker| ours(marker.key()));
    Ok(if versions().any(|version| version.is_latest() == Some(true)) {
        Found::Present
    } else if markers || versions().next().is_some() {
        Found::Gone
    } else {
        Found::Never
    })
}

/// Makes an empty registry; `false` if somebody else has made one meanwhile, which is kept.
async fn make<C>(session: &Session<'_, C>, bucket: &str) -> Result<bool, CallError> {
    let body = KeyRegistry::default().to_json();
    let put = session.cloud.s3.put_object().bucket(bucket).key(KEY).if_none_match("*");
    let put = put.expected_bucket_owner(&session.cloud.account).content_type("application/json");
    match put.body(ByteStream::from(body)).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
        Err(error) => {
            Err(fault::call(format!("making s3://{bucket}/{KEY} (s3:PutObject)"), &error))
        }
    }
}
