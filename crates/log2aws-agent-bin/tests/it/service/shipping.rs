//! The shipping process: with a real server, with one that never responds, and its end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_server::{ServeConfig, Server};
use log2aws_service::http::DayRules;
use log2aws_service::ports::Clock;
use rustix::process::Signal;

use super::agent::{Manager, Place, days_ago, early_name, exists, signal_to, until};

const LOG: &str = "2019-08-01 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, \
                   21.70 124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n";

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A place with overdue logs.
fn backlog() -> Place {
    let place = Place::new();
    for days in [4, 3, 2] {
        fs::write(place.path(&format!("log/{}.log", days_ago(days))), LOG).unwrap();
    }
    place
}

#[test]
fn what_is_overdue_is_shipped_to_a_real_server_and_told() {
    let place = backlog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let mut config = ServeConfig::new(place.path("data"), "127.0.0.0/8".parse().unwrap());
    config.days = DayRules { days_back: 36_500, days_ahead: 36_500, final_after_days: None };
    config.public_url = Some(api.parse().unwrap());
    let server = Server::open(config, Arc::new(Now)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(server.run(listener, || {}, async {
        let _ = stopped.await;
    }));

    let name = early_name();
    let flags = ["--interval=1h".to_owned(), format!("--api={api}"), format!("--server={name}")];
    let textfile = format!("--textfile={}", place.path("a.prom").display());
    let [interval, api, server] = flags.each_ref().map(String::as_str);
    // These variables would harm the shipping process if it read them: `run` has other settings.
    let env = [("TZ", "UTC"), ("LOG2AWS_DRY_RUN", "true"), ("LOG2AWS_DATE", "2026-02-30")];
    let mut run = place.run(&[interval, api, server, &textfile], &env);
    let shipped = "log2aws_agent_last_ship_success 1\n";
    until("a delivery", || place.text("a.prom").contains(shipped).then_some(()));
    assert!(place.text("a.prom").contains("log2aws_agent_pending_days 0\n"));
    let said = place.text("said");
    for days in [4, 3, 2] {
        assert!(said.contains(&format!("{}: delivered (", days_ago(days))), "{said}");
    }
    let status = place.output("status", &["--json", interval, api, server]);
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["last_delivered_day"], days_ago(2).as_str());
    assert_eq!(status["running"], true);
    assert_eq!(run.end().0, Some(0));
    let _ = stop.send(());
    runtime.block_on(serving).unwrap().unwrap();
}

/// A `run` whose shipping process waits for a server that never responds.
fn hanging(place: &Place, listener: &TcpListener) -> (super::agent::Running, u32) {
    hanging_with(place, listener, &[("TZ", "UTC")])
}

/// The same with this environment.
fn hanging_with(
    place: &Place,
    listener: &TcpListener,
    env: &[(&str, &str)],
) -> (super::agent::Running, u32) {
    let api = format!("--api=http://{}", listener.local_addr().unwrap());
    let server = format!("--server={}", early_name());
    let run = place.run(&["--interval=10s", &api, &server], env);
    // It has connected.
    let (stream, _) = listener.accept().unwrap();
    let children = run.children();
    assert_eq!(children.len(), 1, "{children:?}");
    // The stream must stay open, or the process would not hang.
    std::mem::forget(stream);
    (run, children[0])
}

#[test]
fn it_ends_within_a_second_with_the_process_that_hangs() {
    for frozen in [false, true] {
        let place = backlog();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut run, child) = hanging(&place, &listener);
        if frozen {
            // It cannot react to SIGTERM.
            signal_to(child, Signal::STOP);
        }
        let (code, took) = run.end();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(!exists(child));
    }
}

#[test]
fn the_process_that_ships_has_its_settings_from_its_command_line_alone() {
    let place = backlog();
    let manager = Manager::new(&place);
    let socket = place.path("notify").display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let env = [
        ("TZ", "UTC"),
        ("NOTIFY_SOCKET", socket.as_str()),
        ("WATCHDOG_USEC", "60000000"),
        ("LOG2AWS_NOTE", "a note"),
    ];
    let (mut run, child) = hanging_with(&place, &listener, &env);
    let environ = fs::read(format!("/proc/{child}/environ")).unwrap();
    let environ = String::from_utf8(environ).unwrap();
    let names: Vec<&str> =
        environ.split('\0').filter_map(|entry| Some(entry.split_once('=')?.0)).collect();
    // systemd would take its messages for those of the service.
    assert_eq!(names, ["LOG2AWS_SHIP_OF_RUN", "TZ"]);
    assert!(manager.next_with("STATUS=").contains("; next delivery 2"));
    assert!(manager.next_with("STATUS=").ends_with("; shipping\n"));
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn samples_go_on_while_it_hangs_and_its_death_is_survived() {
    let place = backlog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut run, child) = hanging(&place, &listener);
    let before = place.lines().len();
    until("a sample", || (place.lines().len() > before).then_some(()));
    assert!(exists(child));
    signal_to(child, Signal::KILL);
    let told = "the process that ships was ended by signal 9";
    until("that is told", || place.text("said").contains(told).then_some(()));
    assert!(place.text("said").contains("the next delivery is tried at"));
    assert!(!exists(child) && run.children().is_empty());
    let before = place.lines().len();
    until("a sample", || (place.lines().len() > before).then_some(()));
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn one_that_is_killed_leaves_no_process_that_ships() {
    let place = backlog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (run, child) = hanging(&place, &listener);
    // Only the kernel can end it now.
    signal_to(child, Signal::STOP);
    run.signal(Signal::KILL);
    until("its end", || (!exists(child)).then_some(()));
}

#[test]
fn the_journal_says_why_and_how_urgent_it_is() {
    let place = backlog();
    // A port where nobody listens any more.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("--api=http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = format!("--server={}", early_name());
    fs::write(place.path("said"), "").unwrap();
    let said = fs::metadata(place.path("said")).unwrap();
    let journal = format!("{}:{}", said.dev(), said.ino());
    let env = [("TZ", "UTC"), ("JOURNAL_STREAM", journal.as_str())];
    let mut run = place.run(&["--interval=1h", "--max-time=8", &api, &server], &env);
    let line =
        |with: &str| place.text("said").lines().find(|line| line.contains(with)).map(str::to_owned);
    let again = until("a second try", || line("trying again"));
    assert!(again.starts_with("<6>trying again"), "{again}");
    let why = until("why", || line("not all was delivered"));
    assert!(why.starts_with("<3>not all was delivered: "), "{why}");
    assert!(why.contains(&api["--api=http://".len()..]), "{why}");
    assert_eq!(run.end().0, Some(0));
}
