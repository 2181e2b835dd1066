//! Renders a chart.

/// Converts an SVG to a PNG; the error is one sentence. It is passed in, so that generate-url need
/// not contain a font.
pub type Rasterizer = fn(svg: &[u8]) -> Result<Vec<u8>, String>;
