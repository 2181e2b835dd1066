//! The points of a day, at most one a minute however many samples there are, and the part of them
//! that a window shows; the points of a week.

use std::borrow::Cow;
use std::ops::Range;

use crate::measurement::{Measured, measured};
use crate::sample::Sample;

/// An index into the values of a [`Minute`].
pub(super) type Field = usize;

pub(super) const LOAD: [Field; 3] = [0, 1, 2];
pub(super) const RUNNING: Field = 3;
pub(super) const BLOCKED: Field = 4;
pub(super) const SWAPPED: Field = 5;
pub(super) const FREE: Field = 6;
pub(super) const BUFFERS: Field = 7;
pub(super) const CACHE: Field = 8;
pub(super) const SWAP_IN: Field = 9;
pub(super) const SWAP_OUT: Field = 10;
pub(super) const BLOCKS_IN: Field = 11;
pub(super) const BLOCKS_OUT: Field = 12;
/// us sy wa st, from the bottom of the stack.
pub(super) const CPU: [Field; LAYERS] = [13, 14, 15, 16];

pub(super) const LAYERS: usize = 4;
const FIELDS: usize = 17;

/// The column of `vmstat` for each field from [`RUNNING`] on.
const COLUMN: [usize; FIELDS - 3] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16];

/// More points than this are merged into columns of a few pixels.
const MAX_UNMERGED_POINTS: usize = 384;

/// The width of such a column in tenths of a pixel.
const COLUMN_WIDTH: i32 = 25;

/// The samples of one minute, or of one step of a period. A missing value is NaN.
#[derive(Clone, Debug)]
pub(super) struct Minute {
    /// The second of the day of the first sample.
    pub(super) second: u32,
    count: f32,
    low: [f32; FIELDS],
    high: [f32; FIELDS],
    /// Sums of the CPU shares: a stack of extremes would not add up to 100 %.
    cpu: [f32; LAYERS],
}

/// The highest load and its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peak {
    pub(super) second: u32,
    pub(super) load: f64,
}

/// The points of a day or a period in order of time, at most one for each `step` seconds.
#[derive(Clone, Debug)]
pub(super) struct Points {
    minutes: Vec<Minute>,
    has_guest_time: bool,
    step: u32,
}

impl Default for Points {
    fn default() -> Self {
        Self::every(60)
    }
}

impl Points {
    /// No points; later ones are merged to one for each `step` seconds.
    pub(super) fn every(step: u32) -> Self {
        Self { minutes: Vec::new(), has_guest_time: false, step: step.max(1) }
    }

    pub(super) fn add(&mut self, second: u32, sample: &Sample) {
        let Measured { sample, .. } = &measured(sample);
        self.has_guest_time |= sample.guest.is_some_and(|guest| guest > 0);
        let values = values(sample);
        let cpu = CPU.map(|field| if values[field].is_nan() { 0.0 } else { values[field] });
        self.put(Minute { second, count: 1.0, low: values, high: values, cpu });
    }

    /// Adds the points of a day that begins at a second.
    pub(super) fn append(&mut self, day: Self, from: u32) {
        self.has_guest_time |= day.has_guest_time;
        for minute in day.minutes {
            self.put(Minute { second: minute.second.saturating_add(from), ..minute });
        }
    }

    fn put(&mut self, new: Minute) {
        let (step, place) = (self.step, new.second / self.step);
        // Usually the last point or a new one; an earlier one after the clock went back.
        let at = self.minutes.partition_point(|known| known.second / step < place);
        match self.minutes.get_mut(at) {
            Some(known) if known.second / step == place => known.merge(&new),
            _ => self.minutes.insert(at, new),
        }
    }

    /// All points, each drawn on its own. `longest` has the longest step, in seconds, that a line
    /// bridges, from a second on.
    pub(super) fn all(&self, longest: Vec<(u32, u32)>) -> VisiblePoints<'_> {
        VisiblePoints {
            minutes: Cow::Borrowed(&self.minutes),
            inner: 0..self.minutes.len(),
            has_guest_time: self.has_guest_time,
            longest,
            merged: false,
        }
    }

    /// Whether nothing was swapped in or out on the day, as far as is known.
    pub(super) fn no_swapping(&self) -> bool {
        [SWAP_IN, SWAP_OUT].into_iter().all(|field| greatest(&self.minutes, field) == Some(0.0))
    }

    /// The points between two seconds of the day; `longest` is the longest step, in seconds, that a
    /// line bridges. `every` point is drawn, or those that share a few pixels are merged.
    pub(super) fn within(
        &self,
        (from, to): (u32, u32),
        longest: u32,
        every: bool,
    ) -> VisiblePoints<'_> {
        let start = self.minutes.partition_point(|minute| minute.second < from);
        let end = self.minutes.partition_point(|minute| minute.second <= to).max(start);
        let before = self.edge(start, from, longest);
        let after = self.edge(end, to, longest);
        let inner = &self.minutes[start..end];
        let first = usize::from(before.is_some());
        let shown = if before.is_none() && after.is_none() {
            Cow::Borrowed(inner)
        } else {
            before.into_iter().chain(inner.iter().cloned()).chain(after).collect()
        };
        let shown_points = shown.len();
        VisiblePoints {
            minutes: shown,
            inner: first..first + inner.len(),
            has_guest_time: self.has_guest_time,
            longest: vec![(0, longest)],
            merged: !every && shown_points > MAX_UNMERGED_POINTS,
        }
    }

    /// Where a line crosses the edge of the window just before point `next`.
    fn edge(&self, next: usize, second: u32, longest: u32) -> Option<Minute> {
        let (before, after) = (self.minutes.get(next.checked_sub(1)?)?, self.minutes.get(next)?);
        let step = after.second - before.second;
        let between = before.second < second && second < after.second;
        (between && step <= longest).then(|| before.interpolate(after, second))
    }
}

/// The points in a window.
#[derive(Clone, Debug)]
pub(super) struct VisiblePoints<'a> {
    /// Points of samples and, at the edges of a window, those where lines cross it.
    minutes: Cow<'a, [Minute]>,
    /// The range of points that are samples.
    inner: Range<usize>,
    has_guest_time: bool,
    /// From a second on, the longest step that a line bridges, in seconds.
    longest: Vec<(u32, u32)>,
    /// Whether points that share a column of pixels are drawn as one.
    merged: bool,
}

impl VisiblePoints<'_> {
    /// Whether any sample of the day has guest time, which is then added to `us`.
    pub(super) fn has_guest_time(&self) -> bool {
        self.has_guest_time
    }

    /// The points of samples.
    pub(super) fn minutes(&self) -> &[Minute] {
        self.minutes.get(self.inner.clone()).unwrap_or_default()
    }

    /// The seconds of the samples.
    pub(super) fn seconds(&self) -> Vec<u32> {
        self.minutes().iter().map(|minute| minute.second).collect()
    }

    /// The number of samples of each point.
    pub(super) fn counts(&self) -> impl Iterator<Item = u32> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        self.minutes().iter().map(|minute| minute.count as u32)
    }

    /// The longest step in seconds that a line bridges at first.
    pub(super) fn longest(&self) -> u32 {
        self.longest.first().map_or(0, |(_, longest)| *longest)
    }

    /// The maximum of a field among the samples; `None` if it has no values.
    pub(super) fn max(&self, field: Field) -> Option<f64> {
        greatest(self.minutes(), field)
    }

    /// The maximum of a field among the points drawn.
    pub(super) fn highest(&self, field: Field) -> Option<f64> {
        greatest(&self.minutes, field)
    }

    /// The highest load of the samples.
    pub(super) fn peak(&self) -> Option<Peak> {
        let load = |minute: &Minute| f64::from(minute.high[LOAD[0]]);
        let known = self.minutes().iter().filter(|minute| !load(minute).is_nan());
        let highest = known.reduce(
            |highest, minute| {
                if load(minute) > load(highest) { minute } else { highest }
            },
        )?;
        Some(Peak { second: highest.second, load: load(highest) })
    }

    /// The stretches that one line connects.
    fn stretches(&self) -> impl Iterator<Item = &[Minute]> {
        let longest = |second: u32| {
            let next = self.longest.partition_point(|(from, _)| *from <= second);
            self.longest.get(next.saturating_sub(1)).map_or(0, |(_, longest)| *longest)
        };
        // Between two intervals the longer one decides.
        self.minutes.chunk_by(move |before, after| {
            let bridged = longest(before.second).max(longest(after.second));
            after.second - before.second <= bridged
        })
    }

    /// A field as strokes; `place` maps a second and a value to a point. Where many samples share a
    /// pixel, the extremes are drawn so that no peak is lost.
    pub(super) fn strokes(
        &self,
        field: Field,
        place: impl Fn(u32, f32) -> (i32, i32),
    ) -> Vec<Vec<(i32, i32)>> {
        let mut strokes = Vec::new();
        for stretch in self.stretches() {
            let known = |minute: &Minute| !minute.low[field].is_nan();
            for stretch in stretch.chunk_by(|a, b| known(a) == known(b)).filter(|s| known(&s[0])) {
                let mut stroke = Vec::with_capacity(stretch.len());
                for column in self.columns(stretch, |second| place(second, 0.0).0) {
                    let (low, high) = extremes(column, field);
                    let mut ends = [
                        place(column[low].second, column[low].low[field]),
                        place(column[high].second, column[high].high[field]),
                    ];
                    if low > high {
                        ends.reverse();
                    }
                    stroke.push(ends[0]);
                    if ends[0] != ends[1] {
                        stroke.push(ends[1]);
                    }
                }
                strokes.push(stroke);
            }
        }
        strokes
    }

    /// The upper edges of the CPU stack's layers, from below, for each stretch, using mean shares.
    /// A layer that is not `shown` has no height.
    pub(super) fn stack(
        &self,
        shown: [bool; LAYERS],
        place: impl Fn(u32, f32) -> (i32, i32),
    ) -> Vec<[Vec<(i32, i32)>; LAYERS]> {
        let mut stacks = Vec::new();
        for stretch in self.stretches() {
            let mut edges: [Vec<(i32, i32)>; LAYERS] = Default::default();
            for column in self.columns(stretch, |second| place(second, 0.0).0) {
                let count: f32 = column.iter().map(|minute| minute.count).sum();
                let mut height = 0.0;
                for (layer, edge) in edges.iter_mut().enumerate() {
                    if shown[layer] {
                        let sum = column.iter().map(|minute| minute.cpu[layer]).sum::<f32>();
                        height += sum / count;
                    }
                    edge.push(place(column[0].second, height.min(100.0)));
                }
            }
            stacks.push(edges);
        }
        stacks
    }

    /// Single minutes, or on a dense day groups that share a column of pixels.
    fn columns<'a>(
        &'a self,
        stretch: &'a [Minute],
        x: impl Fn(u32) -> i32,
    ) -> impl Iterator<Item = &'a [Minute]> {
        let column = move |minute: &Minute| x(minute.second) / COLUMN_WIDTH;
        stretch.chunk_by(move |a, b| self.merged && column(a) == column(b))
    }
}

impl Minute {
    /// The value of a field: its maximum, or for a CPU share its mean, because only means add up in
    /// a stack.
    pub(super) fn value(&self, field: Field) -> Option<f32> {
        let value = match field.checked_sub(CPU[0]) {
            Some(layer) if !self.high[field].is_nan() => self.cpu[layer] / self.count,
            _ => self.high[field],
        };
        (!value.is_nan()).then_some(value)
    }

    /// The point at `second` on the straight line to a later point.
    #[expect(clippy::cast_precision_loss, reason = "a chart's precision")]
    fn interpolate(&self, later: &Self, second: u32) -> Self {
        let share = (second - self.second) as f32 / (later.second - self.second) as f32;
        let between = |a: f32, b: f32| a + (b - a) * share;
        let mean = |minute: &Self, layer: usize| minute.cpu[layer] / minute.count;
        Self {
            second,
            count: 1.0,
            low: std::array::from_fn(|field| between(self.low[field], later.low[field])),
            high: std::array::from_fn(|field| between(self.high[field], later.high[field])),
            cpu: std::array::from_fn(|layer| between(mean(self, layer), mean(later, layer))),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.second = self.second.min(other.second);
        self.count += other.count;
        for field in 0..FIELDS {
            // `min` and `max` prefer a number to NaN.
            self.low[field] = self.low[field].min(other.low[field]);
            self.high[field] = self.high[field].max(other.high[field]);
        }
        for (sum, more) in self.cpu.iter_mut().zip(other.cpu) {
            *sum += more;
        }
    }
}

fn greatest(minutes: &[Minute], field: Field) -> Option<f64> {
    let high = minutes.iter().map(|minute| minute.high[field]);
    high.filter(|high| !high.is_nan()).reduce(f32::max).map(f64::from)
}

/// The positions of the minimum and the maximum in a column.
fn extremes(column: &[Minute], field: Field) -> (usize, usize) {
    let (mut low, mut high) = (0, 0);
    for (index, minute) in column.iter().enumerate() {
        if minute.low[field] < column[low].low[field] {
            low = index;
        }
        if minute.high[field] > column[high].high[field] {
            high = index;
        }
    }
    (low, high)
}

/// The fields of a sample. Values that are not finite count as missing. Where `vmstat` reports
/// guest time it is not part of `us`, but the machine is not idle then, so it is added to `us`.
fn values(sample: &Sample) -> [f32; FIELDS] {
    let mut values = [f32::NAN; FIELDS];
    for (to, load) in values.iter_mut().zip(sample.load) {
        // Checked first, because `min` would return its bound for NaN.
        if load.is_finite() {
            #[expect(clippy::cast_possible_truncation, reason = "a chart's precision")]
            let load = load.min(f64::from(f32::MAX)) as f32;
            *to = load;
        }
    }
    for (to, column) in values[RUNNING..].iter_mut().zip(COLUMN) {
        *to = sample.vmstat[column].map_or(f32::NAN, float);
    }
    if let Some(guest) = sample.guest {
        values[CPU[0]] += float(guest);
    }
    values
}

#[expect(clippy::cast_precision_loss, reason = "a chart's precision")]
fn float(value: u64) -> f32 {
    value as f32
}
