//! What gets worse over weeks: trends of memory, swap and load.
//!
//! Linux uses free memory as cache and gives it back, so less free memory alone is no leak: the mean
//! of free memory, buffers and cache together must fall as well.

use std::cmp::Reverse;
use std::sync::Arc;

use log2aws_core::server_name::ServerName;
use log2aws_core::trend::{DaysLeft, MIN_POINTS, Point, Trend};

use super::day_stats::{Figures, Status};
use super::packed::{DayNumber, Packed};
use super::servers::Index;

/// The newest day of a trend is at most so many days old: an older one says nothing of today.
const NEWEST: i32 = 7;

/// Memory or swap changes by at least so much, in KiB.
const LEAST_MEMORY: f64 = 64.0 * 1024.0;

/// Memory falls by at least this share of what it was.
const LEAST_MEMORY_SHARE: f64 = 0.1;

/// Load rises by at least this share of what it was, and by so many processes.
const LEAST_LOAD_SHARE: f64 = 0.25;
const LEAST_LOAD: f64 = 0.5;

/// A figure that gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftFigure {
    /// The least free memory of a day falls, in KiB; the limit is 0.
    Free,
    /// The mean of free memory, buffers and cache falls, in KiB; the limit is 0.
    Left,
    /// The most memory swapped out on a day rises, in KiB; there is no limit.
    Swapped,
    /// p95 of the load average over 1 minute rises; the limit is the number of cores.
    Load,
}

/// A trend of one figure of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Which figure.
    pub figure: DriftFigure,
    /// Its trend; the days are counted from 1970-01-01.
    pub trend: Trend,
    /// In how many days after the trend's last day it reaches its limit, if that is to be told.
    pub limit: Option<DaysLeft>,
    /// The cores, if known.
    pub cores: Option<u32>,
}

/// The trends of all servers.
#[derive(Clone, Debug, Default)]
pub struct Drifts {
    /// The most urgent first.
    pub all: Vec<(Arc<ServerName>, Drift)>,
    /// How many servers have enough days for a trend.
    pub servers: usize,
}

impl Index {
    /// The trends over the `window` days up to `today`.
    pub(crate) fn drifts(&self, today: DayNumber, window: i32) -> Drifts {
        let mut drifts = Drifts::default();
        for (server, days) in self.names() {
            if self.retired_from(server).is_some_and(|first| first <= today) {
                continue;
            }
            let days = recent(days.as_slice(), today, window);
            drifts.servers += usize::from(days.len() >= MIN_POINTS);
            drifts.all.extend(drift(days, today).into_iter().map(|drift| (server.clone(), drift)));
        }
        drifts.all.sort_by(|(a, x), (b, y)| {
            x.urgency().cmp(&y.urgency()).then_with(|| a.cmp(b)).then(x.figure.cmp(&y.figure))
        });
        drifts
    }
}

impl Drift {
    /// The soonest limit first, then the largest change.
    fn urgency(&self) -> (bool, Option<DaysLeft>, Reverse<u64>) {
        let Trend { oldest, newest, .. } = self.trend;
        let change = (newest - oldest).abs() / oldest.abs().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an order")]
        let parts = (change * 1e6) as u64;
        (self.limit.is_none(), self.limit, Reverse(parts))
    }
}

/// The days of the window, in order.
fn recent(days: &[Packed], today: DayNumber, window: i32) -> &[Packed] {
    let first = today.0.saturating_sub(window - 1);
    let from = days.partition_point(|packed| packed.day.0 < first);
    let till = days.partition_point(|packed| packed.day <= today);
    &days[from..till.max(from)]
}

/// The trends of one server that matter.
fn drift(days: &[Packed], today: DayNumber) -> Vec<Drift> {
    let is_recent = |trend: &Trend| trend.last >= today.0.saturating_sub(NEWEST);
    let trend = |of: fn(&Figures) -> Option<f32>| {
        let read = days.iter().filter(|packed| packed.status == Status::Read);
        let points: Vec<_> = read
            .filter_map(|packed| {
                Some(Point { day: packed.day.0, value: f64::from(of(&packed.figures())?) })
            })
            .collect();
        Trend::of(&points).filter(is_recent)
    };
    let mut drifts = Vec::new();
    let falls = |trend: &Trend| {
        let fall = trend.oldest - trend.newest;
        fall >= LEAST_MEMORY && fall >= trend.oldest * LEAST_MEMORY_SHARE
    };
    // Its share is small where the cache is large, so only its direction counts here.
    if let Some(left) = trend(|figures| figures.left_mean).filter(|left| left.slope.mid < 0.0) {
        let fall = left.oldest - left.newest;
        let free = trend(|figures| figures.free_min)
            .filter(|free| falls(free) && fall * 2.0 >= free.oldest - free.newest);
        let told = free.map(|free| (DriftFigure::Free, free));
        if let Some((figure, trend)) =
            told.or_else(|| falls(&left).then_some((DriftFigure::Left, left)))
        {
            drifts.push(Drift { figure, limit: trend.reaches(0.0), cores: None, trend });
        }
    }
    let swapped = trend(|figures| figures.swapped_max)
        .filter(|trend| trend.newest - trend.oldest >= LEAST_MEMORY);
    drifts.extend(swapped.map(|trend| Drift {
        figure: DriftFigure::Swapped,
        limit: None,
        cores: None,
        trend,
    }));
    let load = trend(|figures| figures.load_p95).filter(|trend| {
        let rise = trend.newest - trend.oldest;
        rise >= LEAST_LOAD && rise >= trend.oldest * LEAST_LOAD_SHARE
    });
    drifts.extend(load.map(|trend| {
        let cores = days.iter().rev().find_map(|packed| packed.figures().cores);
        let limit = cores.and_then(|cores| trend.reaches(f64::from(cores)));
        Drift { figure: DriftFigure::Load, limit, cores, trend }
    }));
    drifts
}
