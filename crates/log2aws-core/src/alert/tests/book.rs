//! What is remembered, and when it is told.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;

const HOOK: &str = "ops";

/// The rules of these tests, a book with one webhook, and a clock.
struct World {
    rules: Vec<Rule>,
    book: Book,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let rules = vec![
            rule(r#"{"rule":"silent"}"#),
            rule(r#"{"rule":"load","above":2,"minutes":30,"severity":"critical"}"#),
        ];
        let now = at("2026-11-29T03:00:00Z");
        let mut book = Book::default();
        book.set_hooks(&BTreeSet::from([HOOK]), now);
        Self { rules, book, now }
    }

    /// Applies verdicts, and the clock goes on by a minute.
    fn update(&mut self, verdicts: &[(&str, Vec<Verdict>)]) -> Vec<Change> {
        let verdicts: Vec<_> =
            verdicts.iter().map(|(server, all)| (name(server), all.clone())).collect();
        let mut network = |server: &ServerName| Network::of_name(server);
        let told = self.book.update(&self.rules, &verdicts, &mut network, self.now);
        self.wait(60);
        told.into_iter().map(|told| told.change).collect()
    }

    fn wait(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// Forms and takes all messages.
    fn told(&mut self, is_quiet: bool) -> Vec<Message> {
        self.book.form(HOOK, is_quiet, self.now);
        let mut messages = Vec::new();
        while let Some(message) = self.book.outbox(HOOK).unwrap().next().cloned() {
            self.book.taken(HOOK, &message.id);
            messages.push(message);
        }
        messages
    }
}

fn silent(since: &str) -> Verdict {
    let figure = Figure::Silent { last: day("2026-11-27"), days: 1 };
    Verdict::Found { rule: 0, since: day(since), until: None, figure }
}

fn loaded(since: &str, until: Option<&str>) -> Verdict {
    let figure =
        Figure::Load { day: day(since), from: "10:00".to_owned(), minutes: 60, max: 9.0, cores: 4 };
    Verdict::Found { rule: 1, since: day(since), until: until.map(day), figure }
}

fn servers(messages: &[Message]) -> Vec<Vec<String>> {
    let of = |message: &Message| {
        message.items().map(|(_, item)| format!("{:?} {}", item.change, item.server)).collect()
    };
    messages.iter().map(of).collect()
}

#[test]
fn an_alert_is_told_once_and_its_end_once() {
    let mut world = World::new();
    assert_eq!(world.update(&[("web01", vec![silent("2026-11-28")])]), [Change::Firing]);
    assert_eq!(servers(&world.told(false)), [["Firing web01"]]);
    world.wait(3600);
    assert_eq!(world.update(&[("web01", vec![silent("2026-11-28")])]), []);
    assert!(world.told(false).is_empty());
    assert_eq!(world.update(&[]), [Change::Resolved]);
    assert_eq!(servers(&world.told(false)), [["Resolved web01"]]);
    world.wait(3600);
    assert_eq!(world.update(&[]), []);
    assert!(world.told(false).is_empty());
}

#[test]
fn an_alert_that_is_back_before_its_end_was_told_is_not_told() {
    let mut world = World::new();
    let silent = [("web01", vec![silent("2026-11-28")])];
    world.update(&silent);
    assert_eq!(servers(&world.told(false)), [["Firing web01"]]);
    // Retired and brought back, in quiet hours: the last message says that it is firing, and it is.
    assert_eq!(world.update(&[]), [Change::Resolved]);
    assert!(world.told(true).is_empty());
    assert_eq!(world.update(&silent), [Change::Firing]);
    world.wait(3600);
    assert!(world.told(false).is_empty());
    assert_eq!(world.update(&[]), [Change::Resolved]);
    assert_eq!(servers(&world.told(false)), [["Resolved web01"]]);
}

#[test]
fn twelve_servers_of_one_network_are_one_message() {
    let mut world = World::new();
    let names: Vec<String> = (1..=12).map(|n| format!("web{n:02}")).collect();
    // One comes half a minute after the others, and one is elsewhere.
    let all = |names: &[String]| -> Vec<(ServerName, Vec<Verdict>)> {
        names.iter().map(|server| (name(server), vec![silent("2026-11-28")])).collect()
    };
    let mut network = |server: &ServerName| match server.as_str() {
        "db01" => Network::of_address("10.0.2.9".parse().unwrap()),
        _ => Network::of_address("10.0.1.9".parse().unwrap()),
    };
    world.book.update(&world.rules, &all(&names[..11]), &mut network, world.now);
    world.wait(30);
    assert!(world.told(false).is_empty(), "the others are waited for");
    let mut with_all = all(&names);
    with_all.push((name("db01"), vec![silent("2026-11-28")]));
    world.book.update(&world.rules, &with_all, &mut network, world.now);
    world.wait(30);
    let messages = world.told(false);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].items().count(), 12);
    assert_eq!(
        title(&messages[0], crate::chart::Language::En),
        "12 servers (10.0.1.0/24): no logs arrive"
    );
    world.wait(30);
    assert_eq!(servers(&world.told(false)), [["Firing db01"]]);
    // Another one of the same network a minute later waits for ten minutes.
    with_all.push((name("web13"), vec![silent("2026-11-28")]));
    world.book.update(&world.rules, &with_all, &mut network, world.now);
    world.wait(61);
    assert!(world.told(false).is_empty());
    world.wait(600);
    assert_eq!(servers(&world.told(false)), [["Firing web13"]]);
}

#[test]
fn what_is_over_before_it_was_told_is_not_told() {
    let mut world = World::new();
    world.book.update(
        &world.rules,
        &[(name("web01"), vec![silent("2026-11-28")])],
        &mut |server| Network::of_name(server),
        world.now,
    );
    world.wait(59);
    assert_eq!(world.update(&[]), [Change::Resolved]);
    world.wait(3600);
    assert!(world.told(false).is_empty());
}

#[test]
fn quiet_hours_are_told_at_their_end_in_one_message() {
    let mut world = World::new();
    let both = [("web01", vec![silent("2026-11-28")]), ("db01", vec![loaded("2026-11-28", None)])];
    world.update(&both);
    assert!(world.told(true).is_empty());
    world.wait(3600);
    // One is over meanwhile, one is new.
    world.update(&[
        ("db01", vec![loaded("2026-11-28", None)]),
        ("mail", vec![silent("2026-11-28")]),
    ]);
    assert!(world.told(true).is_empty());
    world.wait(3600);
    let told = world.told(false);
    assert_eq!(servers(&told), [["Firing db01", "Firing mail"]]);
    assert_eq!(told[0].sections[0].severity, Severity::Critical, "critical ones come first");
}

#[test]
fn a_day_that_was_bad_and_is_over_is_told_and_only_once() {
    let mut world = World::new();
    // At the very first time, it is only remembered.
    let old = loaded("2026-11-25", Some("2026-11-26"));
    assert_eq!(world.update(&[("old01", vec![old.clone()])]), []);
    let over = loaded("2026-11-27", Some("2026-11-28"));
    assert_eq!(world.update(&[("old01", vec![old.clone(), over.clone()])]), [Change::Over]);
    assert_eq!(servers(&world.told(false)), [["Over old01"]]);
    // The window of seven days moves on, and shows the last of several days.
    let later = loaded("2026-11-28", Some("2026-11-28"));
    assert_eq!(world.update(&[("old01", vec![later])]), []);
    assert_eq!(world.update(&[("old01", vec![over])]), []);
}

#[test]
fn an_alert_keeps_its_start_and_ends_with_the_day_that_is_fine() {
    let mut world = World::new();
    world.update(&[("web01", vec![loaded("2026-11-27", None)])]);
    // A day before it arrives late.
    assert_eq!(world.update(&[("web01", vec![loaded("2026-11-26", None)])]), []);
    let over = loaded("2026-11-26", Some("2026-11-28"));
    assert_eq!(world.update(&[("web01", vec![over.clone()])]), [Change::Resolved]);
    let (_, alert) = world.book.alerts().next().unwrap();
    assert_eq!((alert.since, alert.until), (day("2026-11-27"), Some(day("2026-11-28"))));
    assert_eq!(world.update(&[("web01", vec![over])]), []);
}

#[test]
fn what_cannot_be_said_now_changes_nothing() {
    let mut world = World::new();
    world.update(&[("web01", vec![loaded("2026-11-27", None)])]);
    assert_eq!(world.update(&[("web01", vec![Verdict::Unknown { rule: 1 }])]), []);
    assert_eq!(world.update(&[("web01", vec![loaded("2026-11-27", None)])]), []);
}

#[test]
fn a_new_webhook_is_told_what_is_firing() {
    let mut world = World::new();
    world.update(&[("web01", vec![silent("2026-11-28")])]);
    world.told(false);
    assert!(world.book.set_hooks(&BTreeSet::from([HOOK, "new"]), world.now));
    world.wait(60);
    world.book.form("new", false, world.now);
    assert_eq!(world.book.outbox("new").unwrap().messages(), 1);
    assert!(world.book.set_hooks(&BTreeSet::from([HOOK]), world.now));
    assert!(world.book.outbox("new").is_none());
}

#[test]
fn a_webhook_that_takes_nothing_loses_nothing() {
    let mut world = World::new();
    let mut firing = Vec::new();
    for n in 0..40 {
        firing.push((format!("host{n}x"), vec![silent("2026-11-28")]));
        let all: Vec<_> = firing.iter().map(|(s, v)| (s.as_str(), v.clone())).collect();
        world.update(&all);
        world.book.form(HOOK, false, world.now);
    }
    let outbox = world.book.outbox(HOOK).unwrap();
    assert_eq!((outbox.messages(), outbox.waiting()), (MAX_MESSAGES, 20));
    let mut told = Vec::new();
    loop {
        let messages = world.told(false);
        if messages.is_empty() {
            break;
        }
        told.extend(servers(&messages).concat());
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 40);
}

#[test]
fn a_book_comes_back_as_it_was_written() {
    let mut world = World::new();
    world.update(&[("web01", vec![silent("2026-11-28"), loaded("2026-11-28", None)])]);
    world.book.form(HOOK, false, world.now);
    let json = world.book.to_json().unwrap();
    assert_eq!(Book::from_json(&json).unwrap(), world.book);
    let newer = String::from_utf8(json).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    assert!(Book::from_json(newer.as_bytes()).unwrap_err().contains("format 2"));
    assert!(Book::from_json(b"{").is_err());
}

#[test]
fn resolved_alerts_are_forgotten_after_a_month() {
    let mut world = World::new();
    world.update(&[("web01", vec![silent("2026-11-28")]), ("db01", vec![silent("2026-11-28")])]);
    world.update(&[("db01", vec![silent("2026-11-28")])]);
    world.told(false);
    assert!(!world.book.prune(world.now));
    world.wait(31 * 86_400);
    assert!(world.book.prune(world.now));
    assert_eq!(world.book.alerts().count(), 1, "the one that is firing stays");
}

#[test]
fn what_a_webhook_was_not_told_is_not_forgotten() {
    let mut world = World::new();
    world.update(&[("web01", vec![silent("2026-11-28")])]);
    world.update(&[]);
    world.wait(31 * 86_400);
    assert!(!world.book.prune(world.now));
    assert_eq!(servers(&world.told(false)), [["Firing web01", "Resolved web01"]]);
    assert!(world.book.prune(world.now));
}
