//! Which figure of a day the calendar shows, and how conspicuous its value is.
//!
//! Levels go from 0 to 5. The bounds are absolute, so that a colour means the same on every page
//! and on every day:
//!
//! | lens | figure of a day | a value of this level or more |
//! | --- | --- | --- |
//! | load | p95 of the 1-minute load ÷ cores | 0.25, 0.5, 0.75, 1, 2 |
//! | load, cores unknown | p95 of the 1-minute load | 1, 2, 4, 8, 16 |
//! | CPU | mean of us + sy + wa + st in percent | 10, 25, 50, 75, 90 |
//! | I/O wait | p95 of wa in percent | 1, 5, 10, 20, 40 |
//! | free | minimum of free memory | *less* than 4 GiB, 1 GiB, 512 MiB, 256 MiB, 128 MiB |
//! | swap | maximum of swapped-out memory | 1 KiB, 64 MiB, 512 MiB, 1 GiB, 4 GiB |
//! | reboots | their number | 1, 2, 3, 5, 10 |

use std::cmp::Ordering;

use super::packed::Packed;

const MIB: f32 = 1024.0;
const GIB: f32 = 1024.0 * MIB;

const LOAD: [f32; 5] = [0.25, 0.5, 0.75, 1.0, 2.0];
const LOAD_WITHOUT_CORES: [f32; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
const CPU: [f32; 5] = [10.0, 25.0, 50.0, 75.0, 90.0];
const IOWAIT: [f32; 5] = [1.0, 5.0, 10.0, 20.0, 40.0];
const FREE: [f32; 5] = [4.0 * GIB, GIB, 512.0 * MIB, 256.0 * MIB, 128.0 * MIB];
const SWAP: [f32; 5] = [1.0, 64.0 * MIB, 512.0 * MIB, GIB, 4.0 * GIB];
const REBOOTS: [f32; 5] = [1.0, 2.0, 3.0, 5.0, 10.0];

/// The figure that the cells of the calendar show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lens {
    /// p95 of the load average over 1 minute, divided by the cores where their number is known.
    #[default]
    Load,
    /// The share of the day's samples that are there.
    Complete,
    /// The mean of user, system, waiting and stolen time, in percent.
    Cpu,
    /// p95 of the time waiting for I/O, in percent.
    Iowait,
    /// The minimum of free memory, in KiB.
    Free,
    /// The maximum of swapped-out memory, in KiB.
    Swap,
    /// The number of reboots.
    Reboots,
}

/// The value of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LensValue {
    /// In the unit of the lens.
    pub value: f32,
    /// From 0, ordinary, to 5, most conspicuous.
    pub level: u8,
    /// The cores that a load was divided by.
    pub cores: Option<u32>,
}

impl LensValue {
    /// Conspicuous values are greater.
    pub(crate) fn order(&self, other: &Self, lens: Lens) -> Ordering {
        let by_value = match lens {
            Lens::Free => other.value.total_cmp(&self.value),
            _ => self.value.total_cmp(&other.value),
        };
        // Loads with and without cores compare by level alone.
        self.level.cmp(&other.level).then(by_value)
    }
}

impl Lens {
    /// All lenses, in the order in which they are offered.
    pub const ALL: [Self; 7] = [
        Self::Load,
        Self::Cpu,
        Self::Iowait,
        Self::Free,
        Self::Swap,
        Self::Reboots,
        Self::Complete,
    ];

    /// The bounds of the levels 1 to 5.
    pub(crate) fn bounds(self) -> [f32; 5] {
        match self {
            Self::Load | Self::Complete => LOAD,
            Self::Cpu => CPU,
            Self::Iowait => IOWAIT,
            Self::Free => FREE,
            Self::Swap => SWAP,
            Self::Reboots => REBOOTS,
        }
    }

    /// The value of a day; `None` for [`Lens::Complete`] and for a log without such values.
    pub(crate) fn value(self, day: &Packed) -> Option<LensValue> {
        let figures = day.figures();
        let mut cores = None;
        let mut bounds = self.bounds();
        let value = match self {
            Self::Complete => None,
            Self::Load => {
                cores = figures.cores;
                if cores.is_none() {
                    bounds = LOAD_WITHOUT_CORES;
                }
                figures.load_p95.map(|load| load / cores.map_or(1.0, count))
            }
            Self::Cpu => figures.cpu_busy(),
            Self::Iowait => figures.wait_p95,
            Self::Free => figures.free_min,
            Self::Swap => figures.swapped_max,
            // A log without a sample has no uptime either.
            Self::Reboots => day.first().map(|_| count(day.reboots())),
        }?;
        let reached = |bound: &&f32| match self {
            Self::Free => value < **bound,
            _ => value >= **bound,
        };
        let level = u8::try_from(bounds.iter().filter(reached).count()).unwrap_or(5);
        Some(LensValue { value, level, cores })
    }

    /// The value of several days: the most conspicuous one, or the sum of reboots.
    pub(crate) fn of_days(self, days: impl Iterator<Item = LensValue>) -> Option<LensValue> {
        days.reduce(|one, other| match self {
            Self::Reboots => LensValue {
                value: one.value + other.value,
                level: one.level.max(other.level),
                cores: None,
            },
            _ if other.order(&one, self).is_gt() => other,
            _ => one,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "cores and reboots are few")]
fn count(n: u32) -> f32 {
    n as f32
}
