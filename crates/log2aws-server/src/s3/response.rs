//! What all responses of the S3 API have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;

use crate::audit::RefusalReason;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const DECLARATION: &[u8] = b"<?xml ";

/// The facts about a request that its response needs.
pub(crate) struct RequestFacts {
    path: String,
    id: String,
    /// Whether the response closes the connection.
    closes: bool,
}

impl RequestFacts {
    pub(crate) fn of(parts: &Parts) -> Self {
        // hyper sends no `100 Continue` for an empty body. botocore up to 1.43 waits for one even
        // then, takes the response for it, and assigns the next response of this connection to the
        // wrong request.
        let is_empty = parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
        let writes = [Method::PUT, Method::POST].contains(&parts.method);
        Self {
            path: parts.uri.path().to_owned(),
            id: next_id(),
            closes: writes && is_empty && parts.headers.contains_key(EXPECT),
        }
    }

    /// Finishes a response.
    pub(crate) fn finish(self, response: Response<s3s::Body>) -> Response {
        let (mut parts, body) = response.into_parts();
        if let Ok(id) = HeaderValue::try_from(&self.id) {
            parts.headers.insert(REQUEST_ID, id);
        }
        if self.closes {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let is_xml = parts.headers.get(CONTENT_TYPE).is_some_and(|t| t == "application/xml");
        let is_error = is_xml && parts.status.as_u16() >= 400;
        if is_error && let Some(text) = body.bytes() {
            if let Some(code) = error_code(&text) {
                parts.extensions.insert(RefusalReason(code.into()));
            }
            let text = self.describe_error(&text);
            parts.headers.remove(CONTENT_LENGTH);
            return Response::from_parts(parts, Body::from(text));
        }
        let is_late =
            parts.status == StatusCode::OK && parts.headers.contains_key(TRANSFER_ENCODING);
        if is_xml && is_late {
            return Response::from_parts(parts, without_second_declaration(body));
        }
        Response::from_parts(parts, Body::new(body))
    }

    /// Adds the request's resource to an error.
    fn describe_error(&self, text: &Bytes) -> Bytes {
        let Some(begin) = text.strip_suffix(b"</Error>") else { return text.clone() };
        let mut text = begin.to_vec();
        let resource = escape(&self.path);
        let more =
            format!("<Resource>{resource}</Resource><RequestId>{}</RequestId></Error>", self.id);
        text.extend_from_slice(more.as_bytes());
        text.into()
    }
}

/// The body of a response that started before its result was known. In that case s3s 0.14 begins
/// the XML of an error with a second declaration after the whitespace, which no parser accepts.
fn without_second_declaration(body: s3s::Body) -> Body {
    let mut is_first = true;
    Body::new(body.map_frame(move |frame| {
        let is_first = std::mem::take(&mut is_first);
        frame.map_data(|data| {
            let end = data.windows(2).position(|two| two == b"?>").map(|end| end + 2);
            match end {
                Some(end) if !is_first && data.starts_with(DECLARATION) => data.slice(end..),
                _ => data,
            }
        })
    }))
}

/// S3's name of an error.
fn error_code(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A request id: the start time of the process, and a number.
fn next_id() -> String {
    static BEGIN: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let begin = BEGIN.get_or_init(|| {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_millis())
    });
    format!("{begin:X}{:08X}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput};
    use s3s::service::S3ServiceBuilder;
    use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
    use std::sync::Mutex;
    use tokio::sync::oneshot;

    use super::*;

    /// Completes on demand, with success or failure.
    struct Slow {
        fails: bool,
        go: Mutex<Option<oneshot::Receiver<()>>>,
    }

    #[async_trait::async_trait]
    impl S3 for Slow {
        async fn complete_multipart_upload(
            &self,
            _: S3Request<CompleteMultipartUploadInput>,
        ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
            let (fails, go) = (self.fails, self.go.lock().unwrap().take().unwrap());
            let future = async move {
                go.await.unwrap();
                if fails {
                    return Err(s3_error!(InvalidPart, "too late"));
                }
                Ok(CompleteMultipartUploadOutput {
                    bucket: Some("bucket".to_owned()),
                    ..Default::default()
                })
            };
            Ok(S3Response::new(CompleteMultipartUploadOutput {
                future: Some(Box::pin(future)),
                ..Default::default()
            }))
        }
    }

    /// The response of one that is completed after whitespace was sent.
    async fn answer(fails: bool) -> String {
        let list = "<CompleteMultipartUpload><Part><ETag>x</ETag><PartNumber>1</PartNumber></Part>\
                    </CompleteMultipartUpload>";
        let request = http::Request::post("/bucket/key?uploadId=1")
            .header("content-length", list.len())
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let facts = RequestFacts::of(&parts);
        let request = http::Request::from_parts(parts, s3s::Body::from(list.to_owned()));
        let (go, gone) = oneshot::channel();
        let slow = Slow { fails, go: Mutex::new(Some(gone)) };
        let response = S3ServiceBuilder::new(slow).build().call(request).await.unwrap();
        let mut body = facts.finish(response).into_body();
        let mut go = Some(go);
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            text += str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
            if text.ends_with("  ")
                && let Some(go) = go.take()
            {
                go.send(()).unwrap();
            }
        }
        text
    }

    #[tokio::test]
    async fn white_space_is_sent_until_the_answer_is_known() {
        for (fails, element) in [(false, "CompleteMultipartUploadResult"), (true, "Error")] {
            let text = answer(fails).await;
            assert_eq!(text.matches("<?xml").count(), 1, "{text}");
            assert!(text.starts_with("<?xml"), "{text}");
            assert!(text.ends_with(&format!("</{element}>")), "{text}");
        }
    }
}
