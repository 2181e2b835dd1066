//! The usual day: what a figure was at each time of day on the same weekday of the last weeks.
//!
//! Times are those of the server's clock, whatever its zone was: a job that starts at 02:30 starts
//! at 02:30 also after the clock has changed. So an hour that the clock shows twice counts as one.

use jiff::civil::DateTime;

use crate::day::Day;
use crate::measurement::measured;
use crate::sample::Sample;
use crate::trend::quantile;

/// So many weeks back.
pub const WEEKS: usize = 8;

/// With fewer days than this nothing is usual.
pub const MIN_DAYS: usize = 3;

/// The minutes of a day.
const DAY: u16 = 24 * 60;

/// The possible lengths of a slot, in minutes.
const SLOTS: [u16; 5] = [10, 15, 20, 30, 60];

/// The columns of `vmstat` for free memory.
const FREE: usize = 3;

/// The figures of one of the days before, by minutes of the clock.
#[derive(Clone, Debug)]
pub struct UsualDay {
    day: Day,
    /// In order of time.
    minutes: Vec<Minute>,
    peak: Option<UsualPeak>,
}

/// The samples of one minute.
#[derive(Clone, Debug)]
struct Minute {
    at: u16,
    /// Sums and counts of load and free memory.
    sums: [f64; 2],
    counts: [u32; 2],
}

/// The highest load of a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsualPeak {
    /// Load average over 1 minute.
    pub load: f64,
    /// When, in minutes of the clock since midnight.
    pub minute: u16,
}

/// The values between which eight of ten of the days before were, and the one in the middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// p10.
    pub low: f64,
    /// The median.
    pub mid: f64,
    /// p90.
    pub high: f64,
}

/// The usual day.
#[derive(Clone, Debug, PartialEq)]
pub struct Usual {
    /// The length of a slot in minutes: at least the interval of the samples.
    slot: u16,
    load: Vec<Option<Band>>,
    free: Vec<Option<Band>>,
    /// The highest load of each day.
    peaks: Vec<UsualPeak>,
}

impl UsualDay {
    /// A day without samples.
    pub fn new(day: Day) -> Self {
        Self { day, minutes: Vec::new(), peak: None }
    }

    /// Takes a sample; those of other days, and values that cannot be measurements, are left out.
    pub fn sample(&mut self, sample: &Sample) {
        if sample.time.date() != self.day.date() {
            return;
        }
        let sample = measured(sample).sample;
        let at = minute(sample.time);
        let index = self.minutes.partition_point(|known| known.at < at);
        if self.minutes.get(index).is_none_or(|known| known.at != at) {
            self.minutes.insert(index, Minute { at, sums: [0.0; 2], counts: [0; 2] });
        }
        let load = Some(sample.load[0]).filter(|load| load.is_finite());
        #[expect(clippy::cast_precision_loss, reason = "less than 2^48")]
        let free = sample.vmstat[FREE].map(|free| free as f64);
        let known = &mut self.minutes[index];
        for (field, value) in [load, free].into_iter().enumerate() {
            if let Some(value) = value {
                known.sums[field] += value;
                known.counts[field] += 1;
            }
        }
        if let Some(load) = load.filter(|load| self.peak.is_none_or(|peak| *load > peak.load)) {
            self.peak = Some(UsualPeak { load, minute: at });
        }
    }

    /// The usual step between two samples, in minutes; 1 if there are several in a minute.
    fn interval(&self) -> u16 {
        let mut steps: Vec<u16> =
            self.minutes.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        let middle = steps.len() / 2;
        if steps.is_empty() { DAY } else { *steps.select_nth_unstable(middle).1 }
    }

    /// The mean of a field in each slot.
    fn slots(&self, slot: u16, field: usize) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0, 0); usize::from(DAY / slot)];
        for minute in &self.minutes {
            let sum = &mut sums[usize::from(minute.at / slot)];
            sum.0 += minute.sums[field];
            sum.1 += minute.counts[field];
        }
        sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect()
    }
}

impl Usual {
    /// What is usual on `days`. Days on which a sample was taken less than once an hour are left
    /// out; `None` if fewer than [`MIN_DAYS`] are left.
    pub fn of(days: &[UsualDay]) -> Option<Self> {
        let longest = SLOTS[SLOTS.len() - 1];
        let days: Vec<_> = days.iter().filter(|day| day.interval() <= longest).collect();
        if days.len() < MIN_DAYS {
            return None;
        }
        let interval = days.iter().map(|day| day.interval()).max()?;
        let slot = *SLOTS.iter().find(|slot| **slot >= interval)?;
        let bands = |field| {
            let days: Vec<_> = days.iter().map(|day| day.slots(slot, field)).collect();
            (0..usize::from(DAY / slot))
                .map(|slot| band(days.iter().filter_map(|slots| slots[slot]).collect()))
                .collect()
        };
        Some(Self {
            slot,
            load: bands(0),
            free: bands(1),
            peaks: days.iter().filter_map(|day| day.peak).collect(),
        })
    }

    /// The usual load average over 1 minute at a time of day.
    pub fn load_at(&self, time: DateTime) -> Option<Band> {
        self.load[usize::from(minute(time) / self.slot)]
    }

    /// The usual free memory at a time of day, in KiB.
    pub fn free_at(&self, time: DateTime) -> Option<Band> {
        self.free[usize::from(minute(time) / self.slot)]
    }

    /// The highest load of each of the days.
    pub fn peaks(&self) -> &[UsualPeak] {
        &self.peaks
    }

    /// The length of a slot in minutes.
    pub(crate) fn slot_minutes(&self) -> u16 {
        self.slot
    }
}

fn band(mut values: Vec<f64>) -> Option<Band> {
    if values.len() < MIN_DAYS {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share| quantile(&values, share);
    Some(Band { low: at(0.1), mid: at(0.5), high: at(0.9) })
}

/// Minutes since midnight.
fn minute(time: DateTime) -> u16 {
    let part = |value: i8| u16::from(value.unsigned_abs());
    part(time.hour()) * 60 + part(time.minute())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::VMSTAT_COLUMNS;

    const DATE: &str = "2026-11-23";

    fn sample(minute: u16, load: f64, free: Option<u64>) -> Sample {
        let mut vmstat = [Some(0); VMSTAT_COLUMNS];
        vmstat[FREE] = free;
        vmstat[14] = Some(100);
        let time = format!("{DATE}T{:02}:{:02}:01", minute / 60, minute % 60).parse().unwrap();
        Sample { time, uptime_seconds: None, users: None, load: [load; 3], vmstat, guest: None }
    }

    /// A day with a sample every `every` minutes.
    fn day(every: u16, load: impl Fn(u16) -> f64) -> UsualDay {
        let mut day = UsualDay::new(DATE.parse().unwrap());
        for minute in (0..DAY).step_by(usize::from(every)) {
            day.sample(&sample(minute, load(minute), Some(1000)));
        }
        day
    }

    fn at(minute: u16) -> DateTime {
        sample(minute, 0.0, None).time
    }

    /// By hand: of 1 to 8 the median is 4.5; p10 is 7/10 of the way from the first to the second,
    /// p90 3/10 of the way from the seventh to the eighth.
    #[test]
    fn the_band_holds_eight_of_ten_days() {
        let days: Vec<_> = (1..=8).map(|n| day(10, move |_| f64::from(n))).collect();
        let usual = Usual::of(&days).unwrap();
        let band = usual.load_at(at(700)).unwrap();
        for (value, expected) in [(band.low, 1.7), (band.mid, 4.5), (band.high, 7.3)] {
            assert!((value - expected).abs() < 1e-9, "{band:?}");
        }
        assert_eq!(usual.free_at(at(0)), Some(Band { low: 1000.0, mid: 1000.0, high: 1000.0 }));
        assert_eq!(usual.peaks().len(), 8);
    }

    #[test]
    fn two_days_are_not_usual_and_three_are() {
        let days = vec![day(10, |_| 1.0); 3];
        assert_eq!(Usual::of(&days[..2]), None);
        assert!(Usual::of(&days).is_some());
        // Nor is a time of which only two days have samples.
        let mut gap = UsualDay::new(DATE.parse().unwrap());
        (0..DAY / 2).step_by(10).for_each(|minute| gap.sample(&sample(minute, 1.0, None)));
        let usual = Usual::of(&[days[0].clone(), days[1].clone(), gap]).unwrap();
        assert!(usual.load_at(at(0)).is_some() && usual.load_at(at(719)).is_some());
        assert_eq!(usual.load_at(at(720)), None);
        assert_eq!(usual.free_at(at(0)), None);
    }

    #[test]
    fn days_with_other_intervals_share_slots_of_the_longest() {
        let days = [day(1, |_| 1.0), day(5, |_| 2.0), day(30, |_| 3.0)];
        let usual = Usual::of(&days).unwrap();
        assert_eq!(usual.slot_minutes(), 30);
        assert_eq!(usual.load_at(at(29)).map(|band| band.mid.to_bits()), Some(2.0_f64.to_bits()));
        assert!((0..DAY).all(|minute| usual.load_at(at(minute)).is_some()));
        // A sample every two hours says little of an hour.
        let sparse = day(120, |_| 9.0);
        assert_eq!(Usual::of(&[days[0].clone(), days[1].clone(), sparse.clone()]), None);
        let [a, b, c] = days;
        assert_eq!(Usual::of(&[a, b, c, sparse]), Some(usual));
    }

    #[test]
    fn what_is_no_measurement_or_of_another_day_is_left_out() {
        let mut days = vec![day(10, |_| 1.0); 3];
        days[0].sample(&sample(5, 4_294_967_297.15, Some(u64::MAX)));
        days[1].sample(&Sample {
            time: "2026-11-24T00:05:00".parse().unwrap(),
            ..sample(5, 9.0, None)
        });
        assert_eq!(Usual::of(&days), Usual::of(&vec![day(10, |_| 1.0); 3]));
    }

    #[test]
    fn an_hour_shown_twice_counts_as_one() {
        let once = day(10, |_| 2.0);
        let mut twice = once.clone();
        (120..180).step_by(10).for_each(|minute| twice.sample(&sample(minute, 2.0, Some(1000))));
        assert_eq!(Usual::of(&vec![twice; 3]), Usual::of(&vec![once; 3]));
    }

    proptest! {
        #[test]
        fn a_band_is_ordered_and_within_the_days(
            loads in prop::collection::vec(0.0..100.0_f64, 3..9), minute in 0..DAY,
        ) {
            let days: Vec<_> = loads.iter().map(|load| day(10, |_| *load)).collect();
            let band = Usual::of(&days).unwrap().load_at(at(minute)).unwrap();
            prop_assert!(band.low <= band.mid && band.mid <= band.high);
            let least = loads.iter().copied().fold(f64::MAX, f64::min);
            let most = loads.iter().copied().fold(0.0, f64::max);
            prop_assert!(least - 1e-9 <= band.low && band.high <= most + 1e-9);
        }
    }
}
