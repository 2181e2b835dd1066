//! Requests that s3s does not dispatch: GET and HEAD of an object, and `HEAD /`.
//!
//! s3s has verified their signature before.

use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use s3s::path::{S3Path, parse_path_style};
use s3s::route::S3Route;
use s3s::{Body, S3Request, S3Response, S3Result};
use url::form_urlencoded;

use super::Disk;
use super::access::Access;
use super::ops::get::{ReadRequest, read};

/// Query parameters that turn a GET into another operation.
const OTHER_READS: [&str; 7] =
    ["acl", "attributes", "legal-hold", "retention", "tagging", "torrent", "uploadId"];

/// Handles reads of objects.
pub(crate) struct ObjectReads {
    pub(crate) disk: Disk,
    pub(crate) access: Access,
}

#[async_trait::async_trait]
impl S3Route for ObjectReads {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        let query = uri.query().unwrap_or_default().as_bytes();
        let is_other = form_urlencoded::parse(query).any(|(n, _)| OTHER_READS.contains(&&*n));
        match path(uri) {
            Some(S3Path::Object { .. }) => {
                *method == Method::HEAD || (*method == Method::GET && !is_other)
            }
            Some(S3Path::Root) => *method == Method::HEAD,
            _ => false,
        }
    }

    async fn check_access(&self, request: &mut S3Request<Body>) -> S3Result<()> {
        self.access.may_read(request)
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        match path(&request.uri) {
            Some(S3Path::Object { bucket, key }) => {
                let request = ReadRequest {
                    method: &request.method,
                    uri: &request.uri,
                    headers: &request.headers,
                    bucket: &bucket,
                    key: &key,
                };
                read(&self.disk, &request).await
            }
            // `HEAD /`: like the list of buckets, without its body.
            _ => Ok(S3Response::with_status(Body::empty(), StatusCode::OK)),
        }
    }
}

fn path(uri: &Uri) -> Option<S3Path> {
    parse_path_style(&percent_decode_str(uri.path()).decode_utf8().ok()?).ok()
}
