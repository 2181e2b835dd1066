//! The reasons that results hold, in Japanese: why a line, a cell or a delivery was not accepted.
//!
//! Results have them in English, whichever language their reader has; the pages translate them.
//! One that is not known, as of a newer program, is shown as it is.

use std::borrow::Cow;

use log2aws_core::chart::Language;

/// The reason in a language.
pub(crate) fn reason(language: Language, english: &str) -> Cow<'_, str> {
    match language {
        Language::En => english.into(),
        Language::Ja => japanese(english).map_or_else(|| english.into(), Cow::Owned),
    }
}

fn japanese(english: &str) -> Option<String> {
    let hint =
        HINTS.iter().find_map(|(hint, japanese)| Some((english.strip_suffix(hint)?, *japanese)));
    let (sentence, hint) = hint.unwrap_or((english, ""));
    let mut text = REASONS.iter().find_map(|(pattern, japanese)| {
        let values = values(pattern, sentence)?;
        Some(filled(japanese, &values))
    })?;
    text.push_str(hint);
    Some(text)
}

/// The parts of `text` at the holes (`{}`) of a pattern; `None` if it does not match.
fn values<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut literals = pattern.split("{}");
    let mut rest = text.strip_prefix(literals.next()?)?;
    let mut values = Vec::new();
    let mut literals = literals.peekable();
    while let Some(literal) = literals.next() {
        // A value may hold what follows it, so the last literal is looked for at the end.
        let at = if literals.peek().is_none() {
            rest.strip_suffix(literal)?.len()
        } else {
            rest.find(literal)?
        };
        values.push(&rest[..at]);
        rest = &rest[at + literal.len()..];
    }
    rest.is_empty().then_some(values)
}

/// A translation with the values in its holes `{0}`, `{1}`; a reason in a value is translated too.
fn filled(japanese: &str, values: &[&str]) -> String {
    let mut text = japanese.to_owned();
    for (index, value) in values.iter().enumerate() {
        let value = self::japanese(value).unwrap_or_else(|| (*value).to_owned());
        text = text.replace(&format!("{{{index}}}"), &value);
    }
    text
}

/// Hints at the end of a reason.
const HINTS: &[(&str, &str)] = &[(
    "; if that is another language, set LC_ALL=C for uptime",
    "。英語以外の出力なら、uptime に LC_ALL=C を設定してください",
)];

/// English with `{}` for values, and Japanese with their numbers.
const REASONS: &[(&str, &str)] = &[
    // A line.
    ("the line is not UTF-8 text (at byte {})", "UTF-8 のテキストではありません（{0} バイト目）"),
    (
        "the line is not UTF-8 text (byte {} of it)",
        "UTF-8 のテキストではありません（{0} バイト目）",
    ),
    (
        "the line is UTF-16 text; a log must be UTF-8 (in PowerShell: Out-File -Encoding utf8)",
        "UTF-16 のテキストです。ログは UTF-8 で書いてください（PowerShell では Out-File -Encoding utf8）",
    ),
    (
        "this is UTF-16 text; a log must be UTF-8 (in PowerShell: Out-File -Encoding utf8)",
        "UTF-16 のテキストです。ログは UTF-8 で書いてください（PowerShell では Out-File -Encoding utf8）",
    ),
    (
        "expected a date written YYYY-MM-DD, found {}",
        "YYYY-MM-DD 形式の日付の位置に {0} があります",
    ),
    ("date {} does not exist", "{0} という日付はありません"),
    ("expected a time written HH:MM:SS, found {}", "HH:MM:SS 形式の時刻の位置に {0} があります"),
    ("time {} does not exist", "{0} という時刻はありません"),
    ("expected \"up\" after the time, found {}", "時刻の後の \"up\" の位置に {0} があります"),
    (
        "expected an uptime such as \"45 days, 20:04\", \"20:04\" or \"5 min\", found {}",
        "稼働時間（\"45 days, 20:04\"、\"20:04\"、\"5 min\" など）の位置に {0} があります",
    ),
    (
        "expected \"N users\" or \"load average:\" after the uptime, found {}",
        "稼働時間の後の \"N users\" または \"load average:\" の位置に {0} があります",
    ),
    (
        "expected \"load average:\" after the users, found {}",
        "ユーザー数の後の \"load average:\" の位置に {0} があります",
    ),
    ("expected 3 load averages, found {}", "ロードアベレージは 3 個必要ですが、{0} 個です"),
    (
        "expected a load average such as 0.24, found {}",
        "ロードアベレージ（0.24 など）の位置に {0} があります",
    ),
    (
        "vmstat printed its header without numbers; vmstat failed on this machine",
        "vmstat が見出しだけを出力しました。このマシンで vmstat が失敗しています",
    ),
    (
        "expected 16, 17 or 18 vmstat columns, found {}",
        "vmstat の列は 16、17、18 のいずれかですが、{0} 列です",
    ),
    (
        "vmstat column {} is {}, which is not a whole number",
        "vmstat の列 {0} の値 {1} は整数ではありません",
    ),
    (
        "number {} is larger than 18446744073709551615",
        "数値 {0} は 18446744073709551615 を超えています",
    ),
    (
        "there are CRs inside the line; if the lines of this log end with CR alone, make them end with LF",
        "行の中に CR があります。行末が CR だけのログなら、LF に変換してください",
    ),
    ("the line is longer than {} bytes", "行が {0} バイトを超えています"),
    (
        "the last line is cut short: {} of {} vmstat columns and no line end",
        "最後の行が途中で切れています（vmstat は {1} 列のうち {0} 列で、行末がありません）",
    ),
    (
        "the line was torn, as by a power cut: zeros follow, and behind them a line that was read",
        "停電などで行が途中で切れています。後ろにゼロが続き、その後の行は読めました",
    ),
    // A whole log.
    (
        "this is {}, not text; unpack it with \"{}\" (only gzip is read as it is)",
        "テキストではなく {0} です。\"{1}\" で展開してください（そのまま読めるのは gzip だけです）",
    ),
    (
        "the gzip data are cut short; the text ends here",
        "gzip データが途中で切れています。ここまでを読みました",
    ),
    (
        "the gzip data are damaged ({}); the text ends here",
        "gzip データが壊れています（{0}）。ここまでを読みました",
    ),
    (
        "the gzip data expand more than {} times; reading stopped here, as no real log does that",
        "gzip データを展開すると {0} 倍を超えます。実際のログではありえないため、ここで読み取りを止めました",
    ),
    // A row or a cell of a CSV.
    ("longer than {} bytes; the row is left out", "{0} バイトを超えています。この行を除きました"),
    (
        "{} cells instead of {}; the row is left out",
        "セルの数が {1} ではなく {0} です。この行を除きました",
    ),
    (
        "datetime {} is no time like \"2019-08-01 00:00:01\"; the row is left out",
        "datetime の値 {0} は \"2019-08-01 00:00:01\" のような時刻ではありません。この行を除きました",
    ),
    (
        "{} {} is no uptime like \"45days 20:04\" or \"5min\"; the cell counts as empty",
        "{0} の値 {1} は \"45days 20:04\" や \"5min\" のような稼働時間ではありません。空欄として扱います",
    ),
    (
        "{} {} is too large; the cell counts as empty",
        "{0} の値 {1} は大きすぎます。空欄として扱います",
    ),
    (
        "{} {} is no whole number; the cell counts as empty",
        "{0} の値 {1} は整数ではありません。空欄として扱います",
    ),
    (
        "{} {} is below zero; the cell counts as empty",
        "{0} の値 {1} は負の数です。空欄として扱います",
    ),
    (
        "{} {} is no number; the cell counts as empty",
        "{0} の値 {1} は数値ではありません。空欄として扱います",
    ),
    // A delivery.
    (
        "the address is not listed for this server",
        "このアドレスはこのサーバー用には許可されていません",
    ),
    ("put from {}: {}", "{0} からの送信：{1}"),
    ("the address is not on the allow-list", "このアドレスは許可リストにありません"),
];

#[cfg(test)]
mod tests {
    use log2aws_core::line::LineError;
    use log2aws_core::reject::{DEFAULT_MAX_GZIP_RATIO, Reason};

    use super::*;

    /// A reason of each kind.
    fn all() -> Vec<Reason> {
        let text = || "07:15 朝".to_owned();
        let lines = [
            LineError::NotUtf8(7),
            LineError::Utf16,
            LineError::Date(text()),
            LineError::UnrealDate(text()),
            LineError::Time(text()),
            LineError::UnrealTime(text()),
            LineError::Up(text()),
            LineError::Uptime(text()),
            LineError::Users(text()),
            LineError::NoLoad(text()),
            LineError::LoadCount(7),
            LineError::Load(text()),
            LineError::Header,
            LineError::Columns(7),
            LineError::Value { column: "swpd", text: "7, which is".to_owned() },
            LineError::Range("7".to_owned()),
        ];
        let logs = [
            Reason::TooLong,
            Reason::CutShort { found: 7, expected: 17 },
            Reason::Torn,
            Reason::Packed { name: "xz data", tool: "xz -d" },
            Reason::Utf16,
            Reason::GzipCutShort,
            Reason::GzipDamaged("7".to_owned()),
            Reason::GzipBomb { max_ratio: DEFAULT_MAX_GZIP_RATIO },
            Reason::InnerReturns,
        ];
        lines.into_iter().map(Reason::Line).chain(logs).collect()
    }

    /// A kind that is added is added above.
    fn kinds() -> usize {
        use {LineError as L, Reason as R};
        let number = |reason: &R| match reason {
            R::Line(L::NotUtf8(_) | L::Utf16 | L::Date(_) | L::UnrealDate(_)) => 4,
            R::Line(L::Time(_) | L::UnrealTime(_) | L::Up(_) | L::Uptime(_)) => 8,
            R::Line(L::Users(_) | L::NoLoad(_) | L::LoadCount(_) | L::Load(_)) => 12,
            R::Line(L::Header | L::Columns(_) | L::Value { .. } | L::Range(_)) => 16,
            R::TooLong | R::CutShort { .. } | R::Torn | R::Packed { .. } => 20,
            R::Utf16 | R::GzipCutShort | R::GzipDamaged(_) | R::GzipBomb { .. } => 24,
            R::InnerReturns => 25,
        };
        all().iter().map(number).max().unwrap_or_default()
    }

    #[test]
    fn every_reason_is_translated_with_its_values() {
        assert_eq!(all().len(), kinds());
        for english in all().iter().map(ToString::to_string) {
            let text = japanese(&english).unwrap_or_else(|| panic!("{english}"));
            assert!(!text.contains(['{', '}']), "{text}");
            assert_eq!(text.contains('7'), english.contains('7'), "{english}: {text}");
            assert_eq!(
                text.contains("07:15 朝"),
                english.contains("07:15 朝"),
                "{english}: {text}"
            );
            assert_eq!(
                text.contains("LC_ALL=C"),
                english.contains("LC_ALL=C"),
                "{english}: {text}"
            );
            assert_eq!(reason(Language::En, &english), english);
        }
    }

    #[test]
    fn a_reason_within_another_is_translated() {
        let english = "put from 198.51.100.9: the address is not on the allow-list";
        let text = "198.51.100.9 からの送信：このアドレスは許可リストにありません";
        assert_eq!(reason(Language::Ja, english), text);
        let cells = "22 cells instead of 23; the row is left out";
        assert_eq!(
            reason(Language::Ja, cells),
            "セルの数が 23 ではなく 22 です。この行を除きました"
        );
    }

    #[test]
    fn an_unknown_reason_is_shown_as_it_is() {
        for english in ["something new", "date 7 does not exist!", ""] {
            assert_eq!(reason(Language::Ja, english), english);
        }
    }
}
