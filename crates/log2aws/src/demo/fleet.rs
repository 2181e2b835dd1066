//! Made-up day logs of a small fleet, with stories to find in the dashboard.
//!
//! The same day and zone give the same logs. Every server's name begins with [`PREFIX`] and its
//! note says that it is made up, so that nobody takes it for a real machine.

use std::num::NonZeroU32;

use anyhow::Context as _;
use fastrand::Rng;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _, Zoned};
use log2aws_core::day::Day;
use log2aws_core::line::compose;
use log2aws_core::metadata::{Metadata, Mode};
use log2aws_core::sample::Sample;
use log2aws_core::server_name::ServerName;

/// What the names of the made-up servers begin with.
pub(super) const PREFIX: &str = "demo-";

/// For how many days before today there are logs: eight weeks, which the usual day is made from,
/// and some more.
pub(super) const DAYS: i32 = 60;

/// The seconds between two samples.
const INTERVAL: u32 = 600;

/// KiB in a GiB.
const GIB: f64 = 1_048_576.0;

/// A made-up server.
#[derive(Clone, Debug)]
pub(super) struct MadeUpServer {
    /// Its name.
    pub(super) server: ServerName,
    /// What there is to find, in a few words.
    pub(super) story: &'static str,
    /// What people call it, behind "made up:".
    role: &'static str,
    kind: Kind,
    cores: u32,
    memory_gib: f64,
    /// The share of its cores that is busy at the peak of a working day.
    level: f64,
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Web,
    /// Loses memory for three weeks, then swaps.
    Leak,
    /// A nightly backup that takes longer each week.
    Backup,
    /// Its logs stopped five days ago.
    Silent,
    /// Rebooted three nights ago; the sampler was started by hand in the morning.
    LateSampler,
    /// `vmstat` was missing for half an hour.
    Unreadable,
    /// Switched off at weekends.
    OffAtWeekends,
}

/// The load of a machine at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    /// Cores in use.
    busy: f64,
    /// Processes waiting for a disk.
    blocked: f64,
    /// Memory that programs ask for, as a share of all.
    wanted: f64,
    /// KiB/s read.
    read: f64,
    /// KiB/s written.
    written: f64,
}

/// The fleet.
///
/// # Errors
/// None in practice: the names are valid.
pub(super) fn fleet() -> anyhow::Result<Vec<MadeUpServer>> {
    let all = [
        (
            ("web01", "shop"),
            Kind::Web,
            "I/O waits two nights ago at 02:50, as on web02",
            8,
            16.0,
            0.55,
        ),
        (("web02", "shop"), Kind::Web, "the same at the same time", 8, 16.0, 0.45),
        (("app01", "orders"), Kind::Leak, "a memory leak of three weeks, then swap", 4, 8.0, 0.5),
        (
            ("db01", "database"),
            Kind::Backup,
            "a nightly backup that takes longer each week",
            8,
            32.0,
            0.35,
        ),
        (("batch01", "reports"), Kind::Silent, "no log for five days", 4, 8.0, 0.3),
        (
            ("edge01", "VPN"),
            Kind::LateSampler,
            "rebooted three nights ago; no sampler until 09:40",
            2,
            4.0,
            0.2,
        ),
        (("mail01", "mail"), Kind::Unreadable, "no vmstat for half an hour yesterday", 2, 4.0, 0.3),
        (("lab01", "tests"), Kind::OffAtWeekends, "switched off at weekends", 4, 8.0, 0.25),
    ];
    all.into_iter()
        .map(|((name, role), kind, story, cores, memory_gib, level)| {
            let server = format!("{PREFIX}{name}").parse()?;
            Ok(MadeUpServer { server, story, role, kind, cores, memory_gib, level })
        })
        .collect()
}

impl MadeUpServer {
    /// The log of the day that lies so many days before `today`; `None` if it was never delivered.
    ///
    /// # Errors
    /// A day outside of the calendar.
    pub(super) fn log(
        &self,
        today: Day,
        days_ago: i32,
        zone: &TimeZone,
    ) -> anyhow::Result<Option<(Day, String)>> {
        let date = today.date().checked_sub(days_ago.days())?;
        let day = Day::from_date(date).context("the clock is outside the years of a day log")?;
        if self.kind == Kind::Silent && days_ago < 5 {
            return Ok(None);
        }
        let mut log = self.head(zone)?;
        let mut rng = Rng::with_seed(self.seed(date));
        let (mut slow, mut noise, mut lines) = ([0.0; 2], 0.0, 0);
        let mut time = date.to_zoned(zone.clone())?;
        let end = date.tomorrow()?.to_zoned(zone.clone())?;
        while time < end {
            noise = 0.6 * noise + 0.4 * (rng.f64() - 0.5);
            let moment = self.moment(&time, days_ago, 1.0 + 0.7 * noise);
            let sample = self.sample(&time, &self.booted(&time, today)?, moment, &mut slow)?;
            if self.runs(&time, days_ago) {
                let line = compose(&sample)?;
                log.push_str(self.as_written(&line, &time, days_ago));
                log.push('\n');
                lines += 1;
            }
            time = time.checked_add(SignedDuration::from_secs(INTERVAL.into()))?;
        }
        Ok((lines > 0).then_some((day, log)))
    }

    fn head(&self, zone: &TimeZone) -> anyhow::Result<String> {
        let metadata = Metadata {
            server: Some(self.server.clone()),
            cores: NonZeroU32::new(self.cores),
            zone: zone.iana_name().map(str::parse).transpose()?,
            mode: Some(Mode::Interval),
            interval: NonZeroU32::new(INTERVAL),
            note: Some(format!("made up: {}", self.role).parse()?),
            ..Metadata::default()
        };
        Ok(format!("{metadata}\n"))
    }

    fn seed(&self, date: jiff::civil::Date) -> u64 {
        let name = self.server.as_str().bytes();
        let number = name.fold(7_u64, |seed, byte| seed.wrapping_mul(131) + u64::from(byte));
        number ^ (u64::from(date.day_of_year().unsigned_abs()) << 20)
    }

    /// When it was last booted before `time`.
    fn booted(&self, time: &Zoned, today: Day) -> anyhow::Result<Zoned> {
        let zone = time.time_zone();
        let boot = |days_ago: i32, hour: i8, minute: i8| {
            let date = today.date().checked_sub(days_ago.days())?;
            date.at(hour, minute, 0, 0).to_zoned(zone.clone())
        };
        let latest = match self.kind {
            Kind::LateSampler => boot(3, 3, 15)?,
            Kind::OffAtWeekends => {
                let since = i64::from(time.weekday().to_monday_zero_offset());
                time.date().checked_sub(since.days())?.at(8, 2, 0, 0).to_zoned(zone.clone())?
            }
            // Patches: one server after the other, in the same week.
            Kind::Web => boot(12 + i32::from(self.server.as_str().ends_with('2')), 4, 12)?,
            _ => boot(140, 10, 31)?,
        };
        let earlier = if self.kind == Kind::OffAtWeekends { 7 } else { 171 };
        if *time < latest { Ok(latest.checked_sub(earlier.days())?) } else { Ok(latest) }
    }

    /// Whether a line was written.
    fn runs(&self, time: &Zoned, days_ago: i32) -> bool {
        let minute = minute_of_day(time);
        match self.kind {
            Kind::LateSampler if days_ago == 3 => !(190..580).contains(&minute),
            Kind::OffAtWeekends => match time.weekday() {
                Weekday::Saturday | Weekday::Sunday => false,
                Weekday::Friday => minute < 19 * 60,
                Weekday::Monday => minute > 8 * 60,
                _ => true,
            },
            _ => true,
        }
    }

    /// The line as it stands in the log: without `vmstat` only its beginning.
    fn as_written<'a>(&self, line: &'a str, time: &Zoned, days_ago: i32) -> &'a str {
        let broken = self.kind == Kind::Unreadable
            && days_ago == 1
            && (620..650).contains(&minute_of_day(time));
        let end = line.match_indices(' ').nth_back(16).map(|(at, _)| at);
        end.filter(|_| broken).map_or(line, |end| &line[..end])
    }

    fn moment(&self, time: &Zoned, days_ago: i32, noise: f64) -> Moment {
        let (hour, cores) = (f64::from(minute_of_day(time)) / 60.0, f64::from(self.cores));
        let weekend = matches!(time.weekday(), Weekday::Saturday | Weekday::Sunday);
        let day = if weekend { 0.35 } else { 1.0 };
        let curve = 0.12 + day * (0.88 * bump(hour, 13.5, 4.0) + 0.45 * bump(hour, 20.5, 2.2));
        let mut moment = Moment {
            busy: cores * self.level * curve * noise,
            blocked: 0.0,
            wanted: 0.42 + 0.08 * curve,
            read: 40.0 + 900.0 * curve * noise,
            written: 150.0 + 1_100.0 * curve * noise,
        };
        let ago = |days: f64| (days - f64::from(days_ago) + hour / 24.0).max(0.0);
        match self.kind {
            Kind::Web if days_ago == 2 => {
                let storm = bump(hour, 2.85, 0.35);
                moment.blocked += 11.0 * storm * noise;
            }
            Kind::Leak => {
                moment.wanted += ago(22.0) * 0.031;
                let swapped = (moment.wanted - 0.97).max(0.0);
                moment.blocked += 42.0 * swapped * noise;
                moment.busy += 14.0 * swapped * noise;
            }
            Kind::Backup => {
                let length = 1.0 + f64::from(DAYS - days_ago) / 20.0;
                let end = 2.5 + length;
                if (2.5..end).contains(&hour) {
                    moment.busy += 2.2 * noise;
                    moment.blocked += 7.0 * noise;
                    moment.read += 78_000.0 * noise;
                    moment.written += 5_200.0;
                }
            }
            Kind::Silent => {
                let nightly = bump(hour, 1.0, 1.5) + bump(hour, 24.5, 1.2);
                moment.busy += 2.6 * nightly * noise;
            }
            Kind::Unreadable if days_ago == 1 => {
                moment.busy += 6.0 * bump(hour, 10.7, 0.4) * noise;
            }
            _ => {}
        }
        moment
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the numbers are small and not negative"
    )]
    fn sample(
        &self,
        time: &Zoned,
        booted: &Zoned,
        moment: Moment,
        slow: &mut [f64; 2],
    ) -> anyhow::Result<Sample> {
        let cores = f64::from(self.cores);
        let Moment { busy, blocked, wanted, read, written } = moment;
        let load = busy + blocked;
        for (average, weight) in slow.iter_mut().zip([0.85, 0.5]) {
            *average =
                if *average == 0.0 { load } else { *average * (1.0 - weight) + load * weight };
        }
        let in_use = (100.0 * busy / cores).min(96.0);
        let waiting = (100.0 * blocked / (blocked + 2.0 * cores)).min(98.0 - in_use).max(0.0);
        let user = (in_use * 0.74).round() as u64;
        let system = (in_use * 0.26).round() as u64;
        let waiting = waiting.round() as u64;
        let total = self.memory_gib * GIB;
        let swapped = ((wanted - 0.97).max(0.0) * total) as u64;
        let buffers = total * 0.02;
        let free = ((0.95 - wanted).max(0.0) * total * 0.35).max(total * 0.012);
        let cache = (total * (1.0 - wanted.min(0.96)) - free - buffers).max(total * 0.01);
        let swapping = if swapped > 0 { (300.0 * blocked) as u64 } else { 0 };
        let vmstat = [
            busy.round() as u64,
            blocked.round() as u64,
            swapped,
            free as u64,
            buffers as u64,
            cache as u64,
            swapping,
            swapping / 2,
            read as u64,
            written as u64,
            (500.0 + 900.0 * busy) as u64,
            (800.0 + 2_300.0 * busy) as u64,
            user,
            system,
            100 - user - system - waiting,
            waiting,
            0,
        ];
        let uptime = time.timestamp().duration_since(booted.timestamp()).as_secs();
        Ok(Sample {
            time: time.datetime().checked_add(1.second())?,
            uptime_seconds: Some(uptime.unsigned_abs() + 1),
            users: Some(u64::from(self.kind == Kind::OffAtWeekends)),
            load: [load, slow[0], slow[1]],
            vmstat: vmstat.map(Some),
            guest: None,
        })
    }
}

/// How many samples a made-up log has.
pub(super) fn samples(text: &str) -> usize {
    text.lines().filter(|line| is_sample(line)).count()
}

/// Whether a line of a made-up log is a whole sample: date, `uptime` and 17 numbers.
fn is_sample(line: &str) -> bool {
    !line.starts_with('#') && line.split(' ').count() > 20
}

fn minute_of_day(time: &Zoned) -> i32 {
    i32::from(time.hour()) * 60 + i32::from(time.minute())
}

/// A hill of height 1 around an hour.
fn bump(hour: f64, middle: f64, width: f64) -> f64 {
    (-((hour - middle) / width).powi(2)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str, days_ago: i32) -> Option<String> {
        let fleet = fleet().unwrap();
        let server = fleet.iter().find(|one| one.server.as_str() == name).unwrap();
        let today = "2026-11-30".parse().unwrap();
        server.log(today, days_ago, &TimeZone::UTC).unwrap().map(|(_, text)| text)
    }

    #[test]
    fn a_day_has_a_sample_every_ten_minutes_and_says_that_it_is_made_up() {
        let text = log("demo-web01", 1).unwrap();
        assert_eq!(text.lines().count(), 145);
        let head = Metadata::parse(text.lines().next().unwrap().as_bytes()).unwrap();
        assert!(head.note.unwrap().to_string().contains("made up"));
        assert_eq!(text, log("demo-web01", 1).unwrap(), "made up anew, it is the same");
    }

    #[test]
    fn a_day_has_as_many_hours_as_its_zone_says() {
        let server = fleet().unwrap().remove(0);
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let today = "2026-10-26".parse().unwrap();
        let (_, text) = server.log(today, 1, &zone).unwrap().unwrap();
        assert_eq!(text.lines().count(), 1 + 25 * 6);
    }

    #[test]
    fn each_story_is_in_the_logs() {
        assert!(log("demo-batch01", 4).is_none() && log("demo-batch01", 5).is_some());
        assert_eq!(log("demo-edge01", 3).unwrap().lines().count(), 1 + 144 - 39);
        // 2026-11-28 and 29 are a weekend.
        assert!(log("demo-lab01", 1).is_none() && log("demo-lab01", 3).is_some());
        let broken = log("demo-mail01", 1).unwrap();
        assert_eq!((broken.lines().count(), samples(&broken)), (145, 141));
        let swapped = |days_ago| {
            let text = log("demo-app01", days_ago).unwrap();
            let last = text.lines().last().unwrap().to_owned();
            last.split(' ').rev().nth(14).unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(swapped(20), 0);
        assert!(swapped(1) > 500_000);
    }
}
