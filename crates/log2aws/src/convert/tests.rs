//! The verb with real files, and with failing readers and writers.

use std::fs;

use clap::Parser;
use log2aws_core::csv::CSV_HEADER;
use tempfile::TempDir;

use super::*;

const LOG: &str = include_str!("../../../../testdata/document.log");
const CSV: &str = include_str!("../../../../testdata/document.csv");

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: ConvertArgs,
}

/// The result of a run.
#[derive(Debug)]
struct Ran {
    exit: anyhow::Result<Exit>,
    stdout: String,
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
}

/// Runs with files of `folder`: every argument in braces is a name in it.
fn run_in(folder: &TempDir, args: &[&str], stdin: &str) -> Ran {
    let args = args.iter().map(|arg| match arg.strip_prefix("{}") {
        Some(name) => folder.path().join(name).into_os_string(),
        None => (*arg).into(),
    });
    let cli = Cli::try_parse_from(std::iter::once("convert".into()).chain(args)).unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = run(&cli.args, &mut stdin.as_bytes(), &mut stdout, &mut stderr);
    let stderr = String::from_utf8(stderr).unwrap();
    let shown = format!("{}/", folder.path().display());
    Ran { exit, stdout: String::from_utf8(stdout).unwrap(), stderr: stderr.replace(&shown, "") }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn standard_input_becomes_standard_output() {
    for args in [&[][..], &["-"], &["-o", "-"]] {
        let ran = run_in(&folder(&[]), args, LOG);
        assert_eq!((ran.exit(), ran.stdout.as_str(), ran.stderr.as_str()), (Exit::Done, CSV, ""));
    }
}

#[test]
fn why_reading_stopped_is_said_before_the_first_of_many_rejects() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, b"nonsense\nnonsense\n").unwrap();
    let mut packed = gzip.finish().unwrap();
    packed.truncate(packed.len() - 8);
    let folder = folder(&[]);
    fs::write(folder.path().join("a.log"), packed).unwrap();
    let ran = run_in(&folder, &["{}a.log"], "");
    let first = ran.stderr.lines().next().unwrap();
    assert!(first.starts_with("convert: a.log: reading stopped at line 3: the gzip data are cut"));
    assert!(ran.stderr.contains("3 lines rejected of 3, first: line 1"), "{}", ran.stderr);
}

#[test]
fn an_empty_log_is_the_header_alone() {
    let ran = run_in(&folder(&[]), &["-"], "");
    assert_eq!((ran.exit(), ran.stdout), (Exit::Done, format!("{CSV_HEADER}\n")));
}

#[test]
fn several_inputs_make_one_csv() {
    let (first, second) = LOG.split_at(LOG.find("2019-08-01 23:40").unwrap());
    let folder = folder(&[("a.log", first), ("b.log", second)]);
    let ran = run_in(&folder, &["{}a.log", "{}b.log", "-o", "{}out.csv"], "");
    assert_eq!((ran.exit(), ran.stdout.as_str()), (Exit::Done, ""));
    assert_eq!(read(&folder, "out.csv"), CSV);
    assert_eq!(names(&folder), ["a.log", "b.log", "out.csv"]);
    let ran = run_in(&folder, &["{}a.log", "-"], second);
    assert_eq!(ran.stdout, CSV);
}

#[test]
fn rejects_are_told_and_kept() {
    let log = format!("hello\n{LOG}2019-02-30 00:00:00\n");
    let folder = folder(&[("a.log", &log), ("b.log", "x")]);
    let ran = run_in(&folder, &["{}a.log", "--rejects", "{}r.jsonl"], "");
    assert_eq!((ran.exit(), ran.stdout.as_str()), (Exit::Done, CSV));
    assert_eq!(
        ran.stderr,
        "convert: a.log: 2 lines rejected of 7, first: line 1: \
         expected a date written YYYY-MM-DD, found \"hello\"\n"
    );
    let second_at = log.find("2019-02-30").unwrap();
    assert_eq!(
        read(&folder, "r.jsonl"),
        format!(
            "{}\n{}\n",
            r#"{"line":1,"offset":0,"length":5,"reason":"expected a date written YYYY-MM-DD, found \"hello\"","raw":"hello"}"#,
            format_args!(
                r#"{{"line":7,"offset":{second_at},"length":19,"reason":"date 2019-02-30 does not exist","raw":"2019-02-30 00:00:00"}}"#
            )
        )
    );
    let ran = run_in(&folder, &["{}a.log", "{}b.log", "--rejects", "{}r.jsonl", "--strict"], "");
    assert_eq!(ran.exit(), Exit::Rejects);
    assert_eq!(ran.stderr.lines().count(), 2);
    let last = read(&folder, "r.jsonl").lines().last().unwrap().to_owned();
    assert!(last.starts_with("{\"input\":") && last.contains("b.log\",\"line\":1,"), "{last}");
    let ran = run_in(&folder, &["-", "--rejects", "{}r.jsonl", "--strict"], LOG);
    assert_eq!((ran.exit(), read(&folder, "r.jsonl").as_str()), (Exit::Done, ""));
}

/// Rounded numbers and zeros of a power cut are told, and are no failure.
#[test]
fn what_is_not_whole_or_exact_is_told_and_passes_strict() {
    let log = format!("\0\0\0{}", LOG.replace(" 1852 ", " 1.8k "));
    let folder = folder(&[("a.log", &log)]);
    let ran = run_in(&folder, &["{}a.log", "--strict"], "");
    assert_eq!(ran.exit(), Exit::Done);
    assert_eq!(ran.stdout, CSV.replace(",1852,", ",1843,"));
    assert_eq!(
        ran.stderr,
        "convert: a.log: 3 rows have rounded numbers, which vmstat of BusyBox writes with k, m or g\n\
         convert: a.log: 3 zero bytes before lines were passed over; a power cut leaves such\n"
    );
}

#[test]
fn more_rejects_than_are_kept_are_counted() {
    let folder = folder(&[]);
    let ran = run_in(&folder, &["--rejects", "{}r.jsonl"], &"x\n".repeat(10_001));
    assert!(
        ran.stderr
            .starts_with("convert: standard input: 10001 lines rejected of 10001, first: line 1:")
    );
    assert!(ran.stderr.ends_with("(only the first 10000 are in the file)\n"), "{}", ran.stderr);
    assert_eq!(read(&folder, "r.jsonl").lines().count(), 10_000);
}

struct Breaks;

impl Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("cable pulled"))
    }
}

#[test]
fn a_failing_input_leaves_the_old_result() {
    let folder = folder(&[("a.log", LOG), ("out.csv", "old"), ("r.jsonl", "old")]);
    let cases =
        [("{}none.log", "none.log cannot be read"), ("{}.", "is a folder; name the logs in it")];
    for (bad, reason) in cases {
        let args = ["{}a.log", bad, "-o", "{}out.csv", "--rejects", "{}r.jsonl"];
        let ran = run_in(&folder, &args, "");
        assert!(ran.error().contains(reason), "{}", ran.error());
    }
    let out = folder.path().join("out.csv");
    let cli = Cli::parse_from(["convert".as_ref(), "-".as_ref(), "-o".as_ref(), out.as_os_str()]);
    let error = run(&cli.args, &mut Breaks, &mut io::sink(), &mut io::sink()).unwrap_err();
    assert_eq!(format!("{error:#}"), "standard input cannot be read: cable pulled");
    assert_eq!((read(&folder, "out.csv"), read(&folder, "r.jsonl")), ("old".into(), "old".into()));
    assert_eq!(names(&folder), ["a.log", "out.csv", "r.jsonl"]);
}

#[test]
fn no_file_is_written_over_while_in_use() {
    let folder = folder(&[("a.log", LOG)]);
    fs::create_dir(folder.path().join("sub")).unwrap();
    for args in [
        &["{}a.log", "-o", "{}a.log"][..],
        &["{}a.log", "-o", "{}sub/../a.log"],
        &["{}a.log", "--rejects", "{}a.log"],
        &["{}a.log", "-o", "{}new", "--rejects", "{}sub/../new"],
    ] {
        let ran = run_in(&folder, args, "");
        assert!(
            ran.usage_error()
                .ends_with("would be written over while it is in use; name another file")
        );
    }
    assert_eq!(read(&folder, "a.log"), LOG);
    let ran = run_in(&folder, &["-", "-"], LOG);
    assert!(ran.usage_error().contains("standard input can be read only once"));
    let ran = run_in(&folder, &["-", "--rejects", "-"], LOG);
    assert!(ran.usage_error().contains("needs the name of a file"));
    assert_eq!(names(&folder), ["a.log", "sub"]);
}

#[cfg(unix)]
#[test]
fn links_stay_and_devices_are_not_replaced() {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
    let folder = folder(&[("real.csv", "old")]);
    symlink("real.csv", folder.path().join("link.csv")).unwrap();
    fs::set_permissions(folder.path().join("real.csv"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(run_in(&folder, &["-o", "{}link.csv"], LOG).exit(), Exit::Done);
    assert!(folder.path().join("link.csv").is_symlink());
    assert_eq!(read(&folder, "real.csv"), CSV);
    assert_eq!(fs::metadata(folder.path().join("real.csv")).unwrap().mode() & 0o777, 0o640);
    let ran = run_in(&folder, &["-o", "/dev/null", "--rejects", "/dev/null"], LOG);
    assert_eq!(ran.exit(), Exit::Done);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_reader_that_has_gone_ends_it_quietly() {
    struct Closed(io::ErrorKind);
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let cli = Cli::parse_from(["convert", "--strict"]);
    let mut stderr = Vec::new();
    let mut many = io::repeat(b'x').take(1 << 20).chain(LOG.as_bytes());
    let mut gone = Closed(io::ErrorKind::BrokenPipe);
    assert_eq!(run(&cli.args, &mut many, &mut gone, &mut stderr).unwrap(), Exit::Done);
    let mut full = Closed(io::ErrorKind::StorageFull);
    let error = run(&cli.args, &mut LOG.as_bytes(), &mut full, &mut stderr).unwrap_err();
    assert!(format!("{error:#}").starts_with("standard output cannot be written: "));
}

#[test]
fn a_file_that_is_not_there_is_no_fault_of_usage() {
    let folder = folder(&[]);
    let ran = run_in(&folder, &["{}a.log"], "");
    assert!(ran.error().contains("a.log cannot be read"));
    assert!(!super::is_usage(ran.exit.as_ref().unwrap_err()));
}

#[test]
fn a_log_of_two_writers_is_converted_whole_with_one_warning() {
    let line = LOG.lines().find(|line| line.starts_with("2019-08-01 00:00:01")).unwrap();
    let at = |minute: u32, second: u32| {
        let time = format!("2019-08-01 {:02}:{:02}:{second:02}", minute / 60, minute % 60);
        line.replace("2019-08-01 00:00:01", &time) + "\n"
    };
    let one: String = (0..1440).step_by(10).map(|minute| at(minute, 1)).collect();
    let two: String = (0..1440).step_by(10).map(|minute| at(minute, 1) + &at(minute, 4)).collect();
    let folder = folder(&[("one.log", &one), ("two.log", &two)]);
    let ran = run_in(&folder, &["{}two.log", "{}one.log", "--strict"], "");
    assert_eq!(ran.exit(), Exit::Done);
    assert_eq!(ran.stdout.lines().count(), 1 + 288 + 144);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("convert: two.log: 2019-08-01: two programs wrote this log"));
}
