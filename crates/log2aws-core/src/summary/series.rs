//! The figures of each numeric column: count, min, mean, p95, max.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sketches_ddsketch::{Config, DDSketch};

use crate::csv::SERIES;
use crate::sample::Sample;

/// Up to this many rows p95 is exact; beyond, it is within 1 % of a value of that rank.
pub const EXACT_ROWS: usize = 10_000;

const COLUMNS: usize = SERIES.len();

/// The quantile of p95 in hundredths: integers keep the rank exact.
const PERCENT: usize = 95;

/// The sketch's error bound, a little under our 1 % because rounding adds to it.
const SKETCH_ERROR: f64 = 0.008;

/// Enough for every value from 0.001 to 2⁶⁴ without merging bins (16 bytes × 22 series).
const SKETCH_BINS: u32 = 4_096;

/// Values below this are zero to the sketch; load averages have steps of 0.01.
const SKETCH_ZERO: f64 = 0.001;

/// The figures of one column. Missing values are ignored; a column without values has a count of 0
/// and no figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The number of rows with a value.
    pub count: u64,
    /// The minimum.
    #[serde(serialize_with = "figure")]
    pub min: Option<f64>,
    /// The arithmetic mean, to three decimals.
    #[serde(serialize_with = "figure")]
    pub mean: Option<f64>,
    /// The smallest value that at least 95 % of the values do not exceed (nearest rank).
    #[serde(serialize_with = "figure")]
    pub p95: Option<f64>,
    /// The maximum.
    #[serde(serialize_with = "figure")]
    pub max: Option<f64>,
}

/// The [`Stats`] of all columns, in the order of [`SERIES`]; in JSON an object by column name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series([Stats; COLUMNS]);

impl Series {
    /// The figures of a column by its name in the CSV.
    pub fn get(&self, name: &str) -> Option<&Stats> {
        SERIES.iter().position(|known| *known == name).map(|column| &self.0[column])
    }
}

/// Writes whole numbers without a decimal point.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn figure<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2⁵³, up to which f64 holds every integer
    match *value {
        None => to.serialize_none(),
        #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2⁵³")]
        Some(whole) if whole.fract() == 0.0 && whole.abs() < EXACT => {
            to.serialize_i64(whole as i64)
        }
        Some(value) => to.serialize_f64(value),
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(COLUMNS))?;
        for (name, stats) in SERIES.iter().zip(&self.0) {
            map.serialize_entry(name, stats)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Series {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Series;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the figures of each column by its name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Series, A::Error> {
                let mut series = Series::default();
                while let Some((name, stats)) = map.next_entry::<String, Stats>()? {
                    if let Some(column) = SERIES.iter().position(|known| *known == name) {
                        series.0[column] = stats;
                    }
                }
                Ok(series)
            }
        }

        from.deserialize_map(ByName)
    }
}

/// Collects the figures of all columns in bounded memory: the values themselves up to
/// [`EXACT_ROWS`] rows, sketches beyond.
pub(super) struct SeriesBuilder {
    columns: [Column; COLUMNS],
    /// The rows so far; a missing value is NaN.
    rows: Vec<[f64; COLUMNS]>,
    sketches: Vec<DDSketch>,
}

#[derive(Clone, Copy)]
struct Column {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
}

impl SeriesBuilder {
    pub(super) fn new() -> Self {
        let empty = Column { count: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0 };
        Self { columns: [empty; COLUMNS], rows: Vec::new(), sketches: Vec::new() }
    }

    pub(super) fn sample(&mut self, sample: &Sample) {
        let row = row(sample);
        for (column, &value) in self.columns.iter_mut().zip(&row) {
            if !value.is_nan() {
                column.count += 1;
                column.min = column.min.min(value);
                column.max = column.max.max(value);
                column.sum += value;
            }
        }
        if self.sketches.is_empty() && self.rows.len() < EXACT_ROWS {
            self.rows.push(row);
            return;
        }
        if self.sketches.is_empty() {
            let config = Config::new(SKETCH_ERROR, SKETCH_BINS, SKETCH_ZERO);
            self.sketches = vec![DDSketch::new(config); COLUMNS];
            for row in std::mem::take(&mut self.rows) {
                sketch(&mut self.sketches, &row);
            }
        }
        sketch(&mut self.sketches, &row);
    }

    pub(super) fn finish(self) -> Series {
        let mut values = Vec::with_capacity(self.rows.len());
        let mut series = Series::default();
        for (index, (stats, column)) in series.0.iter_mut().zip(self.columns).enumerate() {
            let Some(count) = usize::try_from(column.count).ok().filter(|count| *count > 0) else {
                continue;
            };
            let p95 = if let Some(sketch) = self.sketches.get(index) {
                sketched_p95(sketch, count)
            } else {
                values.clear();
                values.extend(self.rows.iter().map(|row| row[index]).filter(|v| !v.is_nan()));
                *values.select_nth_unstable_by(p95_index(count), f64::total_cmp).1
            };
            #[expect(clippy::cast_precision_loss, reason = "a mean of three decimals bears it")]
            let mean = column.sum / column.count as f64;
            *stats = Stats {
                count: column.count,
                min: Some(column.min),
                mean: Some(rounded(mean).clamp(column.min, column.max)),
                p95: Some(p95.clamp(column.min, column.max)),
                max: Some(column.max),
            };
        }
        series
    }
}

/// The index of the 95th percentile in ascending order (nearest rank).
fn p95_index(count: usize) -> usize {
    (count * PERCENT).div_ceil(100) - 1
}

fn sketch(sketches: &mut [DDSketch], row: &[f64; COLUMNS]) {
    for (sketch, &value) in sketches.iter_mut().zip(row) {
        if !value.is_nan() {
            sketch.add(value);
        }
    }
}

/// The sketch computes its rank from a fraction and rounds down, so half a rank is added.
fn sketched_p95(sketch: &DDSketch, count: usize) -> f64 {
    if count < 2 {
        return sketch.max().unwrap_or_default();
    }
    #[expect(clippy::cast_precision_loss, reason = "a rank among fewer than 2⁵² rows")]
    let fraction = (p95_index(count) as f64 + 0.5) / (count - 1) as f64;
    rounded(sketch.quantile(fraction.min(1.0)).ok().flatten().unwrap_or_default())
}

/// Rounded to three decimals; whole numbers stay whole.
fn rounded(value: f64) -> f64 {
    if value.abs() < 1e12 { (value * 1000.0).round() / 1000.0 } else { value.round() }
}

/// The numbers of a sample in the order of [`SERIES`]; NaN where a value is missing or not finite.
pub fn row(sample: &Sample) -> [f64; SERIES.len()] {
    let mut row = [f64::NAN; COLUMNS];
    row[0] = sample.uptime_seconds.map_or(f64::NAN, float);
    row[1] = sample.users.map_or(f64::NAN, float);
    for (to, load) in row[2..].iter_mut().zip(sample.load) {
        *to = if load.is_finite() { load } else { f64::NAN };
    }
    for (to, value) in row[5..].iter_mut().zip(sample.vmstat) {
        *to = value.map_or(f64::NAN, float);
    }
    row
}

#[expect(clippy::cast_precision_loss, reason = "figures of sums and ranks, not identities")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::VMSTAT_COLUMNS;

    fn sample(load: f64, free: Option<u64>) -> Sample {
        let mut vmstat = [Some(0); VMSTAT_COLUMNS];
        vmstat[3] = free;
        Sample {
            time: jiff::civil::datetime(2019, 8, 1, 0, 0, 1, 0),
            uptime_seconds: Some(60),
            users: None,
            load: [load, 0.0, 0.0],
            vmstat,
            guest: None,
        }
    }

    fn figures(samples: impl IntoIterator<Item = Sample>) -> Series {
        let mut builder = SeriesBuilder::new();
        for sample in samples {
            builder.sample(&sample);
        }
        builder.finish()
    }

    /// The definition, literally: the smallest value that 95 % of the values do not exceed.
    fn p95_by_definition(values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let enough = |v: f64| sorted.iter().filter(|w| **w <= v).count() * 100 >= sorted.len() * 95;
        sorted.iter().copied().find(|v| enough(*v)).unwrap()
    }

    #[test]
    fn missing_values_do_not_count() {
        let series = figures([sample(1.0, Some(10)), sample(2.0, None), sample(4.0, Some(30))]);
        let free = series.get("mem-free").unwrap();
        assert_eq!(
            (free.count, free.min, free.mean, free.max),
            (2, Some(10.0), Some(20.0), Some(30.0))
        );
        assert_eq!(series.get("users"), Some(&Stats::default()));
        assert_eq!(series.get("load-average01").unwrap().mean, Some(2.333));
        assert_eq!(series.get("datetime"), None);
    }

    #[test]
    fn hostile_numbers_break_nothing() {
        for rows in [3, EXACT_ROWS + 3] {
            let load = |i| [f64::INFINITY, f64::NAN, f64::MAX, 1e300, 0.01, 0.0][i % 6];
            let series = figures((0..rows).map(|i| sample(load(i), Some(u64::MAX))));
            let free = series.get("mem-free").unwrap();
            assert_eq!(free.p95, free.max);
            let json = serde_json::to_string(&series).unwrap();
            assert!(serde_json::from_str::<Series>(&json).is_ok(), "{json}");
        }
    }

    #[test]
    fn whole_numbers_are_written_whole() {
        let json = serde_json::to_string(&figures([sample(0.5, Some(379_918_752))])).unwrap();
        assert!(json.contains(r#""mem-free":{"count":1,"min":379918752,"#), "{json}");
        assert!(json.contains(r#""load-average01":{"count":1,"min":0.5,"#), "{json}");
    }

    proptest! {
        #[test]
        fn p95_is_exact_up_to_ten_thousand_rows(
            values in prop::collection::vec(0_u64..500, 1..300)
        ) {
            let series = figures(values.iter().map(|v| sample(0.0, Some(*v))));
            let floats: Vec<f64> = values.iter().map(|v| float(*v)).collect();
            prop_assert_eq!(series.get("mem-free").unwrap().p95, Some(p95_by_definition(&floats)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn p95_is_within_one_percent_beyond(
            values in prop::collection::vec(
                prop_oneof![4 => Just(0_u64), 3 => 1..100_u64, 3 => 0..u64::MAX],
                EXACT_ROWS + 1..EXACT_ROWS + 3_000,
            ),
            load in 0.01..64.0_f64,
        ) {
            let hundredths = (load * 100.0).round() / 100.0;
            let series = figures(values.iter().map(|v| sample(hundredths, Some(*v))));
            let mut sorted: Vec<f64> = values.iter().map(|v| float(*v)).collect();
            sorted.sort_by(f64::total_cmp);
            let exact = sorted[p95_index(sorted.len())];
            let p95 = series.get("mem-free").unwrap().p95.unwrap();
            prop_assert!((p95 - exact).abs() <= exact * 0.01, "{} for {}", p95, exact);
            prop_assert_eq!(series.get("load-average01").unwrap().p95, Some(hundredths));
        }
    }
}
