//! Reading intact, damaged and foreign files.

use proptest::prelude::*;

use super::*;
use crate::convert::{Converter, Sink};
use crate::line::Row;
use crate::reject::Reject;
use crate::sample::Sample;

const ROW: &str = "2019-08-01 00:00:01,45days 20:04,1,25.06,22.63,21.70,124,10,493744,379918752,0,8428556,0,0,\
     1852,156,0,0,26,12,60,2,0";

fn read(csv: &str) -> (Vec<Sample>, CsvTotals) {
    let mut samples = Vec::new();
    let totals = CsvReader::read(csv.as_bytes(), |sample| samples.push(sample));
    (samples, totals)
}

fn sentences(totals: &CsvTotals) -> Vec<String> {
    totals.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_header_names_every_column() {
    assert_eq!(CSV_HEADER.split(',').count(), CSV_COLUMNS);
    assert!(!CSV_HEADER.contains(char::is_whitespace));
}

#[test]
fn a_row_is_read_cell_by_cell() {
    let (samples, totals) = read(&format!("{CSV_HEADER}\n{ROW}\n"));
    assert_eq!((totals.lines, totals.rows, totals.faults_total), (2, 1, 0));
    let sample = &samples[0];
    assert_eq!(sample.time.to_string(), "2019-08-01T00:00:01");
    assert_eq!(sample.uptime_seconds, Some(45 * 86_400 + 20 * 3_600 + 4 * 60));
    assert_eq!((sample.users, sample.load), (Some(1), [25.06, 22.63, 21.70]));
    assert_eq!(
        (sample.vmstat[0], sample.vmstat[3], sample.vmstat[16]),
        (Some(124), Some(379_918_752), Some(0))
    );
}

#[test]
fn a_file_that_a_spreadsheet_saved_is_read() {
    let quoted: Vec<_> = ROW.split(',').map(|cell| format!("\"{cell}\"")).collect();
    let (samples, totals) = read(&format!("\u{feff}{CSV_HEADER}\r\n{}\r\n\r\n", quoted.join(",")));
    assert_eq!(totals.faults, []);
    assert_eq!(samples, read(&format!("{CSV_HEADER}\n{ROW}")).0);
}

#[test]
fn columns_are_found_by_name() {
    let header = CSV_HEADER.replace("mem-free,", "").replace("cpu-st", "cpu-gu,cpu-st");
    let row = ROW.replace("379918752,", "").replace(",2,0", ",2,7,0");
    let (samples, totals) = read(&format!("{header}\n{row}\n"));
    assert_eq!((samples[0].vmstat[3], samples[0].vmstat[16]), (None, Some(0)));
    assert_eq!(
        sentences(&totals),
        ["line 1: the header lacks mem-free; these cells count as empty; not read: cpu-gu"]
    );
}

#[test]
fn a_file_without_its_times_or_without_a_header_says_so() {
    let (samples, totals) = read(&format!("{}\n{ROW}\n", CSV_HEADER.replace("datetime", "when")));
    assert_eq!(samples.len(), 0);
    assert_eq!(
        sentences(&totals),
        ["line 1: the header lacks datetime; no row can be read without its time; not read: when"]
    );
    let (samples, totals) = read(&format!("{ROW}\n{ROW}\n"));
    assert_eq!(samples.len(), 2);
    assert_eq!(
        sentences(&totals),
        ["line 1: there is no header; the columns are taken for those of log2aws"]
    );
    for other in ["", "<html>\n<body>\n", "a;b;c\n1;2;3\n"] {
        let (samples, totals) = read(other);
        assert_eq!(samples.len(), 0);
        let first = &sentences(&totals)[0];
        assert!(first.starts_with("line 1: none of the columns of log2aws is here"), "{first}");
    }
}

#[test]
fn a_bad_cell_costs_itself_and_a_bad_row_costs_itself() {
    let bad = |from: &str, to: &str| ROW.replacen(from, to, 1);
    let rows = [
        bad("379918752", "NaN"),
        bad("25.06", "inf"),
        bad("1852", "-5"),
        bad("493744", "1.5"),
        bad("8428556", "99999999999999999999999"),
        bad("2019-08-01", "2019-02-30"),
        bad(",26", ""),
        bad("45days 20:04", "long"),
        bad("22.63", ""),
    ];
    let (samples, totals) = read(&format!("{CSV_HEADER}\n{}\n", rows.join("\n")));
    assert_eq!(
        sentences(&totals),
        [
            "line 2: mem-free \"NaN\" is no number; the cell counts as empty",
            "line 3: load-average01 \"inf\" is no number; the cell counts as empty",
            "line 4: buff-in \"-5\" is below zero; the cell counts as empty",
            "line 5: mem-swpd \"1.5\" is no whole number; the cell counts as empty",
            "line 6: mem-cache \"99999999999999999999999\" is too large; the cell counts as empty",
            "line 7: datetime \"2019-02-30 00:00:01\" is no time like \"2019-08-01 00:00:01\"; the row is left out",
            "line 8: 22 cells instead of 23; the row is left out",
            "line 9: past-times \"long\" is no uptime like \"45days 20:04\" or \"5min\"; the cell counts as empty",
        ]
    );
    assert_eq!(samples.len(), 7);
    assert_eq!(samples[0].vmstat[3], None);
    assert!(samples[1].load[0].is_nan() && samples[6].load[1].is_nan());
    assert_eq!(samples[0].vmstat[4], Some(0), "its neighbours stay");
    assert_eq!(samples[5].uptime_seconds, None);
}

#[test]
fn faults_beyond_the_first_only_count_and_long_lines_are_left_out() {
    let mut csv = format!("{CSV_HEADER}\n");
    for _ in 0..100 {
        csv.push_str("x\n");
    }
    csv.push_str(&"9".repeat(1_000_000));
    csv.push('\n');
    csv.push_str(ROW);
    let (samples, totals) = read(&csv);
    assert_eq!((samples.len(), totals.lines), (1, 103));
    assert_eq!((totals.faults.len(), totals.faults_total), (MAX_FAULTS, 101));
}

#[test]
fn a_csv_is_told_from_a_log() {
    assert!(is_csv(CSV_HEADER.as_bytes()) && is_csv(b"\xef\xbb\xbf\"datetime\",x\n"));
    let log = include_bytes!("../../../../testdata/document.log");
    assert!(!is_csv(log) && !is_csv(b"") && !is_csv(b"# log2aws/1 mode=interval\n"));
    assert!(!is_csv(b"# log2aws/1 note=a,users,datetime,b\n"), "a note with commas");
    assert!(!is_csv(b"users,age\n"), "another program's CSV");
    assert!(is_csv(ROW.as_bytes()), "a row of ours without a header");
}

/// The CSV of a log, and its samples as the log's reader gives them.
#[derive(Default)]
struct Written {
    csv: String,
    samples: Vec<Sample>,
}

impl Sink for Written {
    fn row(&mut self, row: &Row<'_>) {
        self.csv.push_str(std::str::from_utf8(row.csv()).unwrap());
        self.csv.push('\n');
        self.samples.push(Sample { guest: None, ..row.sample() });
    }

    fn reject(&mut self, _: Reject) {}
}

fn any_line() -> impl Strategy<Value = String> {
    (
        "20[0-9]{2}-0[1-9]-[0-2][1-9] [01][0-9]:[0-5][0-9]:[0-5][0-9] up",
        "(( [0-9]{1,6} days?,)? ([0-9]{1,2}:[0-5][0-9]|24:00|[0-9]{1,2} mins?|[0-9]{1,2} secs)| \\?),( ([0-9]{1,19}|\\?) users,)?",
        " load averages?:(( [0-9]{1,7}\\.[0-9]{2},?){3}|( [0-9]{1,3},){3})",
        prop::collection::vec(any::<Option<u64>>(), 16..19),
    )
        .prop_map(|(time, uptime, load, columns)| {
            let column = |column: &Option<u64>| column.map_or("-".to_owned(), |n| n.to_string());
            let columns: Vec<_> = columns.iter().map(column).collect();
            format!("{time}{uptime}{load} {}\n", columns.join(" "))
        })
}

proptest! {
    #[test]
    fn what_the_converter_writes_reads_back(lines in prop::collection::vec(any_line(), 1..20)) {
        let mut written = Written { csv: format!("{CSV_HEADER}\n"), ..Written::default() };
        let mut converter = Converter::new();
        converter.push(lines.concat().as_bytes(), &mut written);
        converter.finish(&mut written);
        let (samples, totals) = read(&written.csv);
        prop_assert_eq!(totals.faults, []);
        prop_assert_eq!(samples, written.samples);
    }

    #[test]
    fn any_bytes_in_any_blocks_are_read_alike(
        bytes in prop::collection::vec(prop_oneof![Just(b','), Just(b'\n'), Just(b'1'), any::<u8>()], 0..400),
        cut in any::<prop::sample::Index>(),
    ) {
        let csv = [CSV_HEADER.as_bytes(), b"\n", ROW.as_bytes(), b"\n", &bytes].concat();
        let (head, tail) = csv.split_at(cut.index(csv.len()));
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        let totals = CsvReader::read(&csv, |sample| whole.push(sample.time));
        let mut reader = CsvReader::new();
        let mut take = |sample: Sample| parts.push(sample.time);
        reader.push(head, &mut take);
        reader.push(tail, &mut take);
        prop_assert_eq!(reader.finish(&mut take), totals);
        prop_assert_eq!(whole, parts);
    }
}
