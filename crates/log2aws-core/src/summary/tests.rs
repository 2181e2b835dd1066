//! Constructed days and their expected summaries.

use std::num::NonZeroU32;

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::*;
use crate::key::KeyPrefix;
use crate::metadata::{Metadata, Mode};
use crate::sample::{Sample, VMSTAT_COLUMNS};

const DAY: &str = "2026-03-10";

/// A machine that has been up for ten days and samples at these minutes of the day.
fn running(minutes: impl IntoIterator<Item = u32>) -> Vec<Sample> {
    minutes
        .into_iter()
        .map(|minute| at(minute * 60 + 1, 864_000 + u64::from(minute) * 60))
        .collect()
}

fn at(second: u32, uptime_seconds: u64) -> Sample {
    let midnight = DAY.parse::<Day>().unwrap().date().at(0, 0, 0, 0);
    sample(midnight + i64::from(second).seconds(), uptime_seconds)
}

fn sample(time: DateTime, uptime_seconds: u64) -> Sample {
    let (users, load) = (Some(1), [0.5, 0.25, 0.25]);
    let mut vmstat = [Some(1); VMSTAT_COLUMNS];
    // Idle: the shares make 100.
    vmstat[14] = Some(96);
    let uptime_seconds = Some(uptime_seconds);
    Sample { time, uptime_seconds, users, load, vmstat, guest: None }
}

fn zone(name: &str) -> Metadata {
    Metadata { zone: Some(name.parse().unwrap()), ..Metadata::default() }
}

fn summarise(day: &str, metadata: Option<&Metadata>, samples: &[Sample]) -> LogSummary {
    let mut builder = SummaryBuilder::new(day.parse().unwrap());
    if let Some(metadata) = metadata {
        builder.metadata(metadata);
    }
    for sample in samples {
        builder.sample(sample);
    }
    builder.finish(Rejects::default())
}

fn clock(time: DateTime) -> String {
    time.strftime("%H:%M:%S").to_string()
}

/// `from-to missing cause` of each gap.
fn gaps(log: &LogSummary) -> Vec<String> {
    let gap = |g: &Gap| format!("{}-{} {} {:?}", clock(g.from), clock(g.to), g.missing, g.cause);
    assert_eq!(log.gaps_total, log.gaps.len() as u64);
    assert_eq!(log.missing, log.gaps.iter().map(|g| g.missing).sum::<u64>());
    log.gaps.iter().map(gap).collect()
}

#[test]
fn a_whole_day_lacks_nothing() {
    let log = summarise(DAY, None, &running((0..1440).step_by(10)));
    assert_eq!((log.rows, log.expected, log.missing, log.interval_seconds), (144, 144, 0, 600));
    assert_eq!(gaps(&log), [""; 0]);
    assert_eq!((log.reboots_total, log.clock_steps, log.other_days), (0, 0, 0));
    assert_eq!(log.first.map(clock).as_deref(), Some("00:00:01"));
    assert_eq!(log.last.map(clock).as_deref(), Some("23:50:01"));
}

#[test]
fn the_interval_is_that_of_a_day_that_can_tell() {
    let interval = |step| summarise(DAY, None, &running((0..1440).step_by(step))).interval_seconds;
    assert_eq!((interval(1), interval(5), interval(60)), (60, 300, 3600));
    // 12 samples of 24 minutes are too few to derive an interval.
    assert_eq!(summarise(DAY, None, &running((0..24).step_by(2))).interval_seconds, 600);
    // A minute's jitter does not change the interval; seconds do.
    let step =
        |step: u32| (0..30).map(move |i| at(i * step + (i % 3), 864_000)).collect::<Vec<_>>();
    assert_eq!(summarise(DAY, None, &step(299)).interval_seconds, 300);
    assert_eq!(summarise(DAY, None, &step(15)).interval_seconds, 16);
}

#[test]
fn a_day_of_23_or_25_hours_expects_its_samples() {
    for (day, name, expected) in [
        ("2026-03-29", "Europe/Berlin", 138),
        ("2026-10-25", "Europe/Berlin", 150),
        ("2026-03-08", "America/New_York", 138),
        ("2026-11-01", "America/New_York", 150),
        ("2026-11-01", "Asia/Tokyo", 144),
        ("2026-11-01", "No/Where", 144),
    ] {
        let log = summarise(day, Some(&zone(name)), &[]);
        assert_eq!((log.expected, log.missing), (expected, expected), "{day} {name}");
    }
}

#[test]
fn a_complete_day_stays_complete_when_the_clock_is_changed() {
    for (day, next, count) in [("2026-03-29", "2026-03-30", 138), ("2026-10-25", "2026-10-26", 150)]
    {
        let berlin = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
        let midnight = |day: &str| {
            berlin.to_timestamp(day.parse::<Day>().unwrap().date().at(0, 0, 0, 0)).unwrap()
        };
        let mut samples = Vec::new();
        let mut now = midnight(day);
        while now < midnight(next) {
            samples.push(sample(berlin.to_datetime(now), 864_000 + samples.len() as u64 * 600));
            now += 10.minutes();
        }
        assert_eq!(samples.len(), count);
        let log = summarise(day, Some(&zone("Europe/Berlin")), &samples);
        assert_eq!((log.missing, log.clock_steps, log.reboots_total), (0, 0, 0), "{day}");
        assert_eq!(gaps(&log), [""; 0]);
    }
}

#[test]
fn samples_are_missing_where_uptime_kept_growing() {
    let minutes = (0..1440).step_by(10).filter(|m| !(100..160).contains(m));
    let log = summarise(DAY, None, &running(minutes));
    assert_eq!(gaps(&log), ["01:30:01-02:40:01 6 Running"]);
    assert_eq!(log.reboots_total, 0);
}

#[test]
fn a_machine_started_in_the_gap_was_off() {
    // Booted at 02:35. Before that it had been up for ten days or, in one case, for less time than
    // now.
    for before in [864_000, 60] {
        let before = if before == 60 { vec![at(5_401, 60)] } else { running((0..100).step_by(10)) };
        let after = (16..144).map(|i| at(i * 600 + 1, u64::from(i * 600) - 9_300));
        let samples: Vec<Sample> = before.into_iter().chain(after).collect();
        let log = summarise(DAY, None, &samples);
        assert_eq!(gaps(&log).last().unwrap(), "01:30:01-02:35:01 6 Off");
        let reboot = log.reboots.last().unwrap();
        assert_eq!((clock(reboot.at), clock(reboot.seen)), ("02:35:01".into(), "02:40:01".into()));
    }
}

#[test]
fn a_reboot_between_two_samples_leaves_no_gap() {
    let mut samples = running((0..720).step_by(10));
    samples.extend((72..144).map(|i| at(i * 600 + 1, u64::from(i * 600) - 43_020)));
    let log = summarise(DAY, None, &samples);
    assert_eq!(gaps(&log), [""; 0]);
    assert_eq!(log.reboots.len(), 1);
    assert_eq!(clock(log.reboots[0].at), "11:57:01");
}

#[test]
fn the_edges_of_the_day_count() {
    let log = summarise(DAY, None, &running((120..1200).step_by(10)));
    assert_eq!(gaps(&log), ["00:00:00-02:00:01 12 Running", "19:50:01-00:00:00 24 Unknown"]);
    // Booted at 01:55; there is no sample at midnight.
    let late = summarise(DAY, None, &[at(7_201, 300)]);
    assert_eq!(gaps(&late)[0], "00:00:00-01:55:01 12 Off");
    assert_eq!(clock(late.reboots[0].at), "01:55:01");
}

#[test]
fn an_empty_log_lacks_everything() {
    let log = summarise(DAY, None, &[]);
    assert_eq!((log.rows, log.expected, log.missing), (0, 144, 144));
    assert_eq!(gaps(&log), ["00:00:00-00:00:00 144 Unknown"]);
    assert_eq!((log.first, log.last), (None, None));
}

#[test]
fn rows_of_other_days_are_counted_apart() {
    let mut samples = running((0..1440).step_by(10));
    samples.push(sample("2026-03-11T00:00:00".parse().unwrap(), 951_000));
    let log = summarise(DAY, None, &samples);
    assert_eq!((log.rows, log.other_days, log.missing, log.reboots_total), (145, 1, 0, 0));
    assert_eq!(log.last.map(clock).as_deref(), Some("23:50:01"));
    assert_eq!(log.series.get("past-times").unwrap().count, 145);
}

#[test]
fn a_clock_that_goes_back_is_counted_and_makes_no_reboot() {
    let mut samples = running((0..720).step_by(10));
    samples.extend((66..144).map(|i| at(i * 600 + 31, 864_000 + u64::from(i) * 600 + 3_600)));
    let log = summarise(DAY, None, &samples);
    assert_eq!((log.clock_steps, log.reboots_total, log.missing), (1, 0, 0));
}

#[test]
fn a_log_without_end_needs_no_memory_without_end() {
    let mut builder = SummaryBuilder::new(DAY.parse().unwrap());
    for i in 0..600_000_u32 {
        builder.sample(&at(i.wrapping_mul(7_919) % 86_400, u64::from(i % 2)));
    }
    let log = builder.finish(Rejects { count: 7, kept: 7, stopped: None });
    assert_eq!((log.rows, log.interval_seconds, log.missing), (600_000, 1, 0));
    assert_eq!(log.reboots.len(), MAX_LISTED);
    assert!(log.reboots_total > 100_000);
}

#[test]
fn more_gaps_than_are_listed_still_count() {
    // Every second except each 20th, and one long gap that the list must keep.
    let samples: Vec<Sample> = (0..86_400)
        .filter(|s| s % 20 != 7 && !(50_000..51_000).contains(s))
        .map(|s| at(s, 864_000))
        .collect();
    let log = summarise(DAY, None, &samples);
    assert_eq!((log.gaps.len(), log.gaps_total), (MAX_LISTED, 4_271));
    assert_eq!(log.missing + samples.len() as u64, 86_400);
    assert!(log.gaps.iter().any(|gap| gap.missing == 1_000));
    assert!(log.gaps.is_sorted_by_key(|gap| gap.from));
}

#[test]
fn the_days_edges_tell_their_uptimes_and_its_peak_its_time() {
    let mut samples = running((10..1440).step_by(10));
    samples[7].load[0] = 9.25;
    samples[9].load[0] = 9.25;
    let mut tomorrow = sample("2026-03-11T00:00:01".parse().unwrap(), 5);
    tomorrow.load[0] = 99.0;
    tomorrow.guest = Some(80);
    samples.push(tomorrow);
    let log = summarise(DAY, None, &samples);
    let uptime = |minute: u64| Some(864_000 + minute * 60);
    assert_eq!((log.first_uptime_seconds, log.last_uptime_seconds), (uptime(10), uptime(1430)));
    let peak = log.peak.unwrap();
    assert_eq!((clock(peak.at).as_str(), peak.load.to_bits()), ("01:20:01", 9.25_f64.to_bits()));
    assert_eq!((log.guest_max, log.modes), (None, Vec::new()));

    let idle = summarise(DAY, None, &[Sample { load: [0.0; 3], ..at(60, 60) }]);
    assert_eq!(idle.peak, None);
    let mut guests = Sample { guest: Some(7), ..at(60, 60) };
    guests.vmstat[14] = Some(89);
    assert_eq!(summarise(DAY, None, &[guests, at(660, 660)]).guest_max, Some(7));
}

#[test]
fn modes_are_listed_where_they_change_within_the_day() {
    let mut builder = SummaryBuilder::new(DAY.parse().unwrap());
    for (index, sample) in running((0..1440).step_by(10)).iter().enumerate() {
        // A line that repeats the same values changes nothing.
        if index > 0 && index % 24 == 0 {
            let mode = if index % 48 == 24 { Mode::Interval } else { Mode::SinceBoot };
            builder.metadata(&Metadata { mode: Some(mode), ..Metadata::default() });
            builder.metadata(&Metadata { cores: NonZeroU32::new(8), ..Metadata::default() });
        }
        builder.sample(sample);
    }
    let log = builder.finish(Rejects::default());
    let modes: Vec<_> = log.modes.iter().map(|m| (clock(m.from), m.mode.as_str())).collect();
    let expected = [
        ("00:00:01", "since-boot"),
        ("04:00:01", "interval"),
        ("08:00:01", "since-boot"),
        ("12:00:01", "interval"),
        ("16:00:01", "since-boot"),
        ("20:00:01", "interval"),
    ];
    assert_eq!(modes, expected.map(|(from, mode)| (from.to_owned(), mode)));
    let summary = Summary::read("0.1.0", &key(), raw(), log);
    assert_eq!(Summary::from_json(&summary.to_json().unwrap()).unwrap(), summary);
}

#[test]
fn a_summary_of_an_older_version_is_read() {
    let summary = Summary::read("0.1.0", &key(), raw(), summarise(DAY, None, &running([0, 10])));
    let mut value: serde_json::Value = serde_json::from_slice(&summary.to_json().unwrap()).unwrap();
    let log = value["log"].as_object_mut().unwrap();
    for newer in ["first_uptime_seconds", "last_uptime_seconds", "peak"] {
        assert!(log.remove(newer).is_some(), "{newer}");
    }
    let old = Summary::from_json(value.to_string().as_bytes()).unwrap().log.unwrap();
    assert_eq!((old.rows, old.first_uptime_seconds, old.peak), (2, None, None));
}

fn raw() -> RawObject {
    RawObject {
        key: "web01/2026-03-10.log".into(),
        version: "v1".into(),
        size: 17,
        sha256: Some("00".repeat(32)),
    }
}

fn key() -> RawKey {
    RawKey::new("web01".parse().unwrap(), DAY.parse().unwrap(), KeyPrefix::Off)
}

#[test]
fn json_reads_back_as_the_same_summary_and_the_same_bytes() {
    let metadata = Metadata {
        cores: NonZeroU32::new(8),
        mode: Some(Mode::Interval),
        note: Some("本番DB".parse().unwrap()),
        ..zone("Asia/Tokyo")
    };
    let samples = running((0..1440).step_by(10).filter(|m| *m != 300));
    let summary = Summary::read("0.1.0", &key(), raw(), summarise(DAY, Some(&metadata), &samples));
    let json = summary.to_json().unwrap();
    let again = Summary::from_json(&json).unwrap();
    assert_eq!(again, summary);
    assert_eq!(again.to_json().unwrap(), json);

    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["format"], FORMAT);
    assert_eq!(value["date"], DAY);
    assert_eq!(value["log"]["first"], "2026-03-10T00:00:01");
    assert_eq!(value["log"]["metadata"]["note"], "本番DB");
    assert_eq!(value["log"]["gaps"][0]["cause"], "running");
    assert_eq!(value["log"]["series"].as_object().unwrap().len(), SERIES.len());
    assert!(value.get("refused").is_none());
}

#[test]
fn a_refusal_as_earlier_programs_wrote_it_is_read() {
    let json = r#"{"format":1,"program":"0.1.0","server":"web01","date":"2026-03-10",
        "raw":{"key":"web01/2026-03-10.log","version":"v1","size":17,"sha256":null},
        "refused":"the address is not on the allow-list"}"#;
    let summary = Summary::from_json(json.as_bytes()).unwrap();
    assert_eq!(summary.refused.as_deref(), Some("the address is not on the allow-list"));
    assert!(summary.log.is_none());
    assert_eq!(summary.accepted(), Versions::default());
}

#[test]
fn the_version_that_an_older_summary_was_read_from_is_an_accepted_one() {
    let log = summarise(DAY, None, &running([0, 10]));
    let old = Summary::read("0.1.0", &key(), raw(), log);
    let [listed] = &old.accepted().listed[..] else { panic!("{old:?}") };
    assert_eq!((listed.version.as_str(), listed.size, listed.change), ("v1", Some(17), None));
    assert_eq!(listed.sha256, raw().sha256);
}

#[test]
fn the_accepted_versions_read_back() {
    let log = summarise(DAY, None, &running([0, 10]));
    let mut summary = Summary::read("0.1.0", &key(), raw(), log);
    summary.versions = vec![AcceptedVersion {
        version: "v1".to_owned(),
        source: Some("203.0.113.7".parse().unwrap()),
        operator: true,
        time: Some("2026-03-11T00:05:07Z".parse().unwrap()),
        sequencer: Some("0055AED6DCD90281E5".to_owned()),
        change: Some(Change::Replaced),
        ..AcceptedVersion::default()
    }];
    summary.versions_more = 3;
    summary.results.insert("csv".to_owned(), "w7".to_owned());
    let json = summary.to_json().unwrap();
    assert_eq!(Summary::from_json(&json).unwrap(), summary);
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["versions"][0]["change"], "replaced");
    assert_eq!(value["versions"][0]["time"], "2026-03-11T00:05:07Z");
    assert_eq!(summary.accepted().more, 3);
}

#[test]
fn a_newer_format_is_named_and_not_guessed_at() {
    let newer = br#"{"format": 3, "whatever": true}"#;
    assert!(matches!(Summary::from_json(newer), Err(SummaryError::Newer(3))));
    assert!(matches!(Summary::from_json(b"<html>"), Err(SummaryError::Json(_))));
    assert!(matches!(Summary::from_json(br#"{"format": 1}"#), Err(SummaryError::Json(_))));
}

#[test]
fn what_was_not_whole_or_not_exact_is_in_the_summary() {
    let log = |totals: &Totals| {
        let mut builder = SummaryBuilder::new(DAY.parse().unwrap());
        builder.totals(totals);
        serde_json::to_value(builder.finish(Rejects::default())).unwrap()
    };
    assert_eq!(log(&Totals::default()).get("remarks"), None);
    let totals = Totals { rounded: 3, nul_bytes: 4096, padding: 512, ..Totals::default() };
    let remarks = serde_json::json!({"rounded_rows": 3, "nul_bytes": 4096, "padding_bytes": 512});
    assert_eq!(log(&totals)["remarks"], remarks);
    let read: LogSummary = serde_json::from_value(log(&totals)).unwrap();
    assert_eq!((read.remarks.rounded_rows, read.remarks.padding_bytes), (3, 512));
}
