//! Starting, sampling, reloading the config, stopping.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::agent::{Manager, Place, until};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn it_says_that_it_lives_samples_at_marks_and_ends_at_once() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let socket = place.path("notify").display().to_string();
    // Away from a mark, so that a sample ten seconds after the first is none at a mark.
    let second = || jiff::Timestamp::now().as_second() % 10;
    until("the middle of an interval", || (2..=6).contains(&second()).then_some(()));
    let env = [("NOTIFY_SOCKET", socket.as_str()), ("WATCHDOG_USEC", "400000"), ("TZ", "UTC")];
    let mut run = place.run(&["--interval=10s"], &env);
    assert!(manager.next_news().starts_with("READY=1\nSTATUS=no sample yet; "));
    assert!(manager.next_with("STATUS=").starts_with("STATUS=last sample 2"));
    // A manager that does not listen for a while keeps nobody waiting.
    // The first comes at once, the others at marks. On a busy machine some may come a second late.
    let times =
        || -> Vec<String> { place.lines().iter().map(|line| line[11..19].to_owned()).collect() };
    until("a sample at a mark", || {
        times().iter().skip(1).any(|at| at.ends_with('0')).then_some(())
    });
    // None comes before the mark that it is due at: there is one in each interval.
    let intervals: Vec<String> = times().iter().map(|at| at[..7].to_owned()).collect();
    assert!(intervals.windows(2).all(|two| two[0] != two[1]), "{:?}", times());
    manager.forget();
    // Five watchdog messages in a second and a half: one each fifth of a second.
    let start = Instant::now();
    for _ in 0..5 {
        manager.next_with("WATCHDOG=1\n");
    }
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    let (code, took) = run.end();
    assert_eq!(code, Some(0));
    assert!(took < SECOND, "{took:?}");
    assert!(manager.next_news().starts_with("STOPPING=1\n"));
    let said = place.text("said");
    assert!(said.contains("at work, a sample each 10s"), "{said}");
    assert!(said.trim_end().ends_with("asked to stop"), "{said}");
}

#[test]
fn each_signal_to_end_ends_it_also_while_it_measures() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        // A first sample of an hour.
        let mut run = place.run(&["--window=3600", "--interval=2h"], &[]);
        until("it is at work", || place.text("said").contains("at work").then_some(()));
        std::thread::sleep(Duration::from_millis(100));
        let told = Instant::now();
        run.signal(signal);
        let status = until("the end", || run.ended());
        assert_eq!(status.code(), Some(0));
        assert!(told.elapsed() < SECOND, "{:?}", told.elapsed());
        // A line of rates over a tenth of a second would look like one of the whole window.
        assert_eq!(place.lines(), Vec::<String>::new());
        assert!(!place.text("said").contains("no sample: "), "{}", place.text("said"));
    }
}

#[test]
fn a_wrong_config_at_the_start_costs_no_line() {
    let place = Place::new();
    let config = place.path("agent.toml");
    let api = "http://127.0.0.1:9";
    let wrong = format!("interval = '10s'\nserver = 'web01'\napy = '{api}'\nwindow = 'long'\n");
    fs::write(&config, &wrong).unwrap();
    let flag = format!("--config={}", config.display());
    let mut run = place.run(&[&flag], &[("TZ", "Asia/Tokyo")]);
    until("samples at the marks of the valid keys", || (place.lines().len() >= 2).then_some(()));
    let log = fs::read_dir(place.path("log")).unwrap().next().unwrap().unwrap().path();
    let head = fs::read_to_string(log).unwrap().lines().next().unwrap().to_owned();
    assert!(head.starts_with("# log2aws/1 server=web01 "), "{head}");
    // Analysis knows by it what is missing.
    assert!(head.contains(" mode=interval interval=10"), "{head}");
    let why = "nothing is delivered until the config is right: ";
    let key = "unknown key \"apy\"; did you mean \"api\"?";
    let said = place.text("said");
    assert!(said.contains(why) && said.contains(key), "{said}");
    assert_eq!(said.matches(key).count(), 1, "said once: {said}");

    // `status` shows it too, because the service recorded it.
    let status = || place.output("status", &["--server=web01", "--interval=10s", "--json"]);
    let json = |output: &[u8]| serde_json::from_slice::<serde_json::Value>(output).unwrap();
    let output = status();
    assert_eq!(output.status.code(), Some(4));
    let error = json(&output.stdout)["service"]["config_error"].as_str().unwrap().to_owned();
    assert!(error.contains(key), "{error}");
    let text = place.output("status", &["--server=web01", "--interval=10s"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("at work, but delivers nothing until its config is right: "), "{text}");
    assert!(text.contains("next delivery:  none until the config is right\n"), "{text}");
    assert!(text.contains(" JST"), "the zone of the service: {text}");

    // Another fault is a line more. The right file is taken without a signal.
    fs::write(&config, wrong.replace("apy", "api")).unwrap();
    until("the next fault", || place.text("said").contains("'long'").then_some(()));
    fs::write(&config, wrong.replace("apy", "api").replace("'long'", "2")).unwrap();
    until("a delivery that is planned", || {
        (!json(&status().stdout)["next_ship"].is_null()).then_some(())
    });
    assert_eq!(status().status.code(), Some(0));
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn a_folder_that_stays_lost_ends_it_where_a_manager_starts_it_again() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let socket = place.path("notify").display().to_string();
    // Like the mount of a sandbox whose folder is gone: nothing can be made there.
    let log_dir = "--log-dir=/proc/none";
    let mut run = place.run(&["--interval=10s", log_dir], &[("NOTIFY_SOCKET", &socket)]);
    let status = manager.next_with("STATUS=");
    assert!(status.starts_with("STATUS=no sample: the log folder /proc/none cannot be made"));
    let code = until("its end", || run.ended()).code();
    assert_eq!(code, Some(1));
    let said = place.text("said");
    assert!(said.contains("error: ends, so that systemd starts it again: no sample: "), "{said}");
}

#[test]
fn a_hangup_reads_the_config_anew_and_a_bad_one_is_told() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let config = place.path("agent.toml");
    fs::write(&config, "interval = '2h'\n").unwrap();
    let flag = format!("--config={}", config.display());
    let socket = place.path("notify").display().to_string();
    let mut run = place.run(&[&flag], &[("NOTIFY_SOCKET", &socket)]);
    assert!(manager.next_news().starts_with("READY=1\n"));
    until("a sample", || (place.lines().len() == 1).then_some(()));

    for (bad, told) in [
        ("intervall = '10s'\n", "unknown key \"intervall\"; did you mean \"interval\"?"),
        ("interval = '1s'\n", "an interval is at least 10 s and at most 24 h"),
        ("interval = '10s'\nwindow = 60\n", "window (60 s) must be shorter than interval (10s)"),
        ("log-dir = 'logs'\n", "log-dir"),
    ] {
        fs::write(&config, bad).unwrap();
        run.signal(Signal::HUP);
        let reloading = manager.next_news();
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        assert!(manager.next_news().starts_with("READY=1\n"));
        let said = place.text("said");
        assert!(said.contains(told), "{told} is not in {said}");
        assert!(said.contains("the config stays as it was"), "{said}");
    }
    assert_eq!(place.lines().len(), 1, "the interval is still that of two hours");

    fs::write(&config, "interval = '10s'\n").unwrap();
    run.signal(Signal::HUP);
    assert!(manager.next_news().starts_with("RELOADING=1\n"));
    assert!(manager.next_news().starts_with("READY=1\n"));
    until("a sample at the new marks", || (place.lines().len() >= 2).then_some(()));
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn samples_that_fail_are_told_once_and_counted() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    let log_dir = format!("--log-dir={}", place.path("file/log").display());
    let textfile = format!("--textfile={}", place.path("a.prom").display());
    let mut run = place.run(&["--interval=10s", &log_dir, &textfile], &[]);
    let failed = |times: u32| format!("log2aws_agent_sample_failures_total {times}\n");
    until("a second failure", || place.text("a.prom").contains(&failed(2)).then_some(()));
    assert_eq!(place.text("said").matches("no sample:").count(), 1);
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn somebody_else_who_samples_is_told() {
    let place = Place::new();
    let mut run = place.run(&["--interval=10s"], &[("TZ", "UTC")]);
    until("a sample", || (place.lines().len() == 1).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    let log = fs::read_dir(place.path("log")).unwrap().next().unwrap().unwrap().path();
    let line = place.lines()[0].clone();
    let mut log = fs::OpenOptions::new().append(true).open(log).unwrap();
    writeln!(log, "{line}").unwrap();
    until("a warning", || place.text("said").contains("something else writes to").then_some(()));
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn one_run_has_a_state_folder() {
    let place = Place::new();
    let mut run = place.run(&["--interval=1h"], &[]);
    until("it is at work", || place.text("said").contains("at work").then_some(()));
    let second = place.output("run", &["--interval=1h"]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("another run (process {})", run.id())), "{said}");
    assert_eq!(run.end().0, Some(0));
    // After a kill nothing blocks the next one.
    let run = place.run(&["--interval=1h"], &[]);
    until("it is at work", || place.text("said").contains("at work").then_some(()));
    drop(run);
    let mut run = place.run(&["--interval=1h"], &[]);
    until("it is at work", || place.text("said").contains("at work").then_some(()));
    assert_eq!(run.end().0, Some(0));
}
