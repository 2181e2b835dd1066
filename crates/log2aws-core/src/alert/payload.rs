//! The body of a request to a webhook.
//!
//! * `json`: our own, for programs. All alerts are in it.
//! * `slack`: an incoming webhook takes `{"text": …}`; in it `&`, `<` and `>` are control characters
//!   (Slack's developer documentation, "Sending messages using incoming webhooks" and "Formatting
//!   text for app surfaces"). Mattermost and Rocket.Chat take the same.
//! * `teams`: a workflow that starts with "When a Teams webhook request is received" takes a message
//!   whose attachment is an Adaptive Card (Microsoft Learn, "Create incoming webhooks with Workflows
//!   for Microsoft Teams" and "Create an Incoming Webhook": `application/vnd.microsoft.card.adaptive`,
//!   at most 28 KB). The connectors of Office 365, which took `MessageCard`, are retired.

use std::str::FromStr;

use serde::Serialize;
use serde_json::json;

use super::figure::Figure;
use super::message::{Change, Message};
use super::text::{describe, title};
use crate::chart::Language;

/// The most alerts that a message for people lists; the others are counted.
pub const MAX_LISTED: usize = 20;

/// The form in which a webhook takes a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Our own JSON.
    #[default]
    Json,
    /// Slack's.
    Slack,
    /// That of Microsoft Teams.
    Teams,
}

impl Format {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Teams => "teams",
        }
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Json, Self::Slack, Self::Teams]
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or("format must be json, slack or teams")
    }
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    id: &'a str,
    at: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    alerts: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    state: Change,
    rule: &'a str,
    severity: &'static str,
    server: &'a str,
    network: &'a str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    text: String,
    figure: &'a Figure,
}

/// A message in the form of a webhook. `link` leads to the alerts in the dashboard.
///
/// # Errors
/// None in practice: every field can be serialised.
pub fn payload(
    message: &Message,
    format: Format,
    language: Language,
    link: Option<&str>,
) -> Result<Vec<u8>, serde_json::Error> {
    match format {
        Format::Json => serde_json::to_vec(&body(message, language, link)),
        Format::Slack => {
            let title = escaped(&title(message, language));
            let mut text = format!("*{title}*");
            for line in lines(message, language) {
                text.push('\n');
                text.push_str(&escaped(&line));
            }
            if let Some(link) = link {
                text.push_str("\n<");
                text.push_str(&escaped(link));
                text.push('>');
            }
            serde_json::to_vec(&json!({ "text": text }))
        }
        Format::Teams => {
            let block = |text: &str| json!({ "type": "TextBlock", "wrap": true, "text": text });
            let mut blocks = vec![json!({
                "type": "TextBlock", "wrap": true, "weight": "Bolder", "size": "Medium",
                "text": title(message, language),
            })];
            blocks.extend(lines(message, language).iter().map(|line| block(line)));
            let mut card = json!({
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4", "body": blocks,
            });
            if let Some(link) = link {
                card["actions"] =
                    json!([{ "type": "Action.OpenUrl", "title": "log2aws", "url": link }]);
            }
            serde_json::to_vec(&json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": card,
                }],
            }))
        }
    }
}

fn body<'a>(message: &'a Message, language: Language, url: Option<&'a str>) -> Body<'a> {
    let alerts = message.items().map(|(section, item)| Entry {
        id: &item.id,
        state: item.change,
        rule: &section.rule,
        severity: section.severity.as_str(),
        server: item.server.as_str(),
        network: section.network.as_str(),
        since: item.since.to_string(),
        until: item.until.filter(|_| item.change != Change::Firing).map(|day| day.to_string()),
        text: describe(item, language),
        figure: &item.figure,
    });
    Body {
        version: 1,
        id: &message.id,
        at: message.at.to_string(),
        title: title(message, language),
        url,
        alerts: alerts.collect(),
    }
}

/// A line for each alert, and one for those that are too many.
fn lines(message: &Message, language: Language) -> Vec<String> {
    let ja = language == Language::Ja;
    let mut lines: Vec<String> = message
        .items()
        .take(MAX_LISTED)
        .map(|(section, item)| {
            let (server, text) = (&item.server, describe(item, language));
            let severity = match (item.change, section.severity, ja) {
                (Change::Firing, super::Severity::Critical, false) => "critical: ",
                (Change::Firing, super::Severity::Critical, true) => "重大：",
                _ => "",
            };
            if ja {
                format!("• {severity}{server}：{text}（{}）", section.rule)
            } else {
                format!("• {severity}{server}: {text} ({})", section.rule)
            }
        })
        .collect();
    let more = message.items().count().saturating_sub(MAX_LISTED);
    if more > 0 {
        lines.push(if ja { format!("ほか {more} 件") } else { format!("and {more} more") });
    }
    lines
}

/// A text without Slack's control characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
