//! Parses a request from a query, a form or a JSON object.

use std::fmt;

use axum::body::Body;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use log2aws_core::day::{Day, DayError};
use log2aws_core::encrypted_url::{RequestId, RequestIdError};
use log2aws_core::key_registry::MAX_ENROLMENT_BYTES;
use log2aws_core::server_key::{KeyId, ServerKeyError};
use log2aws_core::server_name::{ServerName, ServerNameError};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use url::form_urlencoded;

use super::Problem;
use super::small_body::{SmallBodyError, read_small_body};

/// The longest query and body that are read, in bytes.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024;

/// The largest body that one PUT can carry to S3, in bytes: 5 GiB.
pub const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// A well-formed request for a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UrlRequest {
    pub(super) server: ServerName,
    pub(super) day: Day,
    /// The bytes to which the URL is bound; `None` for any.
    pub(super) body: Option<PutBody>,
    /// The client's name for this request, to which an encrypted answer is bound.
    pub(super) request_id: Option<RequestId>,
    /// The key that the client has.
    pub(super) key_id: Option<KeyId>,
    /// Whether the URL is for the server's public key instead of a log.
    pub(super) is_enrolment: bool,
}

/// The body to which a URL is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutBody {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// What is wrong with a request's parameters; sent to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A required parameter is missing.
    #[error("the parameter {0} is missing; ask with server=NAME and date=YYYY-MM-DD")]
    Missing(&'static str),
    /// A parameter is repeated, which is ambiguous.
    #[error("the parameter {0} is given more than once")]
    Repeated(&'static str),
    /// Not a host name.
    #[error(transparent)]
    Server(#[from] ServerNameError),
    /// Not a day.
    #[error(transparent)]
    Date(#[from] DayError),
    /// Not a length that a PUT can have.
    #[error("size is not a whole number of bytes from 0 to {MAX_PUT_BYTES} (5 GiB)")]
    Size,
    /// Not a SHA-256.
    #[error("sha256 is not 64 hexadecimal digits")]
    Sha256,
    /// Only one of size and sha256.
    #[error("size and sha256 come together or not at all; {0} is missing")]
    Half(&'static str),
    /// Not a name of a request.
    #[error(transparent)]
    RequestId(#[from] RequestIdError),
    /// Not an id of a key.
    #[error("key_id is none: {0}")]
    KeyId(#[from] ServerKeyError),
    /// Neither 0 nor 1.
    #[error("enrol is 1, or is not given")]
    Enrol,
    /// A public key cannot have this length.
    #[error("an enrolment has size and sha256, and at most {MAX_ENROLMENT_BYTES} bytes")]
    EnrolmentSize,
    /// The body is declared to be or looks like JSON, and is invalid.
    #[error("the body is not a JSON object (line {line}, column {column})")]
    Json {
        /// The line of the body at which parsing stopped, from 1.
        line: usize,
        /// The column, in bytes, at which parsing stopped.
        column: usize,
    },
    /// A JSON array, object or boolean instead of text.
    #[error("{0} must be text in the JSON body")]
    NotText(&'static str),
}

/// The parameters in the head of a request: all of a GET, the query of a POST.
pub(super) struct UrlRequestHead {
    fields: Fields,
    /// The format of the body; `None` for a GET.
    form: Option<Form>,
}

impl UrlRequestHead {
    /// Parses the query, and the format of a POST's body.
    pub(super) fn read(parts: &Parts) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        if let Some(query) = parts.uri.query() {
            if query.len() > MAX_REQUEST_BYTES {
                return Err(Problem::LongQuery);
            }
            fields.read_form(query.as_bytes())?;
        }
        let post = parts.method == Method::POST;
        let form = post.then(|| Form::of(&parts.headers)).transpose()?;
        Ok(Self { fields, form })
    }

    /// The server, if the query names one.
    pub(super) fn server(&self) -> Option<ServerName> {
        self.fields.0[0].as_ref()?.parse().ok()
    }

    /// The day, if the query has a valid one.
    pub(super) fn day(&self) -> Option<Day> {
        self.fields.0[1].as_ref()?.parse().ok()
    }

    /// Parses the body of a POST in addition to the query, and checks all parameters.
    pub(super) async fn read_body(mut self, body: Body) -> Result<UrlRequest, Problem> {
        if let Some(form) = self.form {
            let body = collect(body).await?;
            match form {
                Form::Json => self.fields.read_json(&body)?,
                // curl's `-d` declares a form, whatever it sends.
                Form::FormOrJson if body.trim_ascii_start().starts_with(b"{") => {
                    self.fields.read_json(&body)?;
                }
                Form::FormOrJson => self.fields.read_form(&body)?,
            }
        }
        Ok(self.fields.check()?)
    }
}

async fn collect(body: Body) -> Result<Vec<u8>, Problem> {
    read_small_body(body, MAX_REQUEST_BYTES).await.map_err(|error| match error {
        SmallBodyError::TooLong { .. } => Problem::LongBody,
        SmallBodyError::Broken(error) => Problem::BrokenBody(error.to_string()),
    })
}

/// The format of the body.
enum Form {
    Json,
    FormOrJson,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(declared) = headers.get(CONTENT_TYPE) else { return Ok(Self::FormOrJson) };
        let declared = declared.to_str().unwrap_or("");
        let media = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match media.as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-www-form-urlencoded" => Ok(Self::FormOrJson),
            _ => Err(Problem::MediaType),
        }
    }
}

const NAMES: [&str; 7] = ["server", "date", "size", "sha256", "request_id", "key_id", "enrol"];

/// The parameters as text. Unknown names are ignored: proxies and later versions may add some.
#[derive(Default)]
struct Fields([Option<String>; NAMES.len()]);

impl Fields {
    fn set(&mut self, name: usize, value: String) -> Result<(), ParameterError> {
        match self.0[name].replace(value) {
            None => Ok(()),
            Some(_) => Err(ParameterError::Repeated(NAMES[name])),
        }
    }

    fn read_form(&mut self, form: &[u8]) -> Result<(), ParameterError> {
        for (name, value) in form_urlencoded::parse(form) {
            if let Some(name) = NAMES.iter().position(|known| *known == name) {
                self.set(name, value.into_owned())?;
            }
        }
        Ok(())
    }

    fn read_json(&mut self, body: &[u8]) -> Result<(), ParameterError> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let pairs = reader
            .deserialize_map(Pairs)
            .and_then(|pairs| reader.end().map(|()| pairs))
            .map_err(|error| ParameterError::Json { line: error.line(), column: error.column() })?;
        for (name, value) in pairs {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::String(text) => self.set(name, text)?,
                serde_json::Value::Number(number) => self.set(name, number.to_string())?,
                _ => return Err(ParameterError::NotText(NAMES[name])),
            }
        }
        Ok(())
    }

    fn check(self) -> Result<UrlRequest, ParameterError> {
        let [server, date, size, sha256, request_id, key_id, enrol] = self.0;
        let server = server.ok_or(ParameterError::Missing(NAMES[0]))?.parse()?;
        let day = date.ok_or(ParameterError::Missing(NAMES[1]))?.parse()?;
        let body = match (size, sha256) {
            (None, None) => None,
            (Some(size), Some(sha256)) => {
                Some(PutBody { size: read_size(&size)?, sha256: read_sha256(&sha256)? })
            }
            (Some(_), None) => return Err(ParameterError::Half(NAMES[3])),
            (None, Some(_)) => return Err(ParameterError::Half(NAMES[2])),
        };
        let is_enrolment = match enrol.as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err(ParameterError::Enrol),
        };
        if is_enrolment && body.is_none_or(|body: PutBody| body.size > MAX_ENROLMENT_BYTES) {
            return Err(ParameterError::EnrolmentSize);
        }
        let request_id = request_id.map(|id| id.parse()).transpose()?;
        let key_id = key_id.map(|id| id.parse()).transpose()?;
        Ok(UrlRequest { server, day, body, request_id, key_id, is_enrolment })
    }
}

fn read_size(text: &str) -> Result<u64, ParameterError> {
    // `parse` would also accept a sign.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParameterError::Size);
    }
    text.parse().ok().filter(|size| *size <= MAX_PUT_BYTES).ok_or(ParameterError::Size)
}

fn read_sha256(text: &str) -> Result<[u8; 32], ParameterError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| ParameterError::Sha256)?;
    Ok(bytes)
}

/// The known members of a JSON object in order, by their index in [`NAMES`]: a map would hide
/// repeated ones.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(usize, serde_json::Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match NAMES.iter().position(|known| *known == name) {
                Some(place) => pairs.push((place, map.next_value()?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(pairs)
    }
}
