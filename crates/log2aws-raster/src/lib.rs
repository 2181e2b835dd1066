//! Renders charts: SVG to PNG, with built-in fonts.
//!
//! This crate never reads a file, least of all the machine's fonts. The same SVG gives the same
//! picture on every machine.

mod encode;
mod fonts;
mod palette;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

use fonts::FONTS;

/// The maximum width and height of a picture, in pixels.
pub const MAX_SIDE: u32 = 8_192;

/// The maximum number of pixels: 64 MiB while it is drawn.
pub const MAX_PIXELS: u32 = 16 * 1024 * 1024;

/// Why rendering failed. One sentence each.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    /// Not an SVG.
    #[error("the drawing is not an SVG that can be read: {0}")]
    Svg(String),
    /// A picture of it would take too much memory.
    #[error(
        "the drawing would be {width} x {height} pixels; a picture has at most {MAX_SIDE} on a side and {MAX_PIXELS} in all"
    )]
    TooLarge {
        /// The width in pixels; it may not be finite.
        width: f32,
        /// The height in pixels; it may not be finite.
        height: f32,
    },
    /// The pixels could not be written as PNG.
    #[error("the picture could not be written as PNG: {0}")]
    Encode(String),
}

/// Renders an SVG with one pixel per CSS pixel.
///
/// # Errors
/// [`RasterError`] if it is not an SVG, or too large.
pub fn png(svg: &[u8]) -> Result<Vec<u8>, RasterError> {
    png_scaled(svg, 1.0)
}

/// Renders an SVG with `scale` pixels per CSS pixel.
///
/// # Errors
/// [`RasterError`] if it is not an SVG, or too large.
pub fn png_scaled(svg: &[u8], scale: f32) -> Result<Vec<u8>, RasterError> {
    let tree =
        Tree::from_data(svg, &options()).map_err(|error| RasterError::Svg(error.to_string()))?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let too_large = || RasterError::TooLarge { width, height };
    let (columns, rows) = pixels(width).zip(pixels(height)).ok_or_else(too_large)?;
    if columns * rows > MAX_PIXELS {
        return Err(too_large());
    }
    let mut picture = Pixmap::new(columns, rows).ok_or_else(too_large)?;
    // A white background, so that transparent areas stay white in dark mail programs and consoles.
    picture.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
    drop(tree);
    encode::png(&picture).map_err(|error| RasterError::Encode(error.to_string()))
}

/// [`png()`] with its error as text: a rasterizer for `log2aws_service`.
///
/// # Errors
/// The sentence of a [`RasterError`].
pub fn rasterize(svg: &[u8]) -> Result<Vec<u8>, String> {
    png(svg).map_err(|error| error.to_string())
}

/// A length in whole pixels, if it is within the limits.
fn pixels(length: f32) -> Option<u32> {
    let length = length.round();
    // 8192 is exact as a float; NaN is in no range.
    let allowed = (1.0..=8_192.0).contains(&length);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    allowed.then_some(length as u32)
}

/// Loads nothing by name: neither pictures nor fonts.
fn options() -> Options<'static> {
    Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        font_resolver: FONTS.resolver(),
        fontdb: FONTS.database(),
        ..Options::default()
    }
}
