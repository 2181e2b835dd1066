//! Faults of the machine itself.

use std::fs;
use std::os::unix::fs::symlink;

use log2aws_agent::doctor::{Check, DoctorConfig, Verdict};
use log2aws_agent::world::{HostNameError, ZoneSource};

use super::child::{self, is_root};
use super::{Host, REST, faults, only};

#[test]
fn a_right_machine_has_no_fault() {
    let host = Host::right();
    assert_eq!(host.faults_at_home(), []);
    let line = only(&faults(&host.run(&host.config())));
    assert!(line.starts_with("fail  api") && line.contains("set api in"), "{line}");
}

/// What a service in Tokyo has written down, with some of it replaced.
fn record(host: &Host, replace: &[(&str, serde_json::Value)]) {
    let folder = |name: &str| serde_json::json!({"path": host.path(name), "error": null});
    let mut record = serde_json::json!({
        "pid": 4711, "version": "0.1.0", "server": "web01",
        "zone": "Asia/Tokyo", "utc_offset": 32400, "proxy": null, "interval": 600,
        "log_dir": folder("log"), "state_dir": folder("state"), "config_error": null,
        "sample_problem": null, "shipping": false,
        "next_ship": null,
    });
    for (key, value) in replace {
        assert!(!record[key].is_null() || value.is_string(), "{key}");
        record[key] = value.clone();
    }
    host.write("state/service.json", &record.to_string());
}

#[test]
fn what_the_service_sees_is_told() {
    let host = Host::right();
    record(&host, &[("proxy", "proxy.example:3128".into())]);
    assert_eq!(host.faults_at_home(), []);
    let report = host.run(&host.config());
    let told = report.findings.iter().find(|finding| finding.check == Check::Service).unwrap();
    assert_eq!(
        told.to_string(),
        "ok    service       process 4711, its days are those of Asia/Tokyo, the proxy \
         proxy.example:3128"
    );
}

#[test]
fn a_folder_that_only_the_service_cannot_write() {
    let host = Host::right();
    let log = host.path("log");
    let view = serde_json::json!({"path": log, "error": "Read-only file system (os error 30)"});
    record(&host, &[("log_dir", view)]);
    let line = only(&host.faults_at_home());
    let told = format!("fail  service       the service cannot write {}: Read-only", log.display());
    assert!(line.starts_with(&told), "{line}");
    assert!(line.contains("-> systemctl restart log2aws-agent"), "{line}");
}

#[test]
fn a_service_whose_config_is_wrong() {
    let host = Host::right();
    record(&host, &[("config_error", "agent.toml: unknown key \"apy\"".into())]);
    let line = only(&host.faults_at_home());
    let told = "fail  service       the service delivers nothing until its config is right: \
                agent.toml: unknown key \"apy\" -> correct the file";
    assert!(line.starts_with(told), "{line}");
}

#[test]
fn a_service_in_another_zone() {
    let host = Host::right();
    record(&host, &[("zone", "America/New_York".into()), ("utc_offset", (-18000).into())]);
    let faults = host.faults_at_home();
    let zone = faults.iter().find(|finding| finding.check == Check::Service).unwrap();
    assert_eq!(zone.verdict, Verdict::Warn);
    let what =
        "the days of the service are those of America/New_York, and of this shell Asia/Tokyo";
    assert_eq!(zone.message, what);
}

#[test]
fn a_record_of_a_service_that_has_ended_says_nothing() {
    let mut host = Host::right();
    record(&host, &[("config_error", "wrong".into())]);
    host.stop_service();
    assert!(host.run(&host.config()).findings.iter().all(|f| f.check != Check::Service));
}

#[test]
fn nothing_samples() {
    let mut host = Host::right();
    host.stop_service();
    fs::remove_file(host.path("log/2026-11-22.log")).unwrap();
    assert_eq!(
        only(&host.faults_at_home()),
        "fail  samples       no sample was ever taken -> start a sampler: systemctl enable --now \
         log2aws-agent, or correct the cron job that samples"
    );
}

#[test]
fn samples_have_stopped() {
    let host = Host::right();
    host.clock.now.set("2026-11-22T00:41:00Z".parse().unwrap());
    let line = only(&host.faults_at_home());
    assert!(line.contains("no sample for 30 min, where one every 10 min is due"), "{line}");
    assert!(line.contains("journalctl -u log2aws-agent"), "{line}");
}

#[test]
fn the_last_sample_counts_also_where_its_log_is_gone() {
    let host = Host::right();
    fs::remove_file(host.path("log/2026-11-22.log")).unwrap();
    // As written by `sample`.
    let at = r#"{"at":"2026-11-22T00:00:01Z","boot_id":"x","counters":"#;
    let sampled = log2aws_agent::sample::SampleConfig {
        log_dir: host.path("elsewhere"),
        state_dir: Some(host.path("state")),
        server: "web01".parse().unwrap(),
        note: None,
        mode: log2aws_agent::sample::SampleMode::SinceBoot,
        interval: None,
        sync: false,
    };
    let time = log2aws_agent::world::SystemTime::new();
    log2aws_agent::sample::run(
        &sampled,
        &log2aws_agent::world::World::system(&time, jiff::tz::TimeZone::UTC),
    )
    .unwrap();
    let state = host.path("state/last-sample.json");
    let text = fs::read_to_string(&state).unwrap();
    let counters = text.split_once("\"counters\":").unwrap().1;
    fs::write(&state, format!("{at}{counters}")).unwrap();
    assert_eq!(host.faults_at_home(), []);
}

#[test]
fn two_samplers_write_into_one_log() {
    let host = Host::right();
    let times =
        ["08:40:01", "08:40:02", "08:50:01", "08:50:02", "09:00:01", "09:00:02", "09:10:01"];
    host.log_lines("2026-11-22", &times);
    let line = only(&host.faults_at_home());
    assert!(line.starts_with("warn  samplers") && line.contains("a line every 5 min"), "{line}");
}

#[test]
fn lines_of_another_locale() {
    let host = Host::right();
    let commas = REST.replace("0.24, 0.24, 0.16", "0,24, 0,24, 0,16");
    host.write("log/2026-11-22.log", &format!("2026-11-22 09:10:01 {commas}\n"));
    let found = host.run(&host.config()).findings;
    let lines = found.iter().find(|finding| finding.check == Check::Lines).unwrap();
    assert_eq!(lines.verdict, Verdict::Ok, "it is understood");
    assert!(
        lines.message.ends_with("as it seems, decimal commas (a locale other than C)"),
        "{lines}"
    );

    let localized = format!("2026-11-22 09:10:01 {REST}\n11月 22 09:10:01 {REST}\n");
    host.write("log/2026-11-22.log", &localized);
    let line = only(&host.faults_at_home());
    assert!(line.contains("1 of the last 2 lines") && line.contains("LC_ALL=C"), "{line}");
}

#[test]
fn names_that_are_no_server_or_another() {
    let host = Host::right();
    let named = |name: &str| {
        let config = DoctorConfig { server: Ok(name.parse().unwrap()), ..host.config() };
        let all = faults(&host.run(&config));
        all.into_iter().filter(|finding| finding.check != Check::Api).collect::<Vec<_>>()
    };
    for server in [
        "my server".parse().map_err(HostNameError::from),
        Err(HostNameError::TrailingDot("web01.".parse().unwrap())),
    ] {
        let config = DoctorConfig { server, ..host.config() };
        let line = host.run(&config).findings[1].to_string();
        assert!(
            line.starts_with("fail  server        this machine's host name cannot be"),
            "{line}"
        );
        assert!(line.contains("--server"), "{line}");
    }
    let line = only(&named("web02"));
    assert!(line.contains("2026-11-22.log was sampled as web01"), "{line}");
    // `ship` delivers under such a name if it was given, and refuses it as a host name.
    for name in ["localhost", "debian"] {
        let lines = named(name);
        assert!(lines[0].to_string().starts_with("warn  server") && lines.len() == 2, "{lines:?}");
        let config = DoctorConfig {
            server: Ok(name.parse().unwrap()),
            is_named_by_host: true,
            ..host.config()
        };
        let line = host.run(&config).findings[1].to_string();
        assert!(
            line.starts_with(&format!("fail  server        the host name {name} is")),
            "{line}"
        );
        assert!(line.contains("nothing is delivered under it -> give it a name"), "{line}");
    }
}

#[test]
fn a_zone_that_this_machine_does_not_have() {
    let host = Host::right();
    let with = |tz: &str| {
        let zone = ZoneSource { setting: None, tz: Some(tz.into()) };
        host.run(&DoctorConfig { zone, ..host.config() }).findings[2].to_string()
    };
    assert_eq!(
        with("Asia/Tokio"),
        "warn  zone          TZ=Asia/Tokio is no time zone of this machine; days are those of UTC \
         -> correct it, or install the package tzdata"
    );
    // The zone is that of the world of this test.
    assert_eq!(with("JST-9"), "ok    zone          days are those of Asia/Tokyo (TZ=JST-9)");
}

#[test]
fn a_log_that_is_never_delivered() {
    let host = Host::right();
    host.write("log/2026-11-20.log.gz", "x");
    let line = only(&host.faults_at_home());
    assert!(line.contains("\"2026-11-20.log.gz\" is no day's log"), "{line}");
    host.log_lines("2026-11-23", &["00:00:01"]);
    let line = only(&host.faults_at_home());
    assert!(line.contains("2026-11-23.log is of a day to come"), "{line}");
}

#[test]
fn folders_that_are_none() {
    let host = Host::right();
    let with = |log_dir: &str, state_dir: &str| {
        let config = DoctorConfig {
            log_dir: host.path(log_dir),
            state_dir: host.path(state_dir),
            ..host.config()
        };
        host.run(&config).findings
    };
    host.write("file", "x");
    symlink(host.path("log"), host.path("link")).unwrap();
    for name in ["file", "link"] {
        let found = with("log", name);
        let folder = found.iter().find(|finding| finding.check == Check::StateFolder).unwrap();
        assert!(
            folder.verdict == Verdict::Fail && folder.message.contains("is no folder"),
            "{folder}"
        );
    }
    let found = with("none/yet", "state");
    let folder = found.iter().find(|finding| finding.check == Check::LogFolder).unwrap();
    assert!(folder.verdict == Verdict::Ok && folder.message.contains("not there yet"), "{folder}");
}

#[test]
fn a_state_folder_in_memory() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        log2aws_skip::optional("a_state_folder_in_memory", "there is no /dev/shm");
        return;
    };
    let host = Host::right();
    let config = DoctorConfig { state_dir: folder.path().to_owned(), ..host.config() };
    let found = host.run(&config).findings;
    let fault = found.iter().find(|finding| finding.check == Check::StateFolder).unwrap();
    assert_eq!(fault.verdict, Verdict::Fail, "{fault}");
    assert!(fault.message.contains("is on a tmpfs: a reboot loses the record"), "{fault}");
}

#[test]
fn a_folder_of_somebody_else() {
    let host = Host::right();
    let report = child::as_nobody(&host);
    for check in [Check::LogFolder, Check::StateFolder] {
        let fault = report.iter().find(|line| line.contains(check.label())).unwrap();
        assert!(
            fault.starts_with("fail") && fault.contains("cannot be written by user"),
            "{fault}"
        );
        assert!(fault.contains("sudo -u log2aws") && fault.contains("chown it to "), "{fault}");
    }
}

#[test]
fn a_file_of_somebody_else_in_a_folder_of_ours() {
    if !is_root() {
        let test = "a_file_of_somebody_else_in_a_folder_of_ours";
        log2aws_skip::optional(test, "only root can give a folder away");
        return;
    }
    let host = Host::right();
    for name in ["log", "state"] {
        std::os::unix::fs::chown(host.path(name), Some(65534), None).unwrap();
    }
    // As `sudo log2aws-agent sample` leaves it beside the service's.
    let line = host.faults_at_home()[0].to_string();
    assert!(line.contains("2026-11-22.log belongs to user 0, the folder to user 65534"), "{line}");
    assert!(line.contains("chown -R 65534 "), "{line}");
}

#[test]
fn disks_that_take_nothing() {
    if !is_root() {
        log2aws_skip::optional("disks_that_take_nothing", "only root can mount");
        return;
    }
    for (options, words) in [
        ("size=256k,nr_inodes=3", "no inode left"),
        ("ro", "mounted read-only"),
        ("size=48k", "is full ("),
    ] {
        let line = child::with_state_on(options);
        assert!(
            line.starts_with("fail  state folder") && line.contains(words),
            "{options}: {line}"
        );
    }
}
