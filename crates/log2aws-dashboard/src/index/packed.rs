//! The compact form of a day's statistics in the index: 104 bytes, for millions of days.

use log2aws_core::day::Day;
use serde::{Deserialize, Serialize};

use super::day_stats::{DayStats, Edge, Figures, Status, Tag};

/// Stands for an absent number. No real uptime or second of the day comes near it.
const NONE: u32 = u32::MAX;

/// Stands for an absent value in hundredths of a percent.
const NO_PERCENT: u16 = u16::MAX;

/// A day as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct DayNumber(pub(crate) i32);

impl From<Day> for DayNumber {
    fn from(day: Day) -> Self {
        Self(day.number())
    }
}

impl DayNumber {
    /// The day; `None` outside the range of keys.
    pub(crate) fn day(self) -> Option<Day> {
        Day::from_number(self.0)
    }
}

/// Whether the results of a day have the spreading prefix in their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyLayout {
    /// `{server}/{date}`
    Plain,
    /// `{hash}/{server}/{date}`
    Spread,
}

/// One day. Values too large for their field are saturated.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) day: DayNumber,
    /// Two halves: aligning a `u64` would cost four more bytes.
    tag: [u32; 2],
    samples: u32,
    expected: u32,
    missing: u32,
    missing_off: u32,
    rejects: u32,
    lead: [u16; 2],
    reboots: u16,
    clock_steps: u16,
    seconds: [u32; 2],
    uptimes: [u32; 2],
    /// NaN if absent, here and below.
    load: [f32; 3],
    free_min: f32,
    swapped_max: f32,
    left_mean: f32,
    blocks: [f32; 2],
    /// Hundredths of a percent.
    cpu: [u16; 4],
    wait_p95: u16,
    cores: u16,
    pub(crate) status: Status,
    pub(crate) layout: KeyLayout,
    /// Whether the current or last refresh has found it.
    #[serde(skip)]
    pub(crate) seen: bool,
}

const _: () = assert!(size_of::<Packed>() <= 104);

impl Packed {
    pub(crate) fn new(day: DayNumber, layout: KeyLayout, stats: &DayStats) -> Self {
        let figures = &stats.figures;
        let edges = [stats.first, stats.last];
        Self {
            day,
            tag: halves(stats.tag),
            samples: stats.samples,
            expected: stats.expected,
            missing: stats.missing,
            missing_off: stats.missing_off,
            rejects: stats.rejects,
            lead: stats.lead.map(|n| u16::try_from(n).unwrap_or(u16::MAX)),
            reboots: u16::try_from(stats.reboots).unwrap_or(u16::MAX),
            clock_steps: u16::try_from(stats.clock_steps).unwrap_or(u16::MAX),
            seconds: edges.map(|edge| edge.map_or(NONE, |edge| edge.second)),
            uptimes: edges.map(|edge| {
                edge.and_then(|edge| edge.uptime)
                    .map_or(NONE, |uptime| u32::try_from(uptime).unwrap_or(NONE - 1).min(NONE - 1))
            }),
            load: [figures.load_mean, figures.load_p95, figures.load_max].map(float),
            free_min: float(figures.free_min),
            swapped_max: float(figures.swapped_max),
            left_mean: float(figures.left_mean),
            blocks: figures.blocks.map(float),
            cpu: figures.cpu.map(share),
            wait_p95: share(figures.wait_p95),
            cores: figures.cores.map_or(0, |cores| u16::try_from(cores).unwrap_or(u16::MAX)),
            status: stats.status,
            layout,
            seen: true,
        }
    }

    pub(crate) fn tag(&self) -> Tag {
        Tag((u64::from(self.tag[0]) << 32) | u64::from(self.tag[1]))
    }

    /// The day's first sample and its uptime.
    pub(crate) fn first(&self) -> Option<Edge> {
        self.edge(0)
    }

    fn edge(&self, at: usize) -> Option<Edge> {
        let known = |value: u32| (value != NONE).then_some(value);
        let second = known(self.seconds[at])?;
        Some(Edge { second, uptime: known(self.uptimes[at]).map(u64::from) })
    }

    pub(crate) fn reboots(&self) -> u32 {
        u32::from(self.reboots)
    }

    pub(crate) fn figures(&self) -> Figures {
        let [load_mean, load_p95, load_max] = self.load.map(held);
        Figures {
            load_mean,
            load_p95,
            load_max,
            cpu: self.cpu.map(percent),
            wait_p95: percent(self.wait_p95),
            free_min: held(self.free_min),
            swapped_max: held(self.swapped_max),
            left_mean: held(self.left_mean),
            blocks: self.blocks.map(held),
            cores: (self.cores > 0).then_some(u32::from(self.cores)),
        }
    }

    /// The same, if no earlier day of the server is known: nothing was due before its first line.
    pub(crate) fn as_first_day(&self) -> Self {
        let [lead, off] = self.lead.map(u32::from);
        Self {
            expected: self.expected.saturating_sub(lead),
            missing: self.missing.saturating_sub(lead),
            missing_off: self.missing_off.saturating_sub(off),
            lead: [0; 2],
            ..*self
        }
    }

    pub(crate) fn stats(&self) -> DayStats {
        DayStats {
            tag: self.tag(),
            status: self.status,
            samples: self.samples,
            expected: self.expected,
            missing: self.missing,
            missing_off: self.missing_off,
            lead: self.lead.map(u32::from),
            rejects: self.rejects,
            reboots: self.reboots(),
            clock_steps: u32::from(self.clock_steps),
            first: self.edge(0),
            last: self.edge(1),
            figures: self.figures(),
            note: None,
            zone: None,
        }
    }

    /// Samples present, missing, and missing while off; rejects; reboots.
    pub(crate) fn counts(&self) -> super::Delivered {
        let Self { samples, expected, missing, missing_off, rejects, .. } = *self;
        let health = if missing > missing_off {
            super::Health::Gaps
        } else if rejects > 0 {
            super::Health::Rejects
        } else if missing > 0 {
            super::Health::Off
        } else {
            super::Health::Complete
        };
        let reboots = self.reboots();
        super::Delivered { health, samples, expected, missing, missing_off, rejects, reboots }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of one number")]
fn halves(tag: Tag) -> [u32; 2] {
    [(tag.0 >> 32) as u32, tag.0 as u32]
}

fn float(value: Option<f32>) -> f32 {
    value.filter(|value| value.is_finite()).unwrap_or(f32::NAN)
}

fn held(value: f32) -> Option<f32> {
    (!value.is_nan()).then_some(value)
}

/// A percentage in hundredths. Machines sometimes report a little over 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to fit")]
fn share(percent: Option<f32>) -> u16 {
    let hundredths = |percent: f32| (percent * 100.0).round().clamp(0.0, 65_534.0) as u16;
    percent.filter(|percent| percent.is_finite()).map_or(NO_PERCENT, hundredths)
}

fn percent(hundredths: u16) -> Option<f32> {
    (hundredths != NO_PERCENT).then(|| f32::from(hundredths) / 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges() -> impl Strategy<Value = Option<Edge>> {
        let uptime = prop::option::of(0..4_000_000_000_u64);
        prop::option::of(
            (0..90_000_u32, uptime).prop_map(|(second, uptime)| Edge { second, uptime }),
        )
    }

    fn values() -> impl Strategy<Value = Option<f32>> {
        prop::option::of(0.0..1e12_f32)
    }

    fn figures() -> impl Strategy<Value = Figures> {
        let share = || prop::option::of((0..=10_000_u16).prop_map(|h| f32::from(h) / 100.0));
        let cpu = (prop::array::uniform4(share()), share());
        let load = prop::array::uniform3(values());
        let rest = prop::array::uniform5(values());
        let cores = prop::option::of(1..5_000_u32);
        (load, cpu, rest, cores).prop_map(|(load, (cpu, wait_p95), rest, cores)| {
            let [load_mean, load_p95, load_max] = load;
            let [free_min, swapped_max, left_mean, bi, bo] = rest;
            let blocks = [bi, bo];
            Figures {
                load_mean,
                load_p95,
                load_max,
                cpu,
                wait_p95,
                free_min,
                swapped_max,
                left_mean,
                blocks,
                cores,
            }
        })
    }

    proptest! {
        #[test]
        fn a_day_comes_out_as_it_went_in(
            tag in any::<u64>(),
            counts in prop::array::uniform5(any::<u32>()),
            small in prop::array::uniform4(0..=u32::from(u16::MAX)),
            edges in (edges(), edges()),
            figures in figures(),
        ) {
            let [samples, expected, missing, missing_off, rejects] = counts;
            let [reboots, clock_steps, lead, lead_off] = small;
            let lead = [lead, lead_off];
            let (tag, status, (first, last)) = (Tag(tag), Status::Read, edges);
            let stats = DayStats {
                tag, status, samples, expected, missing, missing_off, lead, rejects, reboots,
                clock_steps, first, last, figures, note: None, zone: None,
            };
            let packed = Packed::new(DayNumber(20_000), KeyLayout::Plain, &stats);
            prop_assert_eq!(packed.stats(), stats);
        }
    }

    #[test]
    fn days_count() {
        for (text, number) in [("1970-01-01", 0), ("2000-03-01", 11_017), ("0000-01-01", -719_528)]
        {
            let day: Day = text.parse().unwrap();
            assert_eq!(DayNumber::from(day), DayNumber(number), "{text}");
            assert_eq!(DayNumber(number).day(), Some(day));
        }
        assert_eq!(DayNumber(-719_529).day(), None);
        assert_eq!(DayNumber(i32::MAX).day(), None);
    }

    #[test]
    fn what_is_too_large_is_held_as_the_largest() {
        let edge = Some(Edge { second: 7, uptime: Some(u64::MAX) });
        let mut stats = DayStats::empty(Tag(1), Status::Read);
        (stats.reboots, stats.first) = (70_000, edge);
        let held = Packed::new(DayNumber(0), KeyLayout::Spread, &stats).stats();
        assert_eq!(held.reboots, 65_535);
        assert_eq!(held.first.and_then(|edge| edge.uptime), Some(u64::from(u32::MAX) - 1));
    }
}
