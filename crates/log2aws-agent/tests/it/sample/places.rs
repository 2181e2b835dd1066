//! Unusual folders and disks.

use std::process::Command;

use sha2::{Digest, Sha256};

use super::*;

#[test]
fn a_state_that_cannot_be_kept_is_told_and_costs_no_line() {
    let tree = recorded("debian12-2-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
    let blocked = machine.root().join("blocked");
    fs::write(&blocked, "a file").unwrap();
    let config = SampleConfig { state_dir: Some(blocked), ..machine.config(INTERVAL) };
    let report = machine.run(&config).unwrap();
    assert!(fs::read_to_string(&report.file).unwrap().ends_with(&format!("{}\n", report.line)));
    let error = report.state_error.unwrap().to_string();
    assert!(error.contains("blocked/last-sample.json: not a directory"), "{error}");
    assert!(error.contains("--state-dir"), "{error}");
}

#[test]
fn in_a_state_folder_of_somebody_else_nothing_is_left() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let machine = Recorded::new(&[recorded("debian12-2-cores").join("earlier")]);
    let state_dir = machine.root().join("state");
    fs::create_dir(&state_dir).unwrap();
    std::os::unix::fs::chown(&state_dir, Some(4711), None).unwrap();
    let config = SampleConfig {
        state_dir: Some(state_dir.clone()),
        ..machine.config(SampleMode::SinceBoot)
    };
    let report = machine.run(&config).unwrap();
    assert!(fs::read_to_string(&report.file).unwrap().ends_with(&format!("{}\n", report.line)));
    let error = report.state_error.unwrap().to_string();
    assert!(error.contains("belongs to user 4711") && error.contains("run as user"), "{error}");
    assert_eq!(fs::read_dir(&state_dir).unwrap().count(), 0);
}

#[test]
fn a_log_in_other_hands_costs_no_line() {
    let machine = Recorded::new(&[recorded("debian12-2-cores").join("earlier")]);
    let config = machine.config(SampleMode::SinceBoot);
    let file = machine.run(&config).unwrap().file;
    // Read access is enough.
    let held = fs::File::open(&file).unwrap();
    held.lock().unwrap();
    let before = machine.slept.get();
    let report = machine.run(&config).unwrap();
    let waited = machine.slept.get().saturating_sub(before);
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");
    let error = report.state_error.unwrap().to_string();
    assert!(error.contains("without a lock: another process has had it"), "{error}");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((read(&text).len(), text.lines().count()), (2, 3), "{text}");

    drop(held);
    assert!(machine.run(&config).unwrap().state_error.is_none());
}

#[test]
fn a_machine_without_proc_is_an_error_and_leaves_no_log() {
    let machine = Recorded::new(&[PathBuf::from("/nowhere")]);
    let error = machine.run(&machine.config(INTERVAL)).unwrap_err().to_string();
    assert!(error.contains("proc/uptime") && error.contains("is /proc mounted?"), "{error}");
    assert!(!machine.root().join("log").exists());
}

#[test]
fn a_log_folder_that_cannot_be_made_is_named() {
    let machine = Recorded::new(&[recorded("debian12-2-cores").join("earlier")]);
    fs::write(machine.root().join("log"), "a file").unwrap();
    let error = machine.run(&machine.config(SampleMode::SinceBoot)).unwrap_err().to_string();
    assert!(error.contains("the log folder") && error.contains("--log-dir"), "{error}");
}

#[test]
fn a_log_folder_that_is_none_of_ours_is_refused() {
    let tree = recorded("debian12-2-cores").join("earlier");
    let machine = Recorded::new(&[tree]);
    let config = machine.config(SampleMode::SinceBoot);
    let told = |config: &SampleConfig| machine.run(config).unwrap_err().to_string();
    let log_dir = machine.root().join("log");

    let elsewhere = machine.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &log_dir).unwrap();
    assert!(told(&config).contains("is a symbolic link"), "{}", told(&config));
    fs::remove_dir(&elsewhere).unwrap();
    assert!(told(&config).contains("is a symbolic link"), "{}", told(&config));
    assert!(!elsewhere.exists());
    fs::remove_file(&log_dir).unwrap();

    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &log_dir, mode).unwrap();
    assert!(told(&config).contains("is not a folder"), "{}", told(&config));
    fs::remove_file(&log_dir).unwrap();

    fs::create_dir(&log_dir).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&log_dir, Some(4711), None).unwrap();
        assert!(told(&config).contains("belongs to user 4711"), "{}", told(&config));
        assert_eq!(fs::read_dir(&log_dir).unwrap().count(), 0);
        std::os::unix::fs::chown(&log_dir, Some(0), None).unwrap();
    }
    machine.run(&config).unwrap();
}

const DISK: &str = "LOG2AWS_TEST_SMALL_DISK";

/// Runs the test of this name again where `DISK` is a private tmpfs, and returns `None`; skips it
/// if this machine does not allow that. Inside, returns the disk.
fn small_disk(name: &str, size: &str) -> Option<PathBuf> {
    if let Some(disk) = std::env::var_os(DISK) {
        return Some(disk.into());
    }
    let disk = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o "size=$1" tmpfs "$2" || exit 77; shift 2; exec "$@""#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh", size])
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(DISK, disk.path())
        .output();
    // 77: the mount was refused. unshare itself exits with 1, which a failing test (101) does not.
    match &output {
        Ok(output) if !matches!(output.status.code(), Some(1 | 77)) => {
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
        }
        refused => {
            log2aws_skip::required(name, format!("no small disk can be mounted: {refused:?}"));
        }
    }
    None
}

/// Fills the disk to the last block.
fn fill_up(path: &Path) {
    use std::io::Write as _;
    let mut filler = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    while filler.write_all(&[b'f'; 512]).is_ok() {}
    while filler.write_all(b"f").is_ok() {}
}

/// A record as `ship` writes it.
fn deliver(state_dir: &Path, day: &str, log: &str) {
    let digits: Vec<String> =
        Sha256::digest(log).iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.concat();
    let folder = state_dir.join("deliveries/web01");
    fs::create_dir_all(&folder).unwrap();
    let record = format!(
        r#"{{"sha256":"{digits}","size":{},"delivered_at":"2026-11-22T00:00:00Z","api":"https://a/"}}"#,
        log.len()
    );
    fs::write(folder.join(format!("{day}.json")), record).unwrap();
}

#[test]
fn a_full_disk_loses_delivered_logs_before_it_loses_a_line() {
    let name = "sample::places::a_full_disk_loses_delivered_logs_before_it_loses_a_line";
    let Some(disk) = small_disk(name, "256k") else { return };
    let tree = recorded("debian12-2-cores");
    let machine = Recorded::new(&[tree.join("earlier"), tree.join("later")]);
    let (log_dir, state_dir) = (disk.join("log"), disk.join("state"));
    let config = SampleConfig {
        log_dir: log_dir.clone(),
        state_dir: Some(state_dir.clone()),
        ..machine.config(SampleMode::SinceBoot)
    };
    machine.run(&config).unwrap();
    let reserve = state_dir.join("reserve");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 16 << 10);

    let old = "2026-11-19 00:00:00 a line\n".repeat(600);
    for day in ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"] {
        fs::write(log_dir.join(format!("{day}.log")), &old).unwrap();
    }
    deliver(&state_dir, "2026-11-19", &old);
    deliver(&state_dir, "2026-11-20", "other bytes");
    deliver(&state_dir, "2026-11-21", &old);
    fill_up(&disk.join("filler"));

    let mut lines = 1;
    let mut removed = Vec::new();
    let error = loop {
        match machine.run(&config) {
            Ok(report) => {
                lines += 1;
                removed.extend(report.removed.iter().map(ToString::to_string));
                assert!(report.state_error.is_none(), "{:?}", report.state_error);
            }
            Err(error) => break error,
        }
        assert!(lines < 1000, "the disk does not fill up");
    };
    // Undelivered and changed logs stay; two logs made room for two hundred lines.
    assert_eq!(removed, ["2026-11-19", "2026-11-21"]);
    assert!(lines > 150, "{lines}");
    let text = error.to_string();
    assert!(matches!(error, SampleError::Full(_)), "{text}");
    assert!(text.contains("the disk is full") && text.contains("ship"), "{text}");
    for day in ["2026-11-18", "2026-11-20"] {
        assert_eq!(fs::read_to_string(log_dir.join(format!("{day}.log"))).unwrap(), old);
    }
    assert!(reserve.exists(), "the reserve is for records of deliveries");

    // Every reported line is there, complete, and nothing else.
    let log = log_dir.join("2026-11-22.log");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("# log2aws/1 ") && text.ends_with('\n'), "{text}");
    assert_eq!((read(&text).len(), text.lines().count()), (lines, lines + 1));

    // With free space everything continues.
    fs::remove_file(disk.join("filler")).unwrap();
    machine.run(&config).unwrap();
    assert_eq!(read(&fs::read_to_string(&log).unwrap()).len(), lines + 1);
}
