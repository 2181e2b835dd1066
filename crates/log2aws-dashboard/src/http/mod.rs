//! Requests and responses: routing, and headers.

mod download;
mod period;
mod reply;
mod route;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use log2aws_core::chart::Language;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{Clock, Rasterizer};

use crate::alert_board::{AlertBoard, AlertSource};
use crate::i18n::{self, Words};
use crate::index::{Absence, Cell};
use crate::pages::layout::PageLayout;
use crate::pages::{error_page, login};
use crate::query::Link;
use crate::store_index::StoreIndex;
use crate::store_trouble::{StoreTrouble, TroubleSource};
use crate::usual_days::UsualDays;

pub use crate::pages::login::LoginError;

use reply::ErrorResponse;

/// The body of a response.
pub enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A reader and its length, if known.
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

/// The data source, for the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The machine's own store.
    ThisMachine,
    /// The displayed name of another place, such as `s3://…`.
    Place(String),
}

/// The dashboard over a store index. Authentication is the caller's job.
#[derive(Clone)]
pub struct Dashboard {
    store_index: StoreIndex,
    raster: Rasterizer,
    clock: Arc<dyn Clock>,
    version: &'static str,
    feed: Feed,
    trouble: Option<TroubleSource>,
    usual_days: UsualDays,
    alerts: Option<AlertSource>,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl Dashboard {
    /// A dashboard; `version` is the program's version.
    pub fn new(
        store_index: StoreIndex,
        raster: Rasterizer,
        clock: Arc<dyn Clock>,
        version: &'static str,
        feed: Feed,
    ) -> Self {
        Self {
            store_index,
            raster,
            clock,
            version,
            feed,
            trouble: None,
            alerts: None,
            usual_days: UsualDays::default(),
        }
    }

    /// The same, with a source of what is wrong with the store: the calendar says it.
    #[must_use]
    pub fn with_trouble(self, trouble: TroubleSource) -> Self {
        Self { trouble: Some(trouble), ..self }
    }

    /// The same, with a source of alerts: then there is a page of them.
    #[must_use]
    pub fn with_alerts(self, alerts: AlertSource) -> Self {
        Self { alerts: Some(alerts), ..self }
    }

    fn alerts(&self) -> Arc<AlertBoard> {
        self.alerts.as_ref().map_or_else(Arc::default, |alerts| alerts())
    }

    fn trouble(&self) -> StoreTrouble {
        self.trouble.as_ref().map_or_else(StoreTrouble::default, |trouble| trouble())
    }

    /// Answers a request for a path below `/ui/`. Blocks, because it may read from the store. The
    /// response to `HEAD` has the headers of `GET` and no body.
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
            chart: None,
            revision: self.store_index.revision(),
            loading: self.store_index.progress().loading,
            source: match &self.feed {
                Feed::ThisMachine => context.w.this_machine,
                Feed::Place(place) => place,
            },
            viewer: context.request.extensions().get(),
            version: self.version,
            alerts: self.alerts(),
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

    /// The last day that may have data: today or, if a server's clock is ahead of ours, the last
    /// day that has any. A log from the far future does not count.
    fn newest(&self) -> Result<Day, ErrorResponse> {
        let today = self.today()?;
        Ok(self.store_index.newest().map_or(today, |newest| newest.max(today)))
    }

    /// An unknown server has unknown days.
    fn cells(&self, server: &ServerName, from: Day, to: Day) -> Vec<Cell> {
        let store_index = &self.store_index;
        let mut cells = store_index.cells(server, from, to);
        if store_index.progress().loading && store_index.server(server).is_none() {
            let days = (to.date() - from.date()).get_days().unsigned_abs() as usize + 1;
            cells = vec![Cell::Empty(Absence::Loading); days];
        }
        cells
    }

    /// The present day in the zone of the store.
    fn today(&self) -> Result<Day, ErrorResponse> {
        let now = self.clock.now().to_zoned(self.store_index.zone().clone());
        Day::from_date(now.date())
            .ok_or_else(|| ErrorResponse::Internal("the clock is out of order".to_owned()))
    }
}

/// The login page, in the language of the request. `next` is the page to go to after login.
pub fn login_page(request: &Request<()>, error: Option<LoginError>, next: &str) -> Response<Body> {
    let context = RequestContext::new(request);
    // The code of a link or a posted form must not be repeated.
    let back = Link::to("/ui/login").with("next", next).text();
    let layout = PageLayout {
        w: context.w,
        title: context.w.login.to_owned(),
        here: "",
        back: &back,
        live: false,
        chart: None,
        revision: 0,
        loading: false,
        source: "",
        viewer: None,
        version: env!("CARGO_PKG_VERSION"),
        alerts: Arc::default(),
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
    /// The request's path and query without a language, for the link to the other language.
    back: String,
}

impl<'a> RequestContext<'a> {
    /// The version that the caller already has.
    fn known(&self) -> Option<&'a str> {
        self.request.headers().get(http::header::IF_NONE_MATCH)?.to_str().ok()
    }

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

/// The cookie that stores the language.
pub(crate) const LANGUAGE_COOKIE: &str = "log2aws-lang";

/// The language of the query, else of the cookie, else the best match of `Accept-Language`.
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

/// The supported language with the highest weight; the first of equals.
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
