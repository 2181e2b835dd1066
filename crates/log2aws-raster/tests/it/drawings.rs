//! The day's chart as a picture: every log can be rendered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::io::Cursor;

use log2aws_core::chart::ChartBuilder;
use log2aws_core::convert::{Converter, Sink};
use log2aws_core::day::Day;
use log2aws_core::line::Row;
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use log2aws_core::summary::{Rejects, SummaryBuilder};
use log2aws_raster::png;
use proptest::prelude::*;

struct Builders {
    summary: SummaryBuilder,
    chart: ChartBuilder,
}

impl Sink for Builders {
    fn row(&mut self, row: &Row<'_>) {
        let sample = row.sample();
        self.summary.sample(&sample);
        self.chart.sample(&sample);
    }

    fn reject(&mut self, _: Reject) {}

    fn metadata(&mut self, metadata: &Metadata) {
        self.summary.metadata(metadata);
        self.chart.metadata(metadata);
    }
}

/// The drawing of a log, as analysis makes it.
fn drawn(server: &str, log: &[u8]) -> Vec<u8> {
    let day: Day = "2019-08-01".parse().unwrap();
    let mut builders =
        Builders { summary: SummaryBuilder::new(day), chart: ChartBuilder::new(day) };
    let mut converter = Converter::new();
    converter.push(log, &mut builders);
    let totals = converter.finish(&mut builders);
    let rejects = Rejects::from(totals);
    let log = builders.summary.finish(rejects);
    builders.chart.finish(&server.parse().unwrap(), &log).to_svg()
}

/// The width, and the pixels row by row.
fn picture(svg: &[u8]) -> (usize, Vec<u8>) {
    let file = png(svg).unwrap();
    let mut decoder = png::Decoder::new(Cursor::new(&file[..]));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    (info.width as usize, rgb)
}

/// A whole day, every ten minutes.
fn day(note: &str) -> String {
    let mut log = format!("# log2aws/1 server=web01 cores=8 tz=Asia/Tokyo mode=interval{note}\n");
    for minute in (0..1_440).step_by(10) {
        let (hour, rest, load) = (minute / 60, minute % 60, minute % 70);
        let _ = writeln!(
            log,
            "2019-08-01 {hour:02}:{rest:02}:01 up 45 days, {hour}:{rest:02}, 1 user, load average: \
             {load}.06, 2.63, 1.70 4 1 0 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0"
        );
    }
    log
}

#[test]
fn a_note_changes_the_title_alone() {
    let (width, plain) = picture(&drawn("web01", day("").as_bytes()));
    // 本番
    let (_, noted) = picture(&drawn("web01", day(" note=%E6%9C%AC%E7%95%AA").as_bytes()));
    let rows = plain.chunks(width * 3).zip(noted.chunks(width * 3));
    let changed: Vec<_> = rows.enumerate().filter(|(_, (a, b))| a != b).map(|(y, _)| y).collect();
    assert!(changed.len() >= 12, "{changed:?}");
    assert!(changed.iter().all(|y| (10..50).contains(y)), "{changed:?}");
    // A kanji that the font lacks becomes a box: 弌.
    let (_, boxed) = picture(&drawn("web01", day(" note=%E5%BC%8C").as_bytes()));
    assert!(boxed != plain && boxed != noted);
}

#[test]
fn the_margins_are_paper_and_the_plots_are_not() {
    let (width, rgb) = picture(&drawn("web01", day("").as_bytes()));
    let height = rgb.len() / 3 / width;
    assert!(width > 1_000 && height > 800, "{width} x {height}");
    let at = |x: usize, y: usize| &rgb[(y * width + x) * 3..][..3];
    for corner in [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)] {
        assert_eq!(at(corner.0, corner.1), [255; 3]);
    }
    // The CPU's user time: 26 % of the whole width, in its own blue.
    let blue = rgb.chunks(3).filter(|pixel| *pixel == [0x00, 0x72, 0xb2]).count();
    assert!(blue > 10_000, "{blue}");
}

/// Lines of a real log with numbers of any size, and metadata with any text.
fn log() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => "2019-08-01 [0-2][0-9]:[0-5][0-9]:00 up [0-9]{1,9} days, 1:00, load average: \
              [0-9]{1,12}\\.[0-9]{1,3}, 0\\.0, 0\\.0( [0-9]{1,18}){16,18}",
        1 => "# log2aws/1( (cores=[1-9][0-9]{0,8}|tz=(Asia/Tokyo|America/New_York)|mode=(interval|since-boot))){0,3}",
        1 => "# log2aws/1 note=\\PC{0,60}",
    ];
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    // Without optimisation, a picture takes a good part of a second.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_log_has_its_picture(server in "[a-z0-9][-a-z0-9]{0,62}", log in log()) {
        prop_assume!(server.parse::<log2aws_core::server_name::ServerName>().is_ok());
        let svg = drawn(&server, log.as_bytes());
        let file = png(&svg);
        prop_assert!(file.is_ok(), "{:?}", file.err());
        prop_assert_eq!(file.unwrap(), png(&svg).unwrap());
    }
}
