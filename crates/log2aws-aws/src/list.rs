//! Lists of a bucket, page by page.

use aws_sdk_s3::types::EncodingType;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{ListPage, ListQuery, ObjectLister, ObjectMeta, StoreError};
use percent_encoding::percent_decode_str;

use crate::body_limit::BodyLimit;
use crate::connection::absent;
use crate::fault::{Kind, failed, kind_of};
use crate::s3::S3Store;

/// Sorts after everything in a folder.
const LAST: char = '\u{10ffff}';

impl ObjectLister for S3Store {
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        let connection = self.connection();
        let ask = connection
            .client
            .list_objects_v2()
            .bucket(bucket.as_str())
            .prefix(&query.prefix)
            .set_delimiter(query.folders.then(|| "/".to_owned()))
            .set_start_after(query.after.as_deref().map(|after| start_after(query, after)))
            // XML cannot represent every character that a key may have.
            .encoding_type(EncodingType::Url);
        let ask = ask.customize().interceptor(BodyLimit::of_list());
        let list = match connection.runtime.block_on(ask.send()) {
            Ok(list) => list,
            Err(error) if kind_of(&error) == Kind::Absent => {
                return Err(absent(bucket.to_string()));
            }
            Err(error) => return Err(failed(format!("listing {bucket}"), &error)),
        };
        connection.learn(bucket);
        let encoded = list.encoding_type() == Some(&EncodingType::Url);
        let text = |written: &str| if encoded { decoded(written) } else { written.to_owned() };
        let mut page = ListPage::default();
        let mut end: Option<String> = None;
        for object in list.contents() {
            let Some(name) = object.key().map(text) else { continue };
            end = end.max(Some(name.clone()));
            let Ok(key) = name.parse::<ObjectKey>() else { continue };
            let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
            page.objects.push(ObjectMeta { key, e_tag: e_tag(object), size });
        }
        for folder in list.common_prefixes() {
            let Some(folder) = folder.prefix().map(text) else { continue };
            end = end.max(Some(folder.clone()));
            page.folders.push(folder);
        }
        if let Some(after) = &query.after {
            page.objects.retain(|object| object.key.as_str() > after.as_str());
            page.folders.retain(|folder| folder > after);
        }
        // Without a key to continue after, there is no next page.
        page.next = end.filter(|_| list.is_truncated() == Some(true));
        Ok(page)
    }
}

/// S3 treats `start-after` as a key, so a folder's keys come after it and the folder would be
/// listed again. To continue after a folder means to continue after everything in it.
fn start_after(query: &ListQuery, after: &str) -> String {
    let within = after.strip_prefix(query.prefix.as_str()).and_then(|rest| rest.find('/'));
    match within.filter(|_| query.folders) {
        Some(at) => format!("{}{LAST}", &after[..=query.prefix.len() + at]),
        None => after.to_owned(),
    }
}

/// `ETag` depends on the bytes; if an S3 sends none, time and size replace it.
fn e_tag(object: &aws_sdk_s3::types::Object) -> String {
    object
        .e_tag()
        .map_or_else(|| format!("{:?} {:?}", object.last_modified(), object.size()), str::to_owned)
}

/// Decodes `encoding-type=url`, which writes a space as `+`.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', "%20")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_behind_the_folder() {
        let query = |folders| ListQuery { prefix: "a/".to_owned(), folders, after: None };
        assert_eq!(start_after(&query(true), "a/b/"), "a/b/\u{10ffff}");
        assert_eq!(start_after(&query(true), "a/b/c"), "a/b/\u{10ffff}");
        assert_eq!(start_after(&query(true), "a/b"), "a/b");
        assert_eq!(start_after(&query(true), "0"), "0");
        assert_eq!(start_after(&query(false), "a/b/"), "a/b/");
    }

    #[test]
    fn names_are_decoded_as_s3_encodes_them() {
        assert_eq!(decoded("a+b%2Bc%E6%97%A5"), "a b+c日");
        assert_eq!(decoded("100%"), "100%");
    }
}
