//! Many logs at once: which are taken, how a bad one affects the others, and what is saved for
//! later.

use std::fs;
use std::time::Duration;

use log2aws_agent::ship::{Days, LastShip, ShipConfig, ShipError};
use log2aws_agent::spool::SpoolError;
use log2aws_agent::world::Time;

use super::server::{Does, Request, Server, says};
use super::{Host, yesterday};

const DAYS: [&str; 4] = ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"];
const TODAY: &str = "2026-11-22";

fn host() -> Host {
    Host::new(&DAYS.map(|day| (day, day)))
}

/// Ships what is pending: a line for each day, the exit code, the warnings.
fn pending(host: &Host, server: &Server) -> (Vec<String>, u8, Vec<String>) {
    let report = host.run(&host.config(server, Days::Pending)).unwrap();
    let lines = report.days.iter().map(ToString::to_string).collect();
    (lines, report.exit_code(), report.warnings)
}

fn stored(server: &Server) -> Vec<String> {
    let day = |path: String| path.rsplit('/').next().unwrap().replace(".log", "");
    server.stored().into_iter().map(|(path, _)| day(path)).collect()
}

/// The fault affects the upload of this day's log.
fn upload(day: &'static str, fault: impl Fn() -> Does + Send + Sync) -> impl Fn(&Request) -> Does {
    move |request| {
        if request.is_put() && request.target.contains(day) { fault() } else { Does::Right }
    }
}

#[test]
fn what_is_pending_goes_oldest_first_and_today_when_asked_for() {
    let (host, server) = (host(), Server::right());
    fs::write(host.log(TODAY), "so far").unwrap();
    let (lines, code, warnings) = pending(&host, &server);
    assert_eq!((stored(&server), code), (DAYS.map(str::to_owned).to_vec(), 0), "{lines:?}");
    assert_eq!(warnings, [""; 0]);

    // Nothing is left, so no request is sent.
    assert_eq!(pending(&host, &server).0, [""; 0]);
    assert_eq!(server.requests().len(), 8);

    let partial = ShipConfig { partial: true, ..host.config(&server, Days::Pending) };
    assert_eq!(host.run(&partial).unwrap().exit_code(), 0);
    assert_eq!(stored(&server)[4..], [TODAY]);
    // A log that changed after its delivery is pending again.
    fs::write(host.log(DAYS[0]), "2026-11-18 and more").unwrap();
    let lines = pending(&host, &server).0;
    assert!(lines[0].starts_with("2026-11-18: delivered again, for it has changed"), "{lines:?}");
    assert_eq!(lines.len(), 1);
}

#[test]
fn a_log_that_was_only_touched_is_read_once() {
    let (host, server) = (host(), Server::right());
    pending(&host, &server);
    let before = fs::read(host.record(DAYS[0])).unwrap();
    fs::File::open(host.log(DAYS[0])).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(
        host.run(&host.config(&server, Days::Since(DAYS[0].parse().unwrap()))).unwrap().exit_code(),
        0
    );
    assert_eq!(stored(&server).len(), 4, "equal bytes are not sent again");
    let after = fs::read(host.record(DAYS[0])).unwrap();
    let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(read(&after)["modified"], 0);
    assert_eq!(read(&after)["delivered_at"], read(&before)["delivered_at"]);
}

#[test]
fn a_day_that_has_not_come_is_refused_and_its_log_stays() {
    let (host, server) = (host(), Server::right());
    let tomorrow = "2026-11-23";
    fs::write(host.log(tomorrow), "x").unwrap();
    let (lines, code, _) = pending(&host, &server);
    assert_eq!((stored(&server).len(), code), (4, 4));
    assert!(lines[4].contains("a day that has not come, for it is 2026-11-22 here"), "{lines:?}");
    assert!(lines[4].contains("clock") && host.log(tomorrow).exists(), "{lines:?}");
    let only = host.config(&server, Days::Only(tomorrow.parse().unwrap()));
    assert_eq!(host.run(&only).unwrap().exit_code(), 1);
    assert_eq!(stored(&server).len(), 4);
}

#[test]
fn what_is_no_log_is_named_once_and_passed_over() {
    let (host, server) = (host(), Server::right());
    let folder = host.log(DAYS[0]).parent().unwrap().to_owned();
    for name in ["2026-02-30.log", "2026-11-20.log.gz", "notes"] {
        fs::write(folder.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", host.log("2026-11-17")).unwrap();
    let (_, code, warnings) = pending(&host, &server);
    assert_eq!((stored(&server).len(), code), (4, 0));
    let names = r#""2026-02-30.log", "2026-11-17.log", "2026-11-20.log.gz", "notes""#;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("4 in ") && warnings[0].ends_with(names), "{warnings:?}");

    let only = host.config(&server, Days::Only("2026-11-17".parse().unwrap()));
    let line = host.run(&only).unwrap().days[0].to_string();
    assert!(line.contains("a symbolic link, which is not followed"), "{line}");
    assert_eq!(stored(&server).len(), 4);
}

#[test]
fn a_folder_that_is_not_ours_to_read_from_is_refused() {
    let (host, server) = (host(), Server::right());
    let config = host.config(&server, Days::Pending);
    let folder = config.spool.log_dir.clone();
    let elsewhere = folder.with_file_name("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    let refused = || match host.run(&config).unwrap_err() {
        ShipError::Spool(error) => error,
        other => panic!("{other}"),
    };
    assert!(matches!(refused(), SpoolError::Missing(_)));
    std::os::unix::fs::symlink(&elsewhere, &folder).unwrap();
    assert!(matches!(refused(), SpoolError::Link(_)));
    fs::remove_file(&folder).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &folder, rustix::fs::Mode::RWXU).unwrap();
    assert!(matches!(refused(), SpoolError::NotAFolder(_)));
    assert!(server.requests().is_empty());
    // The same is saved for later.
    let last = LastShip::load(&host.state()).unwrap();
    assert!(last.error.unwrap().contains("is not a folder") && last.exit_code == 1);
}

#[test]
fn a_log_that_never_arrives_does_not_hold_up_the_others() {
    let server = Server::start(upload(DAYS[1], || Does::ResetsAfter(1)));
    let host = host();
    let (lines, code, _) = pending(&host, &server);
    assert_eq!(
        (stored(&server), code),
        (["18", "20", "21"].map(|n| format!("2026-11-{n}")).to_vec(), 4)
    );
    assert!(lines[1].contains("given up after 5 attempts"), "{lines:?}");
    let last = LastShip::load(&host.state()).unwrap();
    assert_eq!(last.pending, [DAYS[1].parse().unwrap()]);

    // Two in a row are not an accident.
    let server = Server::start(|request| if request.is_put() { Does::Resets } else { Does::Right });
    let (lines, code, _) = pending(&super::backlog::host(), &server);
    assert!(lines[2].starts_with("2026-11-21: not delivered"), "{lines:?}");
    assert_eq!((lines[3].as_str(), code), ("2026-11-20: pending, not tried after that", 4));
}

#[test]
fn two_logs_that_never_arrive_do_not_hold_up_the_others() {
    let server = Server::start(|request| {
        let bad = DAYS[..2].iter().any(|day| request.target.contains(day));
        if request.is_put() && bad { Does::ResetsAfter(1) } else { Does::Right }
    });
    let host = host();
    fs::write(host.log("2026-11-23"), "of a day that has not come").unwrap();
    let (lines, code, _) = pending(&host, &server);
    assert_eq!((stored(&server), code), (vec![DAYS[3].to_owned(), DAYS[2].to_owned()], 4));
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn a_log_that_was_begun_anew_does_not_take_the_place_of_the_whole_one() {
    let (host, server) = (host(), Server::right());
    pending(&host, &server);
    // Shorter than the delivered one, longer with another beginning, and one that only grew.
    fs::write(host.log(DAYS[0]), "2026").unwrap();
    fs::write(host.log(DAYS[1]), "another log of that day").unwrap();
    fs::write(host.log(DAYS[2]), "2026-11-20 and more").unwrap();
    let (lines, code, _) = pending(&host, &server);
    assert_eq!((stored(&server)[4..].to_vec(), code), (vec![DAYS[2].to_owned()], 4));
    for (line, day) in lines.iter().zip(DAYS).take(2) {
        assert!(line.contains("does not begin with the 10 bytes that were delivered"), "{line}");
        assert!(line.ends_with(&format!("by hand with --date {day}")), "{line}");
    }
    let dry = ShipConfig { dry_run: true, ..host.config(&server, Days::Pending) };
    assert_eq!(host.run(&dry).unwrap().exit_code(), 4);

    let by_hand = host.config(&server, Days::Only(DAYS[1].parse().unwrap()));
    assert_eq!(host.run(&by_hand).unwrap().exit_code(), 0);
    assert_eq!(server.stored()[5].1, b"another log of that day");
    assert_eq!(pending(&host, &server).0.len(), 1);
}

#[test]
fn a_record_that_cannot_be_read_holds_up_its_own_day_alone() {
    let (host, server) = (host(), Server::right());
    fs::create_dir_all(host.record(DAYS[0])).unwrap();
    let (lines, code, _) = pending(&host, &server);
    assert_eq!((stored(&server), code), (DAYS[1..].iter().map(ToString::to_string).collect(), 4));
    assert!(lines[0].contains("the record ") && lines[0].contains("cannot be read"), "{lines:?}");
}

#[test]
fn a_log_that_only_an_earlier_api_has_does_not_expire() {
    let (host, server) = (host(), Server::right());
    let mut config = host.config(&server, Days::Pending);
    assert_eq!(host.run(&config).unwrap().exit_code(), 0);
    host.clock.sleep(Duration::from_hours(49));
    let refuses = Server::start(|_| says("403 Forbidden", "", ""));
    config.keep = Some(Duration::from_hours(48));
    config.api = host.config(&refuses, Days::Pending).api;
    let report = host.run(&config).unwrap();
    assert_eq!((report.exit_code(), report.removed.len()), (5, 0));
    assert!(DAYS.iter().all(|day| host.log(day).exists()));
}

#[test]
fn a_log_that_is_too_slow_leaves_time_for_those_behind_it() {
    let server = Server::start(upload(DAYS[0], || Does::Stalls(Duration::from_secs(5))));
    let host = host();
    let mut config = host.config(&server, Days::Pending);
    config.max_time = Duration::from_secs(1);
    config.network.stall = Duration::from_mins(1);
    let start = std::time::Instant::now();
    let report = host.run(&config).unwrap();
    let line = report.days[0].to_string();
    assert!(line.contains("not finished in the time that was left (10 bytes in 0 s"), "{line}");
    assert_eq!((stored(&server).len(), report.exit_code()), (3, 4));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn how_it_went_is_left_for_those_who_look_later() {
    let source = "log2aws-source: 203.0.113.9\r\nretry-after: 86400\r\n";
    let server = Server::start(move |request| match (request.is_put(), request.before) {
        (false, 1) => says("429 Slow", source, ""),
        _ => Does::Right,
    });
    let host = host();
    assert_eq!(pending(&host, &server).1, 4);
    let last = LastShip::load(&host.state()).unwrap();
    let delivered = last.delivered.unwrap();
    assert_eq!(delivered.day.to_string(), DAYS[0]);
    assert_eq!(last.pending.iter().map(ToString::to_string).collect::<Vec<_>>(), DAYS[1..]);
    assert_eq!((last.exit_code, last.at), (4, host.clock.now()));
    assert!(last.error.unwrap().starts_with("2026-11-19: not delivered: the API"));
    assert_eq!(last.source.unwrap().to_string(), "203.0.113.9");
    // The server's delay exceeds a run, so it applies to the next one.
    assert_eq!(last.not_before, Some("2026-11-22T15:04:00Z".parse().unwrap()));

    // What a later run does not learn again stays.
    let server = Server::start(|_| says("500 Oops", "", ""));
    assert_eq!(host.ship(&server).1, 1);
    let later = LastShip::load(&host.state()).unwrap();
    assert_eq!((later.delivered, later.source), (last.delivered, last.source));
    assert_eq!((later.exit_code, later.not_before), (1, None));

    // A dry run does not change it.
    let dry = ShipConfig { dry_run: true, ..host.config(&Server::right(), Days::Pending) };
    assert_eq!(host.run(&dry).unwrap().exit_code(), 0);
    assert_eq!(LastShip::load(&host.state()), Some(later));
}

#[test]
fn delivered_logs_go_when_they_have_been_kept_and_no_other_does() {
    // It is down while the second run requests a URL in five attempts.
    let server = Server::start(|request| match (request.is_put(), request.before) {
        (false, 4..9) => says("500 Oops", "", ""),
        _ => Does::Right,
    });
    let host = host();
    let mut config = host.config(&server, Days::Pending);
    config.keep = Some(Duration::from_hours(48));
    assert_eq!(host.run(&config).unwrap().removed, []);
    fs::write(host.log(DAYS[1]), "2026-11-19 and more").unwrap();
    host.clock.sleep(Duration::from_hours(49));
    let removed: Vec<String> =
        host.run(&config).unwrap().removed.iter().map(ToString::to_string).collect();
    assert_eq!(removed, [DAYS[0], DAYS[2], DAYS[3]]);
    assert!(!host.log(DAYS[0]).exists() && host.log(DAYS[1]).exists());
    // A dry run removes nothing.
    host.clock.sleep(Duration::from_hours(49));
    assert_eq!(host.run(&config).unwrap().exit_code(), 0);
    host.clock.sleep(Duration::from_hours(49));
    assert_eq!(host.run(&ShipConfig { dry_run: true, ..config }).unwrap().removed, []);
    assert!(host.log(DAYS[1]).exists());
}

#[test]
fn a_machine_without_a_name_of_its_own_is_told_so() {
    let (host, server) = (host(), Server::right());
    let mut config = host.config(&server, yesterday());
    config.spool.server = "localhost".parse().unwrap();
    let report = host.run(&config).unwrap();
    assert!(report.warnings[0].contains("--server") && report.exit_code() == 0);
}
