//! Encodes pixels as PNG.

use std::io::Write as _;

use png::{BitDepth, ColorType, DeflateCompression, Encoder, EncodingError, Filter};
use resvg::tiny_skia::Pixmap;

/// Higher levels hardly shrink a chart's file, but take much longer.
const LEVEL: u8 = 3;

/// Encodes an opaque picture, row by row: three bytes a pixel, because transparency could be shown
/// as black.
pub(crate) fn png(picture: &Pixmap) -> Result<Vec<u8>, EncodingError> {
    let (width, height) = (picture.width(), picture.height());
    let mut file = Vec::with_capacity(128 * 1024);
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(LEVEL));
    // These are flat areas and lines: filters, made for photographs, would make them longer.
    encoder.set_filter(Filter::NoFilter);
    let mut head = encoder.write_header()?;
    let mut body = head.stream_writer()?;
    let mut rgb = Vec::new();
    for row in picture.data().chunks_exact(width as usize * 4) {
        rgb.clear();
        for pixel in row.chunks_exact(4) {
            rgb.extend_from_slice(&pixel[..3]);
        }
        body.write_all(&rgb)?;
    }
    body.finish()?;
    head.finish()?;
    Ok(file)
}
