//! Dimensions that all pages share, in tenths of a CSS pixel.

/// The width of a page. Its height depends on the content.
pub(super) const WIDTH: i32 = 10_960;

/// The left edge of all plots.
pub(super) const LEFT: i32 = 620;

/// The right edge of all plots.
pub(super) const RIGHT: i32 = 10_220;
