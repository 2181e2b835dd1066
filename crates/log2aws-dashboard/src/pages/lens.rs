//! Lenses of the calendar for display: names, values, the scale of colours.

use std::fmt;

use crate::i18n::{Words, fill};
use crate::index::{Lens, LensValue};
use crate::pages::day::numbers;

/// The name in a URL.
pub(crate) fn id(lens: Lens) -> &'static str {
    match lens {
        Lens::Load => "load",
        Lens::Complete => "complete",
        Lens::Cpu => "cpu",
        Lens::Iowait => "iowait",
        Lens::Free => "free",
        Lens::Swap => "swap",
        Lens::Reboots => "reboots",
    }
}

/// The name on the page.
pub(crate) fn name(lens: Lens, w: &Words) -> &'static str {
    match lens {
        Lens::Load => w.lens_load,
        Lens::Complete => w.lens_complete,
        Lens::Cpu => w.lens_cpu,
        Lens::Iowait => w.lens_iowait,
        Lens::Free => w.lens_free,
        Lens::Swap => w.lens_swap,
        Lens::Reboots => w.lens_reboots,
    }
}

/// What the values are.
pub(crate) fn description(lens: Lens, w: &Words) -> &'static str {
    match lens {
        Lens::Load => w.say_lens_load,
        Lens::Complete => w.say_lens_complete,
        Lens::Cpu => w.say_lens_cpu,
        Lens::Iowait => w.say_lens_iowait,
        Lens::Free => w.say_lens_free,
        Lens::Swap => w.say_lens_swap,
        Lens::Reboots => w.say_lens_reboots,
    }
}

/// The CSS class of a value: its level, and whether the day is incomplete.
pub(crate) fn class(value: Option<LensValue>, incomplete: bool) -> &'static str {
    const CLASSES: [[&str; 7]; 2] =
        [["v0", "v1", "v2", "v3", "v4", "v5", "vn"], ["w0", "w1", "w2", "w3", "w4", "w5", "wn"]];
    let level = value.map_or(6, |value| usize::from(value.level).min(5));
    CLASSES[usize::from(incomplete)][level]
}

/// A value in a cell: a few characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short(pub(crate) Lens, pub(crate) Option<LensValue>);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(lens, Some(LensValue { value, cores, .. })) = *self else {
            return f.write_str("–");
        };
        match lens {
            Lens::Load if cores.is_none() => {
                f.write_str("(")?;
                digits(value, f)?;
                f.write_str(")")
            }
            Lens::Free | Lens::Swap => size(value, f),
            Lens::Cpu | Lens::Reboots => write!(f, "{:.0}", (value + ROUNDING).floor()),
            Lens::Load | Lens::Iowait | Lens::Complete => digits(value, f),
        }
    }
}

/// One decimal, or the whole part. Rounded down, so that a value never looks like a bound that it
/// does not reach.
fn digits(value: f32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let tenths = (value * 10.0 + ROUNDING).floor();
    match tenths {
        _ if value == 0.0 => f.write_str("0"),
        tenths if tenths < 100.0 => write!(f, "{:.1}", tenths / 10.0),
        tenths => write!(f, "{:.0}", (tenths / 10.0).floor()),
    }
}

/// Makes up for the rounding of 32-bit numbers: 2.3 × 10 is a little less than 23.
const ROUNDING: f32 = 1e-3;

/// A size in KiB: one decimal or the whole part, and the first letter of the unit; rounded down.
fn size(kib: f32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (mut value, mut unit) = (kib, "K");
    for larger in ["M", "G", "T"] {
        if value >= 1000.0 {
            (value, unit) = (value / 1024.0, larger);
        }
    }
    let tenths = (value * 10.0 + ROUNDING).floor();
    if value == 0.0 {
        f.write_str("0")
    } else if tenths < 100.0 && unit != "K" {
        write!(f, "{:.1}{unit}", tenths / 10.0)
    } else {
        write!(f, "{:.0}{unit}", (tenths / 10.0).floor())
    }
}

/// The scale: a class and a text for each level.
pub(crate) fn scale(lens: Lens, w: &Words) -> Vec<(&'static str, String)> {
    if lens == Lens::Complete {
        return Vec::new();
    }
    let text = |bound: f32| match lens {
        Lens::Free | Lens::Swap => numbers::size(f64::from(bound)),
        Lens::Cpu | Lens::Iowait => format!("{} %", numbers::plain(f64::from(bound))),
        _ => numbers::plain(f64::from(bound)),
    };
    let bounds = lens.bounds();
    let (first, next) = match lens {
        Lens::Free => (w.scale_from, w.scale_below),
        _ => (w.scale_below, w.scale_from),
    };
    let entry = |level: usize, words: &str, bound: f32| {
        let value =
            LensValue { value: bound, level: u8::try_from(level).unwrap_or(5), cores: None };
        (class(Some(value), false), fill(words, &[("n", &text(bound))]))
    };
    let mut scale = vec![entry(0, first, bounds[0])];
    scale.extend(bounds.iter().enumerate().map(|(at, bound)| entry(at + 1, next, *bound)));
    scale
}

#[cfg(test)]
mod tests {
    use log2aws_core::chart::Language;

    use super::*;
    use crate::i18n;

    #[test]
    fn a_value_has_few_characters() {
        let value = |lens, value, cores| {
            let text = Short(lens, Some(LensValue { value, level: 0, cores })).to_string();
            assert!(text.chars().count() <= 6, "{text}");
            text
        };
        for (number, text) in
            [(0.0, "0"), (0.04, "0.0"), (0.42, "0.4"), (2.3, "2.3"), (9.96, "9.9"), (38.4, "38")]
        {
            assert_eq!(value(Lens::Load, number, Some(2)), text);
        }
        // What is below a bound does not look like it.
        for bound in Lens::Load.bounds() {
            let below: f32 = value(Lens::Load, bound - 0.004, Some(2)).parse().unwrap();
            assert!(below < bound, "{bound}: {below}");
        }
        assert_eq!(value(Lens::Load, 3.12, None), "(3.1)");
        assert_eq!(value(Lens::Load, 1024.0, None), "(1024)");
        assert_eq!(value(Lens::Cpu, 99.6, None), "99");
        assert_eq!(value(Lens::Iowait, 4.26, None), "4.2");
        assert_eq!(value(Lens::Reboots, 11.0, None), "11");
        for (kib, text) in [
            (0.0, "0"),
            (900.0, "900K"),
            (1000.0, "0.9M"),
            (1024.0, "1.0M"),
            (98.0 * 1024.0, "98M"),
            (6.0 * 1_048_576.0, "6.0G"),
            (362.3 * 1_048_576.0, "362G"),
            (2e9, "1.8T"),
        ] {
            assert_eq!(value(Lens::Free, kib, None), text);
        }
        assert_eq!(Short(Lens::Load, None).to_string(), "–");
    }

    #[test]
    fn every_level_has_a_colour_and_a_bound() {
        for lens in Lens::ALL.into_iter().filter(|lens| *lens != Lens::Complete) {
            let scale = scale(lens, i18n::of(Language::En));
            let classes: Vec<_> = scale.iter().map(|(class, _)| *class).collect();
            assert_eq!(classes, ["v0", "v1", "v2", "v3", "v4", "v5"]);
            assert_ne!(scale[4].1, scale[5].1);
        }
        let free = scale(Lens::Free, i18n::of(Language::En));
        assert_eq!((free[0].1.as_str(), free[5].1.as_str()), ("from 4 GiB", "below 128 MiB"));
    }
}
