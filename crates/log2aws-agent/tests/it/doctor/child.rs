//! The doctor in a process of its own: as another user, with other mounts, with another
//! environment. A test must not change its own.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use jiff::tz::TimeZone;
use log2aws_agent::doctor::{DoctorConfig, run};
use log2aws_agent::net::{Network, Proxies};
use log2aws_agent::world::{ProcRoot, World, ZoneSource};

use super::{Clock, Host, NOW};

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The entry point for the functions below.
#[test]
#[ignore = "started by other tests; by itself it has nobody to look at"]
fn child() {
    let var = |name: &str| env::var(name).unwrap();
    let clock = Clock { now: NOW.parse::<jiff::Timestamp>().unwrap().into() };
    let config = DoctorConfig {
        config_file: None,
        unread_settings: None,
        server: Ok("web01".parse().unwrap()),
        is_named_by_host: false,
        zone: ZoneSource::default(),
        log_dir: var("LOG_DIR").into(),
        state_dir: var("STATE_DIR").into(),
        interval: std::time::Duration::from_mins(10),
        api: env::var("API").ok().map(|api| api.parse().unwrap()),
        network: Network {
            proxies: Proxies::new(None, None, |name| env::var(name).ok()),
            ..Network::default()
        },
        upload_hosts: Vec::new(),
    };
    let proc_root = ProcRoot { path: "/nowhere".into(), ..ProcRoot::system() };
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    for finding in run(&config, &World { time: &clock, zone, proc_root }).findings {
        println!("says {finding}");
    }
}

fn command(program: &Path, log_dir: &Path, state_dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["doctor::child::child", "--exact", "--ignored", "--nocapture"])
        .env("LOG_DIR", log_dir)
        .env("STATE_DIR", state_dir);
    for name in [
        "https_proxy",
        "HTTPS_PROXY",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ] {
        command.env_remove(name);
    }
    command
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| Some(line.split_once("says ")?.1.to_owned())).collect()
}

/// Checks `host` as a user who owns none of it.
pub(crate) fn as_nobody(host: &Host) -> Vec<String> {
    let mut program = env::current_exe().unwrap();
    let (log_dir, state_dir) = (host.path("log"), host.path("state"));
    for folder in [&log_dir, &state_dir] {
        fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    }
    if is_root() {
        // A place that this user can access.
        let folder = tempfile::tempdir().unwrap().keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let copy = folder.join("doctor");
        fs::copy(&program, &copy).unwrap();
        for name in ["log", "state"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        program = copy;
        let mut command = command(&program, &folder.join("log"), &folder.join("state"));
        let output = command.uid(65534).gid(65534).current_dir("/").output().unwrap();
        fs::remove_dir_all(folder).unwrap();
        return lines(&output);
    }
    lines(&command(&program, &log_dir, &state_dir).output().unwrap())
}

/// The finding about a full state folder on a tmpfs mounted with `options`.
pub(crate) fn with_state_on(options: &str) -> String {
    let host = Host::right();
    let program = env::current_exe().unwrap();
    let folder = host.path("mount");
    fs::create_dir(&folder).unwrap();
    let script = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" && { yes > \"$2/fill\"; touch \"$2/one\"; \
                  touch \"$2/two\"; shift 2; exec \"$@\"; }";
    let inner = command(&program, &host.path("log"), &folder);
    let mut outer = Command::new("unshare");
    outer.args(["--mount", "sh", "-c", script, "sh", options]).arg(&folder).arg(&program);
    outer.args(inner.get_args());
    for (name, value) in inner.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        outer.env(name, value);
    }
    let all = lines(&outer.output().unwrap());
    all.into_iter().find(|line| line.contains("state folder")).unwrap()
}

/// The findings for `host` with `api` and this environment.
pub(crate) fn asking(host: &Host, api: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let program = env::current_exe().unwrap();
    let mut command = command(&program, &host.path("log"), &host.path("state"));
    lines(&command.env("API", api).envs(environment.iter().copied()).output().unwrap())
}
