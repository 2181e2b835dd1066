//! Judges what was delivered, and what is pending. Pure.

use jiff::Timestamp;
use log2aws_core::day::Day;

use crate::doctor::finding::{Check, Finding};
use crate::ship::LastShip;
use crate::spool::{Logs, SpoolError};

use super::parts;
use super::samples::span;

/// Files in the log folder that will never be delivered; `latest` is the latest day that it can now
/// be in any zone.
pub(crate) fn logs(logs: Option<&Logs>, today: Day, latest: Day) -> Option<Finding> {
    let logs = logs?;
    if let Some(day) = logs.days.iter().rev().find(|day| **day > today) {
        return Some(Finding::warn(
            Check::LogFolder,
            format!("{day}.log is of a day to come (today is {today})"),
            if *day <= latest {
                "it may be today's in another zone: set time-zone, by which the service and each \
                 command go; and see that the clock is right"
            } else {
                "the clock was wrong: correct the lines' dates, or move the file away"
            },
        ));
    }
    // A log that somebody compressed or renamed; other files do not matter.
    let foreign_file = logs
        .unknown_files
        .iter()
        .map(|name| name.to_string_lossy())
        .find(|name| name.contains(".log") && !name.starts_with('.'))?;
    Some(Finding::warn(
        Check::LogFolder,
        format!(
            "{foreign_file:?} is no day's log (YYYY-MM-DD.log, a plain file) and is never delivered"
        ),
        "rename it, or move it away; log2aws needs no logrotate",
    ))
}

/// Whether deliveries keep up.
pub(crate) fn pending(
    pending: &Result<Vec<Day>, SpoolError>,
    last: Option<&LastShip>,
    today: Day,
    now: Timestamp,
) -> Finding {
    let check = Check::Deliveries;
    let days = match pending {
        Ok(days) => days,
        // The missing folder has already been reported.
        Err(SpoolError::Missing(_)) => return Finding::ok(check, "nothing to deliver yet"),
        Err(error) => {
            return Finding::fail(check, error.to_string(), "nothing is delivered until then");
        }
    };
    let delivered = last.and_then(|last| last.delivered).map_or_else(
        || "no log was delivered yet".to_owned(),
        |last| {
            let ago = span(now.duration_since(last.at).unsigned_abs());
            format!("the last log, {}.log, was delivered {ago} ago", last.day)
        },
    );
    let error = last.and_then(|last| last.error.as_deref());
    match (days.as_slice(), error) {
        ([], _) => Finding::ok(check, format!("{delivered}; none is pending")),
        ([day], None) if is_yesterday(*day, today) => {
            Finding::ok(check, format!("{delivered}; {day}.log is due"))
        }
        (days, error) => {
            let first = days[0];
            let count = match days {
                [_] => format!("{first}.log is pending"),
                days => format!("{} logs are pending, the oldest {first}.log", days.len()),
            };
            let todo = match error {
                Some(error) => format!("the last ship said: {error}"),
                None if last.is_none() => {
                    "let the service deliver: systemctl enable --now log2aws-agent".to_owned()
                }
                None => "log2aws-agent ship delivers now, and says what is in the way".to_owned(),
            };
            Finding::warn(check, format!("{delivered}; {count}"), todo)
        }
    }
}

/// Whether another machine seems to deliver under the same name.
pub(crate) fn name_conflict(last: &LastShip) -> Option<Finding> {
    let warning = last.name_conflict.clone()?;
    let (what, todo) = parts(warning, "give each machine a name of its own with --server");
    Some(Finding::warn(Check::Server, what, todo))
}

fn is_yesterday(day: Day, today: Day) -> bool {
    day.date().tomorrow().is_ok_and(|next| next == today.date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_shared_name_is_a_warning_about_the_name() {
        let last = r#"{"at":"2026-11-22T01:00:00Z","pending":[],"delivered":null,"error":null,
            "exit_code":0,"source":null,"name_conflict":"the store had one; rename"}"#;
        let mut last: LastShip = serde_json::from_str(last).unwrap();
        let line = name_conflict(&last).unwrap().to_string();
        assert_eq!(line, "warn  server        the store had one -> rename");
        last.name_conflict = None;
        assert_eq!(name_conflict(&last), None);
    }

    #[test]
    fn what_waits_longer_than_a_day_is_told_with_the_last_error() {
        let now = "2026-11-22T03:00:00Z".parse().unwrap();
        let say = |days: &[&str], last: Option<&LastShip>| {
            let days = days.iter().map(|text| day(text)).collect();
            pending(&Ok(days), last, day("2026-11-22"), now)
        };
        let due = say(&["2026-11-21"], None);
        assert_eq!(due.verdict, Verdict::Ok, "{due}");
        let late = say(&["2026-11-20", "2026-11-21"], None).to_string();
        assert!(
            late.contains(
                "2 logs are pending, the oldest 2026-11-20.log -> let the service deliver"
            ),
            "{late}"
        );
        let json = r#"{"at":"2026-11-22T00:10:00Z","pending":["2026-11-21"],"delivered":{"day":"2026-11-20",
            "at":"2026-11-21T01:00:00Z","bytes":1,"milliseconds":2},"error":"refused","exit_code":5,"source":null}"#;
        let last: LastShip = serde_json::from_str(json).unwrap();
        let failed = say(&["2026-11-21"], Some(&last)).to_string();
        assert!(
            failed.contains(
                "was delivered 26 h ago; 2026-11-21.log is pending -> the last ship said: refused"
            ),
            "{failed}"
        );
        assert_eq!(say(&[], Some(&last)).verdict, Verdict::Ok);
    }

    #[test]
    fn what_is_never_delivered_is_named() {
        let say = |days: &[&str], unknown_files: &[&str]| {
            let days = days.iter().map(|text| day(text)).collect();
            let unknown_files = unknown_files.iter().map(Into::into).collect();
            logs(Some(&Logs { days, unknown_files }), day("2026-11-22"), day("2026-11-23"))
        };
        assert_eq!(say(&["2026-11-22"], &["lost+found", ".2026-11-22.log.swp"]), None);
        let packed = say(&[], &["2026-11-20.log.gz"]).unwrap().to_string();
        assert!(packed.contains("\"2026-11-20.log.gz\" is no day's log"), "{packed}");
        let future = say(&["2026-11-23"], &[]).unwrap().to_string();
        assert!(
            future.contains("2026-11-23.log is of a day to come (today is 2026-11-22)"),
            "{future}"
        );
        assert!(future.contains("set time-zone") && !future.contains("move"), "{future}");
        let far = say(&["2026-11-24"], &[]).unwrap().to_string();
        assert!(far.ends_with("or move the file away"), "{far}");
    }
}
