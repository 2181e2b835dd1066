//! The text of a period's drawing.

use super::day::PeriodDay;
use super::facts::Facts;
use crate::chart::points::Peak;
use crate::chart::scale::number;
use crate::chart::view::Language;
use crate::chart::words::{self, SEPARATOR};
use crate::day::Day;
use crate::day_clock::DayClock;
use crate::server_name::ServerName;

use Language::{En, Ja};

/// The name of the drawing.
pub(super) fn title(language: Language, server: &ServerName, days: &[Day]) -> String {
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
    let dates: Vec<Day> = days.iter().map(|day| day.day).collect();
    let mut parts = vec![span(&dates), delivered(language, there, days.len())];
    parts.push(match (language, samples) {
        (En, 1) => "1 sample".to_owned(),
        (En, _) => format!("{samples} samples"),
        (Ja, _) => format!("記録 {samples} 件"),
    });
    parts.extend(rebooted(language, reboots));
    parts.join(SEPARATOR)
}

fn delivered(language: Language, there: usize, days: usize) -> String {
    match language {
        En => format!("{there} of {days} days"),
        Ja => format!("{there}/{days} 日分"),
    }
}

fn rebooted(language: Language, reboots: u64) -> Option<String> {
    (reboots > 0).then(|| match (language, reboots) {
        (En, 1) => "1 reboot".to_owned(),
        (En, _) => format!("{reboots} reboots"),
        (Ja, _) => format!("再起動 {reboots} 回"),
    })
}

/// The line below the server's name on the page of a week.
pub(super) fn week_subtitle(
    language: Language,
    days: &[Day],
    facts: &Facts,
    cores: Option<u32>,
) -> String {
    let Facts { sampled, expected, missing, .. } = facts;
    let mut parts = vec![span(days), delivered(language, facts.delivered, days.len())];
    parts.extend(cores.map(|cores| words::cores(language, f64::from(cores))));
    parts.push(match language {
        En => format!("{sampled} of {expected} samples"),
        Ja => format!("記録 {sampled}/{expected} 件"),
    });
    parts.extend((*missing > 0).then(|| match language {
        En => format!("{missing} missing"),
        Ja => format!("欠落 {missing} 件"),
    }));
    parts.extend(rebooted(language, facts.reboots));
    parts.join(SEPARATOR)
}

/// A description of a week for screen readers: the line below the name, and the highest load.
pub(super) fn with_peak(language: Language, subtitle: &str, peak: &str) -> String {
    match (language, peak) {
        (_, "") => subtitle.to_owned(),
        (En, _) => format!("{subtitle}{SEPARATOR}load average over 1 minute: {peak}"),
        (Ja, _) => format!("{subtitle}{SEPARATOR}1 分間のロードアベレージ：{peak}"),
    }
}

/// The highest load of a week and its time.
pub(super) fn peak(language: Language, peak: Peak, time: &str) -> String {
    let load = if peak.load < 10_000.0 { format!("{:.2}", peak.load) } else { number(peak.load) };
    match language {
        En => format!("peak {load}, {time}"),
        Ja => format!("最大 {load}（{time}）"),
    }
}

/// The time of day at a second of it; its end is `24:00`.
pub(super) fn time(clock: &DayClock, second: u32) -> String {
    if second >= clock.seconds() {
        return "24:00".to_owned();
    }
    clock.civil(second).strftime("%H:%M").to_string()
}

/// The caption of the time axis of a week, and what the chart leaves out.
pub(super) fn caption(language: Language, facts: &Facts, guests_drawn: bool) -> String {
    let zone = |zone: &Option<String>| match (zone, language) {
        (Some(zone), _) => zone.clone(),
        (None, En) => "zone unknown".to_owned(),
        (None, Ja) => "タイムゾーン不明".to_owned(),
    };
    let mut zones = Vec::new();
    for (index, (day, name)) in facts.zones.iter().enumerate() {
        let name = zone(name);
        zones.push(match (index, language) {
            (0, _) => name,
            (_, En) => format!("from {day} {name}"),
            (_, Ja) => format!("{day} から {name}"),
        });
    }
    let mut parts = vec![match language {
        En if zones.is_empty() => "Local time".to_owned(),
        En => format!("Local time, {}", zones.join(", ")),
        Ja if zones.is_empty() => "現地時刻".to_owned(),
        Ja => format!("現地時刻（{}）", zones.join("、")),
    }];
    for (day, seconds) in &facts.odd_days {
        let hours = number(f64::from(*seconds) / 3600.0);
        parts.push(match language {
            En => format!("the clock changes on {day}, which has {hours} hours"),
            Ja => format!("{day} は時計の変更により {hours} 時間です"),
        });
    }
    let guest = facts.guest_max.filter(|_| !guests_drawn);
    parts.extend(words::left_out(language, facts.impossible, guest));
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

fn span(days: &[Day]) -> String {
    match (days.first(), days.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} – {last}"),
        (Some(only), _) => only.to_string(),
        _ => String::new(),
    }
}
