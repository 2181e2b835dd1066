//! Requests and answers: which URL shows what, and under which headers.

mod download;
pub(crate) mod query;
mod reply;
mod route;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use log2aws_core::chart::Language;
use log2aws_core::day::Day;
use log2aws_service::ports::{Clock, Rasterizer};

use crate::i18n::{self, Words};
use crate::pages::layout::PageLayout;
use crate::pages::{error_page, login};
use crate::store_index::StoreIndex;

pub use crate::pages::login::LoginError;

use reply::ErrorResponse;

/// The body of an answer.
pub enum Body {
    /// Bytes at hand.
    Bytes(Bytes),
    /// Bytes to be read, and how many there are.
    Reader(Box<dyn Read + Send>, Option<u64>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(&bytes.len()).finish(),
            Self::Reader(_, size) => f.debug_tuple("Reader").field(size).finish(),
        }
    }
}

/// What the dashboard shows, for its footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// What the machine itself keeps.
    ThisMachine,
    /// A place that people know by that name, such as `s3://…`.
    Place(String),
}

/// Who looks, for the page's footer: an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The name of the token that they logged in with.
    pub token: String,
    /// Whether they may change nothing.
    pub read_only: bool,
}

/// The dashboard over a store index. Who may look is not its matter.
#[derive(Clone)]
pub struct Dashboard {
    store_index: StoreIndex,
    raster: Rasterizer,
    clock: Arc<dyn Clock>,
    version: &'static str,
    feed: Feed,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl Dashboard {
    /// A dashboard; `version` is that of the program.
    pub fn new(
        store_index: StoreIndex,
        raster: Rasterizer,
        clock: Arc<dyn Clock>,
        version: &'static str,
        feed: Feed,
    ) -> Self {
        Self { store_index, raster, clock, version, feed }
    }

    /// Answers a request for a path below `/ui/`. Blocks: it may ask the store. A `HEAD` has the
    /// headers of its `GET`, and no body.
    pub fn answer(&self, request: &Request<()>) -> Response<Body> {
        let context = RequestContext::new(request);
        let answer = match route::public(&context) {
            Some(answer) => answer.unwrap_or_else(|error| reply::plain(&error, context.w)),
            None => route::answer(self, &context)
                .unwrap_or_else(|error| self.error_page(&context, &error)),
        };
        if request.method() == http::Method::HEAD { reply::without_body(answer) } else { answer }
    }

    fn layout<'a>(
        &'a self,
        context: &'a RequestContext<'_>,
        here: &'static str,
        title: &str,
    ) -> PageLayout<'a> {
        PageLayout {
            w: context.w,
            title: title.to_owned(),
            here,
            back: &context.back,
            live: true,
            chart: false,
            revision: self.store_index.revision(),
            loading: self.store_index.progress().loading,
            source: match &self.feed {
                Feed::ThisMachine => context.w.this_machine,
                Feed::Place(place) => place,
            },
            viewer: context.request.extensions().get(),
            version: self.version,
        }
    }

    fn error_page(&self, context: &RequestContext<'_>, error: &ErrorResponse) -> Response<Body> {
        let (status, title, sentence) = error.status_and_text(context.w);
        let layout = self.layout(context, "", title);
        match error_page::render(&layout, sentence, error.detail().as_deref()) {
            Ok(html) => error.with_headers(reply::page_of(status, html)),
            Err(error) => reply::broken(&error),
        }
    }

    /// The last day that there can be something of: today or, where a server's clock is ahead of
    /// ours, the last day that there is something of. A log of the far future does not count.
    fn newest(&self) -> Result<Day, ErrorResponse> {
        let now = self.clock.now().to_zoned(self.store_index.zone().clone());
        let Some(today) = Day::from_date(now.date()) else {
            return Err(ErrorResponse::Internal("the clock is out of order".to_owned()));
        };
        Ok(self.store_index.newest().map_or(today, |newest| newest.max(today)))
    }
}

/// The login page, in the language of the request. `next` is where the caller wanted to go.
pub fn login_page(request: &Request<()>, error: Option<LoginError>, next: &str) -> Response<Body> {
    let context = RequestContext::new(request);
    // A link's code or a posted form is not gone back to.
    let back = query::Link::to("/ui/login").with("next", next).text();
    let layout = PageLayout {
        w: context.w,
        title: context.w.login.to_owned(),
        here: "",
        back: &back,
        live: false,
        chart: false,
        revision: 0,
        loading: false,
        source: "",
        viewer: None,
        version: env!("CARGO_PKG_VERSION"),
    };
    match login::render(&layout, error, next) {
        Ok(html) => reply::page(html),
        Err(error) => reply::broken(&error),
    }
}

/// A request, and the language to answer in.
struct RequestContext<'a> {
    request: &'a Request<()>,
    w: &'static Words,
    /// Its path and query without a language: where the other language leads back to.
    back: String,
}

impl<'a> RequestContext<'a> {
    fn new(request: &'a Request<()>) -> Self {
        let uri = request.uri();
        let pairs = uri.query().unwrap_or_default().split('&');
        let kept: Vec<_> =
            pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("lang=")).collect();
        let back = if kept.is_empty() {
            uri.path().to_owned()
        } else {
            format!("{}?{}", uri.path(), kept.join("&"))
        };
        Self { request, w: i18n::of(language(request)), back }
    }
}

/// The name of the cookie that keeps the language.
pub(crate) const LANGUAGE_COOKIE: &str = "log2aws-lang";

/// The query's language, else the cookie's, else the best that the browser asks for.
fn language(request: &Request<()>) -> Language {
    let mut pairs = request.uri().query().unwrap_or_default().split('&');
    let requested = pairs.find_map(|pair| pair.strip_prefix("lang=")?.parse().ok());
    let headers = request.headers();
    let texts = |name| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let cookies = texts(http::header::COOKIE).flat_map(|text| text.split(';'));
    let kept = cookies.filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == LANGUAGE_COOKIE).then(|| value.parse().ok()).flatten()
    });
    let preferred = || preferred(texts(http::header::ACCEPT_LANGUAGE));
    requested.or_else(|| kept.into_iter().next()).or_else(preferred).unwrap_or_default()
}

/// The language of the greatest weight, of those that there are; the first of equals.
fn preferred<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in headers.flat_map(|header| header.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let primary = tag.split('-').next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if let Ok(language) = primary.parse()
            && weight > 0.0
            && best.is_none_or(|(most, _)| weight > most)
        {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language_of(uri: &str, headers: &[(&str, &str)]) -> Language {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        language(&request.body(()).unwrap())
    }

    #[test]
    fn the_language_is_the_querys_the_cookies_the_browsers() {
        let ja = Language::Ja;
        assert_eq!(language_of("/ui/", &[]), Language::En);
        assert_eq!(language_of("/ui/", &[("accept-language", "ja-JP,ja;q=0.9,en;q=0.8")]), ja);
        assert_eq!(language_of("/ui/", &[("accept-language", "de, en;q=0.4, ja;q=0.7")]), ja);
        assert_eq!(language_of("/ui/", &[("accept-language", "ja;q=0")]), Language::En);
        let both = [("cookie", "a=b; log2aws-lang=ja"), ("accept-language", "en")];
        assert_eq!(language_of("/ui/", &both), ja);
        assert_eq!(language_of("/ui/?x=1&lang=en", &both), Language::En);
        assert_eq!(language_of("/ui/?lang=xx", &both), ja);
    }

    #[test]
    fn the_other_language_leads_back_to_the_same_state() {
        let request = Request::builder().uri("/ui/s/a?view=week&lang=ja&to=2026-01-01");
        let request = request.body(()).unwrap();
        assert_eq!(RequestContext::new(&request).back, "/ui/s/a?view=week&to=2026-01-01");
    }
}
