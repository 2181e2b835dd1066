//! The colours of a picture as a palette of at most 256, so that a pixel takes one byte.
//!
//! A chart has a few colours, and many shades of them on edges. Each frequent colour is kept
//! exactly. Of the rare shades those that lie close to a kept one are drawn as that one.

use std::cmp::Reverse;
use std::collections::HashMap;

/// The most colours of an indexed PNG.
const MOST: usize = 256;

/// With more colours than these a picture is no chart, and stays as it is.
const MOST_SHADES: usize = 16_384;

/// A colour of so many pixels or more gets its own entry whatever is close to it.
const FREQUENT: usize = 200;

/// Rare shades whose channels are equal when divided by this are drawn as one colour.
const CLOSE: u8 = 8;

/// A pixel: red, green, blue, and the alpha of an opaque picture.
type Pixel = [u8; 4];

/// A picture with one byte a pixel.
pub(crate) struct IndexedPicture {
    /// The colours, three bytes each.
    pub(crate) palette: Vec<u8>,
    /// The number of each pixel's colour in the palette.
    pub(crate) pixels: Vec<u8>,
}

/// The shades of a picture.
#[derive(Default)]
struct Shades {
    /// Each shade with its number of pixels.
    counts: Vec<(Pixel, usize)>,
    /// Which shade, and how many pixels of it, row by row.
    runs: Vec<(usize, usize)>,
}

impl IndexedPicture {
    /// Of opaque pixels of four bytes each; `None` if they have too many colours.
    pub(crate) fn of(pixels: &[u8]) -> Option<Self> {
        let pixels = pixels.as_chunks::<4>().0;
        let shades = Shades::of(pixels)?;
        let (palette, entries) = shades.palette()?;
        let mut indexed = Vec::with_capacity(pixels.len());
        for (shade, length) in &shades.runs {
            indexed.resize(indexed.len() + length, *entries.get(*shade)?);
        }
        Some(Self { palette, pixels: indexed })
    }
}

impl Shades {
    fn of(pixels: &[Pixel]) -> Option<Self> {
        let mut shades = Self::default();
        let mut known: HashMap<Pixel, usize> = HashMap::new();
        // Neighbours mostly have one colour.
        for run in pixels.chunk_by(|a, b| a == b) {
            let shade = *known.entry(run[0]).or_insert(shades.counts.len());
            if shade == MOST_SHADES {
                return None;
            }
            match shades.counts.get_mut(shade) {
                Some((_, count)) => *count += run.len(),
                None => shades.counts.push((run[0], run.len())),
            }
            shades.runs.push((shade, run.len()));
        }
        Some(shades)
    }

    /// The palette, three bytes a colour, and the entry that each shade is drawn as.
    fn palette(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut frequent_first: Vec<_> = self.counts.iter().enumerate().collect();
        // Equal counts by their order: the same picture always gives the same file.
        frequent_first.sort_by_key(|(_, (_, count))| Reverse(*count));
        let mut colours: Vec<Pixel> = Vec::new();
        let mut entries = vec![0; self.counts.len()];
        let mut near: HashMap<Pixel, u8> = HashMap::new();
        for (shade, (colour, pixels)) in frequent_first {
            let around = colour.map(|channel| channel / CLOSE);
            let known = near.get(&around).copied().filter(|_| *pixels < FREQUENT);
            entries[shade] = if let Some(entry) = known {
                entry
            } else if colours.len() < MOST {
                colours.push(*colour);
                let entry = u8::try_from(colours.len() - 1).ok()?;
                near.entry(around).or_insert(entry);
                entry
            } else {
                let kept = (0..=u8::MAX).zip(&colours);
                kept.min_by_key(|(_, kept)| distance(**kept, *colour))?.0
            };
        }
        let palette = colours.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]);
        Some((palette.collect(), entries))
    }
}

/// The largest difference of a channel.
fn distance(a: Pixel, b: Pixel) -> u8 {
    a.into_iter().zip(b).map(|(a, b)| a.abs_diff(b)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(light: u8) -> Pixel {
        [light, light, light, 255]
    }

    fn indexed(pixels: &[Pixel]) -> Option<IndexedPicture> {
        IndexedPicture::of(pixels.as_flattened())
    }

    #[test]
    fn frequent_colours_stay_exact_even_if_they_are_close() {
        let picture = indexed(&[[grey(0); 300].as_slice(), &[grey(1); 200]].concat()).unwrap();
        assert_eq!(picture.palette, [0, 0, 0, 1, 1, 1]);
        assert_eq!((picture.pixels.len(), &picture.pixels[299..301]), (500, &[0, 1][..]));
    }

    #[test]
    fn a_rare_shade_is_drawn_as_a_close_colour() {
        let picture =
            indexed(&[[grey(255); 900].as_slice(), &[grey(250), grey(0)]].concat()).unwrap();
        assert_eq!(picture.palette, [255, 255, 255, 0, 0, 0]);
        assert_eq!(picture.pixels[899..], [0, 0, 1]);
    }

    #[test]
    fn what_a_full_palette_has_no_room_for_is_drawn_as_the_closest() {
        let steps = |n: u16| [n.to_le_bytes()[0], 16 * n.to_le_bytes()[1], 0, 255];
        let pixels: Vec<Pixel> = (0..=256_u16).flat_map(|n| [steps(n); 300]).collect();
        let picture = indexed(&pixels).unwrap();
        assert_eq!(picture.palette.len(), 3 * MOST);
        // Of equally frequent ones the last, 0 16 0, has no entry; 0 0 0 is the closest.
        assert_eq!(picture.pixels[256 * 300 - 1..], [[255].as_slice(), &[0; 300]].concat());
    }

    #[test]
    fn a_photograph_has_no_palette() {
        let noise = (0..20_000_u32).map(|n| [n.to_le_bytes()[0], n.to_le_bytes()[1], 7, 255]);
        assert!(indexed(&noise.collect::<Vec<_>>()).is_none());
    }
}
