//! Encodes pixels as PNG.

use png::{BitDepth, ColorType, DeflateCompression, Encoder, EncodingError, Filter};
use resvg::tiny_skia::Pixmap;

use crate::palette::IndexedPicture;

/// Higher levels hardly shrink a chart's file, but take much longer.
const LEVEL: u8 = 3;

/// Encodes an opaque picture: one byte a pixel with a palette, or three if it has too many colours.
/// Never with transparency, which could be shown as black.
pub(crate) fn png(picture: &Pixmap) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::with_capacity(128 * 1024);
    let mut encoder = Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(LEVEL));
    // These are flat areas and lines: filters, made for photographs, would make them longer.
    encoder.set_filter(Filter::NoFilter);
    let bytes = if let Some(indexed) = IndexedPicture::of(picture.data()) {
        encoder.set_color(ColorType::Indexed);
        encoder.set_palette(indexed.palette);
        indexed.pixels
    } else {
        encoder.set_color(ColorType::Rgb);
        picture.data().chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect()
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(file)
}
