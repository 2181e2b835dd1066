//! The chart's text in both languages. Writing to a `String` cannot fail.

mod names;

use std::fmt::Write;

use jiff::civil::{Date, DateTime, Weekday};

use super::points::Peak;
use super::scale::number;
use super::view::{Language, View};
use crate::day::Day;
use crate::day_clock::{DayClock, Offset, PLAIN_DAY_SECONDS};
use crate::server_name::ServerName;
use crate::summary::{Cause, LogSummary};

use Language::{En, Ja};

pub(super) use names::{Names, names};

/// The separator between the parts of a line.
pub(super) const SEPARATOR: &str = " · ";

/// The name of the drawing of a day.
pub(super) fn title(language: Language, server: &ServerName, day: Day) -> String {
    match language {
        En => format!("Load of {server} on {day}"),
        Ja => format!("{server} の負荷 {day}"),
    }
}

/// Date, window, zone, machine, completeness: the line below the server's name. `shown` is the
/// number of samples in the window.
pub(super) fn subtitle(clock: &DayClock, log: &LogSummary, view: &View, shown: u32) -> String {
    let language = view.language;
    let date = date(language, clock.day().date());
    let shown = window(view, shown);
    let machine = machine(language, clock, log, shown.is_some());
    [Some(date), shown, Some(machine)].into_iter().flatten().collect::<Vec<_>>().join(SEPARATOR)
}

/// The window and the number of samples in it; `None` for a whole day.
pub(super) fn window(view: &View, samples: u32) -> Option<String> {
    let window = view.window.filter(|window| !window.is_whole())?;
    let Names { shown: [one, many], .. } = names(view.language);
    let text = if samples == 1 { one } else { many };
    let parts = [("{from}", window.from().to_string()), ("{till}", window.till().to_string())];
    let text =
        parts.iter().fold((*text).to_owned(), |text, (name, value)| text.replace(name, value));
    Some(text.replace("{n}", &samples.to_string()))
}

/// Zone, machine and completeness of a day; in a window it is said that they are the day's.
pub(super) fn machine(
    language: Language,
    clock: &DayClock,
    log: &LogSummary,
    in_window: bool,
) -> String {
    let mut parts = vec![zone(language, clock, log)];
    parts.extend(log.metadata.cores.map(|count| cores(language, f64::from(count))));
    parts.push(match (in_window, language) {
        (false, _) => samples(language, log),
        (true, En) => format!("whole day: {}", samples(language, log)),
        (true, Ja) => format!("1 日全体：{}", samples(language, log)),
    });
    let missing = match language {
        En => format!("{} missing", log.missing),
        Ja => format!("欠落 {} 件", log.missing),
    };
    parts.extend((log.missing > 0).then_some(missing));
    let counts: [(u64, [&str; 2], [&str; 2]); 5] = [
        (
            if log.has_second_writer() { log.sampled_twice } else { 0 },
            ["of them twice", "of them twice"],
            ["重複", "件"],
        ),
        (log.reboots_total, ["reboot", "reboots"], ["再起動", "回"]),
        (log.rejects.count, ["line rejected", "lines rejected"], ["読めない行", "行"]),
        (log.other_days, ["row of another day", "rows of other days"], ["別の日の行", "行"]),
        (log.clock_steps, ["clock step back", "clock steps back"], ["時計の逆行", "回"]),
    ];
    for (count, [one, many], [what, counter]) in counts {
        parts.extend((count > 0).then(|| match language {
            En => format!("{count} {}", if count == 1 { one } else { many }),
            Ja => format!("{what} {count} {counter}"),
        }));
    }
    parts.join(SEPARATOR)
}

/// A description of the whole chart for screen readers.
pub(super) fn description(
    clock: &DayClock,
    log: &LogSummary,
    view: &View,
    highest: Option<Peak>,
    shown: u32,
) -> String {
    let language = view.language;
    let mut text = subtitle(clock, log, view, shown);
    if let Some(highest) = highest {
        let peak = peak(language, clock, highest);
        let _ = match language {
            En => write!(text, "{SEPARATOR}load average over 1 minute: {peak}"),
            Ja => write!(text, "{SEPARATOR}1 分間のロードアベレージ：{peak}"),
        };
    }
    let names = [("cpu-us", "user CPU", "ユーザー CPU"), ("cpu-sy", "system CPU", "システム CPU")];
    for (column, english, japanese) in names {
        if let Some(mean) = log.series.get(column).and_then(|stats| stats.mean) {
            let mean = number(mean);
            // The summary's means are those of the whole day, even in a window.
            let _ = match language {
                En if view.window.is_some() => {
                    write!(text, "{SEPARATOR}mean {english} of the day {mean} %")
                }
                En => write!(text, "{SEPARATOR}mean {english} {mean} %"),
                Ja => write!(text, "{SEPARATOR}{japanese} の 1 日平均 {mean} %"),
            };
        }
    }
    text
}

/// The caption of the time axis, and what the chart leaves out.
pub(super) fn axis(
    language: Language,
    clock: &DayClock,
    log: &LogSummary,
    guests_drawn: bool,
) -> String {
    let mut text = match language {
        En => format!("Local time, {}", zone(language, clock, log)),
        Ja => format!("現地時刻（{}）", zone(language, clock, log)),
    };
    if clock.seconds() != PLAIN_DAY_SECONDS {
        let hours = number(f64::from(clock.seconds()) / 3600.0);
        let _ = match language {
            En => write!(text, "; the clock changes, the day has {hours} hours"),
            Ja => write!(text, "。時計の変更により、この日は {hours} 時間です"),
        };
    }
    let impossible = log.impossible.as_ref().map_or(0, |impossible| impossible.rows);
    for part in left_out(language, impossible, log.guest_max.filter(|_| !guests_drawn)) {
        let _ = write!(text, "{SEPARATOR}{part}");
    }
    text
}

/// What a chart leaves out: the number of samples with impossible values, and guest time, in
/// percent at its highest.
pub(super) fn left_out(language: Language, impossible: u64, guest: Option<u64>) -> Vec<String> {
    let mut parts = Vec::new();
    match (language, impossible) {
        (_, 0) => {}
        (En, 1) => parts.push("1 impossible value is not drawn".to_owned()),
        (En, n) => parts.push(format!("impossible values of {n} samples are not drawn")),
        (Ja, n) => parts.push(format!("測定値としてありえない値（{n} 件）は描いていません")),
    }
    parts.extend(guest.map(|guest| match language {
        En => format!("guest time, up to {guest} %, is not drawn"),
        Ja => format!("ゲスト時間（最大 {guest} %）は描いていません"),
    }));
    parts
}

/// The highest load and its time.
pub(super) fn peak(language: Language, clock: &DayClock, peak: Peak) -> String {
    let mut time = clock.civil(peak.second).strftime("%H:%M").to_string();
    if let Some(zone) = clock.abbreviation(peak.second) {
        time = format!("{time} {zone}");
    }
    let load = if peak.load < 10_000.0 { format!("{:.2}", peak.load) } else { number(peak.load) };
    names(language).peak.replace("{load}", &load).replace("{time}", &time)
}

/// A number of cores.
pub(super) fn cores(language: Language, count: f64) -> String {
    match language {
        En if count > 1.0 => format!("{count} cores"),
        En => format!("{count} core"),
        Ja => format!("{count} コア"),
    }
}

/// The head of a panel whose scale does not reach the line of the cores.
pub(super) fn above_the_scale(language: Language, title: &str, count: f64) -> String {
    let cores = cores(language, count);
    names(language).above.replace("{title}", title).replace("{cores}", &cores)
}

/// A reboot, named above the panels.
pub(super) fn reboot(language: Language, at: DateTime) -> String {
    let time = at.strftime("%H:%M");
    match language {
        En => format!("reboot {time}"),
        Ja => format!("再起動 {time}"),
    }
}

/// A change of the clock, named above the panels.
pub(super) fn clock_change(old: &Offset, new: &Offset) -> String {
    let time = |seconds: u32, zone: &str| {
        format!("{:02}:{:02} {zone}", seconds / 3600, seconds % 3600 / 60)
    };
    let before = time(old.clock + (new.from - old.from), &old.abbreviation);
    format!("{before} → {}", time(new.clock, &new.abbreviation))
}

/// The label of a gap.
pub(super) fn gap(language: Language, cause: Cause) -> &'static str {
    match (language, cause) {
        (En, Cause::Off) => "off",
        (Ja, Cause::Off) => "停止",
        (En, Cause::Starting) => "starting",
        (Ja, Cause::Starting) => "起動処理中",
        (En, Cause::Unreadable) => "unreadable",
        (Ja, Cause::Unreadable) => "読めない行",
        (En, Cause::Running | Cause::Unknown) => "no samples",
        (Ja, Cause::Running | Cause::Unknown) => "記録なし",
    }
}

/// The label of the rest of a day that was not over.
pub(super) fn not_yet(language: Language) -> &'static str {
    match language {
        En => "not yet",
        Ja => "まだ先",
    }
}

/// The range of the same weekday of the last weeks.
pub(super) fn usual(language: Language) -> &'static str {
    match language {
        En => "usual (8 weeks)",
        Ja => "通常の範囲（過去 8 週）",
    }
}

/// A date with its day of the week.
pub(super) fn date(language: Language, date: Date) -> String {
    let weekday = weekday(language, date);
    match language {
        En => format!("{date} ({weekday})"),
        Ja => format!("{date}（{weekday}）"),
    }
}

/// A day of the week, abbreviated.
pub(super) fn weekday(language: Language, date: Date) -> &'static str {
    let [english, japanese] = match date.weekday() {
        Weekday::Monday => ["Mon", "月"],
        Weekday::Tuesday => ["Tue", "火"],
        Weekday::Wednesday => ["Wed", "水"],
        Weekday::Thursday => ["Thu", "木"],
        Weekday::Friday => ["Fri", "金"],
        Weekday::Saturday => ["Sat", "土"],
        Weekday::Sunday => ["Sun", "日"],
    };
    match language {
        En => english,
        Ja => japanese,
    }
}

fn zone(language: Language, clock: &DayClock, log: &LogSummary) -> String {
    match (log.metadata.tz.as_deref(), language) {
        (Some(name), _) if clock.zone_known() => name.to_owned(),
        (None, En) => "zone unknown".to_owned(),
        (None, Ja) => "タイムゾーン不明".to_owned(),
        (Some(name), En) => format!("zone {name} is not in the database"),
        (Some(name), Ja) => format!("タイムゾーン {name} はデータベースにありません"),
    }
}

fn samples(language: Language, log: &LogSummary) -> String {
    let (there, expected) = (log.sampled(), log.expected);
    let interval = log.interval_seconds;
    match (language, interval % 60) {
        (En, 0) => format!("{there} of {expected} samples, every {} min", interval / 60),
        (En, _) => format!("{there} of {expected} samples, every {interval} s"),
        (Ja, 0) => format!("記録 {there}/{expected} 件、{} 分間隔", interval / 60),
        (Ja, _) => format!("記録 {there}/{expected} 件、{interval} 秒間隔"),
    }
}
