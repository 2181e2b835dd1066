//! What is worth telling about a day, in words.

use jiff::civil::DateTime;
use log2aws_core::day::Day;
use log2aws_core::day_report::{Beside, Fact, Memory, Peak, Range, Report, Stretch};
use log2aws_core::summary::{Cause, LogSummary};

use super::content::Content;
use super::numbers;
use crate::i18n::{Words, count, fill};
use crate::pages::layout::{Message, Severity};

/// A day of which fewer samples could be compared is not called usual: half of a day.
const COMPARED_SHARE: usize = 2;

/// The sentences, the most important first.
pub(super) fn sentences(report: &Report, log: &LogSummary, day: Day, w: &Words) -> Vec<Message> {
    let text = Text { day, w };
    let mut messages: Vec<_> = report.facts.iter().map(|fact| text.fact(fact)).collect();
    if report.more > 0 {
        let more = u64::try_from(report.more).unwrap_or(u64::MAX);
        messages.push(Message::new(
            Severity::Note,
            count(more, [w.report_more_one, w.report_more_many]),
        ));
    }
    let whole = log.missing == 0 && log.unreadable == 0 && log.reboots_total == 0;
    let samples = usize::try_from(log.sampled()).unwrap_or(usize::MAX);
    let compared = report.compared > 0 && report.compared * COMPARED_SHARE >= samples.min(1440);
    if messages.is_empty() && whole && compared {
        messages.push(Message::new(Severity::Note, w.report_nothing));
    }
    messages
}

/// What to run on the server if samples are missing for a reason that can be found there.
pub(super) fn command(content: &Content, log: &LogSummary, w: &Words) -> Option<Message> {
    let missing = log.missing_because(Cause::Running) + log.missing_because(Cause::Unknown);
    // Only the agent's sampler writes metadata; there may be no agent otherwise.
    (missing > 0 && log.metadata.mode.is_some()).then(|| commands(content, w))
}

/// The commands for a day of a server.
pub(super) fn commands(content: &Content, w: &Words) -> Message {
    let Content { server, day, .. } = content;
    Message::new(Severity::Note, fill(w.commands, &[("server", server), ("day", day)]))
}

struct Text<'a> {
    day: Day,
    w: &'a Words,
}

impl Text<'_> {
    fn fact(&self, fact: &Fact) -> Message {
        let w = self.w;
        match fact {
            Fact::LoadAboveCores { cores, stretch, peak, beside, usual } => {
                let text = if *cores == 1 { w.report_core } else { w.report_cores };
                let mut sentence = self.of_stretch(
                    text,
                    stretch,
                    &[("cores", cores), ("peak", &load(peak.load)), ("at", &self.time(peak.at))],
                );
                let beside = self.beside(beside);
                if !beside.is_empty() {
                    sentence.push_str(&fill(w.report_beside, &[("beside", &beside)]));
                }
                if let Some(usual) = usual {
                    let range = self.range(*usual, load);
                    sentence.push_str(&fill(w.report_usual, &[("usual", &range)]));
                }
                Message::new(Severity::Warn, sentence)
            }
            Fact::Waited { stretch, beside } => {
                let beside = self.beside(beside);
                let text = self.of_stretch(w.report_waited, stretch, &[("beside", &beside)]);
                Message::new(Severity::Warn, text)
            }
            Fact::Memory(memory) => self.memory(memory),
            Fact::LoadUnusual { stretch, load: now, usual, above } => {
                let text = if *above { w.report_above_usual } else { w.report_below_usual };
                let values: [(&str, &dyn std::fmt::Display); 2] =
                    [("load", &self.range(*now, load)), ("usual", &self.range(*usual, load))];
                Message::new(Severity::Note, self.of_stretch(text, stretch, &values))
            }
            Fact::PeakUnusual { peak, usual, usual_minute, .. } => {
                self.peak(*peak, *usual, *usual_minute)
            }
        }
    }

    fn peak(&self, peak: Peak, usual: Range, minute: Option<u16>) -> Message {
        let w = self.w;
        let text = if minute.is_some() { w.report_peak_at } else { w.report_peak };
        let minute = minute.unwrap_or_default();
        let minute = format!("{:02}:{:02}", minute / 60, minute % 60);
        let text = fill(
            text,
            &[
                ("peak", &load(peak.load)),
                ("at", &self.time(peak.at)),
                ("usual", &self.range(usual, load)),
                ("time", &minute),
            ],
        );
        Message::new(Severity::Note, text)
    }

    fn memory(&self, memory: &Memory) -> Message {
        let w = self.w;
        let free = memory.free.map(|(free, at)| {
            fill(w.report_free, &[("free", &numbers::size(free)), ("at", &self.time(at))])
        });
        let left = memory.left.filter(|_| memory.is_little);
        let left = left.map(|left| fill(w.report_left, &[("left", &numbers::size(left))]));
        let swapped = (memory.swapped > 0.0)
            .then(|| fill(w.report_swapped, &[("swapped", &numbers::size(memory.swapped))]));
        let more = (memory.swapped_more > 0.0)
            .then(|| fill(w.report_swapped_more, &[("more", &numbers::size(memory.swapped_more))]));
        let parts = w.list([free, left, swapped, more]);
        let new = memory.is_little || memory.swapped_more > 0.0;
        let severity = if new { Severity::Warn } else { Severity::Note };
        Message::new(severity, fill(w.report_memory, &[("parts", &parts)]))
    }

    fn beside(&self, beside: &Beside) -> String {
        let Beside { wait, stolen, swapping, blocked, read, written, busy } = *beside;
        let part = |range: Option<Range>, text: &str| {
            Some(fill(text, &[("range", &self.range(range?, whole))]))
        };
        self.w.list([
            part(wait, self.w.report_wait),
            part(stolen, self.w.report_stolen),
            part(swapping, self.w.report_swapping),
            part(blocked, self.w.report_blocked),
            part(read, self.w.report_read),
            part(written, self.w.report_written),
            part(busy, self.w.report_busy),
        ])
    }

    /// A sentence about a stretch: when, and for how long.
    fn of_stretch(
        &self,
        text: &str,
        stretch: &Stretch,
        values: &[(&str, &dyn std::fmt::Display)],
    ) -> String {
        let when = if stretch.all_day {
            self.w.all_day.to_owned()
        } else {
            let (from, till) = (self.time(stretch.from), self.time(stretch.till));
            self.w.span(&from, &till)
        };
        let long = numbers::long_duration(stretch.seconds, self.w);
        let mut all: Vec<(&str, &dyn std::fmt::Display)> = vec![("when", &when), ("long", &long)];
        all.extend_from_slice(values);
        fill(text, &all)
    }

    /// The next midnight is 24:00.
    fn time(&self, time: DateTime) -> String {
        if time.date() > self.day.date() {
            return "24:00".to_owned();
        }
        time.strftime("%H:%M").to_string()
    }

    fn range(&self, range: Range, written: fn(f64) -> String) -> String {
        let (low, high) = (written(range.low), written(range.high));
        if low == high {
            return low;
        }
        // 70–82 k, and not 70 k–82 k.
        let low = match (low.strip_suffix(" k"), high.ends_with(" k")) {
            (Some(number), true) => number.to_owned(),
            _ => low,
        };
        self.w.span(&low, &high)
    }
}

/// A load: one decimal, below 1 two.
fn load(load: f64) -> String {
    if load < 1.0 { numbers::plain(load) } else { numbers::plain((load * 10.0).round() / 10.0) }
}

/// A whole number, from 10,000 on in thousands.
fn whole(value: f64) -> String {
    if value < 9_999.5 { format!("{value:.0}") } else { format!("{:.0} k", value / 1000.0) }
}

#[cfg(test)]
mod tests {
    use log2aws_core::chart::Language;

    use super::*;
    use crate::i18n;

    fn said(fact: &Fact) -> [String; 2] {
        let day: Day = "2026-11-29".parse().unwrap();
        [Language::En, Language::Ja]
            .map(|language| Text { day, w: i18n::of(language) }.fact(fact).text)
    }

    fn at(time: &str) -> DateTime {
        format!("2026-11-29T{time}:00").parse().unwrap()
    }

    fn range(low: f64, high: f64) -> Range {
        Range { low, high }
    }

    #[test]
    fn a_storm_is_told_with_what_was_beside_it() {
        let stretch =
            Stretch { from: at("02:30"), till: at("05:10"), seconds: 9600, all_day: false };
        let beside = Beside {
            wait: Some(range(38.0, 41.0)),
            blocked: Some(range(3.0, 5.0)),
            read: Some(range(70_400.0, 81_600.0)),
            ..Beside::default()
        };
        let peak = Peak { at: at("03:40"), load: 31.25 };
        let usual = Some(range(0.5, 0.55));
        let [en, ja] = said(&Fact::LoadAboveCores { cores: 8, stretch, peak, beside, usual });
        assert_eq!(
            en,
            "02:30–05:10: load above the 8 cores for 2 h 40 min, up to 31.3 at 03:40. Meanwhile \
            waiting for I/O 38–41 %, 3–5 processes blocked, 70–82 k blocks/s read. Usual at that \
            time: 0.5–0.55."
        );
        assert_eq!(
            ja,
            "02:30～05:10：ロードアベレージが 2 時間 40 分にわたってコア数（8）を超えました。最大は \
            31.3（03:40）です。その間：I/O 待ち 38～41 %、ブロック中のプロセス 3～5 個、読み込み \
            70～82 k ブロック/s。この時間帯の通常値：0.5～0.55。"
        );
    }

    #[test]
    fn a_dying_machine_is_told() {
        let (from, till) = (at("00:00"), "2026-11-30T00:00:00".parse().unwrap());
        let stretch = Stretch { from, till, seconds: 86_400, all_day: true };
        let peak = Peak { at: at("14:50"), load: 10.3 };
        let beside = Beside::default();
        let [en, ja] = said(&Fact::LoadAboveCores { cores: 4, stretch, peak, beside, usual: None });
        assert_eq!(en, "All day: load above the 4 cores for 24 h, up to 10.3 at 14:50.");
        assert!(ja.starts_with("終日：ロードアベレージが 24 時間にわたってコア数（4）"), "{ja}");
        let [en, ja] = said(&Fact::Memory(Memory {
            free: Some((100_352.0, at("14:50"))),
            left: Some(150_000.0),
            is_little: true,
            swapped: 6_291_456.0,
            swapped_more: 0.0,
        }));
        assert_eq!(
            en,
            "Memory: least free 98 MiB at 14:50, 146.5 MiB with buffers and cache, up to 6 GiB \
            swapped out."
        );
        assert_eq!(
            ja,
            "メモリ：最小空きメモリ 98 MiB（14:50）、バッファーとキャッシュを含めると 146.5 MiB、\
            スワップアウトは最大 6 GiB。"
        );
    }

    #[test]
    fn an_unusual_peak_is_told_with_its_usual_time() {
        let peak = Peak { at: at("14:50"), load: 9.5 };
        let usual = range(1.13, 1.42);
        let [en, ja] = said(&Fact::PeakUnusual { peak, usual, usual_minute: Some(150), days: 8 });
        assert!(en.ends_with("8 weeks it was 1.1–1.4, mostly at about 02:30."), "{en}");
        assert!(ja.contains("1.1～1.4、おもに 02:30 ごろ"), "{ja}");
    }
}
