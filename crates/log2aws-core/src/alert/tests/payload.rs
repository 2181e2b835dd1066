//! The bodies of requests to webhooks.

use serde_json::{Value, json};

use super::*;
use crate::chart::Language;

fn message(items: usize) -> Message {
    let item = |n: usize| Item {
        id: format!("{n:016x}"),
        change: Change::Firing,
        server: name(&format!("web{n:02}")),
        since: day("2026-11-28"),
        until: None,
        figure: Figure::Silent { last: day("2026-11-27"), days: 1 },
    };
    let section = Section {
        rule: "silent".to_owned(),
        severity: Severity::Critical,
        network: Network::of_address("10.0.1.7".parse().unwrap()),
        items: (1..=items).map(item).collect(),
    };
    Message {
        id: "0123456789abcdef".to_owned(),
        at: at("2026-11-29T03:01:00Z"),
        sections: vec![section],
    }
}

fn sent(message: &Message, format: Format, language: Language, link: Option<&str>) -> Value {
    serde_json::from_slice(&payload(message, format, language, link).unwrap()).unwrap()
}

#[test]
fn json_has_every_alert_with_its_numbers() {
    let body =
        sent(&message(1), Format::Json, Language::En, Some("https://logs.example/ui/alerts"));
    let expected = json!({
        "version": 1,
        "id": "0123456789abcdef",
        "at": "2026-11-29T03:01:00Z",
        "title": "web01: no logs arrive",
        "url": "https://logs.example/ui/alerts",
        "alerts": [{
            "id": "0000000000000001",
            "state": "firing",
            "rule": "silent",
            "severity": "critical",
            "server": "web01",
            "network": "10.0.1.0/24",
            "since": "2026-11-28",
            "text": "no log since that of 2026-11-27; 1 is overdue",
            "figure": {"kind": "silent", "last": "2026-11-27", "days": 1},
        }],
    });
    assert_eq!(body, expected);
    assert_eq!(
        sent(&message(30), Format::Json, Language::En, None)["alerts"].as_array().unwrap().len(),
        30
    );
}

#[test]
fn slack_gets_a_text() {
    let mut one = message(1);
    one.sections[0].rule = "a<b>&c".to_owned();
    let body = sent(&one, Format::Slack, Language::En, Some("https://logs.example/ui/alerts"));
    let expected = json!({"text": "*web01: no logs arrive*\n\
        • critical: web01: no log since that of 2026-11-27; 1 is overdue (a&lt;b&gt;&amp;c)\n\
        <https://logs.example/ui/alerts>"});
    assert_eq!(body, expected);
}

#[test]
fn teams_gets_an_adaptive_card_in_a_message() {
    let body =
        sent(&message(1), Format::Teams, Language::Ja, Some("https://logs.example/ui/alerts"));
    let expected = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {"type": "TextBlock", "wrap": true, "weight": "Bolder", "size": "Medium",
                     "text": "web01：ログが届いていません"},
                    {"type": "TextBlock", "wrap": true,
                     "text": "• 重大：web01：2026-11-27 分を最後にログが届いていません（期限切れ 1 日分）（silent）"},
                ],
                "actions": [{"type": "Action.OpenUrl", "title": "log2aws",
                             "url": "https://logs.example/ui/alerts"}],
            },
        }],
    });
    assert_eq!(body, expected);
}

#[test]
fn a_message_for_people_lists_twenty_and_counts_the_others() {
    let text = sent(&message(33), Format::Slack, Language::En, None)["text"].to_string();
    assert_eq!(text.matches("• ").count(), MAX_LISTED);
    assert!(text.contains("*33 servers (10.0.1.0/24): no logs arrive*"), "{text}");
    assert!(text.contains("and 13 more"), "{text}");
    let most = payload(&message(500), Format::Teams, Language::Ja, None).unwrap();
    assert!(most.len() < 28_000, "Teams takes 28 KB, and this has {}", most.len());
}

#[test]
fn a_test_message_says_so() {
    let test = Message::test(at("2026-11-29T03:01:00Z"));
    let body = sent(&test, Format::Json, Language::En, None);
    assert_eq!(
        (&body["title"], &body["alerts"]),
        (&json!("This is a test of log2aws"), &json!([]))
    );
}

#[test]
fn each_kind_of_alert_has_its_words_in_both_languages() {
    let words = |figure: &Figure| {
        [Language::En, Language::Ja].map(|language| describe_figure(figure, language))
    };
    let load = Figure::Load {
        day: day("2026-11-28"),
        from: "10:20".to_owned(),
        minutes: 95,
        max: 25.06,
        cores: 8,
    };
    assert_eq!(
        words(&load),
        [
            "load up to 25.06 on 8 cores, high for 95 min from 10:20 on 2026-11-28",
            "2026-11-28 10:20 から 95 分間、負荷が最大 25.06（8 コア）",
        ]
    );
    let memory = |from_days, to_days| Figure::Memory {
        day: day("2026-11-28"),
        from_days,
        to_days,
        free_kib: 524_288,
    };
    assert_eq!(
        words(&memory(3, Some(9)))[0],
        "no free memory in about 3 to 9 days; least now 512 MiB"
    );
    assert_eq!(words(&memory(1, Some(1)))[0], "no free memory in about 1 day; least now 512 MiB");
    assert_eq!(
        words(&memory(3, None))[0],
        "no free memory in about 3 days or more; least now 512 MiB"
    );
    assert_eq!(
        words(&memory(3, Some(9)))[1],
        "約 3～9 日で空きメモリがなくなる見込み（現在の最小 512 MiB）"
    );
    let rejects = Figure::Rejects { day: day("2026-11-28"), rejects: 18, lines: 144 };
    assert_eq!(
        words(&rejects),
        [
            "18 of 144 lines of 2026-11-28 could not be read (12.5 %)",
            "2026-11-28 の 144 行のうち 18 行が読めません（12.5 %）",
        ]
    );
}
