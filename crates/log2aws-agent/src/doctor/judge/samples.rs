//! Judges whether exactly one sampler takes samples, and whether they are readable. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::metadata::Mode;
use log2aws_core::server_name::ServerName;

use crate::doctor::facts::cron::{CronJobs, Job, Place};
use crate::doctor::facts::logs::Lines;
use crate::doctor::finding::{Check, Finding};

/// This many intervals without a sample are too many.
const TIMEOUT: u32 = 3;

/// Fewer lines do not show an interval.
const MIN_LINES: usize = 6;

/// The samplers, as far as they can be detected.
#[derive(Debug)]
pub(crate) struct Samplers<'a> {
    /// `run` uses this state folder.
    pub(crate) service: bool,
    /// It has an API to deliver to.
    pub(crate) delivers: bool,
    pub(crate) cron: &'a CronJobs,
}

/// The age of the last sample, and who should have taken another.
pub(crate) fn samples(
    last: Option<Timestamp>,
    now: Timestamp,
    interval: Duration,
    samplers: &Samplers<'_>,
) -> Finding {
    let check = Check::Samples;
    let todo = match (samplers.service, samplers.here().first()) {
        (true, _) => {
            "journalctl -u log2aws-agent says what keeps the service from sampling".to_owned()
        }
        (false, Some(place)) => {
            format!("see that cron runs, and what {place} prints")
        }
        (false, None) => "start a sampler: systemctl enable --now log2aws-agent".to_owned(),
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

/// Whether two samplers, or two senders, do the same work.
pub(crate) fn samplers(
    samplers: &Samplers<'_>,
    today: Option<&Lines>,
    interval: Duration,
) -> Finding {
    let check = Check::Samplers;
    let (cron, here) = (samplers.cron, samplers.here());
    let remove = |places: &[&Place]| format!("remove {}", list(places));
    let elsewhere =
        cron.sampling.iter().find_map(|job| Some((&job.place, job.elsewhere.as_ref()?)));
    match (samplers.service, here.as_slice(), elsewhere) {
        (true, jobs @ [_, ..], _) => {
            return Finding::fail(
                check,
                "the service and cron both sample, so that every moment is in the log twice",
                remove(jobs),
            );
        }
        (false, jobs @ [_, _, ..], _) => {
            let what = format!("{} jobs of cron sample into the same log", jobs.len());
            return Finding::fail(check, what, format!("keep one of {}", list(jobs)));
        }
        (true, [], Some((place, folder))) => {
            return Finding::warn(
                check,
                format!("beside the service cron samples, too, into {}", folder.display()),
                format!("remove {place} once this machine has moved over"),
            );
        }
        _ => {}
    }
    if samplers.service && samplers.delivers && !cron.shipping.is_empty() {
        let jobs: Vec<&Place> = cron.shipping.iter().collect();
        let what = "the service and cron both deliver, which is harmless and of no use";
        return Finding::warn(check, what, remove(&jobs));
    }
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
    let who = match (samplers.service, here.as_slice()) {
        (true, _) => "the service alone".to_owned(),
        (false, [job, ..]) => format!("cron alone ({job})"),
        (false, []) => "neither the service nor a job of cron is seen".to_owned(),
    };
    let unread =
        if cron.unread.is_empty() { "" } else { "; only root can see the crontabs of other users" };
    Finding::ok(check, format!("{who}{unread}"))
}

impl Samplers<'_> {
    /// Cron jobs that write to our log, or to an unknown folder.
    fn here(&self) -> Vec<&Place> {
        let here = |job: &&Job| job.elsewhere.is_none();
        self.cron.sampling.iter().filter(here).map(|job| &job.place).collect()
    }
}

fn list(places: &[&Place]) -> String {
    let places: Vec<String> = places.iter().take(3).map(ToString::to_string).collect();
    places.join(", ")
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

/// The time of the last line in its own zone.
pub(crate) fn last_line(lines: &Lines, zone: &TimeZone) -> Option<Timestamp> {
    let time = lines.times.iter().max()?;
    time.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
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

    fn place(file: &str) -> Place {
        Place { file: file.into(), line: 3 }
    }

    fn cron(sampling: &[&str], shipping: &[&str]) -> CronJobs {
        let job = |file: &&str| Job { place: place(file), elsewhere: None };
        CronJobs {
            sampling: sampling.iter().map(job).collect(),
            shipping: shipping.iter().map(|file| place(file)).collect(),
            unread: Vec::new(),
        }
    }

    #[test]
    fn a_late_sample_is_told_with_who_should_have_taken_it() {
        let now: Timestamp = "2026-11-22T03:00:00Z".parse().unwrap();
        let ago = |minutes: i64| Some(now - jiff::SignedDuration::from_mins(minutes));
        let say = |last, service, jobs: &[&str]| {
            let cron = cron(jobs, &[]);
            samples(last, now, INTERVAL, &Samplers { service, delivers: true, cron: &cron })
        };
        assert_eq!(say(ago(30), true, &[]).verdict, Verdict::Ok);
        let late = say(ago(31), true, &[]).to_string();
        assert!(
            late.starts_with("fail")
                && late.contains("no sample for 31 min")
                && late.contains("journalctl"),
            "{late}"
        );
        let never = say(None, false, &[]).to_string();
        assert!(
            never.contains("no sample was ever taken -> start a sampler: systemctl"),
            "{never}"
        );
        let cron = say(ago(6000), false, &["/etc/cron.d/load"]).to_string();
        assert!(
            cron.contains("no sample for 4 days") && cron.contains("/etc/cron.d/load line 3"),
            "{cron}"
        );
        let ahead = say(ago(-5), true, &[]);
        assert_eq!(ahead.verdict, Verdict::Warn, "{ahead}");
    }

    #[test]
    fn two_of_a_kind_are_told() {
        let say = |service, cron: &CronJobs, today: Option<&Lines>| {
            samplers(&Samplers { service, delivers: true, cron }, today, INTERVAL)
        };
        let none = cron(&[], &[]);
        let one = cron(&["/etc/cron.d/load"], &[]);
        assert_eq!(say(true, &none, None).verdict, Verdict::Ok);
        assert_eq!(say(false, &one, None).verdict, Verdict::Ok);
        // The samples show whether that is bad.
        assert_eq!(say(false, &none, None).verdict, Verdict::Ok);
        let both = say(true, &one, None).to_string();
        assert!(
            both.starts_with("fail") && both.ends_with("remove /etc/cron.d/load line 3"),
            "{both}"
        );
        let two = say(false, &cron(&["/etc/cron.d/load", "/etc/crontab"], &[]), None);
        assert_eq!(two.verdict, Verdict::Fail, "{two}");
        let sends = say(true, &cron(&[], &["/etc/cron.d/send"]), None);
        assert_eq!(sends.verdict, Verdict::Warn, "{sends}");
    }

    #[test]
    fn a_log_with_twice_the_lines_has_two_samplers() {
        let every = |minutes: &[i64]| {
            let start: jiff::civil::DateTime = "2026-11-22T00:00:01".parse().unwrap();
            let times = minutes.iter().map(|m| start + jiff::SignedDuration::from_mins(*m));
            Lines { times: times.collect(), ..Lines::default() }
        };
        let none = cron(&[], &[]);
        let say = |minutes: &[i64]| {
            samplers(
                &Samplers { service: true, delivers: true, cron: &none },
                Some(&every(minutes)),
                INTERVAL,
            )
        };
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
