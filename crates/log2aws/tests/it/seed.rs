//! Comparison with the document's own converter: for every line that it reads correctly, ours gives
//! the same bytes.
//!
//! It and its generator are not part of this repository: they are expected in `../shared/seed`
//! beside it, or where `LOG2AWS_SEED_DIR` says. Without them these tests are skipped; the golden
//! files under `testdata/` check the same with fewer lines.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::civil::date;
use log2aws_core::convert::{Converter, Sink, Totals};
use log2aws_core::csv::CSV_HEADER;
use log2aws_core::line::{Row, compose};
use log2aws_core::reject::Reject;
use log2aws_core::sample::Sample;

/// The folder of the seed, if it exists.
fn seed() -> Option<PathBuf> {
    let folder = std::env::var_os("LOG2AWS_SEED_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seed"),
        PathBuf::from,
    );
    let there = folder.join("seed_csv.py").is_file() && folder.join("gen_log.py").is_file();
    if !there {
        let why = format!("no seed_csv.py and gen_log.py in {}", folder.display());
        log2aws_skip::optional("seed", why);
    }
    there.then_some(folder)
}

fn python(script: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new("python3").arg(script).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The output of the document's converter for a log, without the header.
fn witness(seed: &Path, log: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.log"), folder.path().join("out.csv"));
    std::fs::write(&input, log).unwrap();
    python(&seed.join("seed_csv.py"), &[input.to_str().unwrap(), output.to_str().unwrap()]);
    let csv = std::fs::read_to_string(output).unwrap();
    let mut lines = csv.lines().filter(|line| !line.is_empty()).map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some(CSV_HEADER));
    lines.collect()
}

#[derive(Default)]
struct Rows(Vec<String>);

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) {
        self.0.push(String::from_utf8(row.csv().to_vec()).unwrap());
    }

    fn reject(&mut self, reject: Reject) {
        panic!("{}: {}", reject.line, reject.reason);
    }
}

fn ours(log: &[u8]) -> (Vec<String>, Totals) {
    let mut rows = Rows::default();
    let mut converter = Converter::new();
    converter.push(log, &mut rows);
    let totals = converter.finish(&mut rows);
    (rows.0, totals)
}

#[test]
fn generated_logs_give_the_witness_rows() {
    let Some(seed) = seed() else { return };
    for number in ["1", "2", "3"] {
        for mode in ["seed", "mixed"] {
            for crlf in [None, Some("--crlf")] {
                let mut args = vec![mode, "--lines", "8000", "--seed", number];
                args.extend(crlf);
                let log = python(&seed.join("gen_log.py"), &args);
                let (rows, totals) = ours(&log);
                assert_eq!(totals.rows, 8000, "{args:?}");
                // It silently drops every line with an uptime under one day.
                let (days, hours): (Vec<_>, Vec<_>) =
                    rows.into_iter().partition(|row| row.contains("day"));
                assert_eq!(hours.is_empty(), mode == "seed", "{args:?}");
                assert!(days == witness(&seed, &log), "{args:?}");
            }
        }
    }
}

#[test]
fn golden_files_are_what_the_witness_says() {
    let Some(seed) = seed() else { return };
    let goldens = [
        (
            include_str!("../../../../testdata/document.log"),
            include_str!("../../../../testdata/document.csv"),
        ),
        (
            include_str!("../../../../testdata/day.log"),
            include_str!("../../../../testdata/day.csv"),
        ),
    ];
    for (log, csv) in goldens {
        assert_eq!(witness(&seed, log.as_bytes()), csv.lines().skip(1).collect::<Vec<_>>());
    }
    let log = include_str!("../../../../testdata/forms.log");
    let rows = witness(&seed, log.as_bytes());
    // It reads the formats of one day and more, with users, decimal points, single blanks and no
    // missing column.
    let read: Vec<_> = log
        .lines()
        .zip(include_str!("../../../../testdata/forms.csv").lines().skip(1))
        .filter(|(_, row)| row.contains("day") && !row.contains(",,") && !row.ends_with(','))
        .filter(|(line, _)| !line.contains('\t') && !line.contains("0,24"))
        .map(|(_, row)| row)
        .collect();
    assert_eq!(read.len(), 11);
    for row in read {
        assert!(rows.iter().any(|witnessed| witnessed == row), "{row}");
    }
}

/// The lines that were found in public, where the document's converter reads them correctly.
#[test]
fn lines_found_in_public_give_the_witness_rows() {
    let Some(seed) = seed() else { return };
    let lines = include_str!("../../../../testdata/lines.tsv");
    let rows = lines.lines().filter_map(|line| line.split_once("\t=>\t"));
    // It takes an uptime of a day and more, users, points as decimal marks and plain numbers for
    // granted, and misreads or drops what lacks them.
    let read: Vec<_> = rows
        .filter(|(_, row)| !matches!(*row, "REJECT" | "NOTHING"))
        .filter(|(line, _)| line.contains(" day") && line.contains(" user"))
        .filter(|(line, _)| !line.contains(['\\', '?', '[']))
        .filter(|(line, row)| {
            !has_decimal_comma(line) && !row.contains(",,") && !row.ends_with(',')
        })
        .filter(|(line, _)| !has_suffix(line))
        .collect();
    assert!(read.len() >= 30, "{}", read.len());
    for (line, row) in read {
        assert_eq!(witness(&seed, format!("{line}\n").as_bytes()), [row], "{line}");
    }
}

/// A comma between digits, as in `0,24`.
fn has_decimal_comma(line: &str) -> bool {
    line.as_bytes()
        .windows(3)
        .any(|three| three[0].is_ascii_digit() && three[1] == b',' && three[2].is_ascii_digit())
}

/// A number that ends in k, m or g, as in `2.3m`.
fn has_suffix(line: &str) -> bool {
    line.split(' ').any(|word| {
        word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(['k', 'm', 'g'])
    })
}

#[test]
fn the_witness_reads_what_we_compose() {
    let Some(seed) = seed() else { return };
    let sample = |number: u64| Sample {
        time: date(2026, 2, 28).at(23, 50, 0, 0),
        uptime_seconds: Some(86_400 + number * 997 * 60),
        users: Some(number % 4),
        load: [0.0, 0.07, 12.5],
        vmstat: std::array::from_fn(|column| Some(number * column as u64)),
        guest: number.is_multiple_of(2).then_some(3),
    };
    let log: String = (0..1500).map(|number| compose(&sample(number)).unwrap() + "\n").collect();
    let (rows, _) = ours(log.as_bytes());
    assert_eq!(rows.len(), 1500);
    assert!(rows == witness(&seed, log.as_bytes()));
}
