//! Formats numbers for people: plain, or with a fitting unit.

use crate::i18n::{Words, fill};

/// At most two decimals, without trailing zeros.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if trimmed == "-0" { "0".to_owned() } else { trimmed.to_owned() }
}

/// The best unit for a size in KiB, and its size in KiB.
pub(crate) fn size_unit(kib: f64) -> (&'static str, f64) {
    const STEP: f64 = 1024.0;
    if kib >= STEP * STEP {
        ("GiB", STEP * STEP)
    } else if kib >= STEP {
        ("MiB", STEP)
    } else {
        ("KiB", 1.0)
    }
}

/// A size in KiB with its unit.
pub(crate) fn size(kib: f64) -> String {
    let (unit, of) = size_unit(kib);
    format!("{} {unit}", plain((kib / of * 10.0).round() / 10.0))
}

/// A duration in seconds, or in minutes if it is a whole number of them.
pub(crate) fn duration(seconds: u32, w: &Words) -> String {
    if seconds.is_multiple_of(60) {
        fill(w.minutes, &[("n", &(seconds / 60))])
    } else {
        fill(w.seconds, &[("n", &seconds)])
    }
}

/// A duration of minutes or hours, to the minute.
pub(crate) fn long_duration(seconds: u32, w: &Words) -> String {
    let minutes = (seconds + 30) / 60;
    let (hours, rest) = (minutes / 60, minutes % 60);
    let rest_text = fill(w.minutes, &[("n", &rest)]);
    match (hours, rest) {
        (0, _) => rest_text,
        (_, 0) => fill(w.hours, &[("n", &hours)]),
        _ => format!("{} {rest_text}", fill(w.hours, &[("n", &hours)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (value, text) in
            [(0.0, "0"), (-0.001, "0"), (1.5, "1.5"), (23.456, "23.46"), (100.0, "100")]
        {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn a_duration_is_in_hours_and_minutes() {
        let w = crate::i18n::of(log2aws_core::chart::Language::En);
        for (seconds, text) in
            [(1800, "30 min"), (3600, "1 h"), (9_600, "2 h 40 min"), (86_399, "24 h")]
        {
            assert_eq!(long_duration(seconds, w), text);
        }
    }

    #[test]
    fn a_size_has_the_unit_that_fits() {
        for (kib, text) in [
            (0.0, "0 KiB"),
            (1023.0, "1023 KiB"),
            (1536.0, "1.5 MiB"),
            (379_918_752.0, "362.3 GiB"),
        ] {
            assert_eq!(size(kib), text);
        }
    }
}
