//! The series: names, units, and their values in a sample.

use jiff::civil::DateTime;
use log2aws_core::chart::SeriesId;
use log2aws_core::measurement::{Measured, measured};
use log2aws_core::sample::Sample;
use log2aws_core::summary::{LogSummary, SERIES, Stats, row};

use super::content::CsvRows;
use super::numbers;
use crate::i18n::{Words, fill};

/// The unit of a column.
#[derive(Clone, Copy)]
enum SeriesUnit {
    None,
    Processes,
    Kib,
    KibPerSecond,
    Blocks,
    PerSecond,
    Percent,
    Uptime,
}

const SECONDS_PER_DAY: f64 = 86_400.0;

/// The columns in the CSV's order.
fn columns(w: &Words) -> [(&'static str, SeriesUnit); SERIES.len()] {
    [
        (w.c_uptime, SeriesUnit::Uptime),
        (w.c_users, SeriesUnit::None),
        (w.c_load1, SeriesUnit::None),
        (w.c_load5, SeriesUnit::None),
        (w.c_load15, SeriesUnit::None),
        (w.c_r, SeriesUnit::Processes),
        (w.c_b, SeriesUnit::Processes),
        (w.c_swpd, SeriesUnit::Kib),
        (w.c_free, SeriesUnit::Kib),
        (w.c_buff, SeriesUnit::Kib),
        (w.c_cache, SeriesUnit::Kib),
        (w.c_si, SeriesUnit::KibPerSecond),
        (w.c_so, SeriesUnit::KibPerSecond),
        (w.c_bi, SeriesUnit::Blocks),
        (w.c_bo, SeriesUnit::Blocks),
        (w.c_in, SeriesUnit::PerSecond),
        (w.c_cs, SeriesUnit::PerSecond),
        (w.c_us, SeriesUnit::Percent),
        (w.c_sy, SeriesUnit::Percent),
        (w.c_id, SeriesUnit::Percent),
        (w.c_wa, SeriesUnit::Percent),
        (w.c_st, SeriesUnit::Percent),
    ]
}

/// A row of the table of figures.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// Each figure is empty if there are no values.
    pub(super) min: String,
    pub(super) mean: String,
    pub(super) p95: String,
    pub(super) max: String,
    /// The times of minimum and maximum, if the rows are there.
    pub(super) min_at: Option<String>,
    pub(super) max_at: Option<String>,
    /// The number of values, if it is not that of the rows.
    pub(super) count: Option<String>,
}

/// The times of the first minimum and the first maximum of each column.
#[derive(Default)]
pub(super) struct Extremes([Extreme; SERIES.len()]);

#[derive(Clone, Copy, Default)]
struct Extreme {
    min: Option<(f64, DateTime)>,
    max: Option<(f64, DateTime)>,
}

impl Extremes {
    pub(super) fn of(rows: &CsvRows) -> Self {
        let mut all = Self::default();
        rows.each(|sample| {
            let Measured { sample, .. } = measured(&sample);
            for (known, value) in all.0.iter_mut().zip(row(&sample)) {
                if known.min.is_none_or(|(min, _)| value < min) && !value.is_nan() {
                    known.min = Some((value, sample.time));
                }
                if known.max.is_none_or(|(max, _)| value > max) && !value.is_nan() {
                    known.max = Some((value, sample.time));
                }
            }
        });
        all
    }
}

/// The table of figures. An uptime has neither mean nor p95: they mean nothing, least of all on a
/// day with a reboot.
pub(super) fn figures(log: &LogSummary, extremes: &Extremes, w: &Words) -> Vec<Figure> {
    let columns = SERIES.iter().zip(columns(w)).zip(&extremes.0);
    columns
        .map(|((column, (name, unit)), extreme)| {
            let stats = log.series.get(column).copied().unwrap_or_default();
            let uptime = matches!(unit, SeriesUnit::Uptime);
            let (unit, of) = scaled(unit, &stats, w);
            let written = |value: Option<f64>| {
                value.map_or_else(String::new, |value| numbers::plain(value / of))
            };
            let average = |value: Option<f64>| written(value.filter(|_| !uptime));
            // A value that never changes has no time.
            let changes = stats.min != stats.max;
            let at = |known: Option<(f64, DateTime)>| {
                known.filter(|_| changes).map(|(_, at)| at.strftime("%H:%M").to_string())
            };
            let count = fill(w.values_of, &[("n", &stats.count), ("rows", &log.rows)]);
            Figure {
                name,
                unit,
                min: written(stats.min),
                mean: average(stats.mean),
                p95: average(stats.p95),
                max: written(stats.max),
                min_at: at(extreme.min),
                max_at: at(extreme.max),
                count: (stats.count != log.rows).then_some(count),
            }
        })
        .collect()
}

fn scaled(unit: SeriesUnit, stats: &Stats, w: &Words) -> (&'static str, f64) {
    match unit {
        SeriesUnit::None => ("", 1.0),
        SeriesUnit::Processes => (w.u_processes, 1.0),
        SeriesUnit::Kib => numbers::size_unit(stats.max.unwrap_or(0.0)),
        SeriesUnit::KibPerSecond => (w.u_kib_s, 1.0),
        SeriesUnit::Blocks => (w.u_blocks, 1.0),
        SeriesUnit::PerSecond => (w.u_per_s, 1.0),
        SeriesUnit::Percent => ("%", 1.0),
        SeriesUnit::Uptime => (w.u_days, SECONDS_PER_DAY),
    }
}

/// A panel of the chart, for the form above it.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) series: Vec<(SeriesId, &'static str)>,
}

/// The panels of the chart, from top to bottom.
pub(super) fn groups(w: &Words) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for id in SeriesId::ALL {
        let (group, name) = names(*id, w);
        match groups.last_mut() {
            Some(last) if last.name == group => last.series.push((*id, name)),
            _ => groups.push(Group { name: group, series: vec![(*id, name)] }),
        }
    }
    groups
}

/// Panel and name of a series.
pub(super) fn names(id: SeriesId, w: &Words) -> (&'static str, &'static str) {
    match id {
        SeriesId::Load1 => (w.group_load, w.s_load1),
        SeriesId::Load5 => (w.group_load, w.s_load5),
        SeriesId::Load15 => (w.group_load, w.s_load15),
        SeriesId::User => (w.group_cpu, w.s_us),
        SeriesId::System => (w.group_cpu, w.s_sy),
        SeriesId::Wait => (w.group_cpu, w.s_wa),
        SeriesId::Stolen => (w.group_cpu, w.s_st),
        SeriesId::Running => (w.group_queue, w.s_r),
        SeriesId::Blocked => (w.group_queue, w.s_b),
        SeriesId::Free => (w.group_memory, w.s_free),
        SeriesId::Cache => (w.group_memory, w.s_cache),
        SeriesId::Buffers => (w.group_memory, w.s_buff),
        SeriesId::Swapped => (w.group_memory, w.s_swpd),
        SeriesId::SwapIn => (w.group_swap, w.s_in),
        SeriesId::SwapOut => (w.group_swap, w.s_out),
        SeriesId::BlocksIn => (w.group_blocks, w.s_read),
        SeriesId::BlocksOut => (w.group_blocks, w.s_written),
    }
}

/// The unit of a group in the table of values.
pub(super) fn unit(id: SeriesId, w: &Words) -> &'static str {
    match id {
        SeriesId::User | SeriesId::System | SeriesId::Wait | SeriesId::Stolen => "%",
        SeriesId::Free | SeriesId::Cache | SeriesId::Buffers | SeriesId::Swapped => "KiB",
        SeriesId::SwapIn | SeriesId::SwapOut => w.u_kib_s,
        SeriesId::BlocksIn | SeriesId::BlocksOut => w.u_blocks,
        _ => "",
    }
}

/// A sample's value of a series as in the CSV; empty if there is none.
pub(super) fn value(id: SeriesId, sample: &Sample) -> String {
    let load = |index: usize| match sample.load[index] {
        value if value.is_finite() => format!("{value:.2}"),
        _ => String::new(),
    };
    let column = |index: usize| match sample.vmstat[index] {
        Some(value) => value.to_string(),
        None => String::new(),
    };
    match id {
        SeriesId::Load1 => load(0),
        SeriesId::Load5 => load(1),
        SeriesId::Load15 => load(2),
        SeriesId::Running => column(0),
        SeriesId::Blocked => column(1),
        SeriesId::Swapped => column(2),
        SeriesId::Free => column(3),
        SeriesId::Buffers => column(4),
        SeriesId::Cache => column(5),
        SeriesId::SwapIn => column(6),
        SeriesId::SwapOut => column(7),
        SeriesId::BlocksIn => column(8),
        SeriesId::BlocksOut => column(9),
        SeriesId::User => column(12),
        SeriesId::System => column(13),
        SeriesId::Wait => column(15),
        SeriesId::Stolen => column(16),
    }
}
