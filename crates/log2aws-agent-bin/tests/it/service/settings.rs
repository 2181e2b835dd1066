//! Proxy and time zone are the same for the service and for a command by hand, whether they are set in
//! agent.toml, in agent.env, or in the environment.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use rustix::process::Signal;

use super::agent::{Place, Running, TIMEOUT, children, days_ago, early_name, signal_to, until};

/// What each way of setting has: agent.toml, agent.env, environment.
type Settings<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A place with an overdue log and these files.
fn place((toml, env, _): Settings<'_>) -> Place {
    let place = Place::new();
    fs::write(place.path(&format!("log/{}.log", days_ago(3))), "a line\n").unwrap();
    fs::write(place.path("agent.toml"), toml).unwrap();
    fs::write(place.path("agent.env"), env).unwrap();
    place
}

fn command(place: &Place, verb: &str, settings: Settings<'_>, flags: &[&str]) -> Command {
    let config = format!("--config={}", place.path("agent.toml").display());
    let mut all = vec![config.as_str()];
    all.extend(flags);
    let mut command = place.command(verb, &all);
    command.envs(settings.2.iter().copied()).stdout(Stdio::null());
    command
}

/// The request that reaches the proxy, which then wants a password.
fn request(listener: &TcpListener, meanwhile: impl FnOnce()) -> Vec<String> {
    listener.set_nonblocking(true).unwrap();
    let (stream, _) = until("a request", || listener.accept().ok());
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut reader = BufReader::new(&stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "{head:?}");
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    meanwhile();
    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    (&stream).write_all(answer).unwrap();
    head
}

#[test]
fn the_service_and_a_command_by_hand_use_one_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (url, dead) = (format!("http://ops:word@{address}"), "http://127.0.0.1:1");
    let key = format!("proxy = \"{url}\"\n");
    let file = format!("# a proxy\nhttp_proxy=\"{url}\"\n");
    let other_key = format!("proxy = \"{dead}\"\n");
    let other_file = format!("http_proxy={dead}\n");
    let variable = [("http_proxy", url.as_str())];
    for settings in [
        (key.as_str(), "", &[][..]),
        // A variable replaces the key, and one of the process that of the file.
        (&other_key, &file, &[]),
        (&other_key, &other_file, &variable),
    ] {
        let name = early_name();
        let flags = ["--api=http://log2aws.invalid/prod", &format!("--server={name}")];
        for verb in ["ship", "doctor", "run"] {
            let place = place(settings);
            let flags = match verb {
                "run" => [&flags[..], &["--interval=1h"]].concat(),
                _ => flags.to_vec(),
            };
            let mut command = command(&place, verb, settings, &flags);
            let said = fs::File::create(place.path("said")).unwrap();
            let mut process = Running(command.stderr(said).spawn().unwrap());
            let id = process.id();
            let head = request(&listener, || {
                if verb == "run" {
                    let children = children(id);
                    let line = fs::read(format!("/proc/{}/cmdline", children[0])).unwrap();
                    let line = String::from_utf8(line).unwrap();
                    assert!(line.contains("ship\0") && !line.contains("word"), "{line:?}");
                }
            });
            let start = format!("GET http://log2aws.invalid/prod?server={name}&");
            assert!(head[0].starts_with(&start), "{verb}: {head:?}");
            // printf ops:word | base64
            let login = "Proxy-Authorization: Basic b3BzOndvcmQ=".to_owned();
            assert!(head.contains(&login), "{verb}: {head:?}");
            if verb == "run" {
                let refused = "does not accept the user and password (407)";
                until("the refusal", || place.text("said").contains(refused).then_some(()));
                signal_to(id, Signal::TERM);
            }
            process.0.wait().unwrap();
            assert!(!place.text("said").contains("word@"), "{}", place.text("said"));
        }
    }
}

/// Today 14 hours ahead of UTC, and 12 behind: never the same day.
fn today(hours: i8) -> String {
    Timestamp::now().to_zoned(TimeZone::fixed(offset(hours))).date().to_string()
}

#[test]
fn the_service_and_a_command_by_hand_have_one_zone() {
    let key = "time-zone = \"AAA-14\"\n";
    for (settings, hours, source) in [
        ((key, "", &[][..]), 14, "--time-zone"),
        (("", "TZ=AAA-14\n", &[]), 14, "TZ=AAA-14"),
        ((key, "TZ='BBB12'\n", &[]), -12, "TZ=BBB12"),
        ((key, "TZ=CCC1\n", &[("TZ", "BBB12")]), -12, "TZ=BBB12"),
    ] {
        for verb in ["sample", "run"] {
            let place = place(settings);
            let logs = || fs::read_dir(place.path("log")).unwrap().count();
            let before = today(hours);
            let flags: &[&str] = if verb == "run" { &["--interval=1h"] } else { &[] };
            let process = command(&place, verb, settings, flags).stderr(Stdio::null()).spawn();
            let mut process = Running(process.unwrap());
            until("a line", || (logs() == 2).then_some(()));
            if verb == "run" {
                signal_to(process.id(), Signal::TERM);
            }
            process.0.wait().unwrap();
            let is_there = |day: String| place.path(&format!("log/{day}.log")).exists();
            assert!(is_there(before) || is_there(today(hours)), "{verb}: {settings:?}");
        }
        let place = place(settings);
        let told =
            command(&place, "doctor", settings, &[]).stdout(Stdio::piped()).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains(&format!("zone          days are those of {source}\n")), "{told}");
    }
    let place = Place::new();
    let said = place.output("sample", &["--time-zone=Asia/Tokio"]);
    assert_eq!(said.status.code(), Some(2));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("it is no time zone of this machine; give a name from"), "{said}");
}

#[test]
fn todays_log_in_another_zone_is_not_to_be_moved_away() {
    let place = Place::new();
    fs::write(place.path(&format!("log/{}.log", today(14))), "a line\n").unwrap();
    let day = format!("--date={}", today(14));
    let flags = [day.as_str(), "--api=http://127.0.0.1:1/", "--server=web01", "--time-zone=BBB12"];
    let said = place.output("ship", &flags);
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("of a day that has not come, for it is"), "{said}");
    assert!(said.contains("set time-zone for both") && !said.contains("move"), "{said}");
    let doctor = place.output("doctor", &flags[2..]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains("today's in another zone") && !doctor.contains("move"), "{doctor}");
}

#[test]
fn config_check_says_what_holds_and_what_to_move_and_no_password() {
    let toml = "proxy = \"http://ops:word@proxy.example:3128\"\ntime-zone = \"JST-9\"\n";
    let env = "NO_PROXY=localhost\nHTTPS_PROXY=http://a:secret@b:1\nLOG2AWS_NOTE=a note\n";
    let checked = |env: &str, variables: &[(&str, &str)]| {
        let settings = (toml, env, variables);
        let place = place(settings);
        let config = format!("--config={}", place.path("agent.toml").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_log2aws-agent"));
        command.env_clear().args(["config", "check", &config]).envs(variables.iter().copied());
        let output = command.output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(!told.contains("word@") && !told.contains("secret"), "{told}");
        told.replace(
            &format!("{}/", place.path("").display().to_string().trim_end_matches('/')),
            "",
        )
    };
    let told = checked("", &[]);
    assert!(told.contains("# proxy = \"http://***@proxy.example:3128\"  # agent.toml\n"), "{told}");
    assert!(told.contains("time-zone = \"JST-9\"  # agent.toml\n"), "{told}");
    let exposed =
        "# agent.toml: proxy holds a password, and every user may read the file; write it";
    assert!(told.contains(exposed), "{told}");

    let told = checked(env, &[("TZ", "UTC")]);
    for line in [
        "# proxy does not hold: HTTPS_PROXY in the environment does",
        "# time-zone does not hold: TZ in the environment does",
        "note = \"a note\"  # agent.env",
        "# agent.env: NO_PROXY can be the key no-proxy of the config file instead",
        "# agent.env: LOG2AWS_NOTE can be the key note of the config file instead",
        "# agent.env: HTTPS_PROXY holds a password; it is right there, because fewer may read",
    ] {
        assert!(told.lines().any(|told| told.starts_with(line)), "{line} is not in\n{told}");
    }
}

#[test]
fn a_group_may_read_agent_env_and_who_may_not_is_told() {
    if !rustix::process::geteuid().is_root() {
        log2aws_skip::optional("a_group_may_read_agent_env", "only root can give a file away");
        return;
    }
    let place = place(("", "TZ=AAA-14\n", &[]));
    let program = place.path("agent");
    fs::copy(env!("CARGO_BIN_EXE_log2aws-agent"), &program).unwrap();
    fs::set_permissions(place.path(""), Permissions::from_mode(0o755)).unwrap();
    chown(place.path("agent.env"), Some(0), Some(4712)).unwrap();
    fs::set_permissions(place.path("agent.env"), Permissions::from_mode(0o640)).unwrap();
    // As sudo does: another user, and no variable but a few.
    let doctor = |group: u32| {
        let output = Command::new(&program)
            .args(["doctor", "--log-dir=/nowhere", "--state-dir=/nowhere"])
            .arg(format!("--config={}", place.path("agent.toml").display()))
            .env_clear()
            .uid(4711)
            .gid(group)
            .current_dir("/")
            .output()
            .unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let told = doctor(4712);
    assert!(told.contains("zone          days are those of TZ=AAA-14\n"), "{told}");
    let told = doctor(4713);
    let warned = "agent.env cannot be read (Permission denied";
    assert!(told.starts_with("warn  config  ") && told.contains(warned), "{told}");
    assert!(told.contains("does not hold here -> run as root or as a user of its group"), "{told}");
    // Somebody else's file is not believed.
    chown(place.path("agent.env"), Some(4713), Some(4712)).unwrap();
    let told = doctor(4712);
    assert!(told.contains("belongs to user 4713, and this is user 4711"), "{told}");
}

#[test]
fn a_key_that_has_no_effect_any_more_stops_no_service() {
    let place = place(("limit-rate = '200k'\nserver = 'web01'\n", "", &[]));
    let settings = ("", "", &[][..]);
    let said = fs::File::create(place.path("said")).unwrap();
    let mut command = command(&place, "run", settings, &["--interval=1h"]);
    let mut process = Running(command.stderr(said).spawn().unwrap());
    until("a sample", || place.lines().get(1).cloned());
    let warning = "agent.toml: limit-rate has no effect any more; remove it";
    assert!(place.text("said").contains(warning), "{}", place.text("said"));
    assert_eq!(process.end().0, Some(0));
}
