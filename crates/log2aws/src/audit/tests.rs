//! What is printed of files as `serve` leaves them.

use std::fs;
use std::path::Path;

use clap::{FromArgMatches as _, Parser};

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    audit: AuditArgs,
}

const FIRST: &str = r#"{"time":"2026-11-29T23:59:59.999Z","event":"url","client_ip":"203.0.113.7","server":"web01","date":"2026-11-29","status":200}"#;
const SECOND: &str = r#"{"time":"2026-11-30T00:00:00.000Z","event":"put","client_ip":"203.0.113.7","principal":"url","server":"web01","date":"2026-11-29","bucket":"serverlogs-local","key":"web01/2026-11-29.log","version":"v1","bytes":311,"status":200}"#;
const THIRD: &str = r#"{"time":"2026-11-30T12:00:00.500Z","event":"get","client_ip":"198.51.100.9","server":"web02","bucket":"serverlogs-local","key":"web02/\u001b[2J","status":403,"reason":"AccessDenied"}"#;
const DROPPED: &str = r#"{"time":"2026-11-30T13:00:00.000Z","event":"dropped","lines":7}"#;

/// A data folder with two days of lines.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join(AUDIT_FOLDER);
    fs::create_dir(&audit).unwrap();
    fs::write(audit.join("2026-11-29.jsonl"), format!("{FIRST}\n")).unwrap();
    let second = format!("{SECOND}\n{THIRD}\n{DROPPED}\n");
    fs::write(audit.join("2026-11-30.jsonl"), second).unwrap();
    fs::write(audit.join("notes.txt"), "not ours").unwrap();
    folder
}

/// What is printed to standard output and standard error.
fn said(data_dir: &Path, flags: &[&str]) -> anyhow::Result<(String, String)> {
    said_with(data_dir, flags, Exit::Done)
}

/// The same for an exit code.
fn said_with(data_dir: &Path, flags: &[&str], exit: Exit) -> anyhow::Result<(String, String)> {
    let data_dir = data_dir.to_str().unwrap();
    let args = [&["audit", "--data-dir", data_dir][..], flags].concat();
    let args = Program::try_parse_from(args).unwrap().audit;
    let (mut out, mut stderr) = (Vec::new(), Vec::new());
    assert_eq!(run(args, &mut out, &mut stderr)?, exit);
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(stderr).unwrap()))
}

#[test]
fn lines_are_chosen_by_server_event_and_time_and_losses_are_always_told() {
    let folder = folder();
    let json = |flags: &[&str]| {
        let (out, stderr) = said(folder.path(), &[&["--json"], flags].concat()).unwrap();
        let told = stderr.contains("warning: events of this time that could not be written: 7");
        assert_eq!(told, out.contains("dropped"), "{stderr}");
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(json(&[]), [FIRST, SECOND, THIRD, DROPPED]);
    assert_eq!(json(&["--server", "web01"]), [FIRST, SECOND, DROPPED]);
    assert_eq!(json(&["--event", "put,get"]), [SECOND, THIRD, DROPPED]);
    assert_eq!(json(&["--until", "2026-11-29"]), [FIRST]);
    assert_eq!(json(&["--since", "2026-11-30"]), [SECOND, THIRD, DROPPED]);
    let moment = ["--since", "2026-11-30T00:00:00Z", "--until", "2026-11-30T12:00:00.500Z"];
    assert_eq!(json(&moment), [SECOND]);
    assert_eq!(json(&["--since", "2026-12-01"]), Vec::<String>::new());
    assert_eq!(json(&["--since", "9999-12-31"]), Vec::<String>::new());
    assert_eq!(json(&["--since", "9999-12-31", "--until", "9999-12-31"]), Vec::<String>::new());
    for last in ["9999-12-30", "9999-12-31"] {
        assert_eq!(json(&["--until", last]), [FIRST, SECOND, THIRD, DROPPED], "{last}");
    }
}

#[test]
fn what_is_no_regular_file_is_skipped_with_a_warning() {
    let folder = folder();
    let audit = folder.path().join(AUDIT_FOLDER);
    let named = |day: &str| audit.join(format!("{day}.jsonl"));
    fs::create_dir(named("2026-11-01")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", named("2026-11-02")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(named("2026-11-03")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(named("2026-11-04")).status().unwrap();
    assert!(pipe.success());
    let (out, stderr) = said_with(folder.path(), &["--json"], Exit::Rejects).unwrap();
    assert_eq!(out.lines().collect::<Vec<_>>(), [FIRST, SECOND, THIRD, DROPPED]);
    let skipped: Vec<&str> = stderr.lines().filter(|line| line.contains("is skipped")).collect();
    assert_eq!(skipped.len(), 4, "{stderr}");
}

#[test]
fn a_number_of_lost_events_beyond_all_counting_is_no_panic() {
    let folder = folder();
    let file = folder.path().join(AUDIT_FOLDER).join("2026-11-30.jsonl");
    let most = DROPPED.replace('7', &u64::MAX.to_string());
    fs::write(file, format!("{most}\n{most}\n")).unwrap();
    let (_, stderr) = said(folder.path(), &[]).unwrap();
    assert!(stderr.contains(&format!("could not be written: {}", u64::MAX)), "{stderr}");
}

#[test]
fn that_nothing_matches_is_said_with_the_conditions() {
    let folder = folder();
    let flags = ["--server", "web99", "--until", "2026-11-29"];
    let (out, stderr) = said(folder.path(), &flags).unwrap();
    assert_eq!(out, "");
    let expected = "note: no event matches --server web99 before 2026-11-30T00:00:00Z\n";
    assert_eq!(stderr, expected);
    let reversed = ["--since", "2026-11-30", "--until", "2026-11-29"];
    let error = said(folder.path(), &reversed).unwrap_err().to_string();
    assert!(error.contains("--until is before --since"), "{error}");
}

#[test]
fn a_table_says_what_is_known_and_nothing_that_a_terminal_obeys() {
    let folder = folder();
    let (out, _) = said(folder.path(), &[]).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[0].starts_with("TIME (UTC) "));
    assert_eq!(
        lines[2],
        "2026-11-30T00:00:00.000Z  put              200     203.0.113.7      \
         url                       serverlogs-local/web01/2026-11-29.log  version=v1  bytes=311"
    );
    assert!(lines[1].ends_with("-                         web01 2026-11-29"), "{}", lines[1]);
    assert!(lines[3].contains(r"web02/\u{1b}[2J  reason=AccessDenied"), "{}", lines[3]);
    assert!(lines[4].ends_with("lines=7"), "{}", lines[4]);
}

#[test]
fn a_torn_or_endless_line_is_named_and_the_rest_is_read() {
    let folder = folder();
    let file = folder.path().join(AUDIT_FOLDER).join("2026-11-30.jsonl");
    let endless = "x".repeat(5 * log2aws_server::MAX_LINE_BYTES);
    fs::write(&file, format!("{SECOND}\n{endless}\n\u{0}\n{THIRD}\n{{\"time\":\"2026")).unwrap();
    let (out, stderr) = said_with(folder.path(), &["--json"], Exit::Rejects).unwrap();
    assert_eq!(out.lines().collect::<Vec<_>>(), [FIRST, SECOND, THIRD]);
    for number in [2, 3, 5] {
        let named = format!("2026-11-30.jsonl:{number}: the line cannot be read");
        assert!(stderr.contains(&named), "{stderr}");
    }
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
    fs::write(&file, "?\n".repeat(1000)).unwrap();
    let (_, stderr) = said_with(folder.path(), &[], Exit::Rejects).unwrap();
    assert_eq!(stderr.lines().count(), 11, "{stderr}");
    assert!(stderr.ends_with("warning: 1000 lines in all cannot be read\n"), "{stderr}");
}

#[test]
fn a_folder_without_an_audit_log_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = said(folder.path(), &[]).unwrap_err();
    assert!(format!("{error:#}").contains("--data-dir"), "{error:#}");
    fs::create_dir(folder.path().join(AUDIT_FOLDER)).unwrap();
    let error = said(folder.path(), &[]).unwrap_err().to_string();
    assert!(error.contains("there is no audit log in ") && error.contains("--data-dir"), "{error}");
}

#[test]
fn a_bad_time_or_event_is_refused_with_examples() {
    let refused = |flags: &[&str]| {
        let args = [&["audit"], flags].concat();
        Program::try_parse_from(args).map(drop).unwrap_err().to_string()
    };
    for wrong in ["yesterday", "2026-13-01", "2026-11-30T12:00"] {
        assert!(refused(&["--since", wrong]).contains("e.g. 2026-11-30 or "), "{wrong}");
    }
    assert!(refused(&["--event", "upload"]).contains("upload_part"));
}

#[test]
fn a_flag_of_the_place_that_is_not_read_is_refused() {
    use clap::CommandFactory as _;
    let refusal = |flags: &[&str]| {
        let args = [&["audit"], flags].concat();
        Program::try_parse_from(args).err().map(|error| error.to_string())
    };
    for flags in [
        ["--env", "dev"],
        ["--region", "ap-northeast-1"],
        ["--profile", "ops"],
        ["--endpoint-url", "http://127.0.0.1:5000"],
    ] {
        let expected = format!("error: {} can only be used with --aws\n", flags[0]);
        let said = refusal(&flags).unwrap();
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(refusal(&[&flags[..], &["--aws"]].concat()), None);
    }
    let both = refusal(&["--aws", "--data-dir", "/srv"]).unwrap();
    assert!(both.contains("--data-dir cannot be used with --aws"), "{both}");
    // A variable may be set for other verbs. CARGO_PKG_NAME is one that is always set here.
    let in_environment = |arg: clap::Arg| arg.env("CARGO_PKG_NAME");
    let command = Program::command().mut_arg("profile", in_environment);
    let matches = command.try_get_matches_from(["audit"]).unwrap();
    assert!(Program::from_arg_matches(&matches).is_ok());
}
