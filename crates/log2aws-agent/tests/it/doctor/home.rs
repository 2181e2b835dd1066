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

#[test]
fn nothing_samples() {
    let mut host = Host::right();
    host.stop_service();
    fs::remove_file(host.path("log/2026-11-22.log")).unwrap();
    assert_eq!(
        only(&host.faults_at_home()),
        "fail  samples       no sample was ever taken -> start a sampler: systemctl enable --now \
         log2aws-agent"
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
fn cron_and_the_service_do_the_same() {
    let mut host = Host::right();
    host.write("root/etc/cron.d/load", "*/10 * * * * root /usr/bin/log2aws-agent sample\n");
    let line = only(&host.faults_at_home());
    assert!(
        line.starts_with("fail  samplers") && line.ends_with("etc/cron.d/load line 1"),
        "{line}"
    );
    // Without the service, cron's is the only sampler.
    host.stop_service();
    assert_eq!(host.faults_at_home(), []);
    host.write("root/etc/crontab", "# ours\n*/10 * * * * root (uptime; vmstat | tail -1) >> /x\n");
    let line = only(&host.faults_at_home());
    assert!(line.contains("2 jobs of cron sample into the same log"), "{line}");
}

#[test]
fn cron_goes_on_elsewhere_until_the_machine_has_moved_over() {
    let mut host = Host::right();
    let cron = "*/10 * * * * root (uptime; vmstat) >> /var/log/load/$(date +\\%F).log\n\
                5 0 * * * root /usr/local/bin/log2aws.sh\n";
    host.write("root/etc/cron.d/load", cron);
    // Without an API the service delivers nothing, so cron is the only sender.
    let line = only(&host.faults_at_home());
    assert!(
        line.starts_with(
            "warn  samplers      beside the service cron samples, too, into /var/log/load -> remove"
        ),
        "{line}"
    );
    host.stop_service();
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
        assert!(fault.contains("chown it to that user"), "{fault}");
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
