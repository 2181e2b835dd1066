//! The two buckets: their content, and how they are emptied and removed.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use log2aws_ssm::env_name::EnvName;

use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::watch::Session;

/// An existing bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) name: String,
    /// A description of its content.
    pub(super) holds: String,
}

/// The existing buckets of an environment and their content.
pub(super) async fn look<C>(
    session: &Session<'_, C>,
    env: &EnvName,
    purge: bool,
) -> Result<Vec<Bucket>, StackError> {
    let (account, region) = (&session.cloud.account, &session.cloud.region);
    let mut found = Vec::new();
    for name in [env.raw_bucket(account, region), env.analyzed_bucket(account, region)] {
        let s3 = &session.cloud.s3;
        let list = s3.list_object_versions().bucket(&name).expected_bucket_owner(account);
        match list.send().await {
            Ok(page) => {
                let versions = page.versions();
                let bytes: i64 =
                    versions.iter().filter_map(aws_sdk_s3::types::ObjectVersion::size).sum();
                let more = if page.is_truncated() == Some(true) { " or more" } else { "" };
                let holds = match versions.len() + page.delete_markers().len() {
                    0 => "empty".to_owned(),
                    count => format!("versions: {count}{more}, {} KB{more}", bytes / 1000),
                };
                found.push(Bucket { name, holds });
            }
            Err(error) => {
                match error.raw_response().map(|response| response.status().as_u16()) {
                    Some(404) => {}
                    // Without `--purge` the permission to list is not needed.
                    Some(403) if !purge => {
                        let holds = "what it holds may not be looked at".to_owned();
                        found.push(Bucket { name, holds });
                    }
                    _ => return Err(fault::call(format!("looking into {name}"), &error).into()),
                }
            }
        }
    }
    Ok(found)
}

/// Removes every version, marker and unfinished upload of a bucket, and then the bucket. After an
/// interruption the next call continues.
pub(super) async fn purge<C: Console>(
    session: &mut Session<'_, C>,
    bucket: &Bucket,
) -> Result<(), StackError> {
    let name = &bucket.name;
    let removed = remove_versions(session, name).await?;
    abort_uploads(session, name).await?;
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    let done = s3.delete_bucket().bucket(name).expected_bucket_owner(account).send().await;
    done.map_err(|error| fault::call(format!("removing the bucket {name}"), &error))?;
    session.console.line(&format!("{name}: removed, with all versions ({removed})"))?;
    Ok(())
}

/// Requests the first page repeatedly, because its entries have been deleted by then.
async fn remove_versions<C: Console>(
    session: &mut Session<'_, C>,
    name: &str,
) -> Result<usize, StackError> {
    let (s3, account) = (session.cloud.s3.clone(), session.cloud.account.clone());
    let mut removed = 0;
    loop {
        let list = s3.list_object_versions().bucket(name).expected_bucket_owner(&account);
        let page = list.send().await;
        let page = page.map_err(|error| fault::call(format!("listing {name}"), &error))?;
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let all: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                let version = version.map(str::to_owned);
                ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok()
            })
            .collect();
        if all.is_empty() {
            return Ok(removed);
        }
        removed += all.len();
        let delete = Delete::builder().set_objects(Some(all)).quiet(true).build();
        let delete = delete.map_err(|error| StackError::State(error.to_string()))?;
        let sent = s3.delete_objects().bucket(name).delete(delete).expected_bucket_owner(&account);
        let done = sent.send().await;
        let done = done.map_err(|error| fault::call(format!("emptying {name}"), &error))?;
        if let Some(error) = done.errors().first() {
            return Err(StackError::State(format!(
                "{name}/{} cannot be removed: {} ({})",
                fault::one_line(error.key().unwrap_or_default()),
                fault::one_line(error.message().unwrap_or_default()),
                error.code().unwrap_or_default(),
            )));
        }
        session.console.status(&format!("{name}: versions removed: {removed}"));
    }
}

async fn abort_uploads<C>(session: &Session<'_, C>, name: &str) -> Result<(), StackError> {
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    loop {
        let list = s3.list_multipart_uploads().bucket(name).expected_bucket_owner(account);
        let page = list.send().await;
        let page =
            page.map_err(|error| fault::call(format!("listing uploads of {name}"), &error))?;
        if page.uploads().is_empty() {
            return Ok(());
        }
        for upload in page.uploads() {
            let abort = s3.abort_multipart_upload().bucket(name).expected_bucket_owner(account);
            let abort = abort
                .set_key(upload.key().map(str::to_owned))
                .set_upload_id(upload.upload_id().map(str::to_owned));
            let done = abort.send().await;
            done.map_err(|error| fault::call(format!("aborting an upload to {name}"), &error))?;
        }
    }
}
