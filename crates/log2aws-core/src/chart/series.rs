//! The six panels of a day and the series in each.

use super::points::{
    BLOCKED, BLOCKS_IN, BLOCKS_OUT, BUFFERS, CACHE, CPU, FREE, Field, LOAD, RUNNING, SWAP_IN,
    SWAP_OUT, SWAPPED,
};
use super::view::{SeriesId, View};
use super::words::names;

/// What a panel shows.
#[derive(Clone, Debug)]
pub(super) struct PanelKind {
    pub(super) shape: PanelShape,
    pub(super) title: &'static str,
    /// The unit of its values.
    pub(super) unit: &'static str,
    /// The height of its plot in tenths of a pixel.
    pub(super) height: i32,
    /// All of its series, most important first; the position selects the pen.
    pub(super) series: Vec<Series>,
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PanelShape {
    /// Lines with the number of cores and the peak.
    Load,
    /// Stacked shares.
    Cpu,
    /// Lines of counts.
    Queue,
    /// Lines of sizes.
    Memory,
    /// Lines of rates.
    Swap,
    /// As [`Self::Swap`].
    Blocks,
}

/// A series of a panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    pub(super) id: SeriesId,
    pub(super) field: Field,
    pub(super) name: &'static str,
    pub(super) hidden: bool,
}

impl PanelShape {
    /// The panel's identifier for programs.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Cpu => "cpu",
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::Swap => "swap",
            Self::Blocks => "blocks",
        }
    }
}

impl PanelKind {
    /// The visible series, each with its pen.
    pub(super) fn shown(&self) -> impl Iterator<Item = (usize, &Series)> {
        self.series.iter().enumerate().filter(|(_, series)| !series.hidden)
    }

    /// Whether any series is visible.
    pub(super) fn is_shown(&self) -> bool {
        self.shown().next().is_some()
    }
}

/// The panels from top to bottom. `has_guest_time` says whether `us` includes guest time.
pub(super) fn panels(view: &View, has_guest_time: bool) -> [PanelKind; 6] {
    use SeriesId as Id;

    let names = names(view.language);
    let series = |all: &[(Id, Field, &'static str)]| {
        let series = |&(id, field, name)| Series { id, field, name, hidden: view.hides(id) };
        all.iter().map(series).collect()
    };
    let panel = |shape, title, unit, height, all: &[_]| PanelKind {
        shape,
        title,
        unit,
        height,
        series: series(all),
    };
    [
        panel(
            PanelShape::Load,
            names.load,
            names.processes,
            1_500,
            &[
                (Id::Load1, LOAD[0], names.load1),
                (Id::Load5, LOAD[1], names.load5),
                (Id::Load15, LOAD[2], names.load15),
            ],
        ),
        panel(
            PanelShape::Cpu,
            names.cpu,
            "%",
            1_200,
            &[
                (Id::User, CPU[0], if has_guest_time { names.user_and_guests } else { names.user }),
                (Id::System, CPU[1], names.system),
                (Id::Wait, CPU[2], names.wait),
                (Id::Stolen, CPU[3], names.stolen),
            ],
        ),
        panel(
            PanelShape::Queue,
            names.queue,
            names.processes,
            800,
            &[(Id::Running, RUNNING, names.running), (Id::Blocked, BLOCKED, names.blocked)],
        ),
        panel(
            PanelShape::Memory,
            names.memory,
            "KiB",
            1_200,
            &[
                (Id::Free, FREE, names.free),
                (Id::Cache, CACHE, names.cache),
                (Id::Buffers, BUFFERS, names.buffers),
                (Id::Swapped, SWAPPED, names.swapped),
            ],
        ),
        panel(
            PanelShape::Swap,
            names.swap,
            "KiB/s",
            700,
            &[(Id::SwapIn, SWAP_IN, names.swap_in), (Id::SwapOut, SWAP_OUT, names.swap_out)],
        ),
        panel(
            PanelShape::Blocks,
            names.blocks,
            names.blocks_unit,
            1_000,
            &[
                (Id::BlocksIn, BLOCKS_IN, names.blocks_in),
                (Id::BlocksOut, BLOCKS_OUT, names.blocks_out),
            ],
        ),
    ]
}
