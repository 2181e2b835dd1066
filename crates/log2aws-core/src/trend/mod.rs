//! Whether a figure of a server rises or falls over weeks, and when it reaches a limit.
//!
//! The slope is Theil's and Sen's: the median over all pairs of days. Its interval is Sen's (1968),
//! by the normal approximation of Kendall's statistic with his correction for ties. One wrong day
//! cannot turn it. Daily figures depend on one another and there are thousands of series, so the
//! interval is a wide one, of 99 %, and nothing is said unless zero is outside of it.

#[cfg(test)]
mod tests;

/// The figure of one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The number of the day, counted from any day.
    pub day: i32,
    /// The figure.
    pub value: f64,
}

/// A trend whose direction is certain, of one figure over some weeks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// The number of days that it comes from.
    pub points: usize,
    /// The first of these days.
    pub first: i32,
    /// The last of these days.
    pub last: i32,
    /// The line's value on the first day.
    pub from: f64,
    /// The line's value on the last day.
    pub to: f64,
    /// The median of the first three days.
    pub oldest: f64,
    /// The median of the last three days.
    pub newest: f64,
    /// The change in a day.
    pub slope: Slope,
}

/// A change in a day and its interval. All three have the same sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The lower end of the interval.
    pub low: f64,
    /// The median.
    pub mid: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// In how many days a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DaysLeft {
    /// At the earliest; 0 is the last day of the trend, or a limit already reached.
    pub earliest: u32,
    /// At the latest.
    pub latest: u32,
}

/// Fewer days than this give no trend.
pub const MIN_POINTS: usize = 14;

/// Days closer together than this give no trend: it takes two weeks to see a week.
pub const MIN_SPAN: i32 = 14;

/// A limit further away than this is not foretold, in days.
pub const HORIZON: u32 = 180;

/// The 99.5th percentile of the normal distribution, for an interval of 99 %.
const Z: f64 = 2.576;

/// How many of the newest days have to agree with the line, by their median.
const NEWEST: usize = 3;

impl Trend {
    /// The trend of `points`, in any order, with one point for a day. `None` if there are too few
    /// of them or they span too short a time, if the direction is not certain, or if the newest
    /// days have left the line: a leak that was mended, say.
    pub fn of(points: &[Point]) -> Option<Self> {
        let mut points: Vec<Point> =
            points.iter().copied().filter(|point| point.value.is_finite()).collect();
        points.sort_by_key(|point| point.day);
        points.dedup_by_key(|point| point.day);
        let (first, last) = (points.first()?.day, points.last()?.day);
        if points.len() < MIN_POINTS || last.saturating_sub(first) < MIN_SPAN {
            return None;
        }
        let slope = slope(&points, Z)?;
        let mut offsets: Vec<f64> = points
            .iter()
            .map(|point| slope.mid.mul_add(-distance(first, point.day), point.value))
            .collect();
        let from = median(&mut offsets)?;
        let to = slope.mid.mul_add(distance(first, last), from);
        let edge = |points: &[Point]| {
            median(&mut points.iter().map(|point| point.value).collect::<Vec<_>>())
        };
        let oldest = edge(&points[..NEWEST])?;
        let newest = edge(&points[points.len() - NEWEST..])?;
        let holds = (newest - to).abs() <= (newest - from).abs();
        holds.then_some(Self { points: points.len(), first, last, from, to, oldest, newest, slope })
    }

    /// In how many days after [`Trend::last`] the line reaches `limit`, from both ends of the
    /// slope's interval; 0 if it is past it already. `None` if it may take longer than
    /// [`HORIZON`] days.
    pub fn reaches(&self, limit: f64) -> Option<DaysLeft> {
        let earliest = self.earliest(limit)?;
        let slow = if self.falls() { self.slope.high } else { self.slope.low };
        let latest = whole((self.left(limit) / slow).max(0.0).ceil())?;
        Some(DaysLeft { earliest, latest })
    }

    /// The earliest of these days, also if the latest may lie beyond the horizon.
    pub fn earliest(&self, limit: f64) -> Option<u32> {
        let fast = if self.falls() { self.slope.low } else { self.slope.high };
        whole((self.left(limit) / fast).max(0.0).floor())
    }

    fn falls(&self) -> bool {
        self.slope.mid < 0.0
    }

    /// How far the line is from `limit`.
    fn left(&self, limit: f64) -> f64 {
        limit - self.to
    }
}

/// A number of days within the horizon.
fn whole(days: f64) -> Option<u32> {
    (0..=HORIZON).find(|&whole| f64::from(whole) >= days)
}

fn distance(first: i32, day: i32) -> f64 {
    f64::from(day) - f64::from(first)
}

/// The median slope of points in the order of their days, and its interval at `z` standard
/// deviations; `None` if the interval contains zero.
fn slope(points: &[Point], z: f64) -> Option<Slope> {
    let pairs = points.len() * (points.len() - 1) / 2;
    let reach = z * kendall_variance(points).sqrt();
    // Most series have no trend, and counting signs is much cheaper than the slopes.
    if number(kendall_sum(points).unsigned_abs()) <= reach {
        return None;
    }
    let mut slopes = Vec::with_capacity(pairs);
    for (index, earlier) in points.iter().enumerate() {
        slopes.extend(
            points[index + 1..]
                .iter()
                .map(|later| (later.value - earlier.value) / distance(earlier.day, later.day)),
        );
    }
    let mid = median(&mut slopes)?;
    // The rank of the lower end from below, and of the upper end from above.
    let rank = ((number(pairs as u64) - reach) / 2.0).floor();
    let rank = (0..pairs).rfind(|&at| number(at as u64) < rank).unwrap_or(0);
    let low = nth(&mut slopes, rank);
    let high = nth(&mut slopes, pairs - 1 - rank);
    (low > 0.0 || high < 0.0).then_some(Slope { low, mid, high })
}

/// Kendall's S: the number of pairs that rise, less that of pairs that fall.
fn kendall_sum(points: &[Point]) -> i64 {
    let mut sum = 0;
    for (index, earlier) in points.iter().enumerate() {
        sum += points[index + 1..]
            .iter()
            .map(|later| {
                i64::from(later.value > earlier.value) - i64::from(later.value < earlier.value)
            })
            .sum::<i64>();
    }
    sum
}

/// The variance of S without a trend: (n(n-1)(2n+5) - Σ t(t-1)(2t+5)) / 18 over groups of t equal
/// values.
fn kendall_variance(points: &[Point]) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|point| point.value).collect();
    values.sort_by(f64::total_cmp);
    let term = |n: usize| number((n * (n - 1) * (2 * n + 5)) as u64);
    #[expect(clippy::float_cmp, reason = "equal values are a tie")]
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|group| term(group.len())).sum();
    (term(values.len()) - ties) / 18.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of pairs are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

/// The value below which that share of sorted values lies, between neighbours in a straight line. 0
/// without values.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share * number(last as u64);
    let below = (0..=last).rfind(|&index| number(index as u64) <= at).unwrap_or(0);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    (high - low).mul_add(at - number(below as u64), low)
}

/// The median; its input is reordered.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    let lower = nth(values, middle);
    Some(if values.len() % 2 == 1 { lower } else { f64::midpoint(lower, nth(values, middle + 1)) })
}

/// The value with that many smaller ones; its input is reordered.
fn nth(values: &mut [f64], at: usize) -> f64 {
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}
