//! The page of the alerts, and where else they are shown.

use std::sync::Arc;

use jiff::Timestamp;
use log2aws_core::alert::{Alert, Figure, Network, Rule, Severity};
use log2aws_dashboard::{AlertBoard, HookStatus};

use crate::fleet::fleet;
use crate::world::World;

fn alert(rule: &str, server: &str, figure: Figure, resolved: Option<&str>) -> Alert {
    let found: Timestamp = "2026-11-24T03:00:00Z".parse().unwrap();
    Alert {
        rule: rule.to_owned(),
        severity: if rule == "silent" { Severity::Warning } else { Severity::Critical },
        server: server.parse().unwrap(),
        network: Network::of_address("10.0.1.7".parse().unwrap()),
        since: "2026-11-20".parse().unwrap(),
        until: None,
        figure,
        found,
        resolved: resolved.map(|at| at.parse().unwrap()),
    }
}

/// One of each kind, one that is over, and a webhook that fails.
pub(crate) fn board() -> AlertBoard {
    let day = || "2026-11-20".parse().unwrap();
    let silent = Figure::Silent { last: "2026-11-19".parse().unwrap(), days: 4 };
    let load =
        Figure::Load { day: day(), from: "10:20".to_owned(), minutes: 95, max: 25.06, cores: 8 };
    let memory = Figure::Memory { day: day(), from_days: 3, to_days: Some(9), free_kib: 524_288 };
    let rejects = Figure::Rejects { day: day(), rejects: 18, lines: 144 };
    let rules = [
        r#"{"rule":"silent"}"#,
        r#"{"rule":"load","above":2,"minutes":30,"severity":"critical"}"#,
        r#"{"rule":"memory","days":14}"#,
        r#"{"rule":"rejects","above":5}"#,
    ];
    AlertBoard {
        rules: rules.iter().map(|rule| Rule::from_json(rule).unwrap()).collect(),
        alerts: vec![
            alert("load", "bad01", load, None),
            alert("memory", "bad01", memory, None),
            alert("silent", "silent01", silent.clone(), None),
            alert("rejects", "broken01", rejects, Some("2026-11-23T12:01:00Z")),
            alert("silent", "good01", silent, Some("2026-11-22T12:01:00Z")),
        ],
        hooks: vec![HookStatus {
            name: "ops".to_owned(),
            pending: 2,
            failures: 3,
            error: Some("it answers with the status 500".to_owned()),
        }],
        is_known: true,
    }
}

/// A dashboard with these alerts.
pub(crate) fn with(mut world: World, board: AlertBoard) -> World {
    let board = Arc::new(board);
    world.dashboard = world.dashboard.clone().with_alerts(Arc::new(move || board.clone()));
    world
}

#[test]
fn alerts_are_listed_with_links_to_server_and_day() {
    let world = with(fleet(1, 31), board());
    let page = world.get("/ui/alerts");
    let text = page.text();
    for part in [
        "<h1>Alerts</h1>",
        "3 alerts are firing",
        "<a href=\"/ui/s/bad01\">bad01</a>",
        "<a href=\"/ui/s/silent01/2026-11-20\">2026-11-20</a>",
        "load up to 25.06 on 8 cores, high for 95 min from 10:20 on 2026-11-20",
        "no free memory in about 3 to 9 days; least now 512 MiB",
        "Resolved in the last 30 days",
        "18 of 144 lines of 2026-11-20 could not be read (12.5 %)",
        "<b>load</b>: load per core above 2 for 30 min of a delivered day",
        "The webhook ops has not taken a message in 3 attempts; messages waiting: 2.",
        "it answers with the status 500",
        "Webhooks: ops",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let (firing, resolved) = text.split_once("Resolved in the last 30 days").unwrap();
    assert!(firing.contains("silent01") && !firing.contains("broken01"));
    assert!(resolved.contains("broken01") && resolved.contains("2026-11-23"));
    assert!(world.get_ja("/ui/alerts").text().contains("アラート 3 件が発生中"));
}

#[test]
fn the_calendar_and_the_menu_say_how_many_are_firing() {
    let world = with(fleet(1, 31), board());
    let page = world.get("/ui/");
    let text = page.text();
    assert!(text.contains(" · <a href=\"/ui/alerts\">3 alerts are firing</a>"), "{text}");
    assert!(text.contains("<b class=\"count\" title=\"3 alerts are firing\">3</b>"));
    let row = |server: &str| {
        let start = text.find(&format!("<span>{server}</span>")).unwrap();
        text[start..].split("</th>").next().unwrap().to_owned()
    };
    assert!(row("bad01").contains("<em>2 alerts</em>"), "{}", row("bad01"));
    assert!(row("silent01").contains("<em>1 alert</em>") && !row("good01").contains("alert"));
}

#[test]
fn without_alerts_nothing_is_firing_and_no_number_is_shown() {
    let empty = AlertBoard { alerts: Vec::new(), hooks: Vec::new(), ..board() };
    let world = with(fleet(1, 31), empty);
    let page = world.get("/ui/alerts");
    assert!(page.text().contains("No alert is firing."));
    assert!(page.text().contains("No webhook is set"));
    assert!(!page.text().contains("class=\"count\""));
    let unknown = with(fleet(1, 31), AlertBoard::default());
    assert!(unknown.get("/ui/alerts").text().contains("have not been applied"));
}
