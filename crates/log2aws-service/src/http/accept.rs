//! Content negotiation: plain text, or JSON on request.

use http::header::{ACCEPT, HeaderMap};

/// Whether the `Accept` header prefers JSON to plain text. Wildcards prefer neither, and an invalid
/// header is ignored (RFC 9110 §12.5.1).
pub(super) fn json(headers: &HeaderMap) -> bool {
    let (mut json, mut text) = (0, 0);
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or("").split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or("").to_ascii_lowercase();
            let weight = parts.find_map(weight).unwrap_or(1000);
            match media.as_str() {
                "application/json" | "application/problem+json" => json = weight.max(json),
                "text/plain" => text = weight.max(text),
                _ => {}
            }
        }
    }
    json > 0 && json >= text
}

/// A parameter `q=0.5` in thousandths; `None` for every other parameter.
fn weight(parameter: &str) -> Option<u32> {
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, thousandths) = value.split_once('.').unwrap_or((value, ""));
    let digits = thousandths.bytes().chain(*b"000").take(3);
    let fraction = digits.fold(0, |n, d| n * 10 + u32::from(d.wrapping_sub(b'0').min(9)));
    Some(if whole == "0" { fraction } else { 1000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        json(&headers)
    }

    #[test]
    fn json_is_given_to_those_who_name_it() {
        for accept in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "text/html, application/json;q=0.9, */*;q=0.8",
            "text/plain;q=0.5, application/json",
            "application/json, text/plain",
        ] {
            assert!(wants(accept), "{accept}");
        }
    }

    #[test]
    fn all_others_get_text() {
        assert!(!json(&HeaderMap::new()));
        for accept in [
            "*/*",
            "application/*",
            "text/plain",
            "text/plain, application/json;q=0.5",
            "application/json;q=0",
            "application/json;q=0.000",
            "application/jsonl",
            ",;,q=;=",
        ] {
            assert!(!wants(accept), "{accept}");
        }
    }
}
