//! Pixels as PNG.

use std::io::Write as _;

use png::{BitDepth, ColorType, DeflateCompression, Encoder, EncodingError, Filter};
use resvg::tiny_skia::Pixmap;

/// What is left of a chart's file by more effort than this is little; its time is not.
const LEVEL: u8 = 3;

/// Writes an opaque picture, row by row: three bytes a pixel, no transparency to be shown on black.
pub(crate) fn png(picture: &Pixmap) -> Result<Vec<u8>, EncodingError> {
    let (width, height) = (picture.width(), picture.height());
    let mut file = Vec::with_capacity(128 * 1024);
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(LEVEL));
    // Flat areas and lines: prediction from neighbours, made for photographs, makes them longer.
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
