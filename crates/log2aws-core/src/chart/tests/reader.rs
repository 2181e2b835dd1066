//! A small SVG reader for the tests.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element of the SVG: name, attributes and text content.
#[derive(Debug, Default)]
pub(in crate::chart) struct Element {
    pub(in crate::chart) name: String,
    pub(in crate::chart) attributes: Vec<(String, String)>,
    pub(in crate::chart) text: String,
}

impl Element {
    pub(in crate::chart) fn get(&self, attribute: &str) -> &str {
        let found = self.attributes.iter().find(|(name, _)| name == attribute);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(in crate::chart) fn number(&self, attribute: &str) -> f64 {
        self.get(attribute).parse().unwrap()
    }
}

/// Parses the whole document; text inside a `tspan` also counts as text of the enclosing `text`.
pub(in crate::chart) fn elements(svg: &[u8]) -> Vec<Element> {
    let open = |start: &BytesStart<'_>| {
        let attribute = |a: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
            let a = a.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (text(a.key.as_ref()), text(&a.value))
        };
        Element {
            name: String::from_utf8(start.name().as_ref().to_vec()).unwrap(),
            attributes: start.attributes().map(attribute).collect(),
            text: String::new(),
        }
    };
    let mut reader = Reader::from_reader(svg);
    let (mut done, mut path) = (Vec::new(), Vec::<Element>::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => path.push(open(&start)),
            Event::Empty(start) => done.push(open(&start)),
            Event::End(_) => done.push(path.pop().unwrap()),
            Event::Text(text) => {
                let text = text.decode().unwrap();
                for element in &mut path {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(entity) => {
                let text = match entity.decode().unwrap().as_ref() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "#39" => '\'',
                    other => panic!("entity {other}"),
                };
                for element in &mut path {
                    element.text.push(text);
                }
            }
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(path.is_empty());
    done
}

/// The absolute points of a path of `M`, `l`, `h`, `v` and `z`.
pub(in crate::chart) fn points(path: &str) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let (mut x, mut y) = (0.0, 0.0);
    for command in path
        .split_inclusive(|c: char| c.is_ascii_alphabetic())
        .skip(1)
        .zip(path.chars().filter(char::is_ascii_alphabetic))
    {
        let (numbers, letter) = command;
        let spaced = numbers.trim_end_matches(|c: char| c.is_ascii_alphabetic()).replace('-', " -");
        let numbers: Vec<f64> = spaced.split_whitespace().map(|n| n.parse().unwrap()).collect();
        match letter {
            'M' => (x, y) = (numbers[0], numbers[1]),
            'h' => x += numbers[0],
            'v' => y += numbers[0],
            'l' => {
                for step in numbers.chunks(2) {
                    x += step[0];
                    y += step[1];
                    points.push((x, y));
                }
                continue;
            }
            'z' => continue,
            other => panic!("{other}"),
        }
        points.push((x, y));
    }
    points
}
