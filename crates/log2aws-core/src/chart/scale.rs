//! Scales: the ticks of an axis and how numbers are written.

use serde::Serialize;

/// Larger values are drawn at the end of the scale; no real machine comes near.
const LARGEST: f64 = 1e30;

/// Values below this count as zero: load averages have steps of 0.01.
const SMALLEST: f64 = 0.01;

/// The load's scale includes the line of the cores unless that is more than this many times the
/// highest load, which would flatten the curve.
pub(super) const MAX_CORES_PER_LOAD: f64 = 4.0;

/// An axis from zero to a round number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// The value at the upper end.
    pub(super) top: f64,
    step: f64,
    unit: Unit,
}

/// A rule by which a scale is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ScaleKind {
    Numbers,
    Counts,
    Kibibytes,
    Percent,
}

/// The unit that ticks count in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit {
    size: f64,
    name: &'static str,
}

const DECIMAL: [Unit; 7] = [
    Unit { size: 1.0, name: "" },
    Unit { size: 1e3, name: "k" },
    Unit { size: 1e6, name: "M" },
    Unit { size: 1e9, name: "G" },
    Unit { size: 1e12, name: "T" },
    Unit { size: 1e15, name: "P" },
    Unit { size: 1e18, name: "E" },
];

const BINARY: [Unit; 6] = [
    Unit { size: 1.0, name: "KiB" },
    Unit { size: 1024.0, name: "MiB" },
    Unit { size: 1_048_576.0, name: "GiB" },
    Unit { size: 1_073_741_824.0, name: "TiB" },
    Unit { size: 1_099_511_627_776.0, name: "PiB" },
    Unit { size: 1_125_899_906_842_624.0, name: "EiB" },
];

impl Scale {
    /// For any numbers from 0 to `max`.
    pub(super) fn numbers(max: f64) -> Self {
        Self::of(max, &DECIMAL, 10_000.0, 0.0)
    }

    /// For counts: no ticks between whole numbers.
    pub(super) fn counts(max: f64) -> Self {
        Self::of(max, &DECIMAL, 10_000.0, 1.0)
    }

    /// For sizes given in KiB.
    pub(super) fn kibibytes(max: f64) -> Self {
        Self::of(max, &BINARY, 1024.0, 1.0)
    }

    /// From 0 to 100.
    pub(super) fn percent() -> Self {
        Self { top: 100.0, step: 25.0, unit: DECIMAL[0] }
    }

    /// Uses the smallest unit up to `first`, then the largest unit that leaves a whole part.
    fn of(max: f64, units: &[Unit], first: f64, least_step: f64) -> Self {
        let max = if max.is_finite() && max >= SMALLEST { max.min(LARGEST) } else { 1.0 };
        let larger = |unit: &&Unit| max >= unit.size && max >= first;
        let unit = *units.iter().rfind(larger).unwrap_or(&units[0]);
        let step = match round_step(max / unit.size / 4.0) * unit.size {
            // Counts have no halves; 2 still gives few ticks up to 10.
            2.5 if least_step >= 1.0 => 2.0,
            step => step.max(least_step),
        };
        Self { top: (max / step - 1e-9).ceil().max(1.0) * step, step, unit }
    }

    /// The name of the unit in which ticks count; empty if the numbers carry it themselves or need
    /// none.
    pub(super) fn unit(&self) -> &'static str {
        if self.carried() { "" } else { self.unit.name }
    }

    /// The ticks from zero to the top, with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decimals = decimals(self.step / self.unit.size);
        let mut ticks = Vec::new();
        let mut index = 0.0;
        while index * self.step <= self.top * (1.0 + 1e-9) && ticks.len() < 12 {
            let value: f64 = index * self.step;
            let mut label = format!("{:.decimals$}", value / self.unit.size);
            if self.carried() && value > 0.0 {
                label.push_str(self.unit.name);
            }
            ticks.push((value, label));
            index += 1.0;
        }
        ticks
    }

    /// Whether each number carries the unit: `250k`, but plain `250` on an axis in GiB.
    fn carried(&self) -> bool {
        DECIMAL.contains(&self.unit)
    }
}

/// The smallest of 1, 2, 2.5, 5 × 10ⁿ that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let digit = least / power;
    let round = [1.0, 2.0, 2.5, 5.0].into_iter().find(|round| digit <= round + 1e-9);
    round.unwrap_or(10.0) * power
}

/// How many decimals are needed to distinguish multiples of `step`.
fn decimals(step: f64) -> usize {
    (0..6)
        .find(|&n| {
            let scaled = step * 10_f64.powi(n);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .map_or(6, |n| usize::try_from(n).unwrap_or_default())
}

/// The value if it can be drawn: finite and not negative.
pub(super) fn finite(value: f64) -> Option<f64> {
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// A number for a legend, about three digits.
pub(super) fn number(value: f64) -> String {
    short(value, &DECIMAL, 10_000.0, "")
}

/// A size given in KiB, with its unit.
pub(super) fn size(kibibytes: f64) -> String {
    short(kibibytes, &BINARY, 1024.0, " ")
}

fn short(value: f64, units: &[Unit], first: f64, space: &str) -> String {
    let value = if value.is_finite() { value.min(LARGEST) } else { 0.0 };
    let larger = |unit: &&Unit| value >= unit.size && value >= first;
    let unit = units.iter().rfind(larger).unwrap_or(&units[0]);
    let amount = value / unit.size;
    let decimals = match amount {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let mut text = format!("{amount:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if !unit.name.is_empty() {
        text.push_str(space);
        text.push_str(unit.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: &Scale) -> String {
        scale.ticks().into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(&Scale::numbers(32.1)), "0 10 20 30 40");
        assert_eq!(labels(&Scale::numbers(0.37)), "0.0 0.1 0.2 0.3 0.4");
        assert_eq!(labels(&Scale::numbers(0.0)), "0.00 0.25 0.50 0.75 1.00");
        assert_eq!(labels(&Scale::numbers(1e6)), "0.00 0.25M 0.50M 0.75M 1.00M");
        assert_eq!(labels(&Scale::numbers(4_000.0)), "0 1000 2000 3000 4000");
        assert_eq!(labels(&Scale::numbers(40_000.0)), "0 10k 20k 30k 40k");
        assert_eq!(labels(&Scale::counts(0.0)), "0 1");
        assert_eq!(labels(&Scale::counts(3.0)), "0 1 2 3");
        assert_eq!(labels(&Scale::counts(9.0)), "0 2 4 6 8 10");
        assert_eq!(labels(&Scale::percent()), "0 25 50 75 100");
    }

    #[test]
    fn sizes_are_in_the_unit_that_suits_them() {
        let gib = Scale::kibibytes(379_918_752.0);
        assert_eq!((labels(&gib).as_str(), gib.unit()), ("0 100 200 300 400", "GiB"));
        let mib = Scale::kibibytes(493_744.0);
        assert_eq!((labels(&mib).as_str(), mib.unit()), ("0 200 400 600", "MiB"));
        assert_eq!(size(379_918_752.0), "362 GiB");
        assert_eq!(size(512.0), "512 KiB");
        assert_eq!(size(0.0), "0 KiB");
        assert_eq!(number(25.06), "25.1");
        assert_eq!(number(4.0), "4");
        assert_eq!(number(1_250_000.0), "1.25M");
    }

    proptest! {
        #[test]
        fn every_scale_holds_its_values_and_has_a_few_ticks(max in prop::num::f64::ANY) {
            for scale in [Scale::numbers(max), Scale::counts(max), Scale::kibibytes(max)] {
                let ticks = scale.ticks();
                prop_assert!((2..=6).contains(&ticks.len()), "{:?}", ticks);
                prop_assert!(scale.top.is_finite() && scale.top > 0.0);
                if max.is_finite() {
                    prop_assert!(scale.top * (1.0 + 1e-6) >= max.min(LARGEST));
                }
                let mut labels: Vec<_> = ticks.iter().map(|(_, label)| label).collect();
                prop_assert!(labels.iter().all(|label| label.len() <= 20), "{:?}", labels);
                labels.dedup();
                prop_assert_eq!(labels.len(), ticks.len());
            }
        }
    }
}
