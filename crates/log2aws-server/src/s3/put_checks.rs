//! Checks a PUT with one of our URLs before a byte of its body is read.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Method};
use log2aws_core::allow_list::AllowList;
use log2aws_core::key::{RawKey, is_check_key};
use log2aws_core::key_registry::enrolling_server;
use log2aws_service::http::PutBody;
use percent_encoding::percent_decode_str;
use s3s::access::S3AccessContext;
use s3s::path::S3Path;
use s3s::{S3Error, S3Result, s3_error};
use url::form_urlencoded;

use super::access::{denied, query};
use super::error;
use super::final_days::FinalDays;
use super::open_puts::OpenPuts;
use super::uploads::Uploads;
use super::version_quota::{Upload, VersionQuota};
use crate::http::new_servers::NewServerQuota;
use crate::http::timeout_body::BodyOutcome;
use crate::metrics::Metrics;

/// Refuses a PUT with one of our URLs from an address that is not on the allow-list. The signature
/// is not verified yet: this check only needs the head.
///
/// # Errors
/// `AccessDenied`.
pub(crate) fn check_address(
    parts: &Parts,
    signing: &str,
    list: &AllowList,
    source: IpAddr,
) -> S3Result<()> {
    let by_url = query(parts).any(|(name, value)| {
        name == "X-Amz-Credential" && value.split('/').next() == Some(signing)
    });
    if parts.method != Method::PUT || !by_url {
        return Ok(());
    }
    let server = log_of(parts)
        .map(|key| key.server)
        .or_else(|| key_of(parts).and_then(|key| enrolling_server(&key)));
    let listed = match server {
        Some(server) => list.check(source, &server).is_ok(),
        None => list.holds(source),
    };
    if listed { Ok(()) } else { Err(denied("this address may not put this log")) }
}

/// The day log that a request is about, if its path is that of one.
fn log_of(parts: &Parts) -> Option<RawKey> {
    RawKey::parse(&key_of(parts)?)
}

/// The key that a request's path names, below a bucket.
fn key_of(parts: &Parts) -> Option<String> {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let (_, key) = path.strip_prefix('/')?.split_once('/')?;
    Some(key.to_owned())
}

/// Whether a request is about a log of the reserved server, whose deliveries are not counted.
pub(crate) fn is_of_check(parts: &Parts) -> bool {
    log_of(parts).is_some_and(|log| log.server.is_check())
}

/// Why a request was refused, for our log: s3s runs without a logger. An extension of each request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefusedBecause(Arc<OnceLock<&'static str>>);

impl RefusedBecause {
    /// The reason in one word, if there is one.
    pub(crate) fn get(&self) -> Option<&'static str> {
        self.0.get().copied()
    }
}

/// The SHA-256 that the URL is bound to. An unsigned header was refused earlier.
fn signed_sha256(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = headers.get("x-amz-checksum-sha256")?;
    BASE64_STANDARD.decode(value.as_bytes()).ok()?.try_into().ok()
}

/// The limits that a PUT with a URL must meet before a byte of its body is read.
pub(crate) struct PutChecks {
    pub(crate) max_log_size: u64,
    pub(crate) open: OpenPuts,
    pub(crate) days: FinalDays,
    pub(crate) new_servers: NewServerQuota,
    pub(crate) versions: VersionQuota,
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) metrics: Arc<Metrics>,
}

impl PutChecks {
    /// Checks size, space, the rules of days, whether the server is new, and the quota of the day;
    /// then registers the upload.
    ///
    /// # Errors
    /// The S3 error of the limit.
    pub(super) async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let because = cx.extensions_mut().get::<RefusedBecause>().cloned().unwrap_or_default();
        let is_check = matches!(cx.s3_path(), S3Path::Object { key, .. } if is_check_key(key));
        let refuse = |reason: &'static str, error: S3Error| {
            if !is_check {
                self.metrics.count_refused_put(reason);
            }
            because.0.get_or_init(|| reason);
            error
        };
        let length =
            cx.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let length: u64 = length.unwrap_or(0);
        if length > self.max_log_size {
            let max = self.max_log_size;
            let error = s3_error!(EntityTooLarge, "a log may have at most {max} bytes");
            return Err(refuse("size", error));
        }
        self.uploads.check_space(length, &self.metrics).await?;
        if let S3Path::Object { key, .. } = cx.s3_path()
            && let Some(key) = RawKey::parse(key)
        {
            let sha256 = signed_sha256(cx.headers());
            let known = sha256.map(|sha256| PutBody { size: length, sha256 });
            match self.days.check(&key, known.as_ref(), &self.metrics).await {
                Ok(condition) => {
                    condition.map(|condition| cx.extensions_mut().insert(condition));
                }
                Err(refusal) if refusal.by_rules => return Err(refuse("day", refusal.error)),
                Err(refusal) => return Err(refusal.error),
            }
            if let Err(seconds) = self.new_servers.take(&key).await {
                return Err(refuse("new_servers", error::too_many_new_servers(seconds)));
            }
            let body = cx.extensions_mut().get::<BodyOutcome>().map(BodyOutcome::watch);
            let upload = Upload { bytes: length, sha256, body: body.unwrap_or_default() };
            if !self.versions.take(&key.object_key(), upload).await {
                return Err(refuse("versions", error::too_many_versions()));
            }
        }
        let signature = form_urlencoded::parse(cx.uri().query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "X-Amz-Signature")
            .map(|(_, signature)| signature.into_owned());
        if let (Some(signature), Some(body)) =
            (signature, cx.extensions_mut().get::<BodyOutcome>().cloned())
        {
            self.open.begin(signature, &body);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_by_a_url_is_refused_by_its_address_whatever_it_puts() {
        let list: AllowList = "10.0.0.1, web*@10.0.0.2".parse().unwrap();
        let check = |method: &str, key: &str, path: &str, source: [u8; 4]| {
            let uri = format!("{path}?X-Amz-Credential={key}%2F20190801%2Fr%2Fs3%2Faws4_request");
            let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
            check_address(&request.into_parts().0, "URLKEY", &list, source.into()).is_ok()
        };
        let (day, other) = ("/b/web01/2019-08-01.log", "/b/notes.txt");
        for path in [day, other, "/b/web%30%31/2019-08-01.log", "/", "/b"] {
            assert!(check("PUT", "URLKEY", path, [10, 0, 0, 1]), "{path}");
            assert!(!check("PUT", "URLKEY", path, [10, 0, 0, 9]), "{path}");
            // The operator's own key works from any address.
            assert!(check("PUT", "OPERATOR", path, [10, 0, 0, 9]), "{path}");
        }
        assert!(check("PUT", "URLKEY", day, [10, 0, 0, 2]));
        assert!(!check("PUT", "URLKEY", "/b/.log2aws/enrol/db01", [10, 0, 0, 2]));
        assert!(check("PUT", "URLKEY", "/b/.log2aws/enrol/web01", [10, 0, 0, 2]));
        assert!(!check("PUT", "URLKEY", "/b/db01/2019-08-01.log", [10, 0, 0, 2]));
    }
}
