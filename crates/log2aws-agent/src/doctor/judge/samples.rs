//! Judges whether exactly one sampler takes samples, and whether they are readable. Pure.

use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::metadata::Mode;
use log2aws_core::server_name::ServerName;

use crate::doctor::finding::{Check, Finding};
use crate::sample::log_lines::Lines;

/// This many intervals without a sample are too many.
const TIMEOUT: u32 = 3;

/// Fewer lines do not show an interval.
const MIN_LINES: usize = 6;

/// The age of the last sample, and who should have taken another. `service` is whether `run` uses this
/// state folder.
pub(crate) fn samples(
    last: Option<Timestamp>,
    now: Timestamp,
    interval: Duration,
    service: bool,
) -> Finding {
    let check = Check::Samples;
    let todo = if service {
        "journalctl -u log2aws-agent says what keeps the service from sampling"
    } else {
        "start a sampler: systemctl enable --now log2aws-agent, or correct the cron job that samples"
    };
    let Some(last) = last else {
        return Finding::fail(check, "no sample was ever taken", todo);
    };
    let age = now.duration_since(last);
    if age.as_secs() < -1 {
        return Finding::warn(
            check,
            format!("the last sample is {} ahead of the clock", span(age.unsigned_abs())),
            "set the clock: timedatectl set-ntp true; it was ahead when that sample was taken, or is behind now",
        );
    }
    let age = age.unsigned_abs();
    if age > interval * TIMEOUT {
        let text =
            format!("no sample for {}, where one every {} is due", span(age), span(interval));
        return Finding::fail(check, text, todo);
    }
    Finding::ok(
        check,
        format!("the last one {} ago, one every {} is due", span(age), span(interval)),
    )
}

/// Whether more than one sampler writes into today's log.
pub(crate) fn samplers(service: bool, today: Option<&Lines>, interval: Duration) -> Finding {
    let check = Check::Samplers;
    if let Some(every) = today.and_then(mean_gap).filter(|gap| *gap < interval * 3 / 4) {
        return Finding::warn(
            check,
            format!(
                "today's log has a line every {} on average, where one every {} is due",
                span(every),
                span(interval)
            ),
            "find the second sampler (a systemd timer, a cron job, a container), or correct --interval",
        );
    }
    let who = if service { "the service" } else { "no service; a cron job, if anything" };
    Finding::ok(check, who)
}

/// The mean time between the last lines.
fn mean_gap(lines: &Lines) -> Option<Duration> {
    let last = &lines.times[lines.times.len().saturating_sub(4 * MIN_LINES)..];
    let ([first, .., end], true) = (last, last.len() >= MIN_LINES) else { return None };
    let gaps = u32::try_from(last.len() - 1).ok()?;
    Duration::try_from(end.duration_since(*first)).ok().map(|time| time / gaps)
}

/// Whether the lines of a log are readable, and what they reveal.
pub(crate) fn lines(day: Day, lines: &Lines, server: Option<&ServerName>) -> Finding {
    let check = Check::Lines;
    let rows = lines.times.len();
    if let Some((reason, begins)) = &lines.reject {
        return Finding::fail(
            check,
            format!(
                "{} of the last {} lines of {day}.log cannot be read, such as {begins:?} ({reason})",
                lines.rejects,
                rows as u64 + lines.rejects,
            ),
            "sample with log2aws-agent, or put LC_ALL=C before date, uptime and vmstat in the job",
        );
    }
    let named = lines.server.as_ref().zip(server);
    if let Some((other, _)) = named.filter(|(other, server)| other != server) {
        return Finding::warn(
            check,
            format!("{day}.log was sampled as {other}"),
            format!("if this machine is still {other}, say so with --server {other}"),
        );
    }
    let mode = match lines.mode {
        Some(Mode::Interval) => "averages of each interval",
        Some(Mode::SinceBoot) => "averages since boot",
        None => "written by another sampler: averages since boot, as it seems",
    };
    let users = if lines.no_users { ", no count of users" } else { "" };
    // They are readable; they show which sampler wrote them.
    let commas = if lines.decimal_commas { ", decimal commas (a locale other than C)" } else { "" };
    Finding::ok(check, format!("{rows} read in {day}.log, {mode}{users}{commas}"))
}

/// A duration for people, in its largest unit.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    const INTERVAL: Duration = Duration::from_mins(10);

    #[test]
    fn a_late_sample_is_reported_with_who_should_have_taken_it() {
        let now: Timestamp = "2026-11-22T03:00:00Z".parse().unwrap();
        let ago = |minutes: i64| Some(now - jiff::SignedDuration::from_mins(minutes));
        let say = |last, service| samples(last, now, INTERVAL, service);
        assert_eq!(say(ago(30), true).verdict, Verdict::Ok);
        let late = say(ago(31), true).to_string();
        assert!(
            late.starts_with("fail")
                && late.contains("no sample for 31 min")
                && late.contains("journalctl"),
            "{late}"
        );
        let never = say(None, false).to_string();
        assert!(
            never.contains("no sample was ever taken -> start a sampler: systemctl"),
            "{never}"
        );
        let alone = say(ago(6000), false).to_string();
        assert!(
            alone.contains("no sample for 4 days") && alone.contains("the cron job that samples"),
            "{alone}"
        );
        let ahead = say(ago(-5), true);
        assert_eq!(ahead.verdict, Verdict::Warn, "{ahead}");
    }

    #[test]
    fn a_log_with_twice_the_lines_has_two_samplers() {
        let every = |minutes: &[i64]| {
            let start: jiff::civil::DateTime = "2026-11-22T00:00:01".parse().unwrap();
            let times = minutes.iter().map(|m| start + jiff::SignedDuration::from_mins(*m));
            Lines { times: times.collect(), ..Lines::default() }
        };
        let say = |minutes: &[i64]| samplers(true, Some(&every(minutes)), INTERVAL);
        let twice = say(&[0, 1, 10, 11, 20, 21, 30]);
        assert_eq!(twice.verdict, Verdict::Warn);
        assert!(twice.message.contains("a line every 5 min on average"), "{twice}");
        for right in [
            &[0, 10, 20, 30, 40, 50, 60][..],
            &[0, 1, 2],
            &[0, 10, 20, 24, 30, 40, 50],
            &[0, 60, 61, 70, 80, 90],
        ] {
            assert_eq!(say(right).verdict, Verdict::Ok, "{right:?}");
        }
    }
}
