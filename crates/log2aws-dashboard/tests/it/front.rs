//! Methods, headers, caching, downloads, languages.

use http::{Method, Request, StatusCode};
use log2aws_dashboard::{LoginError, login_page};

use crate::fleet::before;
use crate::world::{Answer, LAST, Log, World};

fn world() -> World {
    let world = World::new();
    for ago in 0..3 {
        let text = Log::new("web01", before(ago)).text(|_| false, None) + "rubbish\n";
        world.deliver("web01", before(ago), text.as_bytes());
    }
    world.refresh();
    world
}

fn file(suffix: &str) -> String {
    format!("/ui/s/web01/{LAST}/web01-{LAST}{suffix}")
}

#[test]
fn a_page_may_load_our_own_files_alone_and_run_nothing_inline() {
    let world = world();
    for uri in ["/ui/", "/ui/s/web01", &format!("/ui/s/web01/{LAST}"), "/ui/compare", "/ui/nothing"]
    {
        let page = world.get(uri);
        let policy = page.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{uri}: {policy}");
        }
        assert_eq!(page.header("cache-control"), "no-store", "{uri}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{uri}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{uri}");
    }
}

#[test]
fn a_drawing_runs_nothing_and_is_sent_once() {
    let world = world();
    for uri in [format!("/ui/s/web01/{LAST}/chart.svg"), "/ui/s/web01/period.svg".to_owned()] {
        let drawing = world.get(&uri);
        assert_eq!(drawing.header("content-type"), "image/svg+xml", "{uri}");
        let policy = drawing.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
        let etag = drawing.header("etag").to_owned();
        let again = Request::get(&uri).header("if-none-match", &etag).body(()).unwrap();
        let again = world.ask(&again);
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(again.header("etag"), etag);
    }
}

#[test]
fn an_asset_never_changes_under_its_own_address() {
    let world = world();
    let html = world.get(&format!("/ui/s/web01/{LAST}"));
    let urls: Vec<_> =
        html.text().split('"').filter(|part| part.starts_with("/ui/assets/")).collect();
    assert_eq!(urls.len(), 5, "{urls:?}");
    for url in urls {
        let asset = world.get(url);
        assert_eq!(asset.status, StatusCode::OK, "{url}");
        assert!(asset.header("cache-control").contains("immutable"), "{url}");
        let plain = world.get(url.split('?').next().unwrap());
        assert_eq!(plain.header("cache-control"), "no-cache", "{url}");
        assert_eq!(plain.body, asset.body);
        let known = Request::get(url).header("if-none-match", asset.header("etag"));
        assert_eq!(world.ask(&known.body(()).unwrap()).status, StatusCode::NOT_MODIFIED, "{url}");
    }
    assert_eq!(world.get("/ui/assets/other.js").status, StatusCode::NOT_FOUND);
}

#[test]
fn only_get_and_head_are_answered() {
    let world = world();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = world.ask(&Request::builder().method(method).uri("/ui/").body(()).unwrap());
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
    for uri in ["/ui/", &file(".csv"), &file(".svg"), "/ui/status.json", "/ui/nothing"] {
        let (get, head) = (world.get(uri), world.ask(&Request::head(uri).body(()).unwrap()));
        assert!(head.body.is_empty(), "{uri}");
        assert_eq!(head.status, get.status, "{uri}");
        assert_eq!(head.headers, get.headers, "{uri}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{uri}");
    }
}

#[test]
fn downloads_are_what_is_stored_or_drawn() {
    let world = world();
    for (suffix, kind) in [
        (".csv", "text/csv; charset=utf-8"),
        (".json", "application/json"),
        (".rejects.jsonl", "application/jsonl"),
    ] {
        let answer = world.get(&file(suffix));
        assert_eq!(answer.body, world.result(&format!("web01/{LAST}{suffix}")), "{suffix}");
        assert_eq!(answer.header("content-type"), kind);
        let named = format!("attachment; filename=\"web01-{LAST}{suffix}\"");
        assert_eq!(answer.header("content-disposition"), named);
    }
    assert!(world.get(&file(".svg")).text().starts_with("<svg"));
    assert!(world.get(&file(".html")).text().contains("chart-values"));
    assert!(world.get(&file(".log")).text().starts_with("# log2aws/1 server=web01"));
    // This world has no rasterizer, and returns an error.
    assert_eq!(world.get(&file(".png")).status, StatusCode::INTERNAL_SERVER_ERROR);
    for uri in [&file(".exe"), "/ui/s/web01/2020-01-01/web01-2020-01-01.csv"] {
        assert_eq!(world.get(uri).status, StatusCode::NOT_FOUND, "{uri}");
    }
    let other = format!("/ui/s/web01/{LAST}/web02-{LAST}.csv");
    assert_eq!(world.get(&other).status, StatusCode::NOT_FOUND);
}

#[test]
fn every_link_of_a_day_leads_somewhere() {
    let world = world();
    let html = world.get(&format!("/ui/s/web01/{LAST}"));
    let links = html.text().split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut tried = 0;
    for link in links.filter(|link| link.starts_with("/ui/") && !link.contains(".png")) {
        let status = world.get(&link.replace("&#38;", "&")).status;
        assert!(status == StatusCode::OK || status == StatusCode::SEE_OTHER, "{link}: {status}");
        tried += 1;
    }
    assert!(tried > 12, "{tried}");
}

#[test]
fn the_language_is_kept_and_leads_back_to_ourselves_alone() {
    let world = world();
    let answer = world.get("/ui/lang?to=ja&back=%2Fui%2Fs%2Fweb01%3Fview%3Dweek");
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/ui/s/web01?view=week");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("log2aws-lang=ja;") && cookie.contains("SameSite=Lax"), "{cookie}");
    for back in ["https://evil/", "//evil/ui/", "/ui/..//evil", "/x", "/ui/%0d%0aSet-Cookie:a=b"] {
        let answer = world.get(&format!("/ui/lang?to=ja&back={back}"));
        assert_eq!(answer.header("location"), "/ui/", "{back}");
    }
    assert!(world.get("/ui/lang?to=%3Cx%3E").header("set-cookie").starts_with("log2aws-lang=en;"));
}

#[test]
fn a_form_leads_to_the_short_address_of_the_same_state() {
    let world = world();
    let shown = "load1 load15 us sy wa st r b free cache buff swpd si so bi bo";
    let shown = format!("&show={}", shown.replace(' ', "&show="));
    let answer = world.get(&format!("/ui/s/web01/{LAST}?series=1&from=9%3A00&till={shown}"));
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let plain = format!("/ui/s/web01/{LAST}?from=09:00&till=24:00&hide=load5");
    assert_eq!(answer.header("location"), plain);
    let html = world.get(&plain);
    assert!(html.text().contains("name=\"from\" value=\"09:00\""));
    let box_of = |id: &str| format!("value=\"{id}\"");
    let tick = |id| html.text().split(&box_of(id)).nth(1).unwrap().starts_with(" checked");
    assert!(tick("load1") && !tick("load5"));
}

#[test]
fn the_status_is_json() {
    let world = world();
    let answer = world.get("/ui/status.json");
    let text = answer.text();
    for part in ["\"servers\":1", "\"summaries\":3", "\"loading\":false", "\"failed\":null"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn the_login_page_stands_alone() {
    let request = Request::get("/ui/login").header("accept-language", "ja").body(()).unwrap();
    let next = "/ui/s/a?x=\"><script>";
    let page = Answer::of(login_page(&request, Some(LoginError::WrongToken), next));
    let html = page.text();
    assert!(html.contains("<html lang=\"ja\">") && html.contains("アクセストークンが違います"));
    assert!(html.contains("method=\"post\" action=\"/ui/login\""));
    assert!(html.contains("value=\"/ui/s/a?x=&#34;&#62;&#60;script&#62;\""));
    assert!(!html.contains("/ui/logout") && !html.contains("data-events"));
    assert!(page.header("content-security-policy").contains("form-action 'self'"));
}

#[test]
fn what_is_open_to_strangers_says_nothing_of_what_is_kept() {
    let world = world();
    for uri in ["/ui/assets/other.js", "/ui/assets/dashboard.css?%ff", "/ui/lang?to=%ff"] {
        let answer = world.get(uri);
        assert!(answer.status.is_client_error(), "{uri}: {}", answer.status);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{uri}");
        for word in ["s3://", "123456789012", "0.1.0", "data-", "<"] {
            assert!(!answer.text().contains(word), "{uri}: {}", answer.text());
        }
    }
}

#[test]
fn what_the_store_did_not_give_is_not_said_to_be_absent() {
    let world = world();
    world.flaky.broken.lock().unwrap().push(".csv");
    let day = format!("/ui/s/web01/{LAST}");
    for uri in [format!("{day}/chart.svg"), format!("{day}/values.json"), file(".svg")] {
        assert_eq!(world.get(&uri).status, StatusCode::BAD_GATEWAY, "{uri}");
    }
    world.flaky.broken.lock().unwrap().clear();
    world.remove(&format!("web01/{LAST}.csv"));
    assert_eq!(world.get(&file(".svg")).status, StatusCode::NOT_FOUND);
    let compared = world.get(&format!("/ui/compare?date={LAST}&s=web01"));
    assert!(compared.text().contains("The CSV was removed"), "{}", compared.text());
}
