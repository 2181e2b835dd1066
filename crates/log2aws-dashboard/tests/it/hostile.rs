//! Hostile names, notes, log lines and URLs: none of them is executed.

use crate::fleet::before;
use crate::world::{ANALYZED, LAST, Log, World};

const EVIL: &str = "<script>alert(1)</script>";

/// The tags of a page, as written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()).collect()
}

/// Everything that is executed or loaded comes from our own files.
fn tame(uri: &str, html: &str) {
    for tag in tags(html) {
        let lower = tag.to_ascii_lowercase();
        if lower.starts_with("script") {
            assert!(lower.contains(" src=\"/ui/assets/"), "{uri}: {tag}");
        }
        assert!(!lower.starts_with("style") && !lower.contains(" style="), "{uri}: {tag}");
        assert!(!lower.contains("javascript:"), "{uri}: {tag}");
        // Without the quoted values of attributes.
        let bare: Vec<_> = lower.split('"').step_by(2).collect();
        let bare = bare.join(" ");
        let mut words = bare.split_whitespace().skip(1);
        assert!(!words.any(|word| word.starts_with("on") && word.contains('=')), "{uri}: {tag}");
    }
    assert!(!html.contains(EVIL), "{uri}");
    assert!(!html.contains('\u{202e}'), "{uri}: text that turns the reading direction around");
}

fn world() -> World {
    let world = World::new();
    let log = Log {
        head: "# log2aws/1 server=web01 cores=8 tz=<script>alert(1)</script> mode=interval \
               note=%3Cscript%3Ealert(1)%3C/script%3E%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E\n"
            .to_owned(),
        ..Log::new("web01", LAST)
    };
    let mut text = log.text(|_| false, None);
    text.push_str(EVIL);
    text.push_str("\n\u{202e}\"><img src=x onerror=alert(1)>\n\u{1b}[31m\u{0}'\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\xff<script>alert(1)</script>\n");
    world.deliver("web01", LAST, &bytes);
    // A CSV from somebody else.
    world.deliver("web01", before(1), log.text(|_| false, None).as_bytes());
    let csv = String::from_utf8(world.result(&format!("web01/{}.csv", before(1)))).unwrap();
    let csv = csv.replacen("cpu-us", EVIL, 1).replacen("2026", EVIL, 3);
    world.put(ANALYZED, &format!("web01/{}.csv", before(1)), csv.as_bytes());
    // A summary from somebody else.
    let json = String::from_utf8(world.result(&format!("web01/{}.json", before(1)))).unwrap();
    let json = json.replace("\"version\": \"", &format!("\"version\": \"{EVIL}"));
    world.put(ANALYZED, &format!("web01/{}.json", before(1)), json.as_bytes());
    world.deliver_refused("web02", LAST, EVIL.as_bytes());
    world.refresh();
    world
}

#[test]
fn nothing_that_others_wrote_runs() {
    let world = world();
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%3E";
    for uri in [
        "/ui/".to_owned(),
        format!("/ui/?q={evil}"),
        format!("/ui/?to={evil}"),
        format!("/ui/?days={evil}"),
        format!("/ui/{evil}"),
        format!("/ui/s/{evil}"),
        format!("/ui/s/web01/{evil}"),
        format!("/ui/s/web01?view={evil}"),
        format!("/ui/s/web01/{LAST}"),
        format!("/ui/s/web01/{LAST}?from={evil}"),
        format!("/ui/s/web01/{LAST}?hide={evil}"),
        format!("/ui/s/web01/{LAST}?x={evil}"),
        format!("/ui/s/web01/{}", before(1)),
        format!("/ui/s/web02/{LAST}"),
        format!("/ui/compare?s=web01&s=web02&date={LAST}"),
        format!("/ui/compare?s={evil}"),
        "/ui/s/web01".to_owned(),
    ] {
        tame(&uri, world.get(&uri).text());
        tame(&uri, world.get_ja(&uri).text());
    }
    let day = world.get(&format!("/ui/s/web01/{LAST}"));
    let html = day.text();
    assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "it is shown as text");
    assert!(html.contains("\\u{202e}") && html.contains("\\u{1b}") && html.contains("\\xff"));
}

#[test]
fn a_name_is_one_segment_of_a_path() {
    let world = world();
    for uri in ["/ui/s/..%2F..%2Fetc", "/ui/s/%2e%2e/2026-11-23", "/ui/s/web01%00", "/ui/s/%ff"] {
        let status = world.get(uri).status.as_u16();
        assert!(status == 400 || status == 404, "{uri}: {status}");
    }
}
