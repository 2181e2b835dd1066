//! Login sessions as signed cookies. The server only stores which sessions were ended.
//!
//! The cookie contains the begin and end of the session and a random name, authenticated with the
//! session key of its token. So a session survives a restart, but not the removal of its token.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use log2aws_service::ports::Clock;
use subtle::ConstantTimeEq;
use url::Url;

use super::ended::{EndedSessions, SessionName};
use super::token::{AccessToken, SessionKey, TokenSet};
use crate::config::ServeError;

/// How long a session lasts without further requests, in seconds.
pub(crate) const HOLDS: i64 = 12 * 60 * 60;

/// The maximum duration of a session, in seconds, however often it is renewed: a week.
pub(crate) const LONGEST: i64 = 7 * 24 * 60 * 60;

/// The maximum number of cookies with our name that are checked in one request: each is verified
/// with the keys of all tokens.
const MOST_COOKIES: usize = 8;

/// Fills a buffer with unpredictable bytes.
pub(crate) type Fill = fn(&mut [u8]) -> Result<(), ServeError>;

/// One login, in one browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// When it began, in seconds since the epoch.
    began: i64,
    /// When it ends, in seconds since the epoch.
    pub(crate) until: i64,
    /// Identifies it.
    name: SessionName,
}

/// A session, and the token that it began with.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) session: Session,
    pub(crate) token: Arc<AccessToken>,
}

/// All sessions. The current tokens are an argument, because getting them reads files.
pub(crate) struct Sessions {
    clock: Arc<dyn Clock>,
    random: Fill,
    cookie: String,
    secure: bool,
    ended: Arc<EndedSessions>,
}

/// No session could be created.
#[derive(Debug)]
pub(crate) struct NoSession;

impl Sessions {
    /// Sessions for browsers that reach us at `endpoint`; `ended` are those that were logged out.
    pub(crate) fn new(
        ended: EndedSessions,
        endpoint: &Url,
        clock: Arc<dyn Clock>,
        random: Fill,
    ) -> Self {
        let secure = endpoint.scheme() == "https";
        // Cookies are shared by all ports of a host: two servers on one machine must not overwrite
        // each other's sessions. A browser accepts `__Host-` only from this exact host over https.
        let prefix = if secure { "__Host-" } else { "" };
        let port = endpoint.port_or_known_default().unwrap_or_default();
        let cookie = format!("{prefix}log2aws-session-{port}");
        Self { clock, random, cookie, secure, ended: Arc::new(ended) }
    }

    /// The current time, in seconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// The login of a request, if its session is valid.
    pub(crate) fn of(&self, tokens: &TokenSet, headers: &HeaderMap) -> Option<Login> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie)
            .take(MOST_COOKIES)
            .filter_map(|(_, value)| SignedSession::decode(value))
            .find_map(|signed| {
                let login = |token: &Arc<AccessToken>| {
                    let session = signed.verify(token.session())?;
                    self.holds_now(&session).then(|| Login { session, token: token.clone() })
                };
                tokens.iter().find_map(login)
            })
    }

    /// Whether a session is still valid. For streams, which outlast a request.
    pub(crate) fn holds(&self, tokens: &TokenSet, login: &Login) -> bool {
        self.holds_now(&login.session) && tokens.has_session_key(login.token.session())
    }

    fn holds_now(&self, session: &Session) -> bool {
        session.until > self.now() && !self.ended.contains(&session.name)
    }

    /// Begins a session with a token. Returns the value for `Set-Cookie`.
    ///
    /// # Errors
    /// [`NoSession`] if there are no random bytes.
    pub(crate) fn begin(&self, token: &AccessToken) -> Result<HeaderValue, NoSession> {
        let mut name = [0; 16];
        (self.random)(&mut name).map_err(|error| {
            tracing::error!(%error, "no session could be made");
            NoSession
        })?;
        let began = self.now();
        Ok(self.set(token.session(), Session { began, until: began + HOLDS, name }))
    }

    /// A new cookie for a session with less than half of its time left, up to [`LONGEST`] in total.
    pub(crate) fn renewed(&self, login: &Login) -> Option<HeaderValue> {
        let session = &login.session;
        let until = (self.now() + HOLDS).min(session.began + LONGEST);
        let is_old = session.until - self.now() < HOLDS / 2 && until > session.until;
        is_old.then(|| self.set(login.token.session(), Session { until, ..*session }))
    }

    /// Ends a session, for every copy of its cookie and across restarts. Returns the value for
    /// `Set-Cookie` that removes it from the browser.
    ///
    /// # Errors
    /// The file could not be written: then the session has ended only until a restart.
    pub(crate) async fn end(&self, session: Option<&Session>) -> io::Result<HeaderValue> {
        if let Some(session) = session {
            let now = self.now();
            self.ended.end(session.name, now + HOLDS, now).await?;
        }
        Ok(self.header("", 0))
    }

    fn set(&self, key: &SessionKey, session: Session) -> HeaderValue {
        let seconds = session.until - self.now();
        self.header(&sign(key, session), seconds)
    }

    fn header(&self, value: &str, seconds: i64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!(
            "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            self.cookie
        );
        // Base64 and digits are always valid in a header.
        let mut header = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

fn sign(key: &SessionKey, session: Session) -> String {
    let mut bytes = session.began.to_be_bytes().to_vec();
    bytes.extend(session.until.to_be_bytes());
    bytes.extend(session.name);
    let code = key.code(&bytes);
    bytes.extend(code);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The content of a cookie, not verified yet.
struct SignedSession(Vec<u8>);

impl SignedSession {
    fn decode(value: &str) -> Option<Self> {
        // Our cookies are shorter.
        let value = Some(value).filter(|value| value.len() <= 128)?;
        BASE64_URL_SAFE_NO_PAD.decode(value).ok().map(Self)
    }

    /// `None` if it was not signed with this key.
    fn verify(&self, key: &SessionKey) -> Option<Session> {
        let (signed, code) = self.0.split_at_checked(32)?;
        if !bool::from(code.ct_eq(&key.code(signed))) {
            return None;
        }
        let (began, rest) = signed.split_at_checked(8)?;
        let (until, name) = rest.split_at_checked(8)?;
        Some(Session {
            began: i64::from_be_bytes(began.try_into().ok()?),
            until: i64::from_be_bytes(until.try_into().ok()?),
            name: name.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use jiff::Timestamp;

    use super::*;
    use crate::credentials::fill;
    use crate::ui::token::Rights;
    use crate::ui::token_admin::TokenAdmin;
    use crate::ui::tokens::Tokens;

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
        }
    }

    struct Place {
        sessions: Sessions,
        tokens: Tokens,
        clock: Arc<Hand>,
        folder: tempfile::TempDir,
    }

    impl Place {
        /// Begins a session with the default token. Returns what a browser sends back.
        fn begin(&self) -> String {
            let token = self.tokens.read().default_token().unwrap();
            pair(&self.sessions.begin(&token).unwrap())
        }

        fn login(&self, cookie: &str) -> Option<Login> {
            self.sessions.of(&self.tokens.read(), &headers(cookie))
        }
    }

    fn place(endpoint: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
        let tokens = Tokens::open(folder.path(), &mut fill).unwrap();
        let url = endpoint.parse().unwrap();
        let ended = EndedSessions::open(folder.path()).unwrap();
        let sessions = Sessions::new(ended, &url, clock.clone(), fill);
        Place { sessions, tokens, clock, folder }
    }

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())])
    }

    /// What a browser sends back.
    fn pair(set: &HeaderValue) -> String {
        set.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let begin = |endpoint| {
            let place = place(endpoint);
            place.sessions.begin(&place.tokens.read().default_token().unwrap()).unwrap()
        };
        let plain = begin("http://127.0.0.1:8750");
        let text = plain.to_str().unwrap();
        assert!(text.starts_with("log2aws-session-8750="), "{text}");
        assert!(text.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{text}");
        let secure = begin("https://logs.example.com");
        let text = secure.to_str().unwrap();
        assert!(text.starts_with("__Host-log2aws-session-443="), "{text}");
        assert!(text.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{text}");
        assert!(!text.contains("Domain"), "{text}");
        assert!(secure.is_sensitive());
    }

    #[test]
    fn a_session_holds_for_twelve_hours_and_slides() {
        let place = place("http://127.0.0.1:8750");
        let cookie = place.begin();
        let session = place.login(&format!("other=1; {cookie}; x=y")).unwrap();
        assert!(place.sessions.renewed(&session).is_none());
        place.clock.0.fetch_add(HOLDS / 2 + 1, Ordering::SeqCst);
        let renewed = pair(&place.sessions.renewed(&session).unwrap());
        place.clock.0.fetch_add(HOLDS / 2 - 2, Ordering::SeqCst);
        assert!(place.login(&cookie).is_some());
        place.clock.0.fetch_add(1, Ordering::SeqCst);
        assert!(place.login(&cookie).is_none());
        assert!(place.login(&renewed).is_some());
    }

    #[test]
    fn a_session_that_is_used_all_the_time_ends_after_a_week() {
        let place = place("http://127.0.0.1:8750");
        let mut cookie = place.begin();
        let mut hours = 0;
        while let Some(login) = place.login(&cookie) {
            if let Some(renewed) = place.sessions.renewed(&login) {
                cookie = pair(&renewed);
            }
            place.clock.0.fetch_add(3600, Ordering::SeqCst);
            hours += 1;
            assert!(hours <= 7 * 24, "it does not end");
        }
        assert_eq!(hours, 7 * 24);
    }

    #[tokio::test]
    async fn a_logout_outlives_a_restart() {
        let place = place("http://127.0.0.1:8750");
        let cookie = place.begin();
        place.sessions.end(Some(&place.login(&cookie).unwrap().session)).await.unwrap();
        let tokens = Tokens::open(place.folder.path(), &mut fill).unwrap().read();
        let ended = EndedSessions::open(place.folder.path()).unwrap();
        let url = "http://127.0.0.1:8750".parse().unwrap();
        let restarted = Sessions::new(ended, &url, place.clock.clone(), fill);
        assert!(restarted.of(&tokens, &headers(&cookie)).is_none());
        let other = place.begin();
        assert!(restarted.of(&tokens, &headers(&other)).is_some());
    }

    #[test]
    fn nothing_but_our_own_signature_opens() {
        let place = place("http://127.0.0.1:8750");
        let cookie = place.begin();
        let (name, value) = cookie.split_once('=').unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = format!("{name}={}", BASE64_URL_SAFE_NO_PAD.encode(other));
            assert!(place.login(&other).is_none(), "bit {bit}");
        }
        for length in 0..value.len() {
            let cut = format!("{name}={}", &value[..length]);
            assert!(place.login(&cut).is_none(), "{length} characters");
        }
        for other in [format!("{cookie}A"), format!("x{cookie}"), format!("{name}=")] {
            assert!(place.login(&other).is_none(), "{other}");
        }
        // A cookie of another path must not hide the valid one.
        assert!(place.login(&format!("{name}=x; {cookie}")).is_some());
    }

    #[tokio::test]
    async fn a_session_ends_in_every_copy_and_with_its_token() {
        let place = place("http://127.0.0.1:8750");
        let (first, second) = (place.begin(), place.begin());
        let gone = place.sessions.end(Some(&place.login(&first).unwrap().session)).await.unwrap();
        assert!(gone.to_str().unwrap().contains("=; Path=/; Max-Age=0;"));
        assert!(place.login(&first).is_none());
        let login = place.login(&second).unwrap();
        assert!(place.sessions.holds(&place.tokens.read(), &login));
        std::fs::write(place.folder.path().join("dashboard-token"), "another token, longer")
            .unwrap();
        assert!(place.login(&second).is_none());
        assert!(!place.sessions.holds(&place.tokens.read(), &login));
    }

    #[test]
    fn a_session_is_of_the_token_that_began_it() {
        let place = place("http://127.0.0.1:8750");
        let admin = TokenAdmin::open(place.folder.path()).unwrap();
        let add = |name: &str, rights| {
            let token = admin.add(name.parse().unwrap(), rights, place.clock.now()).unwrap();
            let token = place.tokens.read().opened_by(&token).unwrap();
            pair(&place.sessions.begin(&token).unwrap())
        };
        let (alice, bob) = (add("alice", Rights::Full), add("bob", Rights::ReadOnly));
        let default = place.begin();
        for (cookie, name, rights) in [
            (&alice, "alice", Rights::Full),
            (&bob, "bob", Rights::ReadOnly),
            (&default, "default", Rights::Full),
        ] {
            let login = place.login(cookie).unwrap();
            assert_eq!((login.token.name.as_str(), login.token.rights), (name, rights));
        }
        let login = place.login(&alice).unwrap();
        admin.revoke(&"alice".parse().unwrap()).unwrap();
        assert!(place.login(&alice).is_none());
        assert!(!place.sessions.holds(&place.tokens.read(), &login));
        assert!(place.login(&bob).is_some() && place.login(&default).is_some());
        // A new token of the same name does not revive old sessions.
        add("alice", Rights::Full);
        assert!(place.login(&alice).is_none());
    }
}
