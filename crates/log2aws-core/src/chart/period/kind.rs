//! Why a day of a period has no samples, as far as a drawing tells it apart.

use crate::summary::Cause;

/// Why there are no samples. Each is shaded in its own way, also without colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The machine was off.
    Off,
    /// The machine ran; its samples or their upload are missing.
    Ran,
    /// Nothing has arrived since.
    Silent,
    /// The cause is unknown.
    Unknown,
    /// Something arrived that was refused or cannot be read.
    Unreadable,
    /// Nothing is expected: not due yet, before the first delivery, or of a retired server.
    NotDue,
}

impl Missing {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Off, Self::Ran, Self::Silent, Self::Unknown, Self::Unreadable, Self::NotDue];

    /// The class of its shading.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Off => "gap",
            Self::Ran => "ran",
            Self::Silent => "sil",
            Self::Unknown => "unk",
            Self::Unreadable => "bad",
            Self::NotDue => "due",
        }
    }
}

impl From<Cause> for Missing {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Off | Cause::Starting => Self::Off,
            Cause::Unreadable => Self::Unreadable,
            Cause::Running => Self::Ran,
            Cause::Unknown => Self::Unknown,
        }
    }
}
