//! What whole logs convert to.

mod properties;
mod seen;
mod surroundings;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::reject::{MAX_LINE, Reason};

/// The five lines of the document that first specified log2aws, and their CSV.
const LOG: &str = include_str!("../../../../testdata/document.log");
const CSV: &str = include_str!("../../../../testdata/document.csv");

const TAIL: &str = "124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0";

/// Everything that a log converts to.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    csv: String,
    rejects: Vec<Reject>,
    metadata: Vec<(usize, Metadata)>,
    rounded: u64,
}

impl Sink for Kept {
    fn row(&mut self, row: &Row<'_>) {
        self.csv.push_str(std::str::from_utf8(row.csv()).unwrap());
        self.csv.push('\n');
        self.rounded += u64::from(row.is_rounded());
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }

    fn metadata(&mut self, metadata: &Metadata) {
        self.metadata.push((self.csv.lines().count(), metadata.clone()));
    }
}

fn convert(log: impl AsRef<[u8]>) -> (Kept, Totals) {
    convert_blocks([log.as_ref()])
}

fn convert_blocks<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> (Kept, Totals) {
    convert_with(Converter::new(), blocks)
}

fn convert_with<'a>(
    mut converter: Converter,
    blocks: impl IntoIterator<Item = &'a [u8]>,
) -> (Kept, Totals) {
    let mut kept = Kept::default();
    for block in blocks {
        converter.push(block, &mut kept);
    }
    let totals = converter.finish(&mut kept);
    let handled = totals.rows + totals.rejects + totals.comments + totals.blanks;
    assert_eq!(totals.lines + totals.torn, handled);
    assert_eq!(totals.rows, kept.csv.lines().count() as u64);
    assert_eq!(totals.rounded, kept.rounded);
    assert_eq!(totals.rejects_kept, kept.rejects.len() as u64);
    (kept, totals)
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn row(minute: usize) -> String {
    format!(
        "2019-08-01 00:{minute:02}:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 {TAIL}"
    )
}

fn body(csv: &str) -> &str {
    csv.split_once('\n').unwrap().1
}

#[test]
fn a_whole_day() {
    let (kept, totals) = convert(include_str!("../../../../testdata/day.log"));
    assert_eq!(kept.csv, body(include_str!("../../../../testdata/day.csv")));
    assert_eq!((totals.rows, totals.rejects), (144, 0));
}

#[test]
fn the_documents_rows() {
    let (kept, totals) = convert(LOG);
    assert_eq!(kept.csv, body(CSV));
    assert_eq!((totals.rows, totals.rejects), (5, 0));
    assert_eq!(totals.bytes, LOG.len() as u64);
}

#[test]
fn line_ends_and_blank_lines_make_no_difference() {
    let crlf = format!("\r\n{}\r\n \t\r\n", LOG.replace('\n', "\r\n"));
    let (kept, totals) = convert(crlf);
    assert_eq!(kept.csv, body(CSV));
    assert_eq!((totals.rows, totals.blanks, totals.rejects), (5, 3, 0));
}

#[test]
fn an_empty_log_is_no_line() {
    assert_eq!(convert(""), (Kept::default(), Totals::default()));
    assert_eq!(convert_blocks([]), (Kept::default(), Totals::default()));
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_line() {
    let (kept, _) = convert(format!("\u{feff}{LOG}"));
    assert_eq!(kept.csv, body(CSV));
    let (kept, _) = convert("\u{feff}nonsense\n");
    assert_eq!((kept.rejects[0].offset, kept.rejects[0].length), (3, 8));
}

#[test]
fn a_reject_says_where_and_why() {
    let log = format!("{}\nsystem going down\n{}\n", row(0), row(10));
    let (kept, totals) = convert(&log);
    assert_eq!((totals.rows, totals.rejects), (2, 1));
    let reject = &kept.rejects[0];
    assert_eq!((reject.line, reject.length), (2, 17));
    assert_eq!(reject.offset, log.find("system").unwrap() as u64);
    assert_eq!(reject.raw, b"system going down");
    assert_eq!(reject.reason.to_string(), "expected a date written YYYY-MM-DD, found \"system\"");
}

#[test]
fn bytes_that_are_no_text_harm_one_line() {
    let mut log = row(0).into_bytes();
    log.extend(b"\n2019-08-01 00:05:01 up \xff\n");
    log.extend(row(10).bytes());
    let (kept, totals) = convert(log);
    assert_eq!((totals.rows, totals.rejects), (2, 1));
    assert_eq!(kept.rejects[0].reason.to_string(), "the line is not UTF-8 text (at byte 24)");
}

#[test]
fn a_line_of_64_kib_is_looked_at_and_a_longer_one_is_not() {
    let padded = |len: usize| format!("{}{}", row(0), " ".repeat(len - row(0).len()));
    for mark in ["", "\u{feff}"] {
        let (_, totals) = convert_blocks(
            [mark, &padded(MAX_LINE)[..9], &padded(MAX_LINE)[9..]].map(str::as_bytes),
        );
        assert_eq!((totals.rows, totals.rejects), (1, 0));
    }
    let (kept, totals) = convert(format!("{}\n{}\n", padded(MAX_LINE + 1), row(10)));
    assert_eq!((totals.rows, totals.rejects), (1, 1));
    assert_eq!(kept.rejects[0].length, MAX_LINE as u64 + 1);
    assert_eq!(kept.rejects[0].raw.len(), 1024);
    assert_eq!(kept.rejects[0].reason, Reason::TooLong);
}

#[test]
fn an_endless_line_is_measured_and_not_kept() {
    let mut kept = Kept::default();
    let mut converter = Converter::new();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..1024 {
        converter.push(&block, &mut kept);
    }
    let totals = converter.finish(&mut kept);
    assert_eq!((totals.lines, totals.rejects), (1, 1));
    assert_eq!(kept.rejects[0].length, 1 << 30);
}

#[test]
fn ten_thousand_rejects_are_kept_and_the_rest_counted() {
    let (kept, totals) = convert("x\n".repeat(10_005));
    assert_eq!((totals.rejects, totals.rejects_kept), (10_005, 10_000));
    assert_eq!(kept.rejects.last().unwrap().line, 10_000);
}

#[test]
fn metadata_come_in_the_order_of_the_lines() {
    let log = format!(
        "# log2aws/1 server=web01 cores=8\n{}\n# a comment\n# log2aws/1 cores=16\n{}\n",
        row(0),
        row(10)
    );
    let (kept, totals) = convert(log);
    assert_eq!((totals.rows, totals.comments, totals.rejects), (2, 3, 0));
    let cores: Vec<_> =
        kept.metadata.iter().map(|(row, m)| (*row, m.cores.unwrap().get())).collect();
    assert_eq!(cores, [(0, 8), (1, 16)]);
}

#[test]
fn a_last_line_that_is_cut_short_is_a_reject() {
    for columns in [14, 16] {
        let cut = row(10).split(' ').take(13 + columns).collect::<Vec<_>>().join(" ");
        let (kept, totals) = convert(format!("{}\n{cut}", row(0)));
        assert_eq!((totals.rows, totals.rejects), (1, 1));
        assert_eq!(
            kept.rejects[0].reason.to_string(),
            format!("the last line is cut short: {columns} of 17 vmstat columns and no line end")
        );
    }
    let (_, totals) = convert(format!("{}\n{}", row(0), row(10)));
    assert_eq!((totals.rows, totals.rejects), (2, 0), "a whole last line needs no line end");
}

#[test]
fn gzip_is_known_by_its_magic_bytes() {
    let (kept, totals) = convert(gzip(LOG));
    assert_eq!(kept.csv, body(CSV));
    assert_eq!(totals.bytes, LOG.len() as u64);
    let (first, second) = LOG.split_at(200);
    let (kept, _) = convert([gzip(first), gzip(second)].concat());
    assert_eq!(kept.csv, body(CSV), "members follow one another");
    for text in [&b"\x1f"[..], b"\x1fabc"] {
        let (kept, _) = convert_blocks(text.chunks(1));
        assert_eq!(kept.rejects[0].raw, text, "one byte is not the magic");
    }
}

#[test]
fn damaged_gzip_ends_in_one_reject() {
    let log: String = (0..60).map(|minute| row(minute) + "\n").collect();
    let packed = gzip(&log);
    let (kept, totals) = convert(&packed[..packed.len() - 9]);
    assert_eq!((totals.rows, totals.rejects), (60, 1), "the text is whole, its end mark is not");
    assert_eq!(kept.rejects[0].reason, Reason::GzipCutShort);
    assert_eq!((kept.rejects[0].line, kept.rejects[0].offset), (61, log.len() as u64));

    let mut wrong_sum = packed.clone();
    *wrong_sum.iter_mut().nth_back(6).unwrap() ^= 1;
    let (kept, totals) = convert(&wrong_sum);
    assert_eq!((totals.rows, totals.rejects), (60, 1));
    assert!(matches!(kept.rejects[0].reason, Reason::GzipDamaged(_)));

    let (kept, totals) = convert([&packed, &b"something else"[..]].concat());
    assert_eq!((totals.rows, totals.rejects), (60, 1));
    assert!(matches!(kept.rejects[0].reason, Reason::GzipDamaged(_)));

    let (_, totals) = convert(&packed[..packed.len() / 2]);
    assert!((1..60).contains(&totals.rows), "{totals:?}");
    assert_eq!(totals.rejects, 1);
}

#[test]
fn damage_costs_no_row_before_it() {
    for before in 1..60 {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for minute in 0..before {
            writeln!(encoder, "{}", row(minute)).unwrap();
        }
        // A flush ends in an empty block, whose length and its complement are 00 00 ff ff.
        encoder.flush().unwrap();
        let mark = encoder.get_ref().len();
        writeln!(encoder, "{}", row(59)).unwrap();
        let mut packed = encoder.finish().unwrap();
        assert_eq!(packed[mark - 4..mark], [0, 0, 0xff, 0xff]);
        packed[mark - 1] = 0;
        let (kept, totals) = convert(&packed);
        assert_eq!((totals.rows, totals.rejects), (before as u64, 1));
        assert!(matches!(kept.rejects[0].reason, Reason::GzipDamaged(_)));
    }
}

/// A day with one sample a second on a machine where only the clock changes.
#[test]
fn the_most_monotonous_of_real_logs_is_no_gzip_bomb() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for second in 0..86_400 {
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        writeln!(
            encoder,
            "2019-08-01 {h:02}:{m:02}:{s:02} up 45 days, {h:2}:{m:02}, 0 users, load average: 0.00, 0.00, \
             0.00 0 0 0 379918752 1024 8428556 0 0 0 0 10 20 0 0 100 0 0"
        )
        .unwrap();
    }
    let (kept, totals) = convert(encoder.finish().unwrap());
    assert_eq!((totals.rows, kept.rejects.len()), (86_400, 0));
}

#[test]
fn a_gzip_bomb_is_left_alone() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..200 {
        encoder.write_all(&zeros).unwrap();
    }
    let (kept, totals) = convert(encoder.finish().unwrap());
    assert_eq!(kept.rejects.len(), 1);
    assert_eq!(kept.rejects[0].reason, Reason::GzipBomb { max_ratio: DEFAULT_MAX_GZIP_RATIO });
    assert!((MIN_BOMB..MIN_BOMB + (1 << 20)).contains(&totals.bytes), "{totals:?}");
}

/// The place where reading stopped is the last reject, and of many the first ones alone are kept.
#[test]
fn why_reading_stopped_is_known_after_any_number_of_rejects() {
    let mut text = "x\n".repeat(usize::try_from(MAX_REJECTS).unwrap() + 5);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    let mut packed = encoder.finish().unwrap();
    packed.truncate(packed.len() - 8);
    let (kept, totals) = convert(&packed);
    assert!(!kept.rejects.iter().any(|reject| reject.reason == Reason::GzipCutShort));
    let stopped = totals.stopped.unwrap();
    assert_eq!((stopped.line, stopped.reason), (totals.lines, Reason::GzipCutShort.to_string()));
    text.push_str(&row(0));
    assert_eq!(convert(text).1.stopped, None);
}

/// One log of 2 MiB that expands some 200 times, under limits below and above that.
#[test]
fn how_far_gzip_data_may_expand_can_be_set() {
    let line = format!("{}\n", row(0));
    let text = line.repeat((2 << 20) / line.len());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let ratio = text.len() / packed.len();
    assert!((150..1000).contains(&ratio), "{ratio}");
    for (max, whole) in [(ratio / 2, false), (ratio * 2, true)] {
        let max_ratio = NonZeroU32::new(u32::try_from(max).unwrap()).unwrap();
        let converter = Converter::with_max_gzip_ratio(max_ratio);
        let (kept, totals) = convert_with(converter, [packed.as_slice()]);
        assert_eq!(totals.bytes == text.len() as u64, whole, "{max}: {totals:?}");
        let bomb =
            kept.rejects.iter().any(|reject| reject.reason == Reason::GzipBomb { max_ratio });
        assert_eq!(bomb, !whole, "{max}");
    }
}
