//! The alerts: those that are firing, those of the last 30 days, and the rules.

use askama::Template;
use jiff::tz::TimeZone;
use log2aws_core::alert::{Alert, Severity as Urgency, describe_figure, describe_rule};
use log2aws_core::day::Day;

use super::layout::{Message, PageLayout, Severity};
use crate::alert_board::{AlertBoard, HookStatus};
use crate::i18n::{Words, fill};

/// The most alerts of each table.
const MAX_ROWS: usize = 500;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage<'a> {
    f: &'a PageLayout<'a>,
    totals: String,
    messages: Vec<Message>,
    firing: Vec<Row<'a>>,
    resolved: Vec<Row<'a>>,
    rules: Vec<(&'a str, &'static str, String)>,
    webhooks: String,
}

/// An alert in a table.
struct Row<'a> {
    server: &'a str,
    rule: &'a str,
    severity: &'static str,
    is_critical: bool,
    since: Day,
    /// When it was found to be over.
    over: String,
    text: String,
}

/// Renders the page. Times are in `zone`.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(layout: &PageLayout<'_>, zone: &TimeZone) -> Result<String, askama::Error> {
    let (w, board) = (layout.w, &*layout.alerts);
    let rows = |is_firing: bool| {
        let alerts = board.alerts.iter().filter(|alert| alert.is_firing() == is_firing);
        alerts.take(MAX_ROWS).map(|alert| row(alert, zone, w)).collect()
    };
    let rules = board.rules.iter().map(|rule| {
        (rule.name.as_str(), urgency(rule.severity, w), describe_rule(rule, w.language))
    });
    let names: Vec<&str> = board.hooks.iter().map(|hook| hook.name.as_str()).collect();
    AlertsPage {
        f: layout,
        totals: layout.firing().unwrap_or_else(|| w.alerts_none.to_owned()),
        messages: messages(board, w),
        firing: rows(true),
        resolved: rows(false),
        rules: rules.collect(),
        webhooks: if names.is_empty() {
            w.alerts_no_webhook.to_owned()
        } else {
            fill(w.alerts_webhooks, &[("names", &names.join(", "))])
        },
    }
    .render()
}

/// What is wrong with telling.
fn messages(board: &AlertBoard, w: &Words) -> Vec<Message> {
    let failed = |hook: &HookStatus| {
        let error = hook.error.as_ref()?;
        let HookStatus { name, pending, failures, .. } = hook;
        let text =
            fill(w.alerts_hook_failed, &[("name", name), ("n", failures), ("pending", pending)]);
        Some(Message::new(Severity::Bad, text).with_detail(error.as_str()))
    };
    let unknown = (!board.is_known).then(|| Message::new(Severity::Note, w.alerts_unknown));
    unknown.into_iter().chain(board.hooks.iter().filter_map(failed)).collect()
}

fn row<'a>(alert: &'a Alert, zone: &TimeZone, w: &Words) -> Row<'a> {
    let over =
        alert.resolved.map(|at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string());
    Row {
        server: alert.server.as_str(),
        rule: &alert.rule,
        severity: urgency(alert.severity, w),
        is_critical: alert.severity == Urgency::Critical,
        since: alert.since,
        over: over.unwrap_or_default(),
        text: describe_figure(&alert.figure, w.language),
    }
}

fn urgency(severity: Urgency, w: &Words) -> &'static str {
    match severity {
        Urgency::Warning => w.severity_warning,
        Urgency::Critical => w.severity_critical,
    }
}
