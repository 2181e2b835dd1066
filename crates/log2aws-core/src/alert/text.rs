//! Alerts in words.

use std::collections::BTreeSet;

use super::figure::Figure;
use super::message::{Change, Item, Message};
use super::rule::{Condition, Rule};
use crate::chart::Language;
use crate::server_name::ServerName;

/// The first line of a message: how many servers, and what is wrong with them.
pub fn title(message: &Message, language: Language) -> String {
    let ja = language == Language::Ja;
    let Some(first) = message.sections.first() else {
        return if ja { "log2aws のテスト通知です" } else { "This is a test of log2aws" }
            .to_owned();
    };
    let (mut firing, mut over) = (0_usize, 0_usize);
    let mut servers: BTreeSet<&ServerName> = BTreeSet::new();
    for (_, item) in message.items() {
        servers.insert(&item.server);
        if item.change == Change::Firing { firing += 1 } else { over += 1 }
    }
    if message.sections.len() > 1 || (firing > 0 && over > 0) {
        return if ja {
            format!("サーバー {} 台：アラート {firing} 件、解消 {over} 件", servers.len())
        } else {
            format!("{}: {firing} firing, {over} over", count(servers.len()))
        };
    }
    let what = first.items.first().map_or("", |item| about(&item.figure, language));
    let mark = match (firing, ja) {
        (0, false) => "Resolved: ",
        (0, true) => "解消：",
        _ => "",
    };
    match (servers.first(), servers.len(), ja) {
        (Some(server), 1, false) => format!("{mark}{server}: {what}"),
        (Some(server), 1, true) => format!("{mark}{server}：{what}"),
        (_, n, false) => format!("{mark}{} ({}): {what}", count(n), first.network),
        (_, n, true) => format!("{mark}サーバー {n} 台（{}）：{what}", first.network),
    }
}

fn count(servers: usize) -> String {
    if servers == 1 { "1 server".to_owned() } else { format!("{servers} servers") }
}

/// What is wrong, in two or three words.
fn about(figure: &Figure, language: Language) -> &'static str {
    match (figure, language) {
        (Figure::Silent { .. }, Language::En) => "no logs arrive",
        (Figure::Silent { .. }, Language::Ja) => "ログが届いていません",
        (Figure::Load { .. }, Language::En) => "high load",
        (Figure::Load { .. }, Language::Ja) => "高負荷",
        (Figure::Memory { .. }, Language::En) => "free memory runs out",
        (Figure::Memory { .. }, Language::Ja) => "空きメモリの枯渇",
        (Figure::Rejects { .. }, Language::En) => "unreadable lines",
        (Figure::Rejects { .. }, Language::Ja) => "読めない行",
    }
}

/// An alert of a message in one line.
pub fn describe(item: &Item, language: Language) -> String {
    let what = describe_figure(&item.figure, language);
    let ja = language == Language::Ja;
    let until = item.until.filter(|_| item.change != Change::Firing);
    match (item.change, until, ja) {
        (Change::Firing, ..) => what,
        (_, Some(day), false) => format!("{what}; over on {day}"),
        (_, Some(day), true) => format!("{what}。{day} に解消"),
        (_, None, false) => format!("{what}; over"),
        (_, None, true) => format!("{what}。解消"),
    }
}

/// What a rule looks for.
pub fn describe_rule(rule: &Rule, language: Language) -> String {
    match (rule.condition, language) {
        (Condition::Silent { days: 1 }, Language::En) => {
            "a log that was due is missing, and none has come since".to_owned()
        }
        (Condition::Silent { days }, Language::En) => {
            format!("the logs of {days} days are missing, and none has come since")
        }
        (Condition::Silent { days }, Language::Ja) => {
            format!("期限を過ぎたログが {days} 日分以上なく、その後のログも届いていない")
        }
        (Condition::Load { above, minutes }, Language::En) => {
            format!("load per core above {above} for {minutes} min of a delivered day")
        }
        (Condition::Load { above, minutes }, Language::Ja) => {
            format!("届いた日の負荷が {minutes} 分間、コアあたり {above} を超えた")
        }
        (Condition::Memory { days }, Language::En) => {
            format!("free memory runs out within {}", plural(days, "day"))
        }
        (Condition::Memory { days }, Language::Ja) => {
            format!("{days} 日以内に空きメモリがなくなる見込み")
        }
        (Condition::Rejects { above }, Language::En) => {
            format!("more than {above} % of the lines of a delivered day cannot be read")
        }
        (Condition::Rejects { above }, Language::Ja) => {
            format!("届いた日の行のうち {above} % を超える行が読めない")
        }
    }
}

/// The numbers of an alert in words.
pub fn describe_figure(figure: &Figure, language: Language) -> String {
    match (figure, language) {
        (Figure::Silent { last, days: 1 }, Language::En) => {
            format!("no log since that of {last}; 1 is overdue")
        }
        (Figure::Silent { last, days }, Language::En) => {
            format!("no log since that of {last}; {days} are overdue")
        }
        (Figure::Silent { last, days }, Language::Ja) => {
            format!("{last} 分を最後にログが届いていません（期限切れ {days} 日分）")
        }
        (Figure::Load { day, from, minutes, max, cores }, Language::En) => {
            format!(
                "load up to {max} on {}, high for {minutes} min from {from} on {day}",
                plural(*cores, "core")
            )
        }
        (Figure::Load { day, from, minutes, max, cores }, Language::Ja) => {
            format!("{day} {from} から {minutes} 分間、負荷が最大 {max}（{cores} コア）")
        }
        (Figure::Memory { from_days, to_days, free_kib, .. }, Language::En) => {
            let days = match to_days {
                Some(to) if to == from_days => format!("about {}", plural(*to, "day")),
                Some(to) => format!("about {from_days} to {}", plural(*to, "day")),
                None => format!("about {} or more", plural(*from_days, "day")),
            };
            format!("no free memory in {days}; least now {} MiB", free_kib / 1024)
        }
        (Figure::Memory { from_days, to_days, free_kib, .. }, Language::Ja) => {
            let days = match to_days {
                Some(to) if to == from_days => format!("約 {to} 日"),
                Some(to) => format!("約 {from_days}～{to} 日"),
                None => format!("約 {from_days} 日以上"),
            };
            format!("{days}で空きメモリがなくなる見込み（現在の最小 {} MiB）", free_kib / 1024)
        }
        (Figure::Rejects { day, rejects, lines }, Language::En) => {
            format!(
                "{} of {lines} lines of {day} could not be read ({})",
                rejects,
                percent(*rejects, *lines)
            )
        }
        (Figure::Rejects { day, rejects, lines }, Language::Ja) => {
            format!(
                "{day} の {lines} 行のうち {rejects} 行が読めません（{}）",
                percent(*rejects, *lines)
            )
        }
    }
}

fn plural(n: u32, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

fn percent(part: u32, whole: u32) -> String {
    format!("{:.1} %", f64::from(part) * 100.0 / f64::from(whole.max(1)))
}
