//! Judges the API's response to a request for a URL. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use log2aws_core::server_name::ServerName;

use crate::doctor::facts::api::Answer;
use crate::doctor::finding::{Check, Finding};

use super::parts;
use super::samples::span;

/// A smaller difference is normal for a clock that is synchronised.
const CLOCK_NOISE: Duration = Duration::from_secs(10);

/// A difference from which days begin at the wrong time, and certificates may seem expired.
pub(crate) const CLOCK_LIMIT: Duration = Duration::from_mins(5);

/// Whether it is a response of log2aws, and whether this machine is allowed.
pub(crate) fn answer(answer: &Answer, api: &str, server: &ServerName) -> Vec<Finding> {
    let status = answer.status;
    let detail = answer.detail.as_ref().map_or_else(String::new, |detail| format!(", {detail:?}"));
    let via = answer.proxy.as_ref();
    let via = via.map_or_else(String::new, |proxy| format!(" by way of the proxy {proxy}"));
    let fail = |what: String, todo: &str| vec![Finding::fail(Check::Answer, what, todo)];
    match (status, answer.source) {
        (200, source) => match &answer.url {
            Some(Ok(_)) => {
                let seen = source.map_or_else(String::new, |ip| format!(" as {ip}"));
                vec![
                    Finding::ok(Check::Answer, "an upload URL, as log2aws gives it"),
                    Finding::ok(Check::AllowList, format!("{server} is let in{seen}")),
                ]
            }
            Some(Err(error)) => {
                let todo = "correct --api; if it is right, something else answers there (curl)";
                let (what, todo) = parts(error.clone(), todo);
                fail(format!("{api} answers 200, but {what}"), &todo)
            }
            None => fail(format!("{api} answers 200 without a URL"), "correct --api"),
        },
        // It is not the address: the sentence says what to do.
        (403, Some(_)) if answer.is_about_a_key => {
            let reason = answer.detail.clone().unwrap_or_default();
            let (what, todo) = parts(reason, "have an operator register its key");
            vec![Finding::fail(Check::Key, what, todo)]
        }
        (403, Some(ip)) => vec![
            Finding::ok(Check::Answer, "403, as log2aws says it"),
            Finding::fail(
                Check::AllowList,
                format!("the API does not let {ip} have URLs for {server}"),
                format!(
                    "put {server}@{ip} on its allow-list, or correct --server if that is another's name"
                ),
            ),
        ],
        (403, None) => fail(
            format!("{api}{via} answers 403{detail}, but not as log2aws does (no Log2aws-Source)"),
            "give --api the whole address that the deployment printed; if it is right, a proxy or \
             firewall answers in its place",
        ),
        (401 | 407, _) => fail(
            format!("{api} wants a login ({status}{detail})"),
            "log2aws never does: a proxy in between must let this address through",
        ),
        (404 | 405, _) => fail(
            format!("{api} answers {status}{detail}"),
            "give --api the whole address that the deployment printed, with the stage at its end",
        ),
        (400, Some(_)) => fail(
            format!("the API does not take the request (400{detail})"),
            "update it if it is older than this agent",
        ),
        (429, _) => vec![Finding::warn(
            Check::Answer,
            "the API has too many requests at the moment (429)",
            "deliveries wait and come again; if it stays so, raise its limit",
        )],
        (500..=599, Some(_)) => fail(
            format!("the API cannot do its work ({status}{detail})"),
            "its own log says why; deliveries come again",
        ),
        _ => fail(
            format!("{api} answers {status}{detail}, but not as log2aws does (no Log2aws-Source)"),
            "correct --api; if it is right, a proxy answers in its place",
        ),
    }
}

/// This machine's clock compared with a `Date` header that was received between two local times.
pub(crate) fn clock(date: Timestamp, before: Timestamp, after: Timestamp) -> Finding {
    // A date has no fractions: it covers its whole second.
    let ahead = before.duration_since(date) - SignedDuration::from_secs(1);
    let behind = date.duration_since(after);
    let (off, word) = if ahead.is_positive() {
        (ahead.unsigned_abs(), "ahead of")
    } else if behind.is_positive() {
        (behind.unsigned_abs(), "behind")
    } else {
        (Duration::ZERO, "")
    };
    let what = format!("this machine's clock is {} {word} the API's", span(off));
    let todo = "set it: timedatectl set-ntp true, chronyc makestep; days begin and end by it";
    if off > CLOCK_LIMIT {
        Finding::fail(Check::Clock, what, todo)
    } else if off > CLOCK_NOISE {
        Finding::warn(Check::Clock, what, todo)
    } else {
        Finding::ok(Check::Clock, "this machine's and the API's agree")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn clocks_are_compared_as_far_as_a_date_tells() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let date = at("2026-11-22T00:10:00Z");
        for (before, after, verdict, words) in [
            ("2026-11-22T00:10:00.9Z", "2026-11-22T00:10:01.2Z", Verdict::Ok, "agree"),
            ("2026-11-22T00:09:55Z", "2026-11-22T00:10:30Z", Verdict::Ok, "agree"),
            ("2026-11-22T00:10:31Z", "2026-11-22T00:10:31Z", Verdict::Warn, "30 s ahead of"),
            ("2026-11-22T00:09:00Z", "2026-11-22T00:09:00Z", Verdict::Warn, "60 s behind"),
            ("2026-11-23T02:10:01Z", "2026-11-23T02:10:01Z", Verdict::Fail, "26 h ahead of"),
            ("2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z", Verdict::Fail, "52 days behind"),
        ] {
            let finding = clock(date, at(before), at(after));
            assert!(finding.verdict == verdict && finding.message.contains(words), "{finding}");
        }
    }

    #[test]
    fn answers_that_only_resemble_ours() {
        let server: ServerName = "web01".parse().unwrap();
        let ip = Some("203.0.113.9".parse().unwrap());
        let say = |status, source, url: Option<Result<Option<Timestamp>, String>>| {
            let detail = Some("Forbidden".to_owned());
            let got = Answer { status, source, detail, url, proxy: None, is_about_a_key: false };
            answer(&got, "https://a/prod", &server).last().unwrap().to_string()
        };
        assert!(say(200, ip, Some(Ok(None))).contains("web01 is let in as 203.0.113.9"));
        assert!(
            say(200, None, Some(Err("a web page".into()))).contains("answers 200, but a web page")
        );
        let refused = say(403, ip, None);
        assert!(
            refused.starts_with("fail  allow-list") && refused.contains("put web01@203.0.113.9 on"),
            "{refused}"
        );
        let revoked = Answer {
            status: 403,
            source: ip,
            detail: Some("the key of this server was revoked; register its next one".to_owned()),
            is_about_a_key: true,
            ..Answer::default()
        };
        let told = answer(&revoked, "https://a/prod", &server)[0].to_string();
        assert!(
            told.starts_with("fail  key") && told.contains("-> register its next one"),
            "{told}"
        );
        assert!(say(403, None, None).contains("but not as log2aws does"));
        assert!(say(404, ip, None).contains("with the stage at its end"));
        assert!(say(407, None, None).contains("wants a login (407"));
        assert!(say(503, ip, None).contains("its own log says why"));
        assert!(say(502, None, None).contains("a proxy answers in its place"));
        assert!(say(429, ip, None).starts_with("warn"));
    }
}
