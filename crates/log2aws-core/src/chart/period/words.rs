//! The text of a period's drawing.

use super::day::PeriodDay;
use crate::chart::scale::number;
use crate::chart::view::Language;
use crate::chart::words::SEPARATOR;
use crate::server_name::ServerName;

use Language::{En, Ja};

/// The name of the drawing.
pub(super) fn title(language: Language, server: &ServerName, days: &[PeriodDay]) -> String {
    let span = span(days);
    match language {
        En => format!("Load of {server}, {span}"),
        Ja => format!("{server} の負荷 {span}"),
    }
}

/// The line below the server's name.
pub(super) fn subtitle(language: Language, days: &[PeriodDay]) -> String {
    let there = days.iter().filter(|day| day.empty.is_none()).count();
    let samples: u64 = days.iter().map(|day| u64::from(day.samples)).sum();
    let reboots: u64 = days.iter().map(|day| u64::from(day.reboots)).sum();
    let mut parts = vec![span(days)];
    parts.push(match language {
        En => format!("{there} of {} days", days.len()),
        Ja => format!("{there}/{} 日分", days.len()),
    });
    parts.push(match (language, samples) {
        (En, 1) => "1 sample".to_owned(),
        (En, _) => format!("{samples} samples"),
        (Ja, _) => format!("記録 {samples} 件"),
    });
    parts.extend((reboots > 0).then(|| match (language, reboots) {
        (En, 1) => "1 reboot".to_owned(),
        (En, _) => format!("{reboots} reboots"),
        (Ja, _) => format!("再起動 {reboots} 回"),
    }));
    parts.join(SEPARATOR)
}

/// A description of the whole drawing for screen readers.
pub(super) fn description(language: Language, days: &[PeriodDay]) -> String {
    let load = |day: &PeriodDay| day.load_max.filter(|load| load.is_finite());
    let highest = days.iter().filter(|day| load(day).is_some()).max_by(|a, b| {
        let order = load(a).partial_cmp(&load(b));
        order.unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut parts = vec![subtitle(language, days)];
    parts.extend(highest.and_then(|day| {
        let load = number(f64::from(load(day)?));
        Some(match language {
            En => format!("highest load {load} on {}", day.day),
            Ja => format!("ロードの最大 {load}（{}）", day.day),
        })
    }));
    parts.join(SEPARATOR)
}

/// The head of the panel of CPU shares.
pub(super) fn mean_cpu(language: Language) -> &'static str {
    match language {
        En => "CPU, mean",
        Ja => "CPU（平均）",
    }
}

fn span(days: &[PeriodDay]) -> String {
    match (days.first(), days.last()) {
        (Some(first), Some(last)) if first.day != last.day => {
            format!("{} – {}", first.day, last.day)
        }
        (Some(only), _) => only.day.to_string(),
        _ => String::new(),
    }
}
