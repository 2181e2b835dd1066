//! The verb with real files, and with failing readers and writers.

use std::fs;

use clap::Parser;
use tempfile::TempDir;

use super::*;

const LOG: &str = include_str!("../../../../testdata/document.log");
const CSV: &str = include_str!("../../../../testdata/document.csv");
const META: &str = "# log2aws/1 server=db7 cores=8 tz=Asia/Tokyo mode=interval\n";

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: ChartArgs,
}

/// The result of a run.
struct Ran {
    exit: anyhow::Result<Exit>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Ran {
    fn exit(&self) -> Exit {
        *self.exit.as_ref().unwrap()
    }

    fn error(&self) -> String {
        self.exit.as_ref().unwrap_err().to_string()
    }

    /// The message of a usage error.
    fn usage_error(&self) -> String {
        assert!(super::is_usage(self.exit.as_ref().unwrap_err()));
        self.error()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Runs with files of `folder`: every argument that begins with braces is a name in it.
fn run_in(folder: &TempDir, args: &[&str], stdin: &[u8]) -> Ran {
    let args = args.iter().map(|arg| match arg.strip_prefix("{}") {
        Some(name) => format!("{}/{name}", folder.path().display()).into(),
        None => std::ffi::OsString::from(arg),
    });
    let cli = Cli::try_parse_from(std::iter::once("chart".into()).chain(args)).unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = run(&cli.args, &mut &*stdin, &mut stdout, &mut stderr);
    let shown = format!("{}/", folder.path().display());
    let stderr = String::from_utf8(stderr).unwrap().replace(&shown, "");
    Ran { exit, stdout, stderr }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let place = folder.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }
    folder
}

fn title(svg: &str) -> &str {
    svg.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0
}

#[test]
fn each_format_is_what_its_name_says() {
    let folder = folder(&[("web01/2019-08-01.log", LOG)]);
    for (name, start) in
        [("a.svg", &b"<svg"[..]), ("a.png", b"\x89PNG\r\n\x1a\n"), ("a.HTML", b"<!DOCTYPE html>")]
    {
        let out = format!("{{}}{name}");
        let ran = run_in(&folder, &["{}web01/2019-08-01.log", "-o", &out], b"");
        assert_eq!(ran.exit(), Exit::Done);
        assert!(fs::read(folder.path().join(name)).unwrap().starts_with(start), "{name}");
    }
    let ran = run_in(&folder, &["{}web01/2019-08-01.log", "--format", "png", "--scale", "2"], b"");
    // The width in the PNG's own header.
    assert_eq!(ran.stdout[16..20], (2 * 1_096_u32).to_be_bytes());
}

#[test]
fn server_and_day_are_told_by_flag_path_log_and_rows_in_that_order() {
    let with_meta = format!("{META}{LOG}");
    let folder = folder(&[
        ("web01/2019-08-01.log", &with_meta),
        ("today.log", &with_meta),
        ("plain.log", LOG),
        ("web02-2019-08-01.csv", CSV),
    ]);
    let told = |args: &[&str], stdin: &[u8]| title(run_in(&folder, args, stdin).text()).to_owned();
    assert_eq!(told(&["{}web01/2019-08-01.log"], b""), "Load of web01 on 2019-08-01");
    assert_eq!(told(&["{}today.log"], b""), "Load of db7 on 2019-08-01");
    assert_eq!(told(&["{}plain.log"], b""), "Load of plain on 2019-08-01");
    assert_eq!(told(&["{}web02-2019-08-01.csv"], b""), "Load of web02 on 2019-08-01");
    assert_eq!(told(&[], LOG.as_bytes()), "Load of unknown on 2019-08-01");
    let args = ["{}web01/2019-08-01.log", "--server", "x", "--date", "2019-08-02", "--lang", "ja"];
    assert_eq!(told(&args, b""), "x の負荷 2019-08-02");
}

#[test]
fn a_csv_is_drawn_as_its_log_when_its_summary_lies_beside_it() {
    let real = include_str!("../../../../docs/images/day.log");
    let folder = folder(&[("web01/2026-11-20.log", real)]);
    let log = run_in(&folder, &["{}web01/2026-11-20.log"], b"");
    analyze(&folder, real);
    let csv = run_in(&folder, &["{}web01/2026-11-20.csv"], b"");
    assert_eq!(csv.stderr, "");
    assert!(csv.stdout == log.stdout);
    // Without it, cores and zone are unknown, and the averages may be since boot.
    fs::write(folder.path().join("web01/2026-11-20.json"), "{").unwrap();
    let alone = run_in(&folder, &["{}web01/2026-11-20.csv"], b"");
    assert!(
        alone.stderr.contains("2026-11-20.json beside it is left out of account: "),
        "{}",
        alone.stderr
    );
    assert!(alone.text().contains("zone unknown") && alone.text().contains("average since boot"));
    assert_eq!(alone.exit(), Exit::Done);
}

/// Writes the results of analysis beside a log.
fn analyze(folder: &TempDir, log: &str) {
    use log2aws_core::convert::{Converter, Sink};
    use log2aws_core::key::{KeyPrefix, RawKey};
    use log2aws_core::line::Row;
    use log2aws_core::metadata::Metadata;
    use log2aws_core::reject::Reject;
    use log2aws_core::summary::{RawObject, Rejects, Summary, SummaryBuilder};

    struct Results(String, SummaryBuilder);
    impl Sink for Results {
        fn row(&mut self, row: &Row<'_>) {
            self.0.push_str(std::str::from_utf8(row.csv()).unwrap());
            self.0.push('\n');
            self.1.sample(&row.sample());
        }
        fn reject(&mut self, _: Reject) {}
        fn metadata(&mut self, metadata: &Metadata) {
            self.1.metadata(metadata);
        }
    }
    let day = "2026-11-20".parse().unwrap();
    let header = format!("{}\n", log2aws_core::csv::CSV_HEADER);
    let mut results = Results(header, SummaryBuilder::new(day));
    let mut converter = Converter::new();
    converter.push(log.as_bytes(), &mut results);
    converter.finish(&mut results);
    let key = RawKey::new("web01".parse().unwrap(), day, KeyPrefix::Off);
    let raw = RawObject { key: String::new(), version: String::new(), size: 0, sha256: None };
    let summary = Summary::read("test", &key, raw, results.1.finish(Rejects::default()));
    let place = |kind| folder.path().join(format!("web01/2026-11-20.{kind}"));
    fs::write(place("csv"), results.0).unwrap();
    fs::write(place("json"), summary.to_json().unwrap()).unwrap();
}

#[test]
fn faults_are_told_and_the_rest_is_drawn() {
    let bad = CSV.replacen("493744", "NaN", 1);
    let rejected = format!("{LOG}rubbish\n");
    let folder = folder(&[("a/2019-08-01.csv", &bad), ("a/2019-08-01.log", &rejected)]);
    let csv = run_in(&folder, &["{}a/2019-08-01.csv"], b"");
    assert_eq!(
        csv.stderr,
        "chart: a/2019-08-01.csv: line 2: mem-swpd \"NaN\" is no number; the cell counts as empty\n"
    );
    assert_eq!(csv.exit(), Exit::Done);
    assert!(csv.text().contains("5 of 144 samples"));
    let log = run_in(&folder, &["{}a/2019-08-01.log", "--strict"], b"");
    assert!(
        log.stderr.starts_with("chart: a/2019-08-01.log: 1 line rejected of 6, first: line 6: ")
    );
    assert_eq!(log.exit(), Exit::Rejects);
    assert!(log.text().contains("1 line rejected"));
    assert_eq!(run_in(&folder, &["{}a/2019-08-01.csv", "--strict"], b"").exit(), Exit::Rejects);
}

#[test]
fn several_inputs_make_a_file_each() {
    let folder = folder(&[("web01/2019-08-01.log", LOG), ("web02/2019-08-01.log", LOG)]);
    fs::create_dir(folder.path().join("out")).unwrap();
    let inputs = ["{}web01/2019-08-01.log", "{}web02/2019-08-01.log"];
    let with = |more: &[&str]| run_in(&folder, &[&inputs, more].concat(), b"");
    assert_eq!(with(&["-o", "{}out/"]).exit(), Exit::Done);
    for name in ["web01-2019-08-01.svg", "web02-2019-08-01.svg"] {
        assert!(folder.path().join("out").join(name).exists(), "{name}");
    }
    assert_eq!(
        with(&["-o", "{}one.svg"]).usage_error(),
        "2 inputs make 2 charts; name a folder with -o, e.g. -o charts/"
    );
    let twice = with(&["-o", "{}out/", "--server", "same"]);
    assert!(twice.usage_error().contains("same-2019-08-01.svg would be written over"));
}

#[test]
fn what_cannot_be_is_refused_in_one_sentence() {
    let folder = folder(&[("x.log", LOG), ("empty.log", ""), ("2019-08-01.svg", LOG)]);
    let refused = |args: &[&str]| run_in(&folder, args, b"").usage_error();
    assert!(refused(&["{}x.log", "-o", "{}x"]).contains("shows no format"));
    assert_eq!(
        refused(&["{}x.log", "--from", "10:00", "--till", "09:00"]),
        "10:00 is not before 09:00; a window begins before it ends"
    );
    assert_eq!(refused(&["{}x.log", "--scale", "100"]), "--scale 100 is not between 0.1 and 3.5");
    assert_eq!(refused(&["{}x.log", "--scale", "NaN"]), "--scale NaN is not between 0.1 and 3.5");
    assert!(refused(&["{}2019-08-01.svg", "-o", "{}2019-08-01.svg"]).contains("written over"));
    assert_eq!(fs::read_to_string(folder.path().join("2019-08-01.svg")).unwrap(), LOG);
    assert!(refused(&["-", "-", "-o", "{}"]).contains("can be read only once"));

    let empty = run_in(&folder, &["{}empty.log"], b"");
    assert!(
        empty
            .error()
            .ends_with("empty.log has no row that could tell its day; name the day with --date")
    );
    let told = run_in(&folder, &["{}empty.log", "--date", "2019-08-01"], b"");
    assert!(told.text().contains("0 of 144 samples"));
    assert!(run_in(&folder, &["{}none.log"], b"").error().ends_with("none.log cannot be read"));
    assert!(run_in(&folder, &["{}"], b"").error().contains("is a folder"));
    let args = ["chart", "--hide", "load2"];
    let bad = Cli::try_parse_from(args).unwrap_err().to_string();
    assert!(bad.contains("series \"load2\" is none of load1, load5"), "{bad}");
}

#[test]
fn a_packed_csv_is_read_and_a_damaged_one_as_far_as_it_goes() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(CSV.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let plain = run_in(&folder(&[]), &[], CSV.as_bytes());
    let ran = run_in(&folder(&[]), &["--strict"], &packed);
    assert_eq!((ran.exit(), ran.stderr.as_str()), (Exit::Done, ""));
    assert!(ran.text().contains("5 of 144 samples") && ran.stdout == plain.stdout);
    let cut = run_in(&folder(&[]), &["--strict"], &packed[..packed.len() - 8]);
    assert_eq!(cut.exit(), Exit::Rejects);
    assert!(cut.stderr.contains("the gzip data are damaged or cut short"), "{}", cut.stderr);
    assert!(cut.stdout == plain.stdout);
}

#[test]
fn what_is_neither_log_nor_csv_is_refused_whatever_day_is_named() {
    let bad_time = CSV.replace("2019-08-01 ", "yesterday ");
    for input in ["a,b,c\n1,2,3\n", "\u{1}\u{2}PNG", &bad_time] {
        for args in [&[][..], &["--date", "2019-08-01"]] {
            let ran = run_in(&folder(&[]), args, input.as_bytes());
            let start = "no line of standard input is a sample (line ";
            assert!(ran.error().starts_with(start), "{}", ran.error());
            assert_eq!(ran.stdout, b"");
        }
    }
    let (_, rows) = CSV.split_once('\n').unwrap();
    let bare = run_in(&folder(&[]), &[], rows.as_bytes());
    assert!(bare.stderr.contains("there is no header"), "{}", bare.stderr);
    assert!(bare.text().contains("5 of 144 samples"));
}

#[test]
fn that_no_sample_is_of_the_day_is_told() {
    for input in [LOG, CSV] {
        let ran = run_in(&folder(&[]), &["--date", "2020-01-01"], input.as_bytes());
        assert_eq!(
            ran.stderr,
            "chart: standard input: none of its 5 samples is of 2020-01-01; \
             the first is of 2019-08-01\n"
        );
        assert_eq!(ran.exit(), Exit::Done);
    }
}

#[test]
fn a_folder_is_made_and_a_hidden_name_is_never_told() {
    let folder = folder(&[("web01/2019-08-01.log", LOG)]);
    let to = |out| run_in(&folder, &["{}web01/2019-08-01.log", "-o", out], b"");
    assert_eq!(to("{}new/").exit(), Exit::Done);
    assert!(folder.path().join("new/web01-2019-08-01.svg").exists());
    let error = format!("{:#}", to("{}none/x.svg").exit.unwrap_err());
    assert!(error.contains("none does not exist") && !error.contains(".log2aws-"), "{error}");
}

#[test]
fn series_may_stand_apart_and_the_largest_scale_is_drawn() {
    let ran = run_in(&folder(&[]), &["--hide", "load1, load5"], LOG.as_bytes());
    assert_eq!(ran.exit(), Exit::Done);
    let args = ["--scale", "3.5", "--format", "png"];
    let ran = run_in(&folder(&[]), &args, LOG.as_bytes());
    assert_eq!(ran.stdout[16..20], 3_836_u32.to_be_bytes());
}

#[test]
fn a_failing_chart_leaves_the_old_file() {
    let folder = folder(&[("x.log", LOG), ("out.svg", "old")]);
    let ran = run_in(&folder, &["{}none.log", "-o", "{}out.svg"], b"");
    assert!(ran.exit.is_err());
    assert_eq!(fs::read_to_string(folder.path().join("out.svg")).unwrap(), "old");
    assert_eq!(run_in(&folder, &["{}x.log", "-o", "{}out.svg"], b"").exit(), Exit::Done);
    assert!(fs::read_to_string(folder.path().join("out.svg")).unwrap().starts_with("<svg"));
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "nothing is left beside the file");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let cli = Cli::try_parse_from(["chart"]).unwrap();
    let exit = run(&cli.args, &mut LOG.as_bytes(), &mut Gone, &mut Vec::new());
    assert_eq!(exit.unwrap(), Exit::Done);
}
