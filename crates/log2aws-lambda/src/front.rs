//! Converts API Gateway's events to requests for the router.
//!
//! `lambda_http` builds the request and serialises the response; this module adds what it cannot
//! know: that this API has one path, and the caller's address. An event is sanitised before the
//! conversion, because that parses a URL which the caller can influence.

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use http::header::HOST;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Adapter, Error, LambdaEvent, RequestExt as _, Service, service_fn};
use log2aws_service::http::{ClientIp, UrlSubject};
use serde::Serialize;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::function::Function;
use crate::logs::invocation;
use crate::metrics::Counts;

/// A path without a handler, for every path other than the API's own.
const ELSEWHERE: &str = "/-";

/// The header from which the conversion would take the URL's scheme.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Sanitises an event so that its conversion cannot fail.
///
/// The path becomes `/` if the API's root was requested, under any stage or base path; scheme and
/// host, which the router ignores, are removed.
pub fn tame(event: &mut LambdaRequest) {
    match event {
        LambdaRequest::ApiGatewayV1(event) => {
            let context = &mut event.request_context;
            let root = context.resource_path.as_deref() == Some("/");
            event.path = Some(path(root || is_root(event.path.as_deref())));
            context.stage = None;
            context.domain_name = None;
            without_place(&mut event.headers);
            without_place(&mut event.multi_value_headers);
        }
        LambdaRequest::ApiGatewayV2(event) => {
            let context = &mut event.request_context;
            let raw = event.raw_path.as_deref().unwrap_or_default();
            let stage = context.stage.take().filter(|stage| stage != "$default");
            let below = stage.and_then(|stage| raw.strip_prefix('/')?.strip_prefix(&stage));
            event.raw_path =
                Some(path(is_root(Some(raw)) || below.is_some_and(|b| is_root(Some(b)))));
            context.domain_name = None;
            without_place(&mut event.headers);
            if let Some(query) = &mut event.raw_query_string {
                *query = encoded(query);
            }
        }
        // No other kind is compiled in.
        _ => {}
    }
}

fn is_root(path: Option<&str>) -> bool {
    matches!(path, None | Some("" | "/"))
}

fn path(root: bool) -> String {
    if root { "/" } else { ELSEWHERE }.to_owned()
}

fn without_place(headers: &mut HeaderMap) {
    headers.remove(HOST);
    headers.remove(FORWARDED_PROTO);
}

/// Percent-encodes everything in a query that a URL cannot contain.
fn encoded(query: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !br##""#<>\^`{|}"##.contains(&byte);
    query.bytes().fold(String::with_capacity(query.len()), |mut out, byte| {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15]
                    .map(|half| char::from(b"0123456789ABCDEF"[usize::from(half)])),
            );
        }
        out
    })
}

/// The runtime's handler: refreshes the settings if due, then calls the router.
pub fn service(
    function: Function,
    router: Router,
) -> impl Service<LambdaEvent<LambdaRequest>, Response: Serialize, Error = Error, Future: Send> {
    let asked = service_fn(move |request: lambda_http::Request| {
        let (function, router) = (function.clone(), router.clone());
        let id = request.lambda_context_ref().map(|context| context.request_id.clone());
        let answer = async move {
            function.refresh().await;
            let response = router.oneshot(plain(request)).await?;
            if response.status() == StatusCode::FORBIDDEN && !is_of_check(&response) {
                function.count(Counts::REFUSED)?;
            }
            Ok::<_, Error>(response)
        };
        answer.instrument(invocation(&id.unwrap_or_default()))
    });
    converted(asked)
}

/// Whether the answer is about the reserved server, which no metric counts.
fn is_of_check<B>(response: &Response<B>) -> bool {
    response.extensions().get::<UrlSubject>().is_some_and(UrlSubject::is_of_check)
}

/// Wraps a service for requests in one for API Gateway's events.
///
/// `Adapter` is what `lambda_http::run` uses internally; it is used directly here, because an event
/// must be sanitised before it.
pub fn converted<S>(
    service: S,
) -> impl Service<LambdaEvent<LambdaRequest>, Response: Serialize, Error = Error, Future: Send>
where
    S: Service<lambda_http::Request, Response = Response<Body>, Error = Error>,
    S::Future: Send + 'static,
{
    let mut adapter = Adapter::from(service);
    service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        tame(&mut event.payload);
        adapter.call(event)
    })
}

/// The request for the router, with the address that API Gateway saw. Headers about the caller do
/// not count.
pub fn plain(request: lambda_http::Request) -> Request<Body> {
    let caller = request.request_context_ref().and_then(source);
    let (parts, body) = request.into_parts();
    let mut plain = Request::new(Body::new(body));
    *plain.method_mut() = parts.method;
    *plain.uri_mut() = parts.uri;
    *plain.headers_mut() = parts.headers;
    if let Some(caller) = caller {
        plain.extensions_mut().insert(ClientIp(caller));
    }
    plain
}

fn source(context: &RequestContext) -> Option<IpAddr> {
    let source = match context {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    };
    source?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_meaning_and_loses_what_no_url_holds() {
        assert_eq!(encoded("server=web01&date=2019-08-01"), "server=web01&date=2019-08-01");
        assert_eq!(encoded("a=%2F&b=+c"), "a=%2F&b=+c");
        assert_eq!(encoded("a=<b> \"本\n"), "a=%3Cb%3E%20%22%E6%9C%AC%0A");
    }
}
