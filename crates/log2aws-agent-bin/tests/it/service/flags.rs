//! What `run` refuses at the start: exit code 2, one sentence, and nothing created.

use std::process::Command;

use super::agent::Place;

#[test]
fn each_bad_flag_is_refused_with_what_to_do() {
    let place = Place::new();
    for (flags, sentence) in [
        (&["--interval=9s"][..], "an interval is at least 10 s and at most 24 h"),
        (&["--interval=25h"], "an interval is at least 10 s and at most 24 h"),
        (&["--interval=10 min"], "an interval is written 600, 600s, 10m or 1h"),
        (&["--interval="], "an interval is written 600, 600s, 10m or 1h"),
        (&["--ship-window=00:10"], "a window is written 00:10-04:10, two times of day"),
        (&["--ship-window=24:00-25:00"], "a window is written 00:10-04:10, two times of day"),
        (&["--ship-window=03:00-03:00"], "a window must not end when it begins"),
        (&["--window=60", "--interval=1m"], "window (60 s) must be shorter than interval (1m)"),
        (&["--log-dir=log"], "log-dir must be an absolute path for run, not log: a service"),
        (&["--state-dir=./state"], "state-dir must be an absolute path for run"),
        (&["--ca-file=ca.pem"], "ca-file must be an absolute path for run"),
        (&["--textfile=a.prom"], "textfile must be an absolute path for run"),
        (&["--textfile=/tmp/a.txt"], "textfile must be a file whose name ends with .prom"),
        (&["--api=ftp://logs.example.com"], "neither http nor https"),
        (&["--server=a/b"], "the server name contains '/'"),
        (&["--config=/none/agent.toml"], "the config file /none/agent.toml cannot be read"),
        (&["--once"], "unexpected argument '--once'"),
    ] {
        let output = place.output("run", flags);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.contains(sentence), "{flags:?}: {said}");
        assert!(!place.path("state").exists(), "{flags:?}");
    }
}

#[test]
fn a_state_folder_that_cannot_be_is_a_failure() {
    let place = Place::new();
    std::fs::write(place.path("file"), "").unwrap();
    let state = format!("--state-dir={}", place.path("file/state").display());
    let output = place.output("run", &[&state]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot be used") && said.contains("--state-dir"), "{said}");
}

#[test]
fn a_host_name_that_cannot_name_logs_is_a_state_that_can_pass() {
    let place = Place::new();
    let run = place.command("run", &[]);
    // hostname(1) would refuse it; the system call (sethostname, 170) does not.
    let script = "my $n = 'no name/'; syscall(170, $n, 8) == 0 or exit 77; exec @ARGV";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--uts", "perl", "-e", script])
        .arg(run.get_program())
        .args(run.get_args())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // It is no fault of the settings.
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("host name cannot be the name of its logs"), "{said}");
    assert!(said.contains("--server"), "{said}");
}
