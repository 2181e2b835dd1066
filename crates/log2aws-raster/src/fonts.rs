//! The fonts of every picture, regardless of the font names in the SVG.

use std::sync::{Arc, LazyLock};

use resvg::usvg::FontResolver;
use resvg::usvg::fontdb::{Database, ID, Source};

static REGULAR: &[u8] = include_bytes!("../font/regular.ttf");

static BOLD: &[u8] = include_bytes!("../font/bold.ttf");

/// Has no Latin letters: a line whose characters are all in a fallback face is set in that face
/// only, and would lose its bold parts.
static JAPANESE: &[u8] = include_bytes!("../font/japanese.ttf");

/// Text with at least this weight is bold.
const BOLD_FROM: u16 = 600;

/// Parsed once for all pictures.
pub(crate) static FONTS: LazyLock<Fonts> = LazyLock::new(Fonts::new);

pub(crate) struct Fonts {
    database: Arc<Database>,
    regular: Option<ID>,
    bold: Option<ID>,
    japanese: Option<ID>,
}

impl Fonts {
    fn new() -> Self {
        let mut database = Database::new();
        let mut load = |face: &'static [u8]| {
            database.load_font_source(Source::Binary(Arc::new(face))).first().copied()
        };
        let (regular, bold, japanese) = (load(REGULAR), load(BOLD), load(JAPANESE));
        Self { database: Arc::new(database), regular, bold, japanese }
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// Selects by weight only. Characters missing from the Latin faces come from the Japanese one;
    /// characters missing there become a box.
    pub(crate) fn resolver(&self) -> FontResolver<'static> {
        let (regular, bold, japanese) = (self.regular, self.bold, self.japanese);
        FontResolver {
            select_font: Box::new(
                move |font, _| {
                    if font.weight() >= BOLD_FROM { bold } else { regular }
                },
            ),
            select_fallback: Box::new(move |_, used, _| japanese.filter(|id| !used.contains(id))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_is_read() {
        let fonts = Fonts::new();
        assert_eq!(fonts.database.len(), 3);
    }
}
