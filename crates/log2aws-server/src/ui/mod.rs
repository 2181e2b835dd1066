//! Everything below `/ui/`: the login, and the pages behind it.
//!
//! [`AuthenticatedUi`] is the same for `serve` and for a view of another bucket. It only knows
//! pages as blocking calls that return a response.

mod authenticated_ui;
mod compress;
mod ended;
mod events;
mod login;
mod named_tokens;
mod page_pool;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod token_admin;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Request, StatusCode};
use log2aws_dashboard::{Dashboard, login_page};
use log2aws_service::ports::Clock;
use tokio::sync::watch;
use url::Url;

use crate::config::{KeyFileAction, ServeError};
use crate::credentials::{FileOwner, Random, Token};
use ended::EndedSessions;
use login::OneTimeLink;
use tokens::Tokens;

pub(crate) use authenticated_ui::{AuthenticatedUi, is_a_visit, see_other};
pub(crate) use log2aws_dashboard::{Body as PageBody, LoginError as Fault};
pub(crate) use login::HOME;
pub use login::SecretUrl;
pub(crate) use named_tokens::NamedTokenId;
pub use named_tokens::NamedTokensError;
pub(crate) use session::Fill;
pub use token::{BadTokenName, Rights, TokenName};
pub use token_admin::{TokenAdmin, TokenError, TokenInfo};

/// Renders pages. Called on threads that may block.
pub(crate) trait Pages: Send + Sync {
    /// Answers a `GET` or `HEAD` below `/ui/`. The client is logged in, or requests an asset.
    fn answer(&self, request: &Request<()>) -> http::Response<PageBody>;

    /// The login page: a form that posts `token` and `next` to `/ui/login`.
    fn login(
        &self,
        request: &Request<()>,
        fault: Option<Fault>,
        next: &str,
    ) -> http::Response<PageBody>;
}

impl Pages for Dashboard {
    fn answer(&self, request: &Request<()>) -> http::Response<PageBody> {
        Self::answer(self, request)
    }

    fn login(
        &self,
        request: &Request<()>,
        fault: Option<Fault>,
        next: &str,
    ) -> http::Response<PageBody> {
        login_page(request, fault, next)
    }
}

/// The keys of the login, read before the server listens, so that an invalid file fails the start.
#[derive(Clone, Debug)]
pub(crate) struct LoginKeys {
    folder: PathBuf,
    tokens: Arc<Tokens>,
    once: Arc<OneTimeLink>,
}

impl LoginKeys {
    /// Reads the tokens of a folder, and creates the code of the one-time login link.
    ///
    /// # Errors
    /// A file cannot be read or written, is readable by other users, or holds no token; or there
    /// are no random bytes.
    pub(crate) fn open(
        folder: &Path,
        clock: &dyn Clock,
        random: Random<'_>,
    ) -> Result<Self, ServeError> {
        let tokens = Arc::new(Tokens::open(folder, random)?);
        let until = clock.now().as_second() + login::LINK_HOLDS;
        let once = Arc::new(OneTimeLink::new(Token::make(random)?, until));
        Ok(Self { folder: folder.to_owned(), tokens, once })
    }

    /// The login link, for browsers that reach us at `endpoint`.
    pub(crate) fn link(&self, endpoint: &Url) -> Option<SecretUrl> {
        self.once.link(endpoint)
    }

    /// The sessions that were logged out.
    ///
    /// # Errors
    /// The file exists but cannot be read.
    fn ended(&self) -> Result<EndedSessions, ServeError> {
        EndedSessions::open(&self.folder).map_err(|source| ServeError::KeyFile {
            path: self.folder.join(ended::FILE),
            doing: KeyFileAction::Read,
            source,
        })
    }

    /// The files that determine who may log in. An operator may change them at any time.
    pub(crate) fn files(&self) -> [PathBuf; 2] {
        [self.token_file().to_owned(), self.folder.join(named_tokens::FILE)]
    }

    /// The named tokens, by name; `None` while their file cannot be used. Blocks.
    pub(crate) fn named(&self) -> Option<BTreeMap<String, NamedTokenId>> {
        let tokens = named_tokens::read(&self.folder, FileOwner::of_process()).ok()?;
        Some(tokens.iter().map(|token| (token.name.to_string(), token.into())).collect())
    }

    /// The file of the default token.
    pub(crate) fn token_file(&self) -> &Path {
        self.tokens.default_file()
    }
}

/// The parts of an [`AuthenticatedUi`].
pub(crate) struct UiConfig {
    pub(crate) door: LoginKeys,
    /// Renders the pages.
    pub(crate) pages: Arc<dyn Pages>,
    /// The URL at which browsers reach it.
    pub(crate) endpoint: Url,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Fill,
    /// The revision that is sent to open pages.
    pub(crate) changes: watch::Receiver<u64>,
    /// The maximum number of connections. Event streams, which are long-lived, use at most an
    /// eighth.
    pub(crate) connections: usize,
}

/// A plain-text response.
fn sentence(status: StatusCode, text: &str) -> Response {
    (status, own_headers(), format!("{text}\n")).into_response()
}

/// The headers of every plain-text response.
fn own_headers() -> [(http::HeaderName, &'static str); 5] {
    [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ]
}
