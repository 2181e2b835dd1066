//! Recorded machines with rows that `vmstat` itself printed (testdata/proc/README.md).

use std::fmt::Write as _;

use super::*;

#[test]
fn since_boot_is_what_vmstat_prints() {
    for name in [
        "debian12-2-cores",
        "linux6.1-1-core",
        "altered-64-cores",
        "rhel7-8-cores",
        "linux3-8-cores",
    ] {
        let machine = Recorded::new(&[recorded(name).join("earlier")]);
        let report = machine.run(&machine.config(SampleMode::SinceBoot)).unwrap();
        assert_eq!(vmstat_of(&report.line), row(name, "since-boot.txt"), "{name}");
        assert_eq!(report.interval, None);
        assert_eq!(machine.slept.get(), Duration::ZERO);
    }
}

#[test]
fn an_interval_is_what_vmstat_prints() {
    // Guest time is part of `us`, which vmstat omits without showing it elsewhere: its row of a VM
    // host adds up to 69 of a hundred.
    let guests = "70";
    for name in ["debian12-2-cores", "linux6.1-1-core", "rhel7-8-cores", "linux3-8-cores"] {
        let tree = recorded(name);
        let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
        let report = machine.run(&machine.config(INTERVAL)).unwrap();
        let mut expected = interval_row(name);
        if name == "linux3-8-cores" {
            assert_eq!(expected[12], "38");
            guests.clone_into(&mut expected[12]);
        }
        assert_eq!(vmstat_of(&report.line), expected, "{name}");
        assert_eq!(report.interval, Some(Duration::from_secs(6)));
    }
}

#[test]
fn the_line_is_of_the_intervals_end() {
    let name = "debian12-2-cores";
    let tree = recorded(name);
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
    let report = machine.run(&machine.config(INTERVAL)).unwrap();
    // 14:59:58Z and six seconds is the next day in Tokyo, and so is the file.
    assert_eq!(report.file, machine.root().join("log/2026-11-23.log"));
    assert_eq!(
        fs::read_to_string(&report.file).unwrap(),
        format!(
            "# log2aws/1 server=web01 cores=2 tz=Asia/Tokyo mode=interval note={}\n{}\n",
            "%E6%9C%AC%E7%95%AA%20DB", report.line
        )
    );
    let head = "2026-11-23 00:00:04 up 43 min, 0 users, load average: ";
    assert!(report.line.starts_with(head), "{}", report.line);
}

/// A /proc/stat as a kernel with `cores` cores writes it: each is slightly busier than core 0 of
/// the recorded machine, with the number of interrupts of such a machine.
fn stat_of(cores: u64, round: u64) -> String {
    let mut lines = String::new();
    let mut total = [0; 10];
    for core in 0..cores {
        let ticks = [6796 + core, 252, 5655, 10_444_977, 175, 0, 101, core % 7, 0, 0];
        let ticks = ticks.map(|ticks: u64| ticks + round);
        write!(lines, "cpu{core}").unwrap();
        for (sum, ticks) in total.iter_mut().zip(ticks) {
            *sum += ticks;
            write!(lines, " {ticks}").unwrap();
        }
        lines.push('\n');
    }
    let total = total.map(|ticks| ticks.to_string()).join(" ");
    let interrupts = " 0 111551 42541 0".repeat(usize::try_from(cores).unwrap() * 8);
    format!(
        "cpu  {total}\n{lines}intr {}{interrupts}\nctxt {}\nbtime 1457505775\nprocesses 10673\n\
         procs_running 513\nprocs_blocked 17\nsoftirq 1031662 0 649485 20946 111071 11620 0 1 0 994 1\n",
        5_000_000_000 + round * 1_000_000,
        90_000_000_000 + round * 6_000_000,
    )
}

#[test]
fn a_machine_of_512_cores_is_read_to_the_end() {
    let machine = Recorded::new(&[]);
    let trees = [("512-earlier", 0, 100_000), ("512-later", 150, 100_600)];
    let trees = trees.map(|(name, round, uptime)| {
        let tree = machine.root().join(name);
        copy(&recorded("rhel7-8-cores").join("earlier/proc"), &tree.join("proc"));
        let stat = stat_of(512, round);
        assert!(stat.len() > 64 << 10, "{} fit one read", stat.len());
        fs::write(tree.join("proc/stat"), stat).unwrap();
        fs::write(tree.join("proc/uptime"), format!("{}.00 0.00\n", uptime / 100)).unwrap();
        tree
    });
    machine.next.borrow_mut().extend(trees.into_iter().rev());
    machine.advance();
    let report = machine.run(&machine.config(INTERVAL)).unwrap();
    let row = vmstat_of(&report.line);
    // 150 million interrupts and 900 million switches in six seconds; 150 more ticks in each of the
    // eight kinds of the total: us ni, sy hi si, id, wa, st.
    assert_eq!((row[0].as_str(), row[1].as_str()), ("513", "17"));
    assert_eq!(row[10..], ["25000000", "150000000", "25", "38", "13", "13", "13"]);
    assert!(fs::read_to_string(&report.file).unwrap().contains(" cores=512 "));
}

/// lxcfs and similar replace a container's files: its own counters for CPU, memory and uptime, the
/// host's for the rest; and what a container may not see is missing.
#[test]
fn a_container_is_sampled_by_what_it_is_shown() {
    let machine = Recorded::new(&[]);
    let container = |name: &str, uptime: &str, stat: &str| {
        let proc = machine.root().join(name).join("proc");
        fs::create_dir_all(&proc).unwrap();
        for (file, text) in [
            ("uptime", uptime),
            ("stat", stat),
            ("vmstat", "pgpgin 900\npgpgout 1000\n"),
            ("meminfo", "MemTotal: 524288 kB\nMemFree: 400000 kB\nCached: 20000 kB\n"),
            ("loadavg", "0.00 0.00 0.00 0/7 0\n"),
        ] {
            fs::write(proc.join(file), text).unwrap();
        }
        machine.root().join(name)
    };
    let rest = "intr 0\nctxt 77\nbtime 1700000000\nprocesses 9\nprocs_running 1\nprocs_blocked 0\n";
    let earlier = container("c1", "5.00 5.00\n", &format!("cpu  10 0 10 980 0 0 0 0 0 0\n{rest}"));
    let later =
        container("c2", "11.00 9.00\n", &format!("cpu  160 0 160 1280 0 0 0 0 0 0\n{rest}"));
    machine.next.borrow_mut().extend([later, earlier]);
    machine.advance();
    let state_dir = machine.root().join("state");
    let config = SampleConfig { state_dir: Some(state_dir.clone()), ..machine.config(INTERVAL) };
    let report = machine.run(&config).unwrap();
    let row = "1 0 0 400000 0 20000 0 0 0 0 0 0 25 25 50 0 0";
    assert_eq!(vmstat_of(&report.line).join(" "), row);
    // No cores are visible, so none are written.
    assert!(!fs::read_to_string(&report.file).unwrap().contains("cores="));
    // Without a boot id the state is not used, but its time is known.
    let kept = fs::read_to_string(state_dir.join("last-sample.json")).unwrap();
    assert!(kept.contains("\"boot_id\":null"), "{kept}");
    assert_eq!(log2aws_agent::sample::last(&state_dir).unwrap().at, machine.now.get());
    machine.run(&config).unwrap();
    assert_eq!(machine.slept.get(), Duration::from_secs(12), "over the window once more");
}

#[test]
fn stolen_time_that_nobody_counts_is_left_out() {
    let tree = recorded("debian12-2-cores");
    let machine = Recorded::new(&[]);
    for which in ["later", "earlier"] {
        let old = machine.root().join(which);
        copy(&tree.join(which).join("proc"), &old.join("proc"));
        let stat = fs::read_to_string(tree.join(which).join("proc/stat")).unwrap();
        let cut = |line: &str| match line.split_once(' ') {
            Some((name, ticks)) if name.starts_with("cpu") => {
                format!("{name} {}", words(ticks)[..7].join(" "))
            }
            _ => line.to_owned(),
        };
        let lines: Vec<String> = stat.lines().map(cut).collect();
        fs::write(old.join("proc/stat"), lines.join("\n") + "\n").unwrap();
        machine.next.borrow_mut().push(old);
    }
    machine.advance();
    let report = machine.run(&machine.config(INTERVAL)).unwrap();
    // (The recorded machine had no stolen time.)
    let expected = interval_row("debian12-2-cores")[..16].join(" ");
    assert!(report.line.ends_with(&format!(" {expected}")), "{expected} in {}", report.line);
    assert_eq!(read(&fs::read_to_string(&report.file).unwrap())[0].vmstat[16], None);
}

/// The row that `vmstat` printed for a recorded interval. 4.0.2 reads memory only once, so its
/// second row repeats the first; ours is current, from /proc/meminfo of `later`.
fn interval_row(name: &str) -> Vec<String> {
    let mut row = row(name, "interval.txt");
    let memory = match name {
        "debian12-2-cores" => ["0", "22330192", "9788", "1932684"],
        "linux6.1-1-core" => ["0", "426068", "0", "43724"],
        _ => return row,
    };
    row.splice(2..6, memory.map(str::to_owned));
    row
}
