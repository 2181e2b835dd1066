//! Pictures, checked pixel by pixel.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Cursor;

use log2aws_raster::{MAX_PIXELS, MAX_SIDE, RasterError, png, png_scaled};

/// A picture read back by a PNG reader.
#[derive(Clone, PartialEq, Eq)]
struct Picture {
    width: usize,
    rgb: Vec<u8>,
}

impl Picture {
    fn of(svg: &str) -> Self {
        Self::read(&png(svg.as_bytes()).unwrap())
    }

    fn read(file: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb, "opaque");
        Self { width: info.width as usize, rgb }
    }

    fn height(&self) -> usize {
        self.rgb.len() / 3 / self.width
    }

    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let first = (y * self.width + x) * 3;
        self.rgb[first..first + 3].try_into().unwrap()
    }

    /// The sum of all darkness.
    fn ink(&self) -> u64 {
        self.rgb.iter().map(|light| u64::from(255 - light)).sum()
    }
}

fn svg(inner: &str) -> String {
    format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40">{inner}</svg>"#)
}

/// A text as in the chart, with the beginning of its list of fonts.
fn text(text: &str) -> String {
    svg(&format!(
        "<style>text{{font:20px system-ui,'Segoe UI','BIZ UDPGothic',sans-serif}}.b{{font-weight:600}}\
         </style><text x=\"4\" y=\"30\">{text}</text>"
    ))
}

#[test]
fn a_picture_has_the_size_of_its_drawing() {
    let picture = Picture::of(&svg(""));
    assert_eq!((picture.width, picture.height()), (200, 40));
    let twice = Picture::read(&png_scaled(svg("").as_bytes(), 2.0).unwrap());
    assert_eq!((twice.width, twice.height()), (400, 80));
}

#[test]
fn what_a_drawing_leaves_open_is_white() {
    assert_eq!(Picture::of(&svg("")).ink(), 0);
}

#[test]
fn equal_drawings_are_equal_pictures() {
    let drawing = text("web01 本番");
    assert_eq!(png(drawing.as_bytes()).unwrap(), png(drawing.as_bytes()).unwrap());
}

#[test]
fn text_is_set_whatever_its_font_is_called() {
    let named = Picture::of(&text("Load"));
    assert!(named.ink() > 0);
    for font in ["serif", "monospace", "'No Such Font'", "Meiryo, cursive"] {
        let svg = svg(&format!(
            "<text x=\"4\" y=\"30\" font-family=\"{font}\" font-size=\"20\">Load</text>"
        ));
        assert!(Picture::of(&svg) == named, "{font}");
    }
}

#[test]
fn kana_full_width_forms_and_kanji_of_level_1_have_shapes_of_their_own() {
    let pieces: Vec<_> =
        "あアｱＡ本番茨腕…·–×é".chars().map(|c| Picture::of(&text(&c.to_string()))).collect();
    let unknown = Picture::of(&text("\u{10fffd}"));
    for (index, piece) in pieces.iter().enumerate() {
        assert!(piece.ink() > 0, "{index}");
        assert!(*piece != unknown, "{index}");
        assert!(pieces[..index].iter().all(|other| other != piece), "{index}");
    }
}

#[test]
fn a_character_beyond_the_font_is_a_box() {
    // U+5F0C is the first kanji of level 2; the others are in no part of JIS X 0208.
    let shown = Picture::of(&text("弌"));
    assert!(shown.ink() > 0);
    for unknown in ["\u{1f600}", "\u{0e01}", "\u{20bb7}"] {
        assert!(Picture::of(&text(unknown)) == shown, "{unknown}");
    }
    // A box: dark columns at both sides, all the way from top to bottom.
    let dark = |x: usize| (0..40).filter(|y| shown.at(x, *y)[0] < 128).count();
    let columns: Vec<_> = (0..200).filter(|x| dark(*x) >= 14).collect();
    assert!(columns.last().unwrap() - columns.first().unwrap() >= 10, "{columns:?}");
}

#[test]
fn a_bold_name_stays_bold_beside_japanese() {
    let of = |inner: &str| Picture::of(&text(inner));
    let bold = of("<tspan class=\"b\">web01</tspan>");
    assert!(bold.ink() * 10 > of("<tspan>web01</tspan>").ink() * 11);
    let with_note = of("<tspan class=\"b\">web01</tspan><tspan dx=\"9\">本番</tspan>");
    assert!(with_note.ink() > bold.ink());
    let blank = |x: &usize| (0..40).all(|y| bold.at(*x, y) == [255; 3]);
    let end = (0..200).rev().find(|x| !blank(x)).unwrap();
    assert!((0..=end).all(|x| (0..40).all(|y| with_note.at(x, y) == bold.at(x, y))));
}

#[test]
fn japanese_in_a_bold_line_is_set_too() {
    let bold = Picture::of(&text("<tspan class=\"b\">負荷</tspan>"));
    assert!(bold == Picture::of(&text("負荷")));
}

#[test]
fn dark_pages_do_not_darken_pictures() {
    let style = "<style>.bg{fill:#fff}@media screen and (prefers-color-scheme:dark){.bg{fill:#000}}\
                 </style><rect class=\"bg\" width=\"200\" height=\"40\"/>";
    assert_eq!(Picture::of(&svg(style)).ink(), 0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a file is needed that must not be read")]
fn no_picture_is_loaded_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let black = folder.path().join("black.svg");
    let drawing = svg("<rect width=\"200\" height=\"40\"/>");
    std::fs::write(&black, &drawing).unwrap();
    assert!(Picture::of(&drawing).ink() > 0);
    let data =
        drawing.replace('<', "%3C").replace('>', "%3E").replace('"', "'").replace('#', "%23");
    for href in [
        black.display().to_string(),
        format!("file://{}", black.display()),
        format!("data:image/svg+xml,{data}"),
    ] {
        for element in ["image", "feImage"] {
            let inner = match element {
                "image" => format!("<image href=\"{href}\" width=\"200\" height=\"40\"/>"),
                _ => format!(
                    "<filter id=\"f\"><feImage href=\"{href}\"/></filter>\
                     <rect width=\"200\" height=\"40\" fill=\"#fff\" filter=\"url(#f)\"/>"
                ),
            };
            assert_eq!(Picture::of(&svg(&inner)).ink(), 0, "{element} {href}");
        }
    }
}

#[test]
fn an_entity_that_would_fill_memory_is_refused() {
    let first = "<!ENTITY a0 \"aaaaaaaaaa\">".to_owned();
    let entities = (1..12).fold(first, |before, level| {
        let ten = format!("&a{};", level - 1).repeat(10);
        format!("{before}<!ENTITY a{level} \"{ten}\">")
    });
    let svg = format!(
        "<!DOCTYPE svg [{entities}]><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" \
         height=\"9\"><text>&a11;</text></svg>"
    );
    assert!(matches!(png(svg.as_bytes()), Err(RasterError::Svg(_))));
}

#[test]
fn what_is_no_drawing_is_refused_in_one_sentence() {
    for bad in [
        &b""[..],
        b"no drawing",
        b"<svg",
        b"\xff\xfe",
        b"\x1f\x8b\x08",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/>",
    ] {
        let sentence = png(bad).unwrap_err().to_string();
        assert!(sentence.starts_with("the drawing is not an SVG that can be read: "), "{sentence}");
        assert!(!sentence.contains('\n'), "{sentence}");
    }
}

#[test]
fn a_drawing_is_refused_that_is_larger_than_pictures_may_be() {
    let drawing = |width: u32, height: u32| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\"/>")
    };
    let refused = |svg: String, scale: f32| match png_scaled(svg.as_bytes(), scale) {
        Err(RasterError::TooLarge { .. }) => true,
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    };
    assert!(!refused(drawing(MAX_SIDE, 1), 1.0));
    assert!(!refused(drawing(1, MAX_SIDE), 1.0));
    assert!(refused(drawing(MAX_SIDE + 1, 1), 1.0));
    assert!(refused(drawing(1, MAX_SIDE + 1), 1.0));
    assert!(refused(drawing(MAX_SIDE / 2 + 1, 1), 2.0));
    assert!(refused(drawing(MAX_SIDE, MAX_PIXELS / MAX_SIDE + 1), 1.0));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(refused(drawing(10, 10), scale), "{scale}");
    }
    let sentence = png(drawing(9_000, 1).as_bytes()).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "the drawing would be 9000 x 1 pixels; a picture has at most 8192 on a side and 16777216 in all"
    );
}

#[test]
fn a_palette_changes_no_pixel_that_anybody_could_see() {
    let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442"];
    let lines = (0..30).map(|n| {
        let (colour, x) = (colours[n % colours.len()], n * 20 / 3);
        format!("<path stroke=\"{colour}\" d=\"M{x} 0L{} 40\"/>", (n * 37) % 200)
    });
    let svg = svg(&lines.collect::<String>());
    let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
    let mut exact = resvg::tiny_skia::Pixmap::new(200, 40).unwrap();
    exact.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, resvg::tiny_skia::Transform::identity(), &mut exact.as_mut());

    let drawn = Picture::of(&svg);
    let exact = exact.data().chunks_exact(4).flat_map(|pixel| &pixel[..3]);
    let off: Vec<u8> = drawn.rgb.iter().zip(exact).map(|(a, b)| a.abs_diff(*b)).collect();
    // The header of an indexed picture: its colour type is 3.
    assert_eq!(png(svg.as_bytes()).unwrap()[25], 3);
    assert!(off.iter().any(|off| *off > 0), "there are more than 256 colours");
    assert!(off.iter().all(|off| *off < 64), "{:?}", off.iter().max());
    let visible = off.iter().filter(|off| **off > 16).count();
    assert!(visible * 100 < off.len(), "{visible} of {}", off.len());
}
