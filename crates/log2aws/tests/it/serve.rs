//! What `serve` promises to its operator: backups while it runs, and warnings before it runs short.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};

use crate::program::{Program, days_ago, eventually, log_of, program, yesterday};

fn data_dir(folder: &Path) -> String {
    folder.join("data").to_str().unwrap().to_owned()
}

/// Reads a raw log with the operator's key.
fn stored(serve: &Program, data: &str, key: &str) -> Option<Vec<u8>> {
    let file = std::fs::read_to_string(format!("{data}/credentials")).unwrap();
    let value = |name: &str| {
        let line =
            file.lines().find_map(|line| line.split_once('=').filter(|(n, _)| n.trim() == name));
        line.unwrap().1.trim().to_owned()
    };
    let keys = Credentials::new(value("aws_access_key_id"), value("aws_secret_access_key"));
    let endpoint = format!("http://{}", serve.address).parse().unwrap();
    let bucket = Bucket::new(endpoint, UrlStyle::Path, "serverlogs-local", "local").unwrap();
    let url = bucket.get_object(Some(&keys), key).sign(Duration::from_mins(1));
    let mut answer = ureq::get(url.as_str()).call().ok()?;
    answer.body_mut().read_to_vec().ok()
}

/// Paths in `folder` that are no data folder: missing, empty, somebody else's, or a file.
fn odd_folders(folder: &Path) -> [(&'static str, PathBuf); 4] {
    let [missing, empty, foreign, file] =
        ["missing", "empty", "foreign", "file"].map(|name| (name, folder.join(name)));
    std::fs::create_dir_all(&empty.1).unwrap();
    std::fs::create_dir_all(&foreign.1).unwrap();
    std::fs::write(foreign.1.join("letters.txt"), "private").unwrap();
    std::fs::write(&file.1, "").unwrap();
    [missing, empty, foreign, file]
}

#[test]
fn a_snapshot_of_what_is_no_data_folder_says_what_it_is_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let said = ["does not exist", "is empty", "is not a data folder of log2aws", "is not a folder"];
    for ((name, data), said) in odd_folders(home.path()).into_iter().zip(said) {
        let to = home.path().join("snapshot");
        let snapshot =
            program().args(["store", "snapshot"]).arg(&to).arg("--data-dir").arg(&data).output();
        let snapshot = snapshot.unwrap();
        let told = String::from_utf8_lossy(&snapshot.stderr).into_owned();
        assert_eq!(snapshot.status.code(), Some(1), "{name}: {told}");
        assert!(told.contains(&format!("{} {said}", data.display())), "{name}: {told}");
        assert!(told.contains("name the data folder of serve by --data-dir"), "{name}: {told}");
        assert!(!to.exists() && !data.join("format").exists(), "{name}");
    }
}

#[test]
fn serve_refuses_a_folder_that_is_not_its_own_and_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let [_, _, foreign, file] = odd_folders(home.path());
    let said = ["is not empty and not a data folder of log2aws", "is not a folder"];
    for ((name, data), said) in [foreign, file].into_iter().zip(said) {
        let mut serve = program();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data);
        let serve = serve.output().unwrap();
        let told = String::from_utf8_lossy(&serve.stderr).into_owned();
        assert_eq!(serve.status.code(), Some(1), "{name}: {told}");
        assert!(told.contains(&format!("{} {said}", data.display())), "{name}: {told}");
        assert!(told.contains("by --data-dir"), "{name}: {told}");
    }
    assert_eq!(std::fs::read_dir(home.path().join("foreign")).unwrap().count(), 1);
}

/// Two clients deliver new days and new versions of a day while the snapshot is made. What was
/// acknowledged before it began is whole in it, in that version or a later one.
#[test]
fn a_snapshot_made_while_serve_writes_serves_every_acknowledged_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let mut serve = Program::serve(folder.path(), &["--data-dir", &data]);
    let day = yesterday();
    let body = |n: usize| {
        let mut body = log_of(&day);
        body.extend_from_slice(format!("# version {n:06}\n").as_bytes());
        body
    };
    // The number of the last acknowledged version of each key.
    let acknowledged = Mutex::new(BTreeMap::<String, usize>::new());
    let stop = AtomicBool::new(false);
    let before = std::thread::scope(|scope| {
        for client in 0..2 {
            let (serve, day, body, acknowledged, stop) =
                (&serve, &day, &body, &acknowledged, &stop);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    for server in [format!("again{client}"), format!("new{client}-{n}")] {
                        let (status, text) = serve.put(&server, day, &body(n));
                        assert_eq!(status, 200, "{text}");
                        acknowledged.lock().unwrap().insert(server, n);
                    }
                }
            });
        }
        eventually("nothing is delivered", || acknowledged.lock().unwrap().len() > 20);
        let before = acknowledged.lock().unwrap().clone();
        let to = folder.path().join("snapshot");
        let made =
            program().args(["store", "snapshot"]).arg(&to).args(["--data-dir", &data]).output();
        let after = acknowledged.lock().unwrap().len();
        stop.store(true, Ordering::SeqCst);
        let made = made.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert!(after >= before.len());
        before
    });
    serve.terminate();
    assert!(serve.ends_within(Duration::from_secs(10)).success());
    let last = acknowledged.into_inner().unwrap();

    let snapshot = folder.path().join("snapshot").to_str().unwrap().to_owned();
    let restored = Program::serve(folder.path(), &["--data-dir", &snapshot]);
    for (server, n) in &before {
        let found = stored(&restored, &snapshot, &format!("{server}/{day}.log"));
        let found = found.unwrap_or_else(|| panic!("{server} is not in the snapshot"));
        // One more may be stored than was acknowledged when the writers were stopped.
        let versions = (*n..=last[server] + 1).map(&body);
        assert!(versions.into_iter().any(|whole| whole == found), "{server} is not whole");
    }
    // It is a data folder like any other.
    assert_eq!(restored.put("fresh", &day, &body(0)).0, 200);
}

#[test]
fn shortages_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let day = yesterday();
    let args = ["--data-dir", &data, "--max-connections=16", "--keep-free-space=4000000GiB"];
    let serve = Program::serve(folder.path(), &args);
    let (status, text) = serve.put("web01", &day, &log_of(&day));
    assert_eq!(status, 507, "{text}");
    let warned = |log: &str, what: &str| {
        log.lines().filter(|l| l.contains("WARN") && l.contains(what)).count()
    };
    assert_eq!(warned(&serve.log(), "reason=\"space\""), 1, "{}", serve.log());
    // More than all places, and no limit of files is in the way.
    let idle: Vec<TcpStream> = (0..40).map(|_| serve.connect()).collect();
    eventually("the connections are not short", || {
        warned(&serve.log(), "connections are short") > 0
    });
    assert_eq!(serve.get("/-/healthz").0, 200);
    assert_eq!(warned(&serve.log(), "connections are short"), 1, "{}", serve.log());
    assert_eq!(warned(&serve.log(), "limit of open files"), 0, "{}", serve.log());
    drop(idle);
}

/// The hard limit is not changed: the process that starts `serve` has to raise it.
#[test]
fn a_limit_of_open_files_that_is_too_low_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let serve = Program::serve_with_files(512, folder.path(), &["--data-dir", &data]);
    let log = serve.log();
    let told =
        log.lines().find(|line| line.contains("WARN") && line.contains("limit of open files"));
    let told = told.unwrap_or_else(|| panic!("no warning: {log}"));
    assert!(told.contains("LimitNOFILE") && told.contains("possible=128"), "{told}");
    assert_eq!(serve.get("/-/healthz").0, 200);
}

/// A folder in place of a file: nobody can read it as a file, not even root. And the only log is of a
/// day three weeks ago, so that nothing bears the clock out.
#[test]
fn the_dashboard_names_what_cannot_be_read_and_says_that_retention_is_paused() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let day = days_ago(20);
    let args = ["--data-dir", &data, "--keep-raw-days=400"];
    let mut serve = Program::serve(folder.path(), &args);
    for server in ["web01", "web02"] {
        assert_eq!(serve.put(server, &day, &log_of(&day)).0, 200);
    }
    serve.terminate();
    assert!(serve.ends_within(Duration::from_secs(10)).success());
    let file = Path::new(&data).join(format!("buckets/serverlogs-local/web02/{day}.log@"));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("in the way"), "").unwrap();

    let serve = Program::serve(folder.path(), &args);
    let (_, login) = serve.get(&serve.link);
    let cookie = login.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("cookie: {}", cookie.split(';').next().unwrap());
    let page = |language: &str| {
        serve
            .ask(&format!("GET /ui/?lang={language}"), &[&cookie, "accept-encoding: identity"], b"")
            .1
    };
    let file = file.to_str().unwrap();
    eventually("the file is not named", || page("en").contains(file));
    let (english, japanese) = (page("en"), page("ja"));
    assert!(english.contains("1 stored object could not be read or removed"), "{english}");
    assert!(english.contains("os error 21"), "{english}");
    assert!(!english.contains("serverlogs-local/web01"), "{english}");
    assert!(english.contains("Removal by age is paused"), "{english}");
    assert!(japanese.contains("1 件のファイルを読み取りまたは削除できませんでした"), "{japanese}");
    assert!(japanese.contains("古いデータの削除を止めています"), "{japanese}");
    for page in [english, japanese] {
        assert!(page.contains("--retention-trust-clock"), "{page}");
    }
}

#[test]
fn final_days_that_would_take_any_log_again_are_warned_of() {
    let said = "a final day takes any log again once";
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let keep = ["--keep-raw-days", "30", "--keep-analyzed-days", "60"];
    for (back, is_warned) in [("400", true), ("60", false)] {
        let args = [&["--data-dir", &data, "--days-back", back][..], &keep].concat();
        let serve = Program::serve(folder.path(), &args);
        assert_eq!(serve.log().contains(said), is_warned, "{back}: {}", serve.log());
    }
    let mut plan = program();
    plan.args(["stack", "plan", "--env", "dev", "--region", "eu-west-1"]);
    plan.args(["--allow-hosts", "203.0.113.7", "--parameter", "AnalyzedKeepDays=90"]);
    let plan = plan.output().unwrap();
    let told = String::from_utf8_lossy(&plan.stderr);
    assert!(plan.status.success(), "{told}");
    assert!(told.contains(said) && told.contains("AnalyzedKeepDays=90"), "{told}");
}

#[test]
fn audit_reads_on_after_its_file_was_moved_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_dir(folder.path());
    let serve = Program::serve(folder.path(), &["--data-dir", &data]);
    let audit = Path::new(&data).join("audit");
    let told = |server: &str| {
        let mut audit = program();
        audit.args(["audit", "--data-dir", &data, "--json", "--server", server]);
        let output = audit.output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains("\"event\":\"url\"")
    };
    let ask = |server: &str| {
        let ask = format!("GET /?server={server}&date={}", yesterday());
        assert_eq!(serve.ask(&ask, &[], b"").0, 200);
    };
    ask("web01");
    eventually("the first line is not there", || told("web01"));
    for file in std::fs::read_dir(&audit).unwrap() {
        let file = file.unwrap().path();
        std::fs::rename(&file, file.with_extension("jsonl.1")).unwrap();
    }
    ask("web02");
    eventually("the line after the move is not there", || told("web02"));
    std::fs::remove_dir_all(&audit).unwrap();
    ask("web03");
    eventually("the line after the removal is not there", || told("web03"));
    assert!(serve.log().contains("an audit file was moved or removed"), "{}", serve.log());
}
