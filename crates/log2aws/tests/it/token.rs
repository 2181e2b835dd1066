//! `log2aws token` beside a running `log2aws serve`.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_log2aws");

/// The file of named tokens in a data folder.
const FILE: &str = "dashboard-tokens.json";

/// A running server. Dropping it kills it.
struct Serve {
    process: Child,
    url: String,
    folder: PathBuf,
    log: PathBuf,
    agent: ureq::Agent,
}

impl Serve {
    /// Starts a server of its own data in `root`, or goes on with what is there.
    fn start(root: &Path) -> Self {
        let folder = root.join("data");
        let folder_flag = ["--data-dir", folder.to_str().unwrap()];
        Self::start_with(root, &folder, &mut Command::new(PROGRAM), &folder_flag)
    }

    fn start_with(root: &Path, folder: &Path, program: &mut Command, flags: &[&str]) -> Self {
        let log = root.join(format!("{}.log", folder.file_name().unwrap().to_str().unwrap()));
        let errors = fs::OpenOptions::new().append(true).create(true).open(&log).unwrap();
        let mut process = program
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "debug"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.map_while(Result::ok).find_map(|line| {
            // A view names the store that it shows first.
            line.rsplit(' ').find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let url = url.unwrap_or_else(|| panic!("{}", fs::read_to_string(&log).unwrap()));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_mins(1)))
            .build();
        Self { process, url, folder: folder.to_owned(), log, agent: agent.into() }
    }

    fn stop(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        token(&self.folder, args)
    }

    /// Adds a token.
    fn add(&self, args: &[&str]) -> String {
        let done = self.run(&[&["add"], args].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        let printed = text(&done.stdout);
        assert_eq!((printed.len(), printed.lines().count()), (33, 1), "{printed}");
        printed.trim_end().to_owned()
    }

    /// Sends the login form; the status, and the cookie that a browser sends back.
    fn log_in(&self, token: &str) -> (u16, String) {
        let answer = self
            .agent
            .post(format!("{}/ui/login", self.url))
            .header("origin", &self.url)
            .send_form([("token", token)])
            .unwrap();
        let cookie = answer.headers().get("set-cookie").map(|set| set.to_str().unwrap());
        let cookie = cookie.and_then(|set| set.split(';').next()).unwrap_or_default();
        (answer.status().as_u16(), cookie.to_owned())
    }

    fn session(&self, token: &str) -> String {
        let (status, cookie) = self.log_in(token);
        assert_eq!(status, 303, "{}", fs::read_to_string(&self.log).unwrap());
        cookie
    }

    /// The status of a page, and its text.
    fn page(&self, cookie: &str) -> (u16, String) {
        let page = self.agent.get(format!("{}/ui/", self.url)).header("cookie", cookie);
        let mut page = page.call().unwrap();
        (page.status().as_u16(), page.body_mut().read_to_string().unwrap())
    }

    /// Delivers a log of today, of which open pages are told.
    fn deliver(&self) {
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let url = self.agent.get(format!("{}/?server=web01&date={today}", self.url));
        let url = url.call().unwrap().body_mut().read_to_string().unwrap();
        let log = format!(
            "{today} 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 124 10 \
             493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n"
        );
        assert_eq!(self.agent.put(url.trim()).send(log).unwrap().status(), 200);
    }

    fn default_token(&self) -> String {
        fs::read_to_string(self.folder.join("dashboard-token")).unwrap().trim().to_owned()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn token(folder: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).arg("token").args(args).arg("--data-dir").arg(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn refusal(done: &Output, code: i32) -> String {
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(code), String::new()));
    text(&done.stderr)
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

#[test]
fn a_token_logs_in_at_once_and_is_written_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let serve = Serve::start(root.path());
    let alice = serve.add(&["alice"]);
    let (status, page) = serve.page(&serve.session(&alice));
    assert_eq!(status, 200);
    assert!(page.contains("Logged in with the token alice ·"), "{page}");
    let (_, page) = serve.page(&serve.session(&serve.default_token()));
    assert!(page.contains("Logged in with the token default ·"), "{page}");
    assert_eq!(serve.log_in(&alice[1..]).0, 401);

    let list = text(&serve.run(&["list"]).stdout);
    let lines: Vec<Vec<_>> = list.lines().map(|l| l.split_whitespace().collect()).collect();
    let columns: Vec<_> = lines.iter().map(|line| line[..2].join(" ")).collect();
    assert_eq!(columns, ["NAME RIGHTS", "default full", "alice full"], "{list}");
    assert!(lines[1..].iter().all(|line| line[2].ends_with('Z')), "{list}");
    let log = fs::read_to_string(&serve.log).unwrap();
    assert!(log.contains("token=alice"), "{log}");
    serve.stop();
    let written = files_under(root.path());
    assert!(written.iter().any(|path| path.ends_with(FILE)), "{written:?}");
    for path in written {
        let bytes = fs::read(&path).unwrap();
        let holds = bytes.windows(alice.len()).any(|part| part == alice.as_bytes());
        assert!(!holds, "{} holds the token", path.display());
    }
}

#[test]
fn a_revoked_token_ends_its_sessions_and_its_streams_and_no_others() {
    let root = tempfile::tempdir().unwrap();
    let serve = Serve::start(root.path());
    let (alice, bob) = (serve.add(&["alice"]), serve.add(&["bob"]));
    let (alices, bobs) = (serve.session(&alice), serve.session(&bob));
    let defaults = serve.session(&serve.default_token());
    let events = |cookie: &str| {
        let stream = serve.agent.get(format!("{}/ui/events", serve.url)).header("cookie", cookie);
        let mut stream = BufReader::new(stream.call().unwrap().into_body().into_reader());
        let mut first = String::new();
        stream.read_line(&mut first).unwrap();
        assert_eq!(first, "retry: 3000\n");
        stream
    };
    let (mut open, mut other) = (events(&alices), events(&bobs));
    let begin = Instant::now();
    assert!(serve.run(&["revoke", "alice"]).status.success());
    assert_eq!(serve.page(&alices).0, 303, "its session goes on");
    open.read_to_string(&mut String::new()).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(serve.log_in(&alice).0, 401);
    serve.deliver();
    let mut told = String::new();
    while !told.contains("event: change") {
        assert!(other.read_line(&mut told).unwrap() > 0, "the other stream ended, too: {told}");
    }
    assert_eq!((serve.page(&bobs).0, serve.page(&defaults).0), (200, 200));
    drop(other);

    serve.stop();
    let serve = Serve::start(root.path());
    assert_eq!((serve.log_in(&alice).0, serve.log_in(&bob).0), (401, 303));
}

#[test]
fn a_session_outlives_a_restart_unless_its_token_was_revoked() {
    let root = tempfile::tempdir().unwrap();
    let serve = Serve::start(root.path());
    let cookies = ["alice", "bob"].map(|name| serve.session(&serve.add(&[name])));
    // The cookie's name holds the port, which is another after the restart.
    let value = |cookie: &str| cookie.split_once('=').unwrap().1.to_owned();
    let folder = serve.folder.clone();
    serve.stop();
    assert!(token(&folder, &["revoke", "alice"]).status.success());
    let serve = Serve::start(root.path());
    let port = serve.url.rsplit(':').next().unwrap();
    let status = |cookie: &str| serve.page(&format!("log2aws-session-{port}={}", value(cookie))).0;
    assert_eq!(cookies.map(|cookie| status(&cookie)), [303, 200]);
}

#[test]
fn a_snapshot_holds_the_tokens_and_their_sessions() {
    let (root, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let serve = Serve::start(root.path());
    let alice = serve.add(&["alice"]);
    let cookie = serve.session(&alice);
    let mut snapshot = Command::new(PROGRAM);
    snapshot.args(["store", "snapshot"]).arg(copy.path().join("data"));
    let done = snapshot.arg("--data-dir").arg(&serve.folder).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let restored = Serve::start(copy.path());
    let port = restored.url.rsplit(':').next().unwrap();
    let value = cookie.split_once('=').unwrap().1;
    assert_eq!(restored.page(&format!("log2aws-session-{port}={value}")).0, 200);
    assert_eq!(restored.log_in(&alice).0, 303);
}

#[test]
fn a_read_only_session_sees_everything_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let serve = Serve::start(root.path());
    let reader = serve.session(&serve.add(&["reader", "--read-only"]));
    let writer = serve.session(&serve.add(&["writer"]));
    let (status, page) = serve.page(&reader);
    assert_eq!(status, 200);
    assert!(page.contains("Logged in with the token reader (read-only) ·"), "{page}");
    let change = |cookie: &str, path: &str| {
        let request = serve.agent.post(format!("{}{path}", serve.url));
        let request = request.header("cookie", cookie).header("origin", &serve.url);
        let mut answer = request.send_empty().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    for path in ["/ui/", "/ui/s/web01", "/ui/anything/at/all", "/ui/assets/x", "/ui/lang"] {
        let (status, sentence) = change(&reader, path);
        assert_eq!(status, 403, "{path}");
        assert!(sentence.starts_with("this login may only read"), "{path}: {sentence}");
        assert_eq!(change(&writer, path).0, 405, "{path}");
    }
    let list = text(&serve.run(&["list"]).stdout);
    assert!(list.contains("reader   read-only"), "{list}");
    assert_eq!(change(&reader, "/ui/logout").0, 303);
    assert_eq!(serve.page(&reader).0, 303);
}

#[test]
fn many_at_once_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let serve = Serve::start(root.path());
    let names: Vec<_> =
        (0..8).map(|at| format!("t{at}")).chain((0..4).map(|_| "same".into())).collect();
    let started: Vec<_> = names
        .iter()
        .map(|name| {
            let mut add = Command::new(PROGRAM);
            add.args(["token", "add", name, "--data-dir"]).arg(&serve.folder);
            add.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let done: Vec<_> = started.into_iter().map(|add| add.wait_with_output().unwrap()).collect();
    let added: Vec<_> = done.iter().filter(|done| done.status.success()).collect();
    assert_eq!(added.len(), 9);
    for added in added {
        serve.session(text(&added.stdout).trim());
    }
    let refused = done.iter().filter(|done| !done.status.success());
    for refused in refused {
        assert!(refusal(refused, 1).contains("there is a token same already"));
    }
    assert_eq!(text(&serve.run(&["list"]).stdout).lines().count(), 1 + 1 + 9);
}

/// What the log says of a damage, the damage, and its repair.
type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>, Box<dyn Fn() + 'a>);

#[test]
fn a_damaged_file_lets_nobody_in_with_a_named_token_and_heals() {
    let root = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(root.path());
    let alice = serve.add(&["alice"]);
    let cookie = serve.session(&alice);
    let path = serve.folder.join(FILE);
    let good = fs::read(&path).unwrap();
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let mut damages: Vec<Damage<'_>> = vec![
        (
            "holds no tokens",
            Box::new(|| fs::write(&path, &good[..good.len() / 2]).unwrap()),
            Box::new(|| fs::write(&path, &good).unwrap()),
        ),
        ("can be read by other users", Box::new(|| mode(0o644)), Box::new(|| mode(0o600))),
    ];
    let me = fs::metadata(&path).unwrap().uid();
    if me == 0 {
        damages.push((
            "belongs to another user",
            Box::new(|| chown(&path, Some(4711), None).unwrap()),
            Box::new(|| chown(&path, Some(0), None).unwrap()),
        ));
    } else {
        log2aws_skip::optional("a_damaged_file", "only root can give a file away".to_owned());
    }
    for (says, damage, repair) in damages {
        damage();
        assert_eq!(serve.page(&cookie).0, 303, "{says}");
        assert_eq!(serve.log_in(&alice).0, 503, "{says}");
        assert_eq!(serve.page(&serve.session(&serve.default_token())).0, 200, "{says}");
        let log = fs::read_to_string(&serve.log).unwrap();
        let told = log.lines().filter(|line| line.contains(says)).count();
        assert_eq!(told, 1, "{says}: {log}");
        assert!(refusal(&serve.run(&["add", "bob"]), 1).contains(says));
        // It keeps no server from starting.
        let folder = serve.folder.clone();
        serve.stop();
        serve = Serve::start(root.path());
        assert_eq!(serve.folder, folder);
        assert_eq!(serve.log_in(&alice).0, 503, "{says}");
        repair();
        assert_eq!(serve.log_in(&alice).0, 303, "{says}");
        fs::write(&serve.log, "").unwrap();
    }
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    fs::create_dir(&folder).unwrap();
    let no_server = refusal(&token(&folder, &["add", "alice"]), 1);
    assert!(no_server.contains("started before"), "{no_server}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::remove_dir(&folder).unwrap();
    let serve = Serve::start(root.path());
    serve.add(&["alice"]);
    for (args, code, says) in [
        (&["add", "alice"][..], 1, "there is a token alice already: revoke it first"),
        (&["revoke", "bob"], 1, "there is no token bob: `log2aws token list`"),
        (&["add", "default"], 1, "default is the token in"),
        (&["revoke", "default"], 1, "write another into that file"),
        (&["add", "Alice Smith"], 2, "a token's name has 1 to 32 of a-z"),
        (&["add", ""], 2, "a token's name has 1 to 32 of a-z"),
    ] {
        let error = refusal(&serve.run(args), code);
        assert!(error.contains(says), "{args:?}: {error}");
    }
}

/// Whoever runs it as root, for a server that is not root, must leave a file that the server reads.
#[test]
fn what_root_writes_belongs_to_the_server() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    if fs::metadata(root.path()).unwrap().uid() != 0 {
        log2aws_skip::optional("what_root_writes", "not root".to_owned());
        return;
    }
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("dashboard-token"), "the-operators-own-token\n").unwrap();
    chown(&folder, Some(4711), Some(4712)).unwrap();
    for name in ["alice", "bob"] {
        assert!(token(&folder, &["add", name]).status.success());
        let meta = fs::metadata(folder.join(FILE)).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o777), (4711, 4712, 0o600));
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "something was left behind");
}

#[test]
fn a_view_of_a_bucket_has_tokens_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let serve = Serve::start(root.path());
    let folder = root.path().join("view");
    let mut program = Command::new(PROGRAM);
    program.env("AWS_SHARED_CREDENTIALS_FILE", serve.folder.join("credentials"));
    program.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_EC2_METADATA_DISABLED", "true");
    let flags = [
        "--view",
        "s3://analyzedlogs-local",
        "--endpoint-url",
        &serve.url,
        "--profile",
        "log2aws",
        "--region",
        "local",
        "--cache-dir",
        folder.to_str().unwrap(),
    ];
    let view = Serve::start_with(root.path(), &folder, &mut program, &flags);
    let token = view.add(&["alice", "--read-only"]);
    let cookie = view.session(&token);
    let (status, page) = view.page(&cookie);
    assert_eq!(status, 200);
    assert!(page.contains("Logged in with the token alice (read-only) ·"), "{page}");
    assert_eq!(serve.log_in(&token).0, 401, "it logs in to the other server");
    assert!(view.run(&["revoke", "alice"]).status.success());
    assert_eq!(view.page(&cookie).0, 303);
}
