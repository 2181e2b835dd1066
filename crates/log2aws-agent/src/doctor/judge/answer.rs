//! Judges the API's response to a request for a URL. Pure.

use std::num::NonZeroU64;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use log2aws_core::server_name::ServerName;

use crate::doctor::facts::api::Answer;
use crate::doctor::finding::{Check, Finding};

use super::folders::size;
use super::parts;
use super::samples::span;

/// A smaller difference is normal for a clock that is synchronised.
const CLOCK_NOISE: Duration = Duration::from_secs(10);

/// A difference from which days begin at the wrong time, and certificates may seem expired.
pub(crate) const CLOCK_LIMIT: Duration = Duration::from_mins(5);

/// The largest object of one PUT, 5 GiB.
const MAX_PUT: u64 = 5 << 30;

/// Whether it is a response of log2aws, and whether this machine is allowed.
pub(crate) fn answer(answer: &Answer, api: &str, server: &ServerName) -> Vec<Finding> {
    let status = answer.status;
    let said = answer.said.as_ref().map_or_else(String::new, |said| format!(", {said:?}"));
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
            format!("{api}{via} answers 403{said}, but not as log2aws does (no Log2aws-Source)"),
            "give --api the whole address that the deployment printed; if it is right, a proxy or \
             firewall answers in its place",
        ),
        (401 | 407, _) => fail(
            format!("{api} wants a login ({status}{said})"),
            "log2aws never does: a proxy in between must let this address through",
        ),
        (404 | 405, _) => fail(
            format!("{api} answers {status}{said}"),
            "give --api the whole address that the deployment printed, with the stage at its end",
        ),
        (400, Some(_)) => fail(
            format!("the API does not take the request (400{said})"),
            "update it if it is older than this agent",
        ),
        (429, _) => vec![Finding::warn(
            Check::Answer,
            "the API has too many requests at the moment (429)",
            "deliveries wait and come again; if it stays so, raise its limit",
        )],
        (500..=599, Some(_)) => fail(
            format!("the API cannot do its work ({status}{said})"),
            "its own log says why; deliveries come again",
        ),
        _ => fail(
            format!("{api} answers {status}{said}, but not as log2aws does (no Log2aws-Source)"),
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

/// What an upload takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transfer {
    /// The largest log to send.
    pub(crate) largest: u64,
    /// The size and duration of the last delivery.
    pub(crate) measured: Option<(u64, Duration)>,
    /// The rate limit in bytes a second.
    pub(crate) limit: Option<NonZeroU64>,
    /// The maximum duration of a run.
    pub(crate) max_time: Duration,
}

/// The time of a shorter log depends on the latency to the store, not on the bandwidth.
const MIN_MEASURED_BYTES: u64 = 256 << 10;

/// Compares the life of a URL with the upload time of the largest log.
pub(crate) fn url_life(life: Duration, transfer: &Transfer) -> Finding {
    let check = Check::UrlLife;
    let largest = size(transfer.largest);
    if transfer.largest > MAX_PUT {
        return Finding::fail(
            check,
            format!("a log of {largest} is larger than any single upload (5 GiB)"),
            "find out what fills it: a day has some 22 KiB",
        );
    }
    let takes = |rate: u64| Duration::from_secs(transfer.largest.div_ceil(rate.max(1)));
    let measured = transfer.measured.map(|(bytes, time)| {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        (bytes, bytes.saturating_mul(1000) / millis)
    });
    // A slow upload of a short log says nothing about a long one.
    let measured = measured
        .filter(|(bytes, rate)| *bytes >= MIN_MEASURED_BYTES || takes(*rate) <= life)
        .map(|(_, rate)| rate);
    let limited = transfer
        .limit
        .map(NonZeroU64::get)
        .filter(|limit| measured.is_none_or(|rate| *limit <= rate));
    let Some(rate) = limited.or(measured) else {
        let need = transfer.largest.div_ceil(life.as_secs().max(1));
        return Finding::ok(
            check,
            format!(
                "a URL lives {}: enough for {largest} at {}/s; no delivery has measured the line yet",
                span(life),
                size(need)
            ),
        );
    };
    let takes = takes(rate);
    let rate = size(rate);
    let todo = if limited.is_some() {
        "raise --limit-rate"
    } else {
        "the line, or a proxy on it, is too slow for such logs: find out what fills them"
    };
    let text = format!("{largest} take {} at {rate}/s", span(takes));
    if takes > transfer.max_time {
        return Finding::fail(
            check,
            format!("{text}, and a run ends after {} (--max-time)", span(transfer.max_time)),
            todo,
        );
    }
    if takes > life {
        return Finding::warn(check, format!("{text}, and a URL lives {}", span(life)), todo);
    }
    Finding::ok(check, format!("a URL lives {}, {text}", span(life)))
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
    fn a_log_must_be_through_while_its_url_lives() {
        let say = |largest, measured: Option<(u64, u64)>, limit, max_time| {
            let transfer = Transfer {
                largest,
                measured: measured.map(|(bytes, ms)| (bytes, Duration::from_millis(ms))),
                limit: NonZeroU64::new(limit),
                max_time: Duration::from_secs(max_time),
            };
            url_life(Duration::from_mins(5), &transfer)
        };
        // 100,000 bytes a second, and ten times that.
        let (slow, fast) = (Some((1_000_000, 10_000)), Some((1_000_000, 1000)));
        let unknown = say(22_000, None, 0, 3600);
        assert!(
            unknown.verdict == Verdict::Ok && unknown.message.contains("21 KiB at 74 bytes/s"),
            "{unknown}"
        );
        assert_eq!(say(30_000_000, slow, 0, 3600).verdict, Verdict::Ok);
        let late = say(30_000_001, slow, 0, 3600);
        assert!(late.verdict == Verdict::Warn && late.to_string().contains("the line"), "{late}");
        let short = say(30_000_001, Some((1000, 10)), 0, 3600);
        assert!(short.verdict == Verdict::Ok && short.message.contains("no delivery"), "{short}");
        assert!(say(22_000, Some((1000, 10)), 0, 3600).message.contains("97 KiB/s"));
        let held = say(30_000_000, fast, 50_000, 3600);
        assert!(held.to_string().ends_with("a URL lives 5 min -> raise --limit-rate"), "{held}");
        assert_eq!(say(30_000_000, slow, 0, 200).verdict, Verdict::Fail);
        assert_eq!(say(6 << 30, None, 0, 3600).verdict, Verdict::Fail);
    }

    #[test]
    fn answers_that_only_resemble_ours() {
        let server: ServerName = "web01".parse().unwrap();
        let ip = Some("203.0.113.9".parse().unwrap());
        let say = |status, source, url: Option<Result<Option<Timestamp>, String>>| {
            let said = Some("Forbidden".to_owned());
            let got = Answer { status, source, said, url, proxy: None };
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
        assert!(say(403, None, None).contains("but not as log2aws does"));
        assert!(say(404, ip, None).contains("with the stage at its end"));
        assert!(say(407, None, None).contains("wants a login (407"));
        assert!(say(503, ip, None).contains("its own log says why"));
        assert!(say(502, None, None).contains("a proxy answers in its place"));
        assert!(say(429, ip, None).starts_with("warn"));
    }
}
