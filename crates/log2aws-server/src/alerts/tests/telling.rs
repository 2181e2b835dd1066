//! What webhooks are told, and what happens if they do not take it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use log2aws_core::alert::Format;
use log2aws_core::chart::Language;

use super::super::config::{AlertConfig, UrlSource, Webhook, WebhookUrl};
use super::peer::{Arrived, HANG, Peer, SECRET, answer};
use super::world::{World, hook};

const SILENT: &str = r#"{"rule":"silent"}"#;
const LOAD: &str = r#"{"rule":"load","above":2,"minutes":30}"#;

/// One server that is silent since the 28th.
fn silent_world() -> World {
    let world = World::new();
    world.deliver("web01", "2026-11-27", 1.0, "10.0.1.1");
    world.refresh();
    world
}

fn titles(arrived: &[Arrived]) -> Vec<&str> {
    arrived.iter().map(Arrived::title).collect()
}

#[test]
fn a_webhook_is_told_once_and_of_the_end_once() {
    let (world, peer) = (silent_world(), Peer::start());
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    let arrived = peer.arrived();
    assert_eq!(titles(&arrived), ["web01: no logs arrive"]);
    assert_eq!(arrived[0].header("content-type"), Some("application/json"));
    assert_eq!(arrived[0].header("idempotency-key"), arrived[0].body["id"].as_str());
    let alert = &arrived[0].body["alerts"][0];
    assert_eq!(
        (alert["state"].as_str(), alert["network"].as_str()),
        (Some("firing"), Some("10.0.1.0/24"))
    );
    assert!(world.metric("log2aws_alerts_firing{rule=\"silent\"} 1"));
    assert!(world.metric("log2aws_alert_notifications_total{result=\"sent\"} 1"));
    assert_eq!(world.board.source()().firing(), 1);
    world.wait(3600);
    world.run_until_told(&mut task);
    assert!(peer.arrived().is_empty());
    world.deliver("web01", "2026-11-28", 1.0, "10.0.1.1");
    world.refresh();
    world.run_until_told(&mut task);
    assert_eq!(titles(&peer.arrived()), ["Resolved: web01: no logs arrive"]);
    assert!(world.metric("log2aws_alerts_firing{rule=\"silent\"} 0"));
    world.wait(3600);
    world.run_until_told(&mut task);
    assert!(peer.arrived().is_empty());
}

#[test]
fn twelve_servers_of_one_network_are_one_message() {
    let (world, peer) = (World::new(), Peer::start());
    for n in 1..=12 {
        world.deliver(&format!("host-{n}-x"), "2026-11-27", 1.0, &format!("10.0.1.{n}"));
    }
    world.deliver("elsewhere", "2026-11-27", 1.0, "10.0.2.1");
    world.refresh();
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    let arrived = peer.arrived();
    let expected = ["12 servers (10.0.1.0/24): no logs arrive", "elsewhere: no logs arrive"];
    assert_eq!(titles(&arrived), expected);
}

#[test]
fn nothing_is_said_before_the_store_was_listed() {
    let world = World::new();
    world.deliver("web01", "2026-11-27", 1.0, "10.0.1.1");
    let peer = Peer::start();
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    assert!(peer.arrived().is_empty() && !world.board.source()().is_known);
    world.refresh();
    world.run_until_told(&mut task);
    assert_eq!(peer.arrived().len(), 1);
}

#[test]
fn the_load_of_a_day_is_read_from_its_csv() {
    let (world, peer) = (World::new(), Peer::start());
    world.deliver("web01", "2026-11-28", 8.1, "10.0.1.1");
    world.deliver("web02", "2026-11-28", 8.0, "10.0.2.1");
    world.refresh();
    let mut task = world.task(&[LOAD], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    let arrived = peer.arrived();
    assert_eq!(titles(&arrived), ["web01: high load"]);
    let figure = &arrived[0].body["alerts"][0]["figure"];
    assert_eq!((figure["minutes"].as_u64(), figure["from"].as_str()), (Some(1440), Some("00:00")));
}

#[test]
fn a_message_is_repeated_until_it_is_taken() {
    let (world, peer) = (silent_world(), Peer::start());
    peer.answers(&[&answer("500 Internal Server Error", ""), &answer("404 Not Found", "")]);
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    let first = peer.arrived();
    assert!(world.metric("log2aws_alert_notifications_total{result=\"failed\"} 1"));
    assert!(world.metric("log2aws_alert_notifications_pending 1"));
    let board = world.board.source()();
    assert_eq!(board.hooks[0].error.as_deref(), Some("it answers with the status 500"));
    world.wait(9);
    world.run(&mut task);
    assert!(peer.arrived().is_empty(), "the next attempt is ten seconds later");
    world.wait(1);
    world.run(&mut task);
    assert_eq!(peer.arrived().len(), 1);
    world.wait(19);
    world.run(&mut task);
    assert!(peer.arrived().is_empty(), "and the one after that twenty seconds later");
    world.wait(1);
    world.run(&mut task);
    let last = peer.arrived();
    assert_eq!(first[0].body, last[0].body);
    assert!(world.metric("log2aws_alert_notifications_pending 0"));
    assert_eq!(world.board.source()().hooks[0].failures, 0);
}

#[test]
fn a_webhook_is_left_alone_for_as_long_as_it_asks() {
    let (world, peer) = (silent_world(), Peer::start());
    peer.answers(&[&answer("429 Too Many Requests", "retry-after: 300\r\n")]);
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    assert_eq!(peer.arrived().len(), 1);
    world.wait(299);
    world.run(&mut task);
    assert!(peer.arrived().is_empty());
    world.wait(1);
    world.run(&mut task);
    assert_eq!(peer.arrived().len(), 1);
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_a_webhook() {
    let (world, peer) = (silent_world(), Peer::start());
    peer.answers(&[&answer("500 Internal Server Error", "")]);
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    assert_eq!(peer.arrived().len(), 1);
    world.wait(-86_400);
    world.run(&mut task);
    assert_eq!(peer.arrived().len(), 1);
}

#[test]
fn a_redirect_is_an_error_and_is_not_followed() {
    let (world, peer, inner) = (silent_world(), Peer::start(), Peer::start());
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: {}\r\n", inner.url());
        peer.answers(&[&answer(status, &location)]);
    }
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    for _ in 0..2 {
        world.wait(3600);
        world.run(&mut task);
    }
    assert_eq!(peer.arrived().len(), 3);
    let error = world.board.source()().hooks[0].error.clone().unwrap();
    assert!(error.contains("redirect (308)") && error.contains("not followed"), "{error}");
    assert!(inner.arrived().is_empty(), "nothing was sent where the redirect leads");
    assert!(!world.logged.text().contains(SECRET), "{}", world.logged.text());
}

#[test]
fn a_webhook_that_hangs_does_not_keep_others_from_being_told() {
    let (world, hanging, peer) = (silent_world(), Peer::start(), Peer::start());
    hanging.answers(&[HANG]);
    let hooks = vec![hook("a", &hanging), hook("b", &peer)];
    let mut task = world.task(&[SILENT], hooks);
    world.run_until_told(&mut task);
    assert_eq!((hanging.arrived().len(), peer.arrived().len()), (1, 1));
    let board = world.board.source()();
    assert_eq!(board.hooks[0].error.as_deref(), Some("it does not answer within 10 seconds"));
    world.wait(10);
    assert!(world.run(&mut task) <= Duration::from_secs(30));
    assert_eq!((hanging.arrived().len(), peer.arrived().len()), (1, 0));
}

#[test]
fn a_kill_between_telling_and_writing_it_down_repeats_the_message() {
    let (world, peer) = (silent_world(), Peer::start());
    // What is on disk while the webhook is being told is what a kill leaves.
    let left: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (path, copy) = (world.state_file(), left.clone());
    peer.on_request(move || *copy.lock().unwrap() = fs::read(&path).unwrap());
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    drop(task);
    let first = peer.arrived();
    assert_eq!(first.len(), 1);
    fs::write(world.state_file(), &*left.lock().unwrap()).unwrap();
    let mut again = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run(&mut again);
    let second = peer.arrived();
    assert_eq!(first[0].body, second[0].body, "the same message with the same id");
    // After an orderly end nothing is repeated.
    drop(again);
    let mut third = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut third);
    assert!(peer.arrived().is_empty());
}

#[test]
fn nothing_is_sent_that_is_not_on_disk() {
    let (world, peer) = (silent_world(), Peer::start());
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run(&mut task);
    world.wait(60);
    fs::remove_file(world.state_file()).unwrap();
    fs::create_dir(world.state_file()).unwrap();
    let run = |task: &mut super::super::task::AlertTask| {
        use crate::background::BackgroundTask as _;
        task.run_once(&crate::background::Stop::default()).map(drop)
    };
    assert!(run(&mut task).is_err());
    assert!(peer.arrived().is_empty());
    fs::remove_dir(world.state_file()).unwrap();
    world.run(&mut task);
    assert_eq!(peer.arrived().len(), 1);
    let mode = fs::metadata(world.state_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_cannot_be_read_as_state_counts_as_a_first_start() {
    let (world, peer) = (silent_world(), Peer::start());
    fs::write(world.state_file(), "{").unwrap();
    let mut task = world.task(&[SILENT], vec![hook("ops", &peer)]);
    world.run_until_told(&mut task);
    assert_eq!(peer.arrived().len(), 1);
    assert!(world.logged.text().contains("told again"), "{}", world.logged.text());
}

#[test]
fn quiet_hours_are_those_of_the_webhook() {
    let (world, quiet, awake) = (silent_world(), Peer::start(), Peer::start());
    let hours = "11:00-13:00".parse().unwrap();
    let held = Webhook { quiet: Some((hours, TimeZone::UTC)), ..hook("quiet", &quiet) };
    let mut task = world.task(&[SILENT], vec![held, hook("awake", &awake)]);
    world.run_until_told(&mut task);
    assert_eq!((quiet.arrived().len(), awake.arrived().len()), (0, 1));
    world.wait(57 * 60);
    world.run(&mut task);
    assert!(quiet.arrived().is_empty(), "it is 12:59");
    world.wait(60);
    world.run(&mut task);
    assert_eq!(titles(&quiet.arrived()), ["web01: no logs arrive"]);
}

#[test]
fn slack_and_teams_are_told_in_their_forms() {
    let (world, slack, teams) = (silent_world(), Peer::start(), Peer::start());
    let hooks = vec![
        Webhook { format: Format::Slack, ..hook("slack", &slack) },
        Webhook { format: Format::Teams, language: Language::Ja, ..hook("teams", &teams) },
    ];
    let mut task = world.task(&[SILENT], hooks);
    world.run_until_told(&mut task);
    let text = slack.arrived()[0].body["text"].to_string();
    assert!(text.contains("*web01: no logs arrive*"), "{text}");
    let card = teams.arrived()[0].body["attachments"][0]["content"].clone();
    assert_eq!(card["body"][0]["text"], "web01：ログが届いていません");
}

#[test]
fn the_url_is_in_a_file_that_can_be_replaced_and_is_for_its_user_alone() {
    let (world, old, new) = (silent_world(), Peer::start(), Peer::start());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("webhook-url");
    let url = UrlSource::File(path.clone());
    let webhook = Webhook { url, ..hook("ops", &old) };
    let check = || {
        let config = AlertConfig { webhooks: vec![webhook.clone()], ..AlertConfig::default() };
        config.check().map_err(|error| error.to_string())
    };
    assert!(check().unwrap_err().contains("webhook-url does not exist: write the URL"));
    fs::write(&path, format!("{}\n", old.url())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(check().unwrap_err().contains("chmod 600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(check(), Ok(()));
    let mut task = world.task(&[SILENT], vec![webhook.clone()]);
    fs::write(&path, new.url()).unwrap();
    world.run_until_told(&mut task);
    assert_eq!((old.arrived().len(), new.arrived().len()), (0, 1));
    let url = format!("https://hooks.slack.com/services/{SECRET}");
    for wrong in [
        format!("hooks.slack.com/services/{SECRET}"),
        format!("{url}\n{url}\n"),
        format!("{url} # of the team"),
        format!("https://hooks.slack.com/\tservices/{SECRET}"),
        format!("{url}\0"),
    ] {
        fs::write(&path, &wrong).unwrap();
        let error = check().unwrap_err();
        assert!(error.contains("has no URL of a webhook") && !error.contains(SECRET), "{error}");
        assert!(error.contains("one URL"), "{error}");
    }
    fs::write(&path, format!("{url}\r\n")).unwrap();
    assert_eq!(check(), Ok(()));
}

#[test]
fn no_url_is_ever_logged_or_shown() {
    let world = silent_world();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let broken = Peer::start();
    broken.answers(&["no http\r\n\r\n"; 3]);
    let at = |name: &str, text: &str| Webhook {
        name: name.to_owned(),
        url: UrlSource::Given(WebhookUrl::new(text, "a test").unwrap()),
        ..hook(name, &broken)
    };
    let hooks = vec![
        at("refused", &format!("http://{gone}/services/{SECRET}")),
        at("unknown", &format!("http://no-such-host.invalid/services/{SECRET}")),
        at("tls", &broken.url().replace("http://", "https://")),
        at("broken", &broken.url()),
        at("odd", &format!("http://127.0.0.1:{}/{SECRET}/%zz?{SECRET}#{SECRET}", gone.port())),
    ];
    let shown = format!("{hooks:?}");
    let mut task = world.task(&[SILENT], hooks);
    world.run_until_told(&mut task);
    let board = world.board.source()();
    assert!(board.hooks.iter().all(|hook| hook.failures == 1), "{:?}", board.hooks);
    for text in [shown, format!("{board:?}"), world.logged.text(), world.metrics.encode().unwrap()]
    {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(world.logged.text().matches("took no message").count(), 5);
}
