//! Access control for everything below `/ui/`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{ACCEPT, ALLOW, COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use log2aws_dashboard::Viewer;
use log2aws_service::http::{ClientIp, read_small_body};
use tokio::sync::watch;
use url::Url;

use super::events::{Answer, Events, Pace};
use super::login::{Asked, HOME, OneTimeLink, from_our_page, page_for};
use super::page_pool::PagePool;
use super::session::{Login, Sessions};
use super::token::{AccessToken, Rights, TokenName, TokenSet};
use super::tokens::Tokens;
use super::{Fault, UiConfig, own_headers, sentence};
use crate::config::ServeError;
use crate::credentials::Token;
use crate::http::rate_limit::RateLimit;

/// The number of failed logins per minute and address.
const TRIES: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The maximum size of a login form, in bytes: it has a token and a path.
const FORM_BYTES: usize = 8 * 1024;

/// How long a login form may take to arrive.
const FORM_TIME: Duration = Duration::from_secs(30);

/// The login and the pages behind it.
pub(crate) struct AuthenticatedUi {
    page_pool: PagePool,
    endpoint: Url,
    tokens: Arc<Tokens>,
    sessions: Sessions,
    once: Arc<OneTimeLink>,
    tries: RateLimit,
    events: Events,
    stop: watch::Sender<bool>,
}

impl AuthenticatedUi {
    /// The login and the pages behind it.
    ///
    /// # Errors
    /// The file of ended sessions cannot be read.
    pub(crate) fn new(config: UiConfig) -> Result<Arc<Self>, ServeError> {
        let UiConfig { door, pages, endpoint, clock, random, changes, connections } = config;
        let (stop, stopping) = watch::channel(false);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let streams = (connections / 8).clamp(1, 64);
        let ended = door.ended()?;
        Ok(Arc::new(Self {
            page_pool: PagePool::new(pages, cores.saturating_mul(2).clamp(2, 16)),
            sessions: Sessions::new(ended, &endpoint, clock, random),
            endpoint,
            tokens: door.tokens,
            once: door.once,
            tries: RateLimit::per_minute(TRIES),
            events: Events::new(streams, changes, stopping, Pace::default()),
            stop,
        }))
    }

    /// Its paths. Expects [`ClientIp`] as an extension of each request.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/ui", any(|| async { see_other(HOME) }))
            .route("/ui/", any(answer))
            .route("/ui/{*rest}", any(answer))
            .with_state(self)
    }

    /// Ends the event streams: a graceful stop would wait for them.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Prunes the rate limit; called every minute.
    pub(crate) fn prune(&self) {
        self.tries.prune();
    }
}

async fn answer(State(ui): State<Arc<AuthenticatedUi>>, request: Request<Body>) -> Response {
    let path = request.uri().path();
    match path {
        "/ui/login" => return ui.login(request).await,
        "/ui/logout" => return ui.logout(request).await,
        _ => {}
    }
    let is_open = is_asset(path) || path == "/ui/lang";
    if is_open && only_reads(request.method()) {
        return ui.page_pool.ask(bare(request), |pages, request| pages.answer(request)).await;
    }
    let Some(login) = ui.login_of(request.headers()).await else {
        let reads = only_reads(request.method());
        return if reads { not_logged_in(&request) } else { not_allowed("GET, HEAD") };
    };
    let token = login.token.name.clone();
    named(ui.answer_to(login, request).await, token)
}

/// Adds the token's name to a response, for the audit log.
fn named(mut response: Response, token: TokenName) -> Response {
    response.extensions_mut().insert(token);
    response
}

/// Whether a request method is safe (RFC 9110 §9.2.1).
fn only_reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

impl AuthenticatedUi {
    /// The login of a request, if its session is valid.
    async fn login_of(&self, headers: &HeaderMap) -> Option<Login> {
        // Requests without a cookie must not cause file reads.
        headers.get(COOKIE)?;
        self.sessions.of(&*self.tokens.now().await, headers)
    }

    /// Answers a request with a login. Anything that changes state must come after the check of
    /// rights.
    async fn answer_to(self: Arc<Self>, login: Login, mut request: Request<Body>) -> Response {
        if !only_reads(request.method()) {
            return match login.token.rights {
                Rights::ReadOnly => sentence(
                    StatusCode::FORBIDDEN,
                    "this login may only read: log in with another token to change something",
                ),
                Rights::Full => not_allowed("GET, HEAD"),
            };
        }
        if request.uri().path() == "/ui/events" {
            return self.events(&request, login);
        }
        let renewed = self.sessions.renewed(&login);
        request.extensions_mut().insert(viewer(&login.token));
        let mut response =
            self.page_pool.ask(bare(request), |pages, request| pages.answer(request)).await;
        if let Some(cookie) = renewed {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    async fn login(&self, request: Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        let form = match parts.method {
            Method::GET | Method::HEAD => None,
            Method::POST => {
                let form = read_small_body(body, FORM_BYTES);
                match tokio::time::timeout(FORM_TIME, form).await {
                    Ok(Ok(form)) => Some(form),
                    Ok(Err(_)) => {
                        return sentence(StatusCode::BAD_REQUEST, "that is no login form");
                    }
                    Err(_) => {
                        return sentence(StatusCode::REQUEST_TIMEOUT, "the form did not come");
                    }
                }
            }
            _ => return not_allowed("GET, HEAD, POST"),
        };
        let query = parts.uri.query().unwrap_or_default();
        let asked = Asked::read(form.as_deref().unwrap_or(query.as_bytes()));
        // Only a person who follows the link may use it up: not a HEAD, not a prefetch, and not
        // another site's page that embeds it as an image.
        let looks = parts.method == Method::HEAD
            || ["sec-purpose", "purpose"].iter().any(|name| parts.headers.contains_key(*name))
            || parts.headers.get("sec-fetch-dest").is_some_and(|what| what != "document");
        let tries = form.is_some() || (asked.once.is_some() && !looks);
        let fault = if tries {
            // Attempts are limited by address: without one there would be no limit.
            let Some(ClientIp(source)) = parts.extensions.get::<ClientIp>().copied() else {
                tracing::error!("a login without the caller's address was refused");
                return sentence(StatusCode::INTERNAL_SERVER_ERROR, "who is asking is not known");
            };
            let tokens = self.tokens.now().await;
            match self.authenticate(&tokens, &parts, source, &asked, form.is_some()) {
                Ok((cookie, token)) => return named(logged_in(asked.next(), cookie), token),
                Err(fault) => Some(fault),
            }
        } else if asked.once.is_none()
            && let Some(login) = self.login_of(&parts.headers).await
        {
            return named(see_other(asked.next()), login.token.name.clone());
        } else {
            None
        };
        let request = Request::from_parts(parts, ());
        let next = asked.next().to_owned();
        let make = move |pages: &dyn super::Pages, request: &Request<()>| {
            pages.login(request, fault.map(|(fault, _)| fault), &next)
        };
        let mut response = self.page_pool.ask(request, make).await;
        let status = match fault {
            None => StatusCode::OK,
            Some((Fault::WrongToken | Fault::SpentLink, _)) => StatusCode::UNAUTHORIZED,
            Some((Fault::Foreign, _)) => StatusCode::FORBIDDEN,
            Some((Fault::TooMany, _)) => StatusCode::TOO_MANY_REQUESTS,
            Some((Fault::NoToken, _)) => StatusCode::SERVICE_UNAVAILABLE,
        };
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        if let Some((_, Some(wait))) = fault {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }

    /// Checks one login attempt. Returns the cookie of the new session and the name of its token.
    fn authenticate(
        &self,
        tokens: &TokenSet,
        parts: &Parts,
        source: IpAddr,
        asked: &Asked,
        is_form: bool,
    ) -> Result<(HeaderValue, TokenName), (Fault, Option<u64>)> {
        if is_form && !from_our_page(&parts.headers, &self.endpoint) {
            return Err((Fault::Foreign, None));
        }
        if tokens.is_empty() {
            return Err((Fault::NoToken, None));
        }
        let opened = match (&asked.once, &asked.token) {
            (Some(code), _) if !is_form => self.follow_link(tokens, code),
            (_, Some(token)) => tokens.opened_by(token).ok_or(Fault::WrongToken),
            _ => Err(Fault::WrongToken),
        };
        let token = match opened {
            Ok(token) => token,
            Err(mut fault) => {
                // Only wrong tokens are counted. A link's code has 192 random bits and cannot be
                // guessed, and any page can send a browser to a wrong one.
                if matches!(fault, Fault::WrongToken) {
                    let wait =
                        |wait: Duration| (Fault::TooMany, Some(wait.as_secs().saturating_add(1)));
                    self.tries.check(source).map_err(wait)?;
                    if tokens.is_incomplete {
                        fault = Fault::NoToken;
                    }
                }
                tracing::warn!(%source, ?fault, "a login to the dashboard was refused");
                return Err((fault, None));
            }
        };
        let name = token.name.clone();
        tracing::info!(%source, token = %name, by_link = !is_form, "a login to the dashboard");
        let cookie = self.sessions.begin(&token).map_err(|_| (Fault::NoToken, None))?;
        Ok((cookie, name))
    }

    /// The link that the start prints logs in with the default token.
    fn follow_link(&self, tokens: &TokenSet, code: &Token) -> Result<Arc<AccessToken>, Fault> {
        let token = tokens.default_token().ok_or(Fault::NoToken)?;
        let is_right = self.once.take(code.expose(), self.sessions.now());
        is_right.then_some(token).ok_or(Fault::SpentLink)
    }

    async fn logout(self: Arc<Self>, request: Request<Body>) -> Response {
        if request.method() != Method::POST {
            return not_allowed("POST");
        }
        if !from_our_page(request.headers(), &self.endpoint) {
            return sentence(StatusCode::FORBIDDEN, "that form is of another site");
        }
        let headers = request.into_parts().0.headers;
        let login = self.login_of(&headers).await;
        let token = login.as_ref().map(|login| login.token.name.clone());
        let session = login.map(|login| login.session);
        let response = match self.sessions.end(session.as_ref()).await {
            Ok(cookie) => logged_in("/ui/login", cookie),
            Err(error) => {
                tracing::error!(%error, "a logout could not be written to the data folder");
                sentence(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the logout could not be written down: it holds until the server restarts",
                )
            }
        };
        match token {
            Some(token) => named(response, token),
            None => response,
        }
    }

    fn events(self: Arc<Self>, request: &Request<Body>, login: Login) -> Response {
        let ui = self.clone();
        let holds = move || -> Answer {
            let (ui, login) = (ui.clone(), login.clone());
            Box::pin(async move { ui.sessions.holds(&*ui.tokens.now().await, &login) })
        };
        self.events.open(seen(request), holds).unwrap_or_else(|| {
            let mut full = sentence(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many pages are open; this one does not change by itself",
            );
            full.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
            full
        })
    }
}

/// Whether a request for `/` comes from a person with a browser, and not from a server that
/// requests a URL.
pub(crate) fn is_a_visit(parts: &Parts) -> bool {
    let html = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("text/html"));
    let mut query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    matches!(parts.method, Method::GET | Method::HEAD)
        && parts.headers.get_all(ACCEPT).iter().any(html)
        && !query.any(|(name, _)| ["server", "date"].contains(&&*name))
}

/// The revision that a page shows: that of the last event, or `seen` in the query.
fn seen(request: &Request<Body>) -> Option<u64> {
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    last.or_else(|| {
        let query = request.uri().query()?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "seen").and_then(|(_, seen)| seen.parse().ok())
    })
}

/// Whether a path names one asset, and cannot lead anywhere else.
fn is_asset(path: &str) -> bool {
    path.strip_prefix("/ui/assets/").is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
}

/// What a page shows about the login.
fn viewer(token: &AccessToken) -> Viewer {
    let read_only = token.rights == Rights::ReadOnly;
    Viewer { token: token.name.to_string(), read_only }
}

/// Drops the body of a request, which pages do not read.
fn bare(request: Request<Body>) -> Request<()> {
    Request::from_parts(request.into_parts().0, ())
}

/// Redirects a person to the login and back. Requests by scripts and for parts of a page get a 401.
fn not_logged_in(request: &Request<Body>) -> Response {
    if is_for_a_person(request.uri().path(), request.headers()) {
        return see_other(&page_for(request.uri()));
    }
    let mut response = sentence(StatusCode::UNAUTHORIZED, "log in at /ui/login first");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Form"));
    response
}

fn is_for_a_person(path: &str, headers: &HeaderMap) -> bool {
    let part = |suffix: &str| path.ends_with(suffix);
    let is_part = path == "/ui/events" || [".svg", ".json"].into_iter().any(part);
    let fetched = headers.get("sec-fetch-dest").is_some_and(|what| what != "document");
    !is_part && !fetched
}

fn logged_in(next: &str, cookie: HeaderValue) -> Response {
    let mut response = see_other(next);
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

/// Redirects to one of our own paths, without a host name: a forged `Host` cannot redirect
/// elsewhere.
pub(crate) fn see_other(place: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, own_headers()).into_response();
    let place = HeaderValue::try_from(place).unwrap_or(HeaderValue::from_static(HOME));
    response.headers_mut().insert(LOCATION, place);
    response
}

fn not_allowed(allow: &'static str) -> Response {
    let mut response = sentence(StatusCode::METHOD_NOT_ALLOWED, "that cannot be done here");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
