//! A delivery is known by its bytes, the server and the store: not by how the API is written.

use std::cell::RefCell;
use std::fs;

use log2aws_agent::ship::{Days, LastShip, Progress, ShipConfig, run};
use log2aws_agent::world::{ProcRoot, World};

use super::Host;
use super::server::{Does, Request, Server, says};

const DAYS: [&str; 3] = ["2026-11-19", "2026-11-20", "2026-11-21"];

fn host() -> Host {
    Host::new(&DAYS.map(|day| (day, day)))
}

fn named(store: &str) -> Server {
    let server = Server::right();
    server.name_store(Some(store));
    server
}

/// The same server under another address.
fn spelled_otherwise(host: &Host, server: &Server) -> ShipConfig {
    let mut config = host.config(server, Days::Pending);
    config.api = format!("http://localhost:{}/prod", server.address.port()).parse().unwrap();
    config.upload_hosts = vec!["127.0.0.1".parse().unwrap()];
    config
}

/// Ships: what was reported, with the number of stored logs at that moment.
fn ship(host: &Host, config: &ShipConfig, server: &Server) -> Vec<(String, usize)> {
    let reported = RefCell::new(Vec::new());
    let zone = jiff::tz::TimeZone::get("Asia/Tokyo").unwrap();
    let world = World { time: &host.clock, zone, proc_root: ProcRoot::system() };
    let report = run(config, &world, &mut |progress| {
        let text = match progress {
            Progress::Warning(text) => format!("warning: {text}"),
            Progress::Day(day) => day.to_string(),
            Progress::Waiting { .. } => return,
        };
        reported.borrow_mut().push((text, server.stored().len()));
    })
    .unwrap();
    let warnings: Vec<String> = report.warnings.iter().map(|w| format!("warning: {w}")).collect();
    let reported = reported.into_inner();
    let told: Vec<&String> =
        reported.iter().map(|(text, _)| text).filter(|text| text.starts_with("warning")).collect();
    assert_eq!(told, warnings.iter().collect::<Vec<_>>());
    reported
}

fn texts(reported: &[(String, usize)]) -> Vec<&str> {
    reported.iter().map(|(text, _)| text.as_str()).collect()
}

#[test]
fn another_spelling_of_the_same_endpoint_sends_nothing_again() {
    let (host, server) = (host(), named("serverlogs-local/1"));
    let first = host.config(&server, Days::Pending);
    assert_eq!(ship(&host, &first, &server).len(), 3);
    let slash = ShipConfig { api: format!("{}/", first.api).parse().unwrap(), ..first.clone() };
    assert_eq!(ship(&host, &slash, &server), []);
    assert_eq!(server.requests().len(), 6);

    let other = spelled_otherwise(&host, &server);
    let reported = ship(&host, &other, &server);
    assert!(
        reported[0].0.contains("19: nothing to do, these bytes were delivered"),
        "{reported:?}"
    );
    assert_eq!((server.stored().len(), server.requests().len()), (3, 7), "one question");
    // It is known now; and so is the first one, still.
    for config in [&other, &first, &slash, &other] {
        assert_eq!(ship(&host, config, &server), []);
    }
    assert_eq!(server.requests().len(), 7);

    // A log that was begun anew does not take the place of the whole one, whatever the spelling.
    fs::write(host.log(DAYS[0]), "anew").unwrap();
    fs::remove_file(host.state().join("store.json")).unwrap();
    let reported = ship(&host, &other, &server);
    assert!(reported[0].0.contains("does not begin with the 10 bytes"), "{reported:?}");
    assert_eq!(server.stored().len(), 3);
}

#[test]
fn sending_everything_again_is_reported_before_it_is_done() {
    let (host, first, second) = (host(), named("serverlogs-local/1"), named("serverlogs-local/2"));
    ship(&host, &host.config(&first, Days::Pending), &first);
    let reported = ship(&host, &host.config(&second, Days::Pending), &second);
    let warning = format!(
        "warning: 2026-11-19 to 2026-11-21 (3 logs): delivered to another store before, and sent \
         again, for http://{}/prod leads to the store serverlogs-local/2; --since limits the days",
        second.address
    );
    assert_eq!(reported[0], (warning, 0), "{reported:?}");
    assert_eq!((reported.len(), second.stored().len()), (4, 3));
    // An API that does not name its store counts as a store of its own.
    let third = Server::right();
    let reported = ship(&host, &host.config(&third, Days::Pending), &third);
    assert!(reported[0].0.contains("does not name its store"), "{reported:?}");
    assert_eq!((reported[0].1, third.stored().len()), (0, 3));
}

#[test]
fn an_endpoint_that_leads_to_another_store_gets_what_that_one_lacks() {
    let (host, server) = (host(), named("serverlogs-local/1"));
    fs::remove_file(host.log(DAYS[2])).unwrap();
    let config = host.config(&server, Days::Pending);
    ship(&host, &config, &server);
    // Restored from an older copy, say.
    server.name_store(Some("serverlogs-local/2"));
    assert_eq!(ship(&host, &config, &server), [], "nobody asked it");
    fs::write(host.log(DAYS[2]), DAYS[2]).unwrap();
    let reported = ship(&host, &config, &server);
    assert!(reported[0].0.starts_with("2026-11-21: delivered (10 bytes"), "{reported:?}");
    let expected = "warning: 2026-11-19 to 2026-11-20 (2 logs): delivered to another store before";
    assert!(reported[1].0.starts_with(expected) && reported[1].1 == 3, "{reported:?}");
    assert_eq!((reported.len(), server.stored().len()), (4, 5));
    assert_eq!(ship(&host, &config, &server), []);
}

#[test]
fn records_of_an_earlier_release_are_read_on() {
    let (host, server) = (host(), Server::right());
    let config = host.config(&server, Days::Pending);
    ship(&host, &config, &server);
    for day in DAYS {
        let text = fs::read_to_string(host.record(day)).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(record.as_object_mut().unwrap().remove("store").unwrap().is_null());
        fs::write(host.record(day), record.to_string()).unwrap();
    }
    // The endpoint names its store since its upgrade.
    server.name_store(Some("serverlogs-local/1"));
    assert_eq!(ship(&host, &config, &server), []);
    fs::write(host.log(DAYS[2]), "2026-11-21 and more").unwrap();
    assert_eq!(ship(&host, &config, &server).len(), 1);
    assert_eq!(server.stored().len(), 4);
    // So they are known under the next spelling, too.
    let reported = ship(&host, &spelled_otherwise(&host, &server), &server);
    assert!(reported.iter().all(|(text, _)| text.contains("nothing to do")), "{reported:?}");
    assert_eq!((reported.is_empty(), server.stored().len()), (false, 4));
}

#[test]
fn a_log_of_another_server_is_reported_before_anything_is_sent() {
    let (host, server) = (Host::new(&[]), named("serverlogs-local/1"));
    for day in DAYS {
        fs::write(host.log(day), format!("# log2aws/1 server=web01 cores=2\n{day}\n")).unwrap();
    }
    let mut config = host.config(&server, Days::Pending);
    config.spool.server = "web02".parse().unwrap();
    let reported = ship(&host, &config, &server);
    let expected = "warning: 2026-11-19 to 2026-11-21 (3 logs): written as web01, and delivered as \
                    web02; if this host is a copy of the other one, move these logs away";
    assert_eq!(reported[0], (expected.to_owned(), 0), "{reported:?}");
    assert_eq!(server.stored().len(), 3);
}

#[test]
fn what_a_renamed_host_delivered_under_its_earlier_name_is_not_sent_again() {
    let (host, server) = (Host::new(&[]), named("serverlogs-local/1"));
    for day in DAYS {
        fs::write(host.log(day), format!("# log2aws/1 server=web01 cores=2\n{day}\n")).unwrap();
    }
    let mut config = host.config(&server, Days::Pending);
    ship(&host, &config, &server);
    config.spool.server = "web02".parse().unwrap();
    assert_eq!(ship(&host, &config, &server), []);
    // Nor if the days are named by their first, as the service does.
    let since = ShipConfig { days: Days::Since(DAYS[0].parse().unwrap()), ..config.clone() };
    assert_eq!(ship(&host, &since, &server), []);
    // What was added after the change is of the new name, and the log with it.
    let log = format!("# log2aws/1 server=web01 cores=2\n{}\n", DAYS[2]);
    fs::write(host.log(DAYS[2]), format!("{log}# log2aws/1 server=web02 cores=2\nx\n")).unwrap();
    let reported = ship(&host, &config, &server);
    assert!(texts(&reported)[0].starts_with("2026-11-21: delivered ("), "{reported:?}");
    assert_eq!(server.stored()[3].0, "/raw/web02/2026-11-21.log");
    // They expire as all others do.
    host.clock.advance(std::time::Duration::from_hours(72));
    config.keep = Some(std::time::Duration::from_hours(48));
    let report = host.run(&config).unwrap();
    assert_eq!(report.removed.len(), 3, "{report:?}");
}

#[test]
fn a_rule_of_the_server_is_shown_and_not_tried_again() {
    for (code, message) in [
        ("TooManyVersions", "this log has 10 versions already; &quot;log2aws reopen&quot; helps"),
        ("DayIsFinal", "2026-11-21 is final since 2026-11-28"),
    ] {
        let server = Server::start(move |request| {
            let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            if request.is_put() && request.target.contains("2026-11-20") {
                says("409 Conflict", "", &error)
            } else {
                Does::Right
            }
        });
        let host = host();
        let report = host.run(&host.config(&server, Days::Pending)).unwrap();
        let line = report.days[1].to_string();
        let shown = message.replace("&quot;", "\"");
        let expected = format!("does not take this day again (409 {code}): {shown}; the log stays");
        assert!(line.contains(&expected), "{line}");
        assert_eq!((server.stored().len(), server.requests().len(), report.exit_code()), (2, 6, 4));
    }
}

/// The conditions of the puts so far.
fn conditions(server: &Server) -> Vec<bool> {
    let requests = server.requests();
    let puts = requests.iter().filter(|request| request.is_put());
    puts.map(|request| request.headers.contains_key("if-none-match")).collect()
}

#[test]
fn a_machine_that_shares_its_name_is_warned_and_delivers() {
    let (first, second, server) = (host(), host(), named("serverlogs-local/1"));
    let config = first.config(&server, Days::Pending);
    assert_eq!(ship(&first, &config, &server).len(), 3);
    assert_eq!(LastShip::load(&first.state()).unwrap().name_conflict, None);

    let config = second.config(&server, Days::Pending);
    let reported = ship(&second, &config, &server);
    let warning = "warning: the store already had a log of 2026-11-19 as web01, and this machine has \
                   no record of its delivery: another machine may have the same name, or the state \
                   folder was lost; give each machine a name of its own with --server";
    assert_eq!((reported[0].0.as_str(), reported[0].1), (warning, 3), "before it is replaced");
    assert!(
        reported[1].0.contains("19: delivered (10 bytes") && reported.len() == 4,
        "{reported:?}"
    );
    assert_eq!(server.stored().len(), 6);
    // One condition for each new day, and none after the warning.
    assert_eq!(conditions(&server), [true, true, true, true, false, false, false]);
    let last = || LastShip::load(&second.state()).unwrap().name_conflict;
    assert_eq!(last().as_deref(), warning.strip_prefix("warning: "));

    // What is sent again has a record, and so no condition. The warning stays for `status`.
    fs::write(second.log(DAYS[2]), "2026-11-21 and more").unwrap();
    assert_eq!(ship(&second, &config, &server).len(), 1);
    assert_eq!(conditions(&server)[7..], [false]);
    assert!(last().is_some());
    // Until a new day arrives without it.
    fs::write(second.log("2026-11-18"), "a line").unwrap();
    ship(&second, &config, &server);
    assert_eq!((conditions(&server)[8..].to_vec(), last()), (vec![true], None));
}

#[test]
fn a_lost_answer_or_a_store_without_conditions_is_no_shared_name() {
    let lost: fn(&Request) -> Does = |request| match request.before {
        0 if request.is_put() => Does::StoresSilently,
        _ => Does::Right,
    };
    let refused: fn(&Request) -> Does = |request| {
        if request.headers.contains_key("if-none-match") {
            says("501 No", "", "<Error><Code>NotImplemented</Code></Error>")
        } else {
            Does::Right
        }
    };
    for (behaviour, stored) in [(lost, 2), (refused, 1)] {
        let (host, server) = (Host::new(&[(DAYS[2], "a line")]), Server::start(behaviour));
        let config = host.config(&server, Days::Pending);
        let reported = ship(&host, &config, &server);
        assert!(reported.len() == 1 && reported[0].0.contains("2 attempts"), "{reported:?}");
        assert_eq!((server.stored().len(), conditions(&server)), (stored, vec![true, false]));
        assert_eq!(LastShip::load(&host.state()).unwrap().name_conflict, None);
    }
}
