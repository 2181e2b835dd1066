//! Who turns a chart into a picture.

/// Turns an SVG into a PNG; the fault is one sentence. The world hands it in: what only gives out
/// URLs must not carry a font.
pub type Rasterizer = fn(svg: &[u8]) -> Result<Vec<u8>, String>;
