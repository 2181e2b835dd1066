//! Parses and checks the API's response. Pure: bytes in, a checked upload out.
//!
//! Another server in the API's place (a login page, a proxy, a stale cache) must not make this
//! machine send its log elsewhere, or under another day's key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use log2aws_core::day::Day;
use log2aws_core::encrypted_url::{Binding, DecryptError, EncryptedUrl, MEDIA_TYPE, RequestId};
use log2aws_core::key::RawKey;
use log2aws_core::key_registry::enrolment_key;
use log2aws_core::server_key::{KeyId, PrivateKey};
use log2aws_core::server_name::ServerName;
use serde::Deserialize;
use url::Url;

use super::upload_host::{self, HostPattern};

/// Identifies a response of generate-url.
pub(crate) const SOURCE_HEADER: &str = "log2aws-source";

/// The name of the store that the URL leads to.
pub(crate) const STORE_HEADER: &str = "log2aws-store";

/// The longest part of a server's message that an error repeats, in characters.
const MAX_QUOTE: usize = 400;

/// The request.
#[derive(Clone, Debug)]
pub(crate) struct UrlRequest<'a> {
    pub(crate) server: &'a ServerName,
    pub(crate) day: Day,
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
    /// Whether the API was reached over TLS: then the upload must use it too.
    pub(crate) tls: bool,
    /// The API's address from the settings.
    pub(crate) api: &'a Url,
    /// Further upload hosts from the settings.
    pub(crate) upload_hosts: &'a [HostPattern],
    /// The name of this request, to which an encrypted answer is bound.
    pub(crate) request_id: &'a RequestId,
    /// Our private keys, the newest last.
    pub(crate) keys: &'a [PrivateKey],
    /// What is put.
    pub(crate) what: Target,
}

/// What a URL is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The log of the day.
    Log,
    /// The public key of this server.
    Enrolment,
}

impl UrlRequest<'_> {
    /// The request for a URL that is valid for exactly these bytes.
    pub(crate) fn request(&self) -> Url {
        let mut url = self.api.clone();
        url.query_pairs_mut()
            .append_pair("server", self.server.as_str())
            .append_pair("date", &self.day.to_string())
            .append_pair("size", &self.size.to_string())
            .append_pair("sha256", &hex::encode(self.sha256))
            .append_pair("request_id", self.request_id.as_str());
        if let Some(newest) = self.keys.last() {
            url.query_pairs_mut().append_pair("key_id", &newest.public().id().to_string());
        }
        if self.what == Target::Enrolment {
            url.query_pairs_mut().append_pair("enrol", "1");
        }
        url
    }
}

/// A presigned URL, which is a secret. Only its host is printed.
pub(crate) struct SecretUrl(Url);

impl SecretUrl {
    /// The URL, for the request only.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretUrl").field(&self.origin()).finish()
    }
}

/// A PUT that was checked against the request.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) url: SecretUrl,
    /// The headers that the PUT must carry exactly, besides `host`; lower-case names.
    pub(crate) headers: Vec<(String, String)>,
}

/// Why a response is not trusted. Never repeats anything that could be a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error(
        "it answered with a web page instead of an upload URL; is --api right, does a proxy or a \
         login page stand in between?"
    )]
    WebPage,
    #[error("it answered 200, but with {0} instead of the JSON of an upload URL; is --api right?")]
    NotJson(String),
    #[error(
        "it answered with a URL alone, which is good for any bytes: that is a generate-url from \
         before this program, for scripts with curl; deploy the present one"
    )]
    BareUrl,
    #[error("it wants {0:?} as the method; log2aws only ever puts")]
    Method(String),
    #[error("the URL in its answer is not one ({0})")]
    Url(url::ParseError),
    #[error("the URL in its answer begins with {0:?}, which is neither https nor http")]
    Scheme(String),
    #[error(
        "the API was asked over https, but it wants the log sent over http, where anybody can \
         read it"
    )]
    Plain,
    #[error(
        "it wants the log sent to {0}, and over http anybody can answer in its place; if that is \
         where logs belong, name it with --upload-host {0}"
    )]
    Host(String),
    #[error("the URL in its answer holds a user name or password, which upload URLs never do")]
    Login,
    #[error("it gave a URL for {got:?} when asked for {wanted}; does a cache stand in between?")]
    Key { got: String, wanted: String },
    #[error("it wants the header {0:?} sent, which is none that belongs to an upload")]
    Header(String),
    #[error(
        "this server has the key {0}, and the API answers with a plain URL: is the key registered \
         (log2aws key list), and is the API as new as this program?"
    )]
    NotEncrypted(KeyId),
    #[error("its encrypted URL cannot be used: {0}")]
    Encrypted(#[from] DecryptError),
    #[error(
        "its URL is encrypted to the key {0}, and this server has none: make one (key new) and \
         have it registered, or restore the one that it had"
    )]
    NoKey(String),
    #[error("its URL is not bound to this log: {0} is missing in its answer, or another")]
    Unbound(&'static str),
}

#[derive(Deserialize)]
struct Answer {
    url: String,
    method: String,
    headers: BTreeMap<String, String>,
    key: String,
}

/// The JSON of an answer: decrypted, if the server has a key. A plain answer is then no answer, as
/// whoever made it could be anybody.
pub(crate) fn open<'b>(
    media_type: Option<&str>,
    body: &'b [u8],
    asked: &UrlRequest<'_>,
) -> Result<Cow<'b, [u8]>, AnswerError> {
    let is_encrypted = media_type == Some(MEDIA_TYPE);
    match (is_encrypted, asked.keys.last()) {
        (false, None) => Ok(Cow::Borrowed(body)),
        // The key is not registered yet, and the answer holds nothing but our public key's place.
        (false, Some(_)) if asked.what == Target::Enrolment => Ok(Cow::Borrowed(body)),
        (false, Some(newest)) => {
            // A login page is told as such.
            let plain: Result<Answer, _> = serde_json::from_slice(body);
            Err(plain.map_or_else(
                |_| not_json(body),
                |_| AnswerError::NotEncrypted(newest.public().id()),
            ))
        }
        (true, None) => Err(AnswerError::NoKey(EncryptedUrl::parse(body)?.key_id().to_owned())),
        (true, Some(_)) => {
            let binding = Binding {
                server: asked.server,
                day: asked.day,
                size: asked.size,
                sha256: asked.sha256,
                request_id: asked.request_id,
            };
            Ok(Cow::Owned(EncryptedUrl::parse(body)?.decrypt(asked.keys, binding)?))
        }
    }
}

/// Parses the response to a request for a URL.
pub(crate) fn check(
    media_type: Option<&str>,
    body: &[u8],
    asked: &UrlRequest<'_>,
) -> Result<Upload, AnswerError> {
    let body = &*open(media_type, body, asked)?;
    let answer: Answer = serde_json::from_slice(body).map_err(|_| not_json(body))?;
    if answer.method != "PUT" {
        return Err(AnswerError::Method(quote(&answer.method)));
    }
    let url = Url::parse(&answer.url).map_err(AnswerError::Url)?;
    match url.scheme() {
        "http" if asked.tls => return Err(AnswerError::Plain),
        "http" | "https" => {}
        other => return Err(AnswerError::Scheme(quote(other))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AnswerError::Login);
    }
    if !upload_host::is_expected(&url, asked.api, asked.tls, asked.upload_hosts) {
        let host = url.host_str().unwrap_or_default();
        return Err(AnswerError::Host(quote(host.trim_matches(['[', ']']))));
    }
    let is_ours = match asked.what {
        Target::Log => RawKey::parse(&answer.key)
            .is_some_and(|key| key.server == *asked.server && key.day == asked.day),
        Target::Enrolment => answer.key == enrolment_key(asked.server).as_str(),
    };
    if !is_ours || !url.path().ends_with(&format!("/{}", answer.key)) {
        let wanted = match asked.what {
            Target::Log => format!("{}/{}.log", asked.server, asked.day),
            Target::Enrolment => enrolment_key(asked.server).to_string(),
        };
        return Err(AnswerError::Key { got: quote(&answer.key), wanted });
    }
    let headers = headers(answer.headers, asked)?;
    Ok(Upload { url: SecretUrl(url), headers })
}

/// The headers of an upload: none that changes its target or framing, and those that bind the URL
/// to this log's bytes.
fn headers(
    given: BTreeMap<String, String>,
    asked: &UrlRequest<'_>,
) -> Result<Vec<(String, String)>, AnswerError> {
    let mut headers = Vec::with_capacity(given.len());
    let (mut length, mut checksum) = (false, false);
    for (name, value) in given {
        let name = name.to_ascii_lowercase();
        let is_token = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_value = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        let known = matches!(name.as_str(), "content-length" | "content-md5" | "content-type")
            || name.starts_with("x-amz-");
        if !(is_token && is_value && known) {
            return Err(AnswerError::Header(quote(&name)));
        }
        length |= name == "content-length" && value == asked.size.to_string();
        checksum |= name == "x-amz-checksum-sha256" && value == BASE64.encode(asked.sha256);
        headers.push((name, value));
    }
    match (length, checksum) {
        (true, true) => Ok(headers),
        (false, _) => Err(AnswerError::Unbound("content-length")),
        (_, false) => Err(AnswerError::Unbound("x-amz-checksum-sha256")),
    }
}

fn not_json(body: &[u8]) -> AnswerError {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        AnswerError::WebPage
    } else if text.is_empty() {
        AnswerError::NotJson("nothing".to_owned())
    } else if ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme)) {
        AnswerError::BareUrl
    } else {
        AnswerError::NotJson(format!("{:?}", quote(text)))
    }
}

/// A server's reason for a refusal, if it can be repeated: the `detail` of problem details, the
/// `message` of AWS, or a line of plain text.
pub(crate) fn detail(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(alias = "message")]
        detail: String,
    }
    let text = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => problem.detail,
        Err(_) => String::from_utf8(body.to_vec()).ok()?,
    };
    let text = text.trim();
    (!text.is_empty() && !text.starts_with(['<', '{'])).then(|| quote(text))
}

/// Whether a refusal is about the server's key.
pub(crate) fn is_about_a_key(body: &[u8]) -> bool {
    code(body).is_some_and(|code| code.starts_with("key-"))
}

/// The code of a refusal, for programs.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    serde_json::from_slice::<Problem>(body).ok().map(|problem| problem.code)
}

/// The `<Code>` of S3's error document. Nothing else is repeated, because it can contain the
/// signature and the key id.
pub(crate) fn store_code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

/// The `<Message>` of an error document of `serve`, whose text is ours: of no other store's, which
/// can contain the signature and the key id.
pub(crate) fn store_message(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let message = text.split_once("<Message>")?.1.split_once("</Message>")?.0;
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let plain = escapes.iter().fold(message.to_owned(), |text, (from, to)| text.replace(from, to));
    (!plain.trim().is_empty()).then(|| quote(plain.trim()))
}

/// What is wrong with a 200 response to an upload, if anything: a login page or a cache also
/// answers 200, and a delivered log will be removed some day.
pub(crate) fn not_from_a_store(
    etag: Option<&str>,
    checksum: Option<&str>,
    body: &[u8],
    sha256: &[u8; 32],
) -> Option<&'static str> {
    let is_checksum = |text: &str| text == BASE64.encode(sha256);
    if !body.is_empty() {
        Some("with a text where a store says nothing")
    } else if etag.is_none_or(|etag| etag.trim_matches('"').is_empty()) {
        Some("without an ETag")
    } else if !checksum.is_none_or(is_checksum) {
        Some("with the checksum of other bytes")
    } else {
        None
    }
}

/// Whether the store refused because the URL, or the key that signed it, has expired: a new URL
/// helps.
pub(crate) fn is_expired(body: &[u8]) -> bool {
    let code = store_code(body);
    let has = |words| String::from_utf8_lossy(body).contains(words);
    match code.as_deref() {
        Some("ExpiredToken" | "TokenRefreshRequired") => true,
        Some("AccessDenied") => has("<Message>Request has expired</Message>"),
        _ => false,
    }
}

/// A server's text, limited to one short line. Of a URL in it, only scheme, host and path are
/// repeated: the query of an upload URL is a secret.
fn quote(text: &str) -> String {
    let plain = text.replace(char::is_control, " ");
    let words: Vec<String> = plain.split(' ').map(without_secret).collect();
    words.join(" ").chars().take(MAX_QUOTE).collect()
}

/// A word without the query, the user and the password of a URL in it.
fn without_secret(word: &str) -> String {
    let is_url = word.contains("://");
    // A part of a query can stand alone.
    if !is_url && !word.to_ascii_lowercase().contains("x-amz-") {
        return word.to_owned();
    }
    let end = word.find(['?', '#', '&', '=']).unwrap_or(word.len());
    let shown = word.get(..end).unwrap_or_default();
    let has_login = shown.contains('@');
    let more = if end < word.len() { "?…" } else { "" };
    if has_login || !is_url { "(…)".to_owned() } else { format!("{shown}{more}") }
}

#[cfg(test)]
mod tests;
