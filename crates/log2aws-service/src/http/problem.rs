//! The table of errors: the response to the caller, and the log message.

use std::borrow::Cow;
use std::num::NonZeroU32;

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use jiff::civil::Date;
use log2aws_core::allow_list::Refusal;
use log2aws_core::day::Day;
use log2aws_core::encrypted_url::EncryptError;
use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key_registry::EnrolmentError;
use log2aws_core::server_name::ServerName;
use serde::Serialize;
use tracing::Level;

use super::request::{MAX_REQUEST_BYTES, ParameterError};
use super::{ClientIp, RefusalLog, UrlSubject, accept, tell_source};
use crate::ports::{SettingsUnavailable, SignError, StoreError};

/// The Retry-After if settings or signer are unavailable.
const RETRY_UNAVAILABLE_SECONDS: u32 = 10;

/// Why a caller gets no URL. `Display` is for the log; the caller gets the sentence in the table.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A parameter is missing, repeated or invalid.
    #[error("bad request: {0}")]
    Parameter(#[from] ParameterError),
    /// The connection ended before the complete body arrived.
    #[error("the request's body broke off: {0}")]
    BrokenBody(String),
    /// The body did not arrive in time.
    #[error("the request's body did not arrive in time")]
    SlowBody,
    /// The body exceeds the limit.
    #[error("the request's body is longer than {MAX_REQUEST_BYTES} bytes")]
    LongBody,
    /// The query exceeds the limit.
    #[error("the request's query is longer than {MAX_REQUEST_BYTES} bytes")]
    LongQuery,
    /// The body's media type is neither JSON nor a form.
    #[error("the request's body is neither JSON nor a form")]
    MediaType,
    /// Refused by the allow-list.
    #[error("refused {}{}: {refusal}", caller.0.to_canonical(), for_server(server.as_ref()))]
    Refused {
        /// The caller.
        caller: ClientIp,
        /// The requested server, if the request's head contains it.
        server: Option<ServerName>,
        /// The reason.
        refusal: Refusal,
    },
    /// Logs of that day are not accepted.
    #[error("{day} is not taken: only days from {first} to {last} are")]
    DayOutsideWindow {
        /// The requested day.
        day: Day,
        /// The first accepted day.
        first: Date,
        /// The last accepted day.
        last: Date,
    },
    /// The day was delivered and is too old to be replaced.
    #[error(
        "{day} of {server} is final: a log of it was delivered, whole or in part, and the time for another one has passed (days: {after_days}); a URL is given for the same bytes alone (size and sha256), or after: log2aws reopen {server} {day} --why REASON"
    )]
    DayIsFinal {
        /// The server.
        server: ServerName,
        /// The day.
        day: Day,
        /// After how many days a delivered day is final.
        after_days: NonZeroU32,
    },
    /// The stored results of the day cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A path other than `/`.
    #[error("no such path")]
    NoSuchPath,
    /// A method other than GET or POST.
    #[error("no such method here")]
    Method,
    /// The caller exceeds the rate limit.
    #[error("too many requests, held back for {retry_after_seconds} s")]
    TooManyRequests {
        /// When to retry, in seconds.
        retry_after_seconds: u32,
    },
    /// The log exceeds the size limit.
    #[error("the log has more than {max} bytes")]
    LongLog {
        /// The size limit in bytes.
        max: u64,
    },
    /// The limit of new servers is reached.
    #[error(
        "server {server} has never delivered, and no more new servers are taken for {retry_after_seconds} s"
    )]
    TooManyNewServers {
        /// The requested server.
        server: ServerName,
        /// When to retry, in seconds.
        retry_after_seconds: u32,
    },
    /// The settings are unavailable.
    #[error(transparent)]
    Settings(#[from] SettingsUnavailable),
    /// There are no credentials to sign with.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// It is unknown which servers have a key.
    #[error("the registered keys cannot be read, so nobody gets a URL: {0}")]
    Registry(String),
    /// All keys of the server were revoked.
    #[error("every key of {0} was revoked; register its next one: log2aws key register {0}")]
    KeyRevoked(ServerName),
    /// The server has no key, and every server must have one.
    #[error("{0} has no registered key, and none gets a URL without one")]
    KeyRequired(ServerName),
    /// The server has a key, and its request does not say what an encrypted answer is bound to.
    #[error("{0} has a registered key, and its request has no size, sha256 and request_id")]
    KeyNeedsBinding(ServerName),
    /// The URL cannot be encrypted to the server's key.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] std::io::Error),
    /// The server may not enrol a key.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The surrounding server did not set the caller's address: a bug.
    #[error("the request carries no caller address: the front must add the ClientIp extension")]
    NoCaller,
}

/// The code of the problem in a response. An extension of the response, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemCode(pub &'static str);

fn for_server(server: Option<&ServerName>) -> String {
    server.map(|server| format!(" for server {server}")).unwrap_or_default()
}

/// One row of the table.
struct Row {
    status: StatusCode,
    /// Stable, for programs.
    code: &'static str,
    /// The sentence for the caller.
    sentence: Cow<'static, str>,
    /// The log level.
    level: Level,
    retry_after_seconds: Option<u32>,
}

/// RFC 9457. The type is `about:blank`: the status says what kind of problem it is, `code` which.
#[derive(Serialize)]
struct ProblemJson<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

impl Problem {
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn row(&self) -> Row {
        let row = |status, code, sentence: Cow<'static, str>, level| Row {
            status,
            code,
            sentence,
            level,
            retry_after_seconds: None,
        };
        let plain = |status, code, sentence: &'static str, level| {
            row(status, code, Cow::Borrowed(sentence), level)
        };
        let later = |seconds: u32, row: Row| Row { retry_after_seconds: Some(seconds), ..row };
        match self {
            Self::Parameter(error) => row(
                StatusCode::BAD_REQUEST,
                "bad-parameter",
                Cow::Owned(error.to_string()),
                Level::INFO,
            ),
            Self::BrokenBody(_) => plain(
                StatusCode::BAD_REQUEST,
                "broken-body",
                "the request's body broke off; send it again",
                Level::INFO,
            ),
            Self::SlowBody => plain(
                StatusCode::REQUEST_TIMEOUT,
                "slow-body",
                "the request's body did not arrive in time; send it again",
                Level::INFO,
            ),
            Self::LongBody => row(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                Cow::Owned(format!("the body may have at most {MAX_REQUEST_BYTES} bytes")),
                Level::INFO,
            ),
            Self::LongQuery => row(
                StatusCode::URI_TOO_LONG,
                "query-too-long",
                Cow::Owned(format!("the query may have at most {MAX_REQUEST_BYTES} bytes")),
                Level::INFO,
            ),
            Self::MediaType => plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "send application/json or application/x-www-form-urlencoded",
                Level::INFO,
            ),
            Self::Refused { .. } => plain(
                StatusCode::FORBIDDEN,
                "not-allowed",
                "this address may not ask for this URL",
                Level::WARN,
            ),
            Self::DayOutsideWindow { .. } => row(
                StatusCode::BAD_REQUEST,
                "day-outside-window",
                Cow::Owned(self.to_string()),
                Level::INFO,
            ),
            Self::DayIsFinal { .. } => {
                row(StatusCode::CONFLICT, "day-is-final", Cow::Owned(self.to_string()), Level::WARN)
            }
            Self::Store(_) => later(
                RETRY_UNAVAILABLE_SECONDS,
                plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store-unavailable",
                    "the store cannot be read now; ask again later",
                    Level::ERROR,
                ),
            ),
            Self::NoSuchPath => plain(
                StatusCode::NOT_FOUND,
                "not-found",
                "there is nothing here; ask GET /?server=NAME&date=YYYY-MM-DD",
                Level::DEBUG,
            ),
            Self::Method => plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "ask with GET or POST",
                Level::DEBUG,
            ),
            Self::TooManyRequests { retry_after_seconds } => later(
                *retry_after_seconds,
                plain(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too-many-requests",
                    "too many requests from this address; ask again later",
                    Level::INFO,
                ),
            ),
            Self::LongLog { max } => row(
                StatusCode::PAYLOAD_TOO_LARGE,
                "log-too-large",
                Cow::Owned(format!("a log may have at most {max} bytes")),
                Level::WARN,
            ),
            Self::TooManyNewServers { retry_after_seconds, .. } => later(
                *retry_after_seconds,
                plain(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too-many-new-servers",
                    "too many new servers in this hour; ask again later",
                    Level::WARN,
                ),
            ),
            Self::Settings(_) => later(
                RETRY_UNAVAILABLE_SECONDS,
                plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "settings-unavailable",
                    "the settings are not available; ask again later",
                    Level::ERROR,
                ),
            ),
            Self::Sign(_) => later(
                RETRY_UNAVAILABLE_SECONDS,
                plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "signer-unavailable",
                    "no URL can be signed now; ask again later",
                    Level::ERROR,
                ),
            ),
            Self::Registry(_) => later(
                RETRY_UNAVAILABLE_SECONDS,
                plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "keys-unavailable",
                    "the registered keys cannot be read now; ask again later",
                    Level::ERROR,
                ),
            ),
            Self::KeyRevoked(_) => plain(
                StatusCode::FORBIDDEN,
                "key-revoked",
                "the key of this server was revoked; it gets a URL once an operator has registered \
                 its next one (log2aws-agent key new --replace, then log2aws key register)",
                Level::WARN,
            ),
            Self::KeyRequired(_) => plain(
                StatusCode::FORBIDDEN,
                "key-required",
                "a server needs a registered key here: log2aws-agent key new, then log2aws key \
                 register",
                Level::WARN,
            ),
            Self::KeyNeedsBinding(_) => plain(
                StatusCode::BAD_REQUEST,
                "key-needs-binding",
                "this server has a registered key, and its URL is encrypted: ask with size, sha256 \
                 and request_id, as log2aws-agent of this version does",
                Level::WARN,
            ),
            Self::Encrypt(_) | Self::Random(_) => later(
                RETRY_UNAVAILABLE_SECONDS,
                plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "encryption-unavailable",
                    "the URL cannot be encrypted now; ask again later",
                    Level::ERROR,
                ),
            ),
            Self::Enrolment(_) => plain(
                StatusCode::FORBIDDEN,
                "not-enrolling",
                "no enrolment of this server is open, or its code has expired; an operator gives \
                 it another: log2aws key register SERVER --code",
                Level::WARN,
            ),
            Self::NoCaller => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the service is set up wrongly; its log says how",
                Level::ERROR,
            ),
        }
    }

    /// The response to a request with these headers; also logs the problem.
    ///
    /// `caller` is `None` only if the surrounding server did not set it; the response then has no
    /// `Log2aws-Source`. `refusals` decides whether a refusal is logged; without it, each is. The
    /// log line names the server and day of `subject`.
    pub fn answer(
        &self,
        headers: &HeaderMap,
        caller: Option<ClientIp>,
        refusals: Option<&RefusalLog>,
        subject: &UrlSubject,
    ) -> Response<Body> {
        let row = self.row();
        let sampled = refusals.zip(caller).filter(|_| row.status.is_client_error());
        if sampled.is_none_or(|(log, caller)| log.admits(caller.0, row.code)) {
            self.log(&row, caller, subject);
        }
        let text = || (format!("{}\n", row.sentence).into_bytes(), "text/plain; charset=utf-8");
        let (body, content_type) = if accept::json(headers) {
            let json = ProblemJson {
                r#type: "about:blank",
                title: row.status.canonical_reason().unwrap_or("Error"),
                status: row.status.as_u16(),
                detail: &row.sentence,
                code: row.code,
            };
            serde_json::to_vec(&json).map_or_else(|_| text(), |b| (b, "application/problem+json"))
        } else {
            text()
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = row.status;
        response.extensions_mut().insert(ProblemCode(row.code));
        let out = response.headers_mut();
        out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = row.retry_after_seconds {
            out.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if row.status == StatusCode::METHOD_NOT_ALLOWED {
            out.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        if let Some(caller) = caller {
            tell_source(out, caller);
        }
        response
    }

    fn log(&self, row: &Row, caller: Option<ClientIp>, subject: &UrlSubject) {
        let source = caller.map(|caller| caller.0.to_canonical().to_string());
        let (source, status) = (source.as_deref().unwrap_or("unknown"), row.status.as_u16());
        let code = row.code;
        let server = subject.server.as_ref().map(tracing::field::display);
        let date = subject.day.map(tracing::field::display);
        let chain = ErrorChain(self);
        match row.level {
            Level::ERROR => tracing::error!(source, status, code, server, date, "{chain}"),
            Level::WARN => tracing::warn!(source, status, code, server, date, "{chain}"),
            Level::INFO => tracing::info!(source, status, code, server, date, "{chain}"),
            _ => tracing::debug!(source, status, code, server, date, "{chain}"),
        }
    }
}
