//! The login: the link and the form, where a form was sent from, and where a login redirects to.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use subtle::ConstantTimeEq;
use url::{Url, form_urlencoded};

use crate::credentials::Token;

/// How long the link that the start prints is valid, in seconds.
pub(crate) const LINK_HOLDS: i64 = 10 * 60;

/// Where a login redirects to by default.
pub(crate) const HOME: &str = "/ui/";

/// The characters to escape in a path that is passed in a query.
const CARRIED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_');

/// A link that logs in. Its `Debug` output does not contain it.
#[derive(Clone)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// The link, for the operator's terminal and nothing else.
    pub fn expose_url(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl")
    }
}

/// The code of the link: valid once, for a short time.
#[derive(Debug)]
pub(crate) struct OneTimeLink(Mutex<Option<(Token, i64)>>);

impl OneTimeLink {
    /// A code that is valid until `until`, in seconds since the epoch.
    pub(crate) fn new(code: Token, until: i64) -> Self {
        Self(Mutex::new(Some((code, until))))
    }

    /// The link, if its code has not been used.
    pub(crate) fn link(&self, endpoint: &Url) -> Option<SecretUrl> {
        let code = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (code, _) = code.as_ref()?;
        let mut url = endpoint.join("/ui/login").ok()?;
        url.query_pairs_mut().append_pair("once", code.expose());
        Some(SecretUrl(url))
    }

    /// Uses the code up if `shown` equals it. A wrong guess does not use it up.
    pub(crate) fn take(&self, shown: &str, now: i64) -> bool {
        let mut code = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let right = code.as_ref().is_some_and(|(code, until)| {
            now < *until && bool::from(shown.as_bytes().ct_eq(code.expose().as_bytes()))
        });
        if right {
            *code = None;
        }
        right
    }
}

/// The parameters of a login request.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Where to redirect to afterwards, if it is one of our paths.
    pub(crate) next: Option<String>,
    /// The code of a link.
    pub(crate) once: Option<Token>,
    /// The token of a form.
    pub(crate) token: Option<Token>,
}

impl Asked {
    /// Reads a query or a form.
    pub(crate) fn read(text: &[u8]) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            match &*name {
                "next" => asked.next = local(&value),
                "once" => asked.once = Some(Token::shown(value.trim())),
                "token" => asked.token = Some(Token::shown(value.trim())),
                _ => {}
            }
        }
        asked
    }

    /// Where to redirect to after the login.
    pub(crate) fn next(&self) -> &str {
        self.next.as_deref().unwrap_or(HOME)
    }
}

/// A path below `/ui/`, unchanged. Anything else could redirect to another host, or to a path that
/// is not part of the dashboard.
fn local(next: &str) -> Option<String> {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>#".contains(&byte));
    let path = next.split('?').next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let below = decoded.strip_prefix(HOME)?;
    let leads_out = decoded.contains(['\\', '\0'])
        || decoded.contains("//")
        || below.split('/').any(|part| part == "." || part == "..")
        || ["login", "logout", "events"].contains(&below);
    let good = plain && !leads_out && path.starts_with(HOME) && next.len() <= 2000;
    good.then(|| next.to_owned())
}

/// The path of the login page for a request to `uri` without a session.
pub(crate) fn page_for(uri: &Uri) -> String {
    let wanted = uri.path_and_query().map_or(HOME, |wanted| wanted.as_str());
    match local(wanted) {
        Some(next) if next != HOME => {
            format!("/ui/login?next={}", utf8_percent_encode(&next, CARRIED))
        }
        _ => "/ui/login".to_owned(),
    }
}

/// Whether a form was sent from one of our own pages.
///
/// On secure connections browsers say so with `Sec-Fetch-Site`. Otherwise `Origin` names the page's
/// host, which must be the host that the form was sent to. Without either header the form did not
/// come from a browser.
pub(crate) fn from_our_page(headers: &HeaderMap, endpoint: &Url) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = HeaderName::from_static("sec-fetch-site");
    if headers.contains_key(&site) {
        return matches!(text(site), Some("same-origin" | "none"));
    }
    let Some(origin) = text(ORIGIN) else { return false };
    let ours = endpoint.origin().ascii_serialization();
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == ours || (host.is_some() && host == text(HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_nowhere_but_below_ui() {
        for good in
            ["/ui/", "/ui/s/web01/2019-08-01?from=10:00&hide=st", "/ui/?q=%E6%97%A5", "/ui/?q=//x"]
        {
            assert_eq!(local(good).as_deref(), Some(good));
        }
        for bad in [
            "",
            "/",
            "/ui",
            "/uix/",
            "//evil.example/ui/",
            "https://evil.example/ui/",
            "javascript:alert(1)",
            "/ui//evil.example",
            "/ui/../-/metrics",
            "/ui/%2e%2e/-/metrics",
            "/ui/%2E./x",
            "/ui/.",
            "/ui/\\evil.example",
            "/ui/%5cevil.example",
            "/ui/x\r\nset-cookie: a=b",
            "/ui/x y",
            "/ui/x#y",
            "/%75i/",
            "/ui/login",
            "/ui/logout",
            "/ui/login?next=/ui/",
            "/ui/%ff",
        ] {
            assert_eq!(local(bad), None, "{bad}");
        }
        assert_eq!(local(&format!("/ui/?q={}", "x".repeat(2000))), None);
    }

    #[test]
    fn the_way_back_survives_the_login() {
        let uri: Uri = "/ui/s/web01/2019-08-01?from=10:00&hide=st,r&q=100%25".parse().unwrap();
        let page = page_for(&uri);
        let query = page.split_once('?').unwrap().1;
        let asked = Asked::read(query.as_bytes());
        assert_eq!(asked.next(), uri.path_and_query().unwrap().as_str());
        assert_eq!(page_for(&"/ui/".parse().unwrap()), "/ui/login");
        assert_eq!(page_for(&"/ui/s/../../x".parse().unwrap()), "/ui/login");
        assert_eq!(Asked::read(b"next=https%3A%2F%2Fevil.example").next(), HOME);
    }

    #[test]
    fn a_form_of_another_site_is_known() {
        let from = |pairs: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
            }
            from_our_page(&headers, &"https://logs.example.com".parse().unwrap())
        };
        let host = ("host", "10.0.0.1:8750");
        for ours in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none")],
            &[host, ("origin", "http://10.0.0.1:8750")],
            // A proxy that sets Host to its own name.
            &[host, ("origin", "https://logs.example.com")],
        ] {
            assert!(from(ours), "{ours:?}");
        }
        for foreign in [
            &[][..],
            &[host],
            &[("sec-fetch-site", "cross-site"), host, ("origin", "http://10.0.0.1:8750")],
            &[("sec-fetch-site", "same-site")],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://10.0.0.1")],
            &[host, ("origin", "http://evil.example")],
            &[("origin", "http://evil.example")],
            &[("origin", "null")],
        ] {
            assert!(!from(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_not_for_long() {
        let code = || OneTimeLink::new(Token::shown("a code of some length"), 100);
        let endpoint: Url = "http://127.0.0.1:8750".parse().unwrap();
        let once = code();
        let link = once.link(&endpoint).unwrap();
        assert_eq!(link.expose_url(), "http://127.0.0.1:8750/ui/login?once=a+code+of+some+length");
        assert_eq!(format!("{link:?} {once:?}").matches("code").count(), 0);
        assert!(!once.take("", 0) && !once.take("a code of some lengtj", 0));
        assert!(once.take("a code of some length", 99));
        assert!(!once.take("a code of some length", 99));
        assert!(once.link(&endpoint).is_none());
        assert!(!code().take("a code of some length", 100));
    }
}
