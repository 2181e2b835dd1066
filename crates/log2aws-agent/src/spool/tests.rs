//! Which folders count as a spool, and that only delivered logs are removed.

use std::os::unix::fs::symlink;

use super::*;

const API: &str = "https://api.example/";

struct Folder {
    _root: tempfile::TempDir,
    spool: Spool,
}

impl Folder {
    fn new() -> Self {
        Self::below(tempfile::tempdir().unwrap())
    }

    fn below(root: tempfile::TempDir) -> Self {
        let log_dir = root.path().join("log");
        fs::create_dir(&log_dir).unwrap();
        let state_dir = root.path().join("state");
        Self { _root: root, spool: Spool { log_dir, state_dir, server: "web01".parse().unwrap() } }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.spool.log_dir.join(name), text).unwrap();
    }

    /// Writes a log and the record of its delivery.
    fn deliver(&self, day_text: &str, text: &str, at: &str) {
        self.write(&format!("{day_text}.log"), text);
        self.record(day(day_text), at);
    }

    fn deliver_again(&self, day: Day) {
        self.record(day, "2026-11-24T00:00:00Z");
    }

    fn record(&self, day: Day, at: &str) {
        let log = LogFile::open(&self.spool.log(day)).unwrap();
        let delivery = Delivery {
            sha256: log.sha256_hex(),
            size: log.size,
            delivered_at: at.parse().unwrap(),
            api: API.into(),
            store: None,
            etag: None,
            version_id: None,
            modified: log.modified,
        };
        self.spool.deliveries().save(day, &delivery).unwrap();
    }

    fn names(&self) -> Vec<String> {
        self.spool.logs().unwrap().days.iter().map(Day::to_string).collect()
    }

    fn pending(&self, today: &str) -> Vec<String> {
        texts(&self.spool.pending(API, day(today)).unwrap())
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn texts(days: &[Day]) -> Vec<String> {
    days.iter().map(Day::to_string).collect()
}

const fn days(n: u64) -> Duration {
    Duration::from_hours(24 * n)
}

#[test]
fn only_days_are_days() {
    let folder = Folder::new();
    for name in ["2026-11-21.log", "2026-02-01.log", "20261121.log", "2026-02-30.log", "x.log"] {
        folder.write(name, "");
    }
    let log_dir = &folder.spool.log_dir;
    fs::create_dir(log_dir.join("2026-11-18.log")).unwrap();
    symlink(log_dir.join("x.log"), log_dir.join("2026-11-19.log")).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, log_dir.join("2026-11-20.log"), mode).unwrap();
    let logs = folder.spool.logs().unwrap();
    assert_eq!(texts(&logs.days), ["2026-02-01", "2026-11-21"]);
    let unknown_files = [
        "2026-02-30.log",
        "2026-11-18.log",
        "2026-11-19.log",
        "2026-11-20.log",
        "20261121.log",
        "x.log",
    ];
    assert_eq!(logs.unknown_files, unknown_files);
}

#[test]
fn a_folder_is_a_folder_of_ours() {
    let folder = Folder::new();
    folder.spool.check().unwrap();
    let at =
        |path: &str| Spool { log_dir: folder.spool.log_dir.join(path), ..folder.spool.clone() };
    let told = |spool: &Spool| spool.check().unwrap_err().to_string();

    let missing = at("missing");
    assert!(told(&missing).contains("missing does not exist"), "{}", told(&missing));
    assert!(matches!(missing.logs(), Err(SpoolError::Missing(_))));
    folder.write("file", "");
    assert!(told(&at("file")).contains("is not a folder"), "{}", told(&at("file")));
    assert!(matches!(at("file").logs(), Err(SpoolError::NotAFolder(_))));
    symlink(&folder.spool.log_dir, folder.spool.log_dir.join("link")).unwrap();
    for link in ["link", "link/", "link//.", "link/link"] {
        assert!(told(&at(link)).contains("is a symbolic link"), "{link}: {}", told(&at(link)));
    }

    // Only root can change the owner, so only root can test this.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&folder.spool.log_dir, Some(4711), None).unwrap();
        let error = told(&folder.spool);
        assert!(error.contains("belongs to user 4711, and this is user 0"), "{error}");
    }
}

#[test]
fn pending_is_what_was_not_delivered_as_it_is() {
    let folder = Folder::new();
    assert_eq!(folder.pending("2026-11-24"), [""; 0]);
    for name in ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"] {
        folder.deliver(name, "a\n", "2026-11-24T00:00:00Z");
    }
    folder.write("2026-11-19.log", "never\n");
    folder.write("2026-11-24.log", "today\n");
    folder.write("2026-11-25.log", "tomorrow\n");
    assert_eq!(folder.pending("2026-11-24"), ["2026-11-19"]);

    folder.write("2026-11-20.log", "longer\n");
    folder.write("2026-11-21.log", "b\n");
    // Written again with the same bytes: another time, but delivered.
    fs::remove_file(folder.spool.log(day("2026-11-22"))).unwrap();
    folder.write("2026-11-22.log", "a\n");
    assert_eq!(folder.pending("2026-11-24"), ["2026-11-19", "2026-11-20", "2026-11-21"]);

    let all = folder.spool.pending("https://other.example/", day("2026-11-23")).unwrap();
    assert_eq!(texts(&all), ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"]);
    fs::write(folder.spool.deliveries().path(day("2026-11-23")), "{").unwrap();
    assert!(folder.pending("2026-11-24").contains(&"2026-11-23".to_owned()));
}

#[test]
fn a_log_that_was_not_touched_is_not_read() {
    let folder = Folder::new();
    folder.deliver("2026-11-22", "a\n", "2026-11-23T00:00:00Z");
    let log = folder.spool.log(day("2026-11-22"));
    let written = fs::metadata(&log).unwrap().modified().unwrap();
    // Other bytes with the same size and time: pending, if they were read.
    fs::write(&log, "b\n").unwrap();
    fs::File::options().write(true).open(&log).unwrap().set_modified(written).unwrap();
    assert_eq!(folder.pending("2026-11-24"), [""; 0]);
    // A record of an earlier release has no time; then the bytes are compared.
    let deliveries = folder.spool.deliveries();
    let delivery = deliveries.load(day("2026-11-22")).unwrap().unwrap();
    let old = Delivery { modified: None, ..delivery };
    deliveries.save(day("2026-11-22"), &old).unwrap();
    assert_eq!(folder.pending("2026-11-24"), ["2026-11-22"]);
    fs::write(&log, "a\n").unwrap();
    assert_eq!(folder.pending("2026-11-24"), [""; 0]);
}

#[test]
fn only_what_was_delivered_long_ago_expires() {
    let folder = Folder::new();
    folder.deliver("2026-11-10", "a\n", "2026-11-11T00:00:00Z");
    folder.deliver("2026-11-11", "a\n", "2026-11-12T00:00:00Z");
    folder.deliver("2026-11-12", "a\n", "2026-11-23T00:00:00Z");
    folder.deliver("2026-11-24", "a\n", "2026-11-10T00:00:00Z");
    folder.write("2026-11-09.log", "never\n");
    folder.write("2026-11-11.log", "b\n");
    let now = "2026-11-24T13:00:00Z".parse().unwrap();
    assert_eq!(
        texts(
            &folder
                .spool
                .expire(&Destination::load(&folder.spool.state_dir, API), days(10), now)
                .unwrap()
        ),
        ["2026-11-10"]
    );
    assert_eq!(folder.names(), ["2026-11-09", "2026-11-11", "2026-11-12", "2026-11-24"]);
    assert_eq!(
        folder
            .spool
            .expire(&Destination::load(&folder.spool.state_dir, API), days(10), now)
            .unwrap(),
        []
    );
}

#[test]
fn a_day_that_is_not_over_somewhere_does_not_expire() {
    let folder = Folder::new();
    folder.deliver("2026-11-23", "a\n", "2026-11-20T00:00:00Z");
    let expire = |now: &str| {
        folder
            .spool
            .expire(
                &Destination::load(&folder.spool.state_dir, API),
                Duration::ZERO,
                now.parse().unwrap(),
            )
            .unwrap()
    };
    assert_eq!(expire("2026-11-24T11:59:59Z"), []);
    assert_eq!(texts(&expire("2026-11-24T12:00:00Z")), ["2026-11-23"]);
}

#[test]
fn records_outlive_their_logs_by_400_days_and_not_the_logs_themselves() {
    let folder = Folder::new();
    for name in ["2025-10-01", "2025-10-02", "2026-11-20"] {
        folder.deliver(name, "a\n", "2025-10-03T00:00:00Z");
    }
    let gone = [day("2025-10-01"), day("2026-11-20")];
    for day in gone {
        fs::remove_file(folder.spool.log(day)).unwrap();
    }
    folder.write("2025-10-02.log", "changed\n");
    let expire = |now: &str| {
        folder
            .spool
            .expire(&Destination::load(&folder.spool.state_dir, API), days(1), now.parse().unwrap())
            .unwrap()
    };
    let known = |name| folder.spool.deliveries().load(day(name)).unwrap().is_some();
    assert_eq!(expire("2026-11-06T00:00:00Z"), []);
    assert!(known("2025-10-01"));
    assert_eq!(expire("2026-11-08T00:00:00Z"), []);
    assert!(!known("2025-10-01") && known("2025-10-02") && !known("2026-11-20"));
}

#[test]
fn a_full_disk_costs_the_oldest_log_that_the_store_has() {
    let folder = Folder::new();
    folder.write("2026-11-10.log", "never\n");
    for name in ["2026-11-11", "2026-11-12", "2026-11-13", "2026-11-24"] {
        folder.deliver(name, "a\n", "2026-11-24T00:00:00Z");
    }
    folder.write("2026-11-11.log", "changed\n");
    let today = day("2026-11-24");
    assert_eq!(folder.spool.make_room(today).unwrap(), Some(day("2026-11-12")));
    assert_eq!(folder.spool.make_room(today).unwrap(), Some(day("2026-11-13")));
    assert_eq!(folder.spool.make_room(today).unwrap(), None);
    assert_eq!(folder.names(), ["2026-11-10", "2026-11-11", "2026-11-24"]);
}

#[test]
fn what_another_api_has_is_pending_and_stays() {
    let folder = Folder::new();
    folder.deliver("2026-11-10", "a\n", "2026-11-11T00:00:00Z");
    let (now, today) = ("2026-11-24T13:00:00Z".parse().unwrap(), day("2026-11-24"));
    let other = "https://other.example/";
    assert_eq!(folder.spool.pending(other, today).unwrap(), [day("2026-11-10")]);
    assert_eq!(
        folder
            .spool
            .expire(&Destination::load(&folder.spool.state_dir, other), days(1), now)
            .unwrap(),
        []
    );

    // From here on the other API is used.
    folder.deliver("2026-11-11", "a\n", "2026-11-12T00:00:00Z");
    let deliveries = folder.spool.deliveries();
    let delivery = deliveries.load(day("2026-11-11")).unwrap().unwrap();
    deliveries.save(day("2026-11-11"), &Delivery { api: other.into(), ..delivery }).unwrap();
    assert_eq!(folder.spool.make_room(today).unwrap(), Some(day("2026-11-11")));
    assert_eq!(folder.spool.make_room(today).unwrap(), None);
    assert_eq!(folder.names(), ["2026-11-10"]);
    assert_eq!(
        folder
            .spool
            .expire(&Destination::load(&folder.spool.state_dir, API), days(1), now)
            .unwrap(),
        [day("2026-11-10")]
    );
}

#[test]
fn a_record_that_cannot_be_read_is_that_days_trouble_alone() {
    let folder = Folder::new();
    folder.deliver("2026-11-20", "a\n", "2026-11-21T00:00:00Z");
    folder.deliver("2026-11-21", "a\n", "2026-11-22T00:00:00Z");
    let record = folder.spool.deliveries().path(day("2026-11-20"));
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    assert_eq!(folder.pending("2026-11-24"), ["2026-11-20"]);
}

#[test]
fn a_delivery_of_the_future_is_one_of_now() {
    let folder = Folder::new();
    folder.deliver("2026-11-10", "a\n", "2031-01-01T00:00:00Z");
    folder.deliver("2026-11-11", "a\n", "2026-11-24T20:00:00Z");
    let expire = |now: &str| {
        folder
            .spool
            .expire(
                &Destination::load(&folder.spool.state_dir, API),
                days(10),
                now.parse().unwrap(),
            )
            .unwrap()
    };
    let at = |name| folder.spool.deliveries().load(day(name)).unwrap().unwrap().delivered_at;
    assert_eq!(expire("2026-11-24T13:00:00Z"), []);
    assert_eq!(at("2026-11-10"), "2026-11-24T13:00:00Z".parse().unwrap());
    assert_eq!(at("2026-11-11"), "2026-11-24T20:00:00Z".parse().unwrap());
    assert_eq!(texts(&expire("2026-12-04T13:00:01Z")), ["2026-11-10"]);
}

#[test]
fn a_log_in_a_samplers_hands_is_not_removed() {
    let folder = Folder::new();
    folder.deliver("2026-11-12", "a\n", "2026-11-13T00:00:00Z");
    let held = fs::File::open(folder.spool.log(day("2026-11-12"))).unwrap();
    held.lock().unwrap();
    assert_eq!(folder.spool.make_room(day("2026-11-24")).unwrap(), None);
    drop(held);
    assert_eq!(folder.spool.make_room(day("2026-11-24")).unwrap(), Some(day("2026-11-12")));
}

const DISK: &str = "LOG2AWS_TEST_SMALL_DISK";

/// A delivery can be recorded on a disk without a free block, so its log can be removed.
///
/// Runs again as the only test, where `DISK` is a private tmpfs.
#[test]
fn a_full_disk_still_learns_of_a_delivery() {
    let name = "spool::tests::a_full_disk_still_learns_of_a_delivery";
    let Some(disk) = std::env::var_os(DISK) else { return on_a_small_disk(name, "size=256k") };
    let folder = Folder::below(tempfile::tempdir_in(disk).unwrap());
    let state_dir = &folder.spool.state_dir;
    let reserve = reserve::path(state_dir);
    fs::create_dir(state_dir).unwrap();
    reserve::take(state_dir).unwrap();
    let (old, new) = (day("2026-11-20"), day("2026-11-21"));
    let log = "a line\n".repeat(4000);
    folder.write("2026-11-20.log", &log);
    folder.write("2026-11-21.log", &log);
    // Two records are more than the folder has space for on a full disk.
    let mut filler = fs::File::create(folder.spool.log_dir.join("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[b'f'; 512]).is_ok() {}

    folder.deliver_again(old);
    assert!(!reserve.exists(), "what was kept for this was not given up");
    assert!(reserve::take(state_dir).is_err());
    assert!(!reserve.exists(), "there is no room to take it again");
    folder.deliver_again(new);
    assert_eq!(folder.spool.pending(API, day("2026-11-24")).unwrap(), []);

    assert_eq!(folder.spool.make_room(day("2026-11-24")).unwrap(), Some(old));
    folder.deliver_again(new);
    assert!(reserve.exists(), "with room it is taken again");
}

/// What `ship` needs has a name before the disk has none left.
#[test]
fn a_disk_without_a_free_name_can_still_be_shipped_from() {
    let name = "spool::tests::a_disk_without_a_free_name_can_still_be_shipped_from";
    let Some(disk) = std::env::var_os(DISK) else {
        return on_a_small_disk(name, "size=256k,nr_inodes=20");
    };
    let folder = Folder::below(tempfile::tempdir_in(disk).unwrap());
    let state_dir = folder.spool.state_dir.clone();
    state::make(&state_dir).unwrap();
    folder.write("2026-11-20.log", "a line\n");
    assert_eq!(folder.spool.prepare(day("2026-11-24")), []);
    let mut fillers = 0..;
    let mut fill = || {
        while fs::write(state_dir.join(format!("filler{}", fillers.next().unwrap())), "").is_ok() {}
    };
    fill();

    assert!(matches!(state::lock(&state_dir, SHIP_LOCK).unwrap(), state::Lock::Taken(_)));
    folder.deliver_again(day("2026-11-20"));
    let last = state_dir.join(LAST_SHIP);
    fill();
    replace_or_overwrite(&last, b"{\"exit_code\":0}\n").unwrap();
    assert_eq!(fs::read(&last).unwrap(), b"{\"exit_code\":0}\n");
    let error = state::lock(&state_dir, "another.lock").unwrap_err().to_string();
    assert!(error.contains("for names (df -i)") && !error.contains("run as"), "{error}");
}

#[test]
fn a_read_only_disk_is_named_as_the_cause() {
    let name = "spool::tests::a_read_only_disk_is_named_as_the_cause";
    let Some(disk) = std::env::var_os(DISK) else { return on_a_small_disk(name, "size=256k") };
    let folder = Folder::below(tempfile::tempdir_in(&disk).unwrap());
    state::make(&folder.spool.state_dir).unwrap();
    let mut mount = std::process::Command::new("mount");
    assert!(mount.args(["-o", "remount,ro"]).arg(&disk).status().unwrap().success());
    let error = state::lock(&folder.spool.state_dir, SHIP_LOCK).unwrap_err().to_string();
    assert!(error.contains("read-only file system") && !error.contains("run as"), "{error}");
}

fn on_a_small_disk(name: &str, options: &str) {
    let disk = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o "$1" tmpfs "$2" || exit 77; shift 2; exec "$@""#;
    let output = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh", options])
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
}
