//! Reboots, clock changes, suspended machines: an interval belongs to one boot and the kernel's own
//! clock, a line to the log of its own date.

use log2aws_agent::sample::last;

use super::*;

#[test]
fn the_next_interval_begins_where_the_last_ended() {
    let tree = recorded("rhel7-8-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("earlier"), tree.join("later")]);
    let config =
        SampleConfig { state_dir: Some(machine.root().join("state")), ..machine.config(INTERVAL) };
    let first = machine.run(&config).unwrap();
    assert_eq!(first.interval, Some(Duration::ZERO));
    machine.advance();

    let second = machine.run(&config).unwrap();
    assert_eq!(machine.slept.get(), Duration::from_secs(6), "the second did not wait");
    assert_eq!(vmstat_of(&second.line), row("rhel7-8-cores", "interval.txt"));
    assert!(second.state_error.is_none(), "{:?}", second.state_error);

    // A third sample at the same moment has no interval: it waits for one.
    machine.run(&config).unwrap();
    assert_eq!(machine.slept.get(), Duration::from_secs(12));
}

#[test]
fn counters_of_another_boot_are_not_carried_over() {
    let tree = recorded("rhel7-8-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("earlier")]);
    let state_dir = machine.root().join("state");
    let config = SampleConfig { state_dir: Some(state_dir.clone()), ..machine.config(INTERVAL) };
    machine.run(&config).unwrap();

    let state = state_dir.join("last-sample.json");
    let boot_id = fs::read_to_string(tree.join("later/proc/sys/kernel/random/boot_id")).unwrap();
    let kept = fs::read_to_string(&state).unwrap();
    let other = kept.replace(boot_id.trim(), "00000000-0000-0000-0000-000000000000");
    assert_ne!(other, kept);
    for (case, text) in [
        ("another boot", other),
        ("a counter that went back", kept.replace(':', ":9")),
        ("torn", "{".into()),
    ] {
        fs::write(&state, text).unwrap();
        machine.next.borrow_mut().push(tree.join("later"));
        let before = machine.slept.get();
        machine.run(&config).unwrap();
        assert_eq!(machine.slept.get(), before + Duration::from_secs(6), "{case}");
    }
}

/// The recorded tree with another time since boot and other activity.
fn tree(machine: &Recorded, name: &str, uptime: &str, changes: &[(&str, &str, &str)]) -> PathBuf {
    let tree = machine.root().join(name);
    copy(&recorded("rhel7-8-cores").join("earlier/proc"), &tree.join("proc"));
    fs::write(tree.join("proc/uptime"), format!("{uptime} 0.00\n")).unwrap();
    for (file, line, new) in changes {
        let path = tree.join("proc").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|old| if old.starts_with(line) { *new } else { old });
        let lines: Vec<&str> = lines.collect();
        assert!(lines.contains(new), "no {line:?} in {file}");
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    tree
}

/// Samples at one tree, then at the other; returns the second report.
fn sample_twice(machine: &Recorded, earlier: &Path, later: &Path) -> SampleReport {
    let mode = SampleMode::Interval { window: Duration::from_secs(1) };
    let state_dir = Some(machine.root().join("state"));
    let config = SampleConfig { state_dir, ..machine.config(mode) };
    machine.next.borrow_mut().extend([later, earlier, earlier].map(Path::to_owned));
    machine.advance();
    machine.run(&config).unwrap();
    machine.advance();
    machine.run(&config).unwrap()
}

const AWAKE: &str = "cpu  32390961 89036 23707730 1073552344 1140756 0 1522035 18738206 0 0";

#[test]
fn a_machine_that_slept_did_nothing_meanwhile() {
    let machine = Recorded::new(&[]);
    let earlier = tree(&machine, "earlier", "1000.00", &[]);
    // An hour later by the kernel's clock that includes suspend; ten minutes of CPU time of one
    // core: 1,200 s user, 600 s system, 4,200 s idle in hundredths, 360,000 switches.
    let changes = [("stat", "cpu  ", AWAKE), ("stat", "ctxt ", "ctxt 18212681")];
    let later = tree(&machine, "later", "4600.00", &changes);
    let report = sample_twice(&machine, &earlier, &later);
    assert_eq!(report.interval, Some(Duration::from_hours(1)));
    let row = vmstat_of(&report.line);
    assert_eq!(row[11..], ["100", "20", "10", "70", "0", "0"], "switches in a second of the hour");
}

#[test]
fn a_clock_set_back_over_midnight_writes_into_the_log_of_its_date() {
    let machine = Recorded::new(&[]);
    machine.now.set("2026-11-22T15:00:04Z".parse().unwrap());
    let earlier = tree(&machine, "earlier", "1000.00", &[]);
    let later = tree(&machine, "later", "1600.00", &[("stat", "ctxt ", "ctxt 17912681")]);
    let mode = SampleMode::Interval { window: Duration::from_secs(1) };
    let state_dir = machine.root().join("state");
    let config = SampleConfig { state_dir: Some(state_dir.clone()), ..machine.config(mode) };
    machine.next.borrow_mut().extend([later, earlier.clone(), earlier]);
    machine.advance();
    let first = machine.run(&config).unwrap();
    assert_eq!(first.file, machine.root().join("log/2026-11-23.log"));
    assert_eq!(last(&state_dir).unwrap().at, machine.now.get());

    // Ten minutes later by the kernel's clock, the wall clock has gone back a further minute.
    machine.advance();
    machine.now.set("2026-11-22T14:59:05Z".parse().unwrap());
    let second = machine.run(&config).unwrap();
    assert_eq!(second.file, machine.root().join("log/2026-11-22.log"));
    assert!(second.line.starts_with("2026-11-22 23:59:05 up "), "{}", second.line);
    assert_eq!(second.interval, Some(Duration::from_mins(10)));
    assert_eq!(vmstat_of(&second.line)[11], "100", "60,000 switches in 600 s");
    assert_eq!(last(&state_dir).unwrap().at, machine.now.get());
    // Each of the two logs has its own metadata.
    for report in [&first, &second] {
        let text = fs::read_to_string(&report.file).unwrap();
        assert!(text.starts_with("# log2aws/1 server=web01 "), "{text}");
        assert_eq!(text.lines().count(), 2);
    }
}

#[test]
fn a_counter_that_wrapped_is_measured_over_the_window() {
    let machine = Recorded::new(&[]);
    let nearly = [("vmstat", "pgpgout ", "pgpgout 4294967000")];
    let earlier = tree(&machine, "earlier", "1000.00", &nearly);
    let later = tree(&machine, "later", "1600.00", &[("vmstat", "pgpgout ", "pgpgout 100")]);
    let end = [("vmstat", "pgpgout ", "pgpgout 107"), ("stat", "ctxt ", "ctxt 17852690")];
    let end = tree(&machine, "end", "1601.00", &end);
    machine.next.borrow_mut().push(end);
    let report = sample_twice(&machine, &earlier, &later);
    assert_eq!(report.interval, Some(Duration::from_secs(1)));
    assert_eq!(vmstat_of(&report.line)[9], "7");
}

#[test]
fn a_container_that_began_anew_under_the_same_kernel_is_a_new_boot() {
    let machine = Recorded::new(&[]);
    let earlier = tree(&machine, "earlier", "5000.00", &[]);
    let busy = [("stat", "cpu  ", AWAKE), ("stat", "ctxt ", "ctxt 18212681")];
    let later = tree(&machine, "later", "12.00", &busy);
    let end = tree(&machine, "end", "13.00", &busy);
    machine.next.borrow_mut().push(end);
    let report = sample_twice(&machine, &earlier, &later);
    assert_eq!(report.interval, Some(Duration::from_secs(1)));
    assert!(report.line.contains(" up 0 min, "), "{}", report.line);
}

#[test]
fn samples_since_boot_are_remembered_too() {
    let tree = recorded("rhel7-8-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
    let state_dir = machine.root().join("state");
    assert_eq!(last(&state_dir), None);
    let config = machine.config(SampleMode::SinceBoot);
    let config = SampleConfig { state_dir: Some(state_dir.clone()), ..config };
    machine.run(&config).unwrap();
    assert_eq!(last(&state_dir).unwrap().at, machine.now.get());
    // A switch to interval values has an interval at once.
    machine.advance();
    let report = machine.run(&SampleConfig { mode: INTERVAL, ..config }).unwrap();
    assert_eq!(report.interval, Some(Duration::from_secs(6)));
    assert_eq!(machine.slept.get(), Duration::ZERO);
}
