//! The audit log: what each request leaves in it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use log2aws_server::{ANALYZED_BUCKET, AUDIT_FOLDER, AUDIT_SUFFIX, RAW_BUCKET, Rights, TokenAdmin};
use serde_json::Value;

use crate::child::{Process, drain};
use crate::client::{Request, connect};
use crate::harness::{ClockAt, LOG, Running, config, eventually, start, start_on};
use crate::s3_api::all;
use crate::ui::{cookie_of, log_in, session, token};

const DAY: i64 = 86_400;
pub(crate) const QUERY: &str = "server=web01&date=2019-08-01";
const KEY: &str = "web01/2019-08-01.log";

/// All lines of all files, in order.
pub(crate) fn lines_in(data_dir: &Path) -> Vec<Value> {
    let folder = data_dir.join(AUDIT_FOLDER);
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    // The last line may be on its way.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole].lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The lines of requests: not those of the server itself.
pub(crate) fn requests_in(data_dir: &Path) -> Vec<Value> {
    let own = |line: &Value| line["client_ip"].is_null();
    lines_in(data_dir).into_iter().filter(|line| !own(line)).collect()
}

/// Waits for so many lines of requests; fails if there are more.
fn requests(server: &Running, count: usize) -> Vec<Value> {
    let begin = Instant::now();
    let mut lines = Vec::new();
    while lines.len() < count && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
        lines = requests_in(&server.folder);
    }
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

#[test]
fn each_kind_of_request_leaves_exactly_one_line() {
    let server = start();
    let (operator, listed) = (server.key.access_key.clone(), "127.0.0.1");
    let mut count = 0;
    let mut expect = |what: &str, fields: &[(&str, Value)]| -> Value {
        count += 1;
        let line = requests(&server, count).pop().unwrap();
        assert_eq!((&line["event"], &line["client_ip"]), (&what.into(), &listed.into()), "{line}");
        for (name, value) in fields {
            assert_eq!(&line[*name], value, "{name} of {line}");
        }
        line
    };
    let as_operator = ("principal", Value::from(operator.clone()));
    let day = [("server", Value::from("web01")), ("date", "2019-08-01".into())];
    let with = |more: &[(&'static str, Value)]| [&day[..], more].concat();

    // Nothing of these is an event.
    for path in ["/-/healthz", "/-/readyz", "/-/metrics", "/ui/login", "/ui/assets/none.js"] {
        server.send(&Request::new("GET", path));
    }
    let url = server.url(QUERY);
    expect("url", &with(&[("status", 200.into()), ("key", KEY.into())]));
    server.send(&Request::new("GET", "/?server=..&date=2019-08-01"));
    expect("url", &[("status", 400.into()), ("reason", "bad-parameter".into())]);
    let post = Request::new("POST", "/").header("content-type", "application/json");
    server.send(&post.body("{\"server\":\"web01\",\"date\":\"2019-08-01\"}"));
    expect("url", &with(&[("status", 200.into()), ("bucket", RAW_BUCKET.into())]));

    let put = server.send(&Request::new("PUT", url.clone()).body(LOG));
    assert_eq!(put.status, 200);
    let line = expect("put", &with(&[("status", 200.into()), ("principal", "url".into())]));
    assert_eq!(line["bytes"], LOG.len());
    assert_eq!(line["version"], put.header("x-amz-version-id").unwrap());
    assert_eq!((&line["bucket"], &line["key"]), (&RAW_BUCKET.into(), &KEY.into()));
    let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    assert!(time.duration_since(jiff::Timestamp::now()).abs().as_secs() < 60, "{line}");
    let altered = url.replace("web01", "web02");
    assert_eq!(server.send(&Request::new("PUT", altered).body(LOG)).status, 403);
    let refused = [("status", 403.into()), ("reason", "SignatureDoesNotMatch".into())];
    expect("put", &[&refused[..], &[("server", "web02".into())]].concat());
    server.result("web01/2019-08-01.json");

    let object = format!("/{RAW_BUCKET}/{KEY}");
    server.signed(Request::new("GET", object.clone()));
    let got = [("status", 200.into()), ("bytes", LOG.len().into()), as_operator.clone()];
    expect("get", &with(&got));
    server.send(&Request::new("GET", object.clone()));
    expect("get", &with(&[("status", 403.into()), ("reason", "AccessDenied".into())]));
    server.signed(Request::new("GET", format!("/{RAW_BUCKET}?list-type=2&prefix=web")));
    expect("list", &[("status", 200.into()), ("key", "web".into()), as_operator.clone()]);
    server.signed(Request::new("GET", "/"));
    expect("list", &[("status", 200.into())]);

    server.signed(Request::new("DELETE", object));
    expect("delete", &with(&[("status", 403.into()), as_operator.clone()]));
    server.signed(Request::new("DELETE", format!("/{ANALYZED_BUCKET}/web01/2019-08-01.csv")));
    expect("delete", &with(&[("status", 204.into()), as_operator.clone()]));
    let two = "<Delete><Object><Key>web01/2019-08-01.svg</Key></Object>\
               <Object><Key>web01/2019-08-02.svg</Key></Object></Delete>";
    let many = Request::new("POST", format!("/{ANALYZED_BUCKET}?delete")).body(two);
    assert_eq!(server.signed(many).status, 200);
    // A line for each object.
    count += 2;
    let lines = requests(&server, count);
    for (line, date) in lines[count - 2..].iter().zip(["2019-08-01", "2019-08-02"]) {
        assert_eq!((&line["event"], &line["date"]), (&"delete".into(), &date.into()), "{line}");
        assert_eq!((&line["status"], &line["principal"]), (&204.into(), &operator.clone().into()));
    }
}

#[test]
fn each_step_of_an_upload_in_parts_leaves_one_line() {
    let server = start();
    let target = format!("/{ANALYZED_BUCKET}/web01/2019-08-01.csv");
    let begun = server.signed(Request::new("POST", format!("{target}?uploads")));
    let id = all(&begun.text(), "UploadId").pop().unwrap();
    let step = |method, query: &str, body: &str| {
        let target = format!("{target}?{query}uploadId={id}");
        server.signed(Request::new(method, target).body(body.to_owned()))
    };
    let part = step("PUT", "partNumber=1&", "the whole").header("etag").unwrap().to_owned();
    assert_eq!(step("GET", "", "").status, 200);
    let list = |tag: &str| {
        format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>\
             </CompleteMultipartUpload>"
        )
    };
    assert_eq!(step("POST", "", &list("\"00000000000000000000000000000000\"")).status, 400);
    assert_eq!(step("POST", "", &list(&part)).status, 200);
    assert_eq!(step("DELETE", "", "").status, 404);
    let lines = requests(&server, 6);
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line["event"].as_str().unwrap(), line["status"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("upload_create", 200),
        ("upload_part", 200),
        ("list", 200),
        ("upload_complete", 400),
        ("upload_complete", 200),
        ("upload_abort", 404),
    ];
    assert_eq!(seen, expected);
    let bytes: Vec<_> = [1, 4].map(|at: usize| lines[at]["bytes"].as_u64().unwrap()).to_vec();
    assert_eq!(bytes, [9, 9]);
    assert_eq!(lines[3]["reason"], "InvalidPart");
    assert_eq!(lines[5]["reason"], "NoSuchUpload");
    assert!(lines.iter().all(|line| line["principal"] == server.key.access_key[..]));
    assert!(lines.iter().all(|line| line["server"] == "web01"));
}

#[test]
fn logins_logouts_and_what_the_dashboard_shows_name_the_token() {
    let server = start();
    let url = server.url(QUERY);
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    server.result("web01/2019-08-01.json");
    let begin = requests(&server, 2).len();
    let see = |target: &str, cookie: &str| {
        server.send(&Request::new("GET", target).header("cookie", cookie)).status
    };
    log_in(&server, "a-wrong-guess");
    let cookie = session(&server);
    // Neither the calendar nor what keeps it fresh.
    for page in ["/ui/", "/ui/status.json", "/ui/login"] {
        see(page, &cookie);
    }
    let csv = "/ui/s/web01/2019-08-01/web01-2019-08-01.csv";
    assert_eq!(see(csv, &cookie), 200);
    assert_eq!(see(csv, "none=x"), 303);
    let logout = Request::new("POST", "/ui/logout")
        .header("origin", format!("http://{}", server.address))
        .header("cookie", cookie);
    assert_eq!(server.send(&logout).status, 303);
    assert_eq!(server.send(&Request::new("GET", server.link.clone())).status, 303);
    let lines = requests(&server, begin + 6);
    let seen: Vec<_> = lines[begin..]
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            (text("event"), line["status"].as_u64().unwrap(), text("principal"), text("reason"))
        })
        .collect();
    let expected = [
        ("login", 401, "", "wrong_token_or_link"),
        ("login", 303, "token:default", ""),
        ("get", 200, "token:default", ""),
        ("get", 303, "", ""),
        ("logout", 303, "token:default", ""),
        ("login", 303, "token:default", ""),
    ];
    assert_eq!(seen, expected);
    let got = &lines[begin + 2];
    assert_eq!((&got["server"], &got["date"]), (&"web01".into(), &"2019-08-01".into()));
    assert_eq!(got["detail"], csv);
}

#[test]
fn no_secret_is_in_any_line() {
    let mut server = start();
    let url = server.url(QUERY);
    let signature = url.split_once("X-Amz-Signature=").unwrap().1.to_owned();
    assert_eq!(server.send(&Request::new("PUT", url.clone()).body(LOG)).status, 200);
    let encoded = url.replace('?', "%3F").replace('&', "%26");
    server.send(&Request::new("PUT", encoded).body(LOG));
    let secret = server.key.expose_secret().to_owned();
    let signed = Request::new("GET", "/").sign(server.address, &server.key.access_key, &secret);
    let header = signed.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.clone();
    let second = header.rsplit_once("Signature=").unwrap().1.to_owned();
    assert_eq!(server.send(&signed).status, 200);
    // Key and secret in each other's place.
    let swapped = Request::new("GET", "/").sign(server.address, &secret, &server.key.access_key);
    assert_eq!(server.send(&swapped).status, 403);
    let presigned = Request::new("GET", format!("/{RAW_BUCKET}/{KEY}"));
    assert_eq!(server.presigned(presigned).status, 200);
    let login = log_in(&server, &token(&server));
    let cookie = cookie_of(&login);
    log_in(&server, "a-guess-of-somebody");
    let page = Request::new("GET", "/ui/s/web01/2019-08-01?token=shown-in-a-query");
    server.send(&page.header("cookie", cookie.clone()));
    server.send(&Request::new("GET", server.link.clone()));
    server.send(&Request::new("GET", "/ui/login?once=a-spent-code"));
    let metrics = fs::read_to_string(server.folder.join("metrics-token")).unwrap();
    requests(&server, 11);
    server.stop();
    let file = fs::read_dir(server.folder.join(AUDIT_FOLDER)).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.contains("\"login\"") && text.contains("\"url\""), "{text}");
    let once = server.link.rsplit_once('=').unwrap().1.to_owned();
    let dashboard = token(&server);
    let cookie = cookie.split_once('=').unwrap().1;
    let secrets = [&signature, &second, &secret, &dashboard, cookie, metrics.trim(), &once];
    let others = ["a-guess-of-somebody", "a-spent-code", "shown-in-a-query", "X-Amz-"];
    for secret in secrets.into_iter().chain(others) {
        assert!(secret.len() > 5 && !text.contains(secret), "{secret:?} is in\n{text}");
    }
}

/// Whether the object was stored is known though nobody waits for the answer.
#[test]
fn a_client_that_goes_away_leaves_its_line() {
    let server = start();
    let put = |name: &str, cut: usize| {
        let url = server.url(&format!("server={name}&date=2019-08-01"));
        let put = Request::new("PUT", url).body(LOG).header("expect", "100-continue");
        let mut stream = connect(server.address);
        stream.write_all(put.head(server.address).as_bytes()).unwrap();
        // The body is being waited for: the request is being served.
        stream.read_exact(&mut [0; 25]).unwrap();
        stream.write_all(&put.body[..put.body.len() - cut]).unwrap();
    };
    put("web01", 0);
    put("web02", 1);
    let lines = requests(&server, 4);
    let of = |name: &str| {
        let is = |line: &&Value| line["event"] == "put" && line["server"] == name;
        lines.iter().find(is).unwrap_or_else(|| panic!("{name} is not in {lines:#?}"))
    };
    let cut = of("web02");
    assert_ne!(cut["status"], 200, "{cut}");
    assert!(cut["version"].is_null(), "{cut}");
    let stored = server.stored(RAW_BUCKET, KEY).is_some();
    assert_eq!(of("web01")["version"].is_string(), stored, "{}", of("web01"));
}

#[test]
fn a_restart_appends_and_old_days_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |days: i64| {
        let mut config = config(folder.path());
        config.audit.keep_days = NonZeroU32::new(2).unwrap();
        start_on(config, ClockAt(days * DAY))
    };
    let mut server = run(-3);
    server.url(QUERY);
    server.stop();
    drop(server);
    // A log of today confirms the clock of the next start.
    let mut server = run(0);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let put = Request::new("PUT", format!("/{RAW_BUCKET}/recent/{today}.log")).body(LOG);
    assert_eq!(server.signed(put).status, 200);
    server.stop();
    drop(server);
    let mut server = run(0);
    eventually("the file of three days ago stays", || {
        lines_in(folder.path()).iter().all(|line| line["event"] != "url")
    });
    server.stop();
    drop(server);
    let events: Vec<_> = lines_in(folder.path())
        .iter()
        .map(|line| line["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["start", "put", "stop", "start", "stop"]);
    let audit = folder.path().join(AUDIT_FOLDER);
    assert_eq!(fs::metadata(&audit).unwrap().permissions().mode() & 0o777, 0o700);
    for file in fs::read_dir(&audit).unwrap() {
        let file = file.unwrap();
        assert!(file.file_name().to_string_lossy().ends_with(AUDIT_SUFFIX));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_clock_that_no_log_bears_out_removes_no_audit_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let put = Request::new("PUT", format!("/{RAW_BUCKET}/recent/{today}.log")).body(LOG);
    assert_eq!(server.signed(put).status, 200);
    requests(&server, 1);
    server.stop();
    drop(server);
    let with = |trust: bool| {
        let mut config = config(folder.path());
        config.retention_trust_clock = trust;
        start_on(config, ClockAt(4000 * DAY))
    };
    let mut server = with(false);
    server.counts("log2aws_audit_retention_paused", 1.0);
    let told = "audit_retention: nothing is removed by age, because no log";
    let ready = || server.send(&Request::new("GET", "/-/readyz")).text();
    eventually("it is not told", || ready().contains(told));
    assert!(lines_in(folder.path()).iter().any(|line| line["event"] == "put"));
    server.stop();
    drop(server);
    let server = with(true);
    eventually("the old file stays", || {
        !lines_in(&server.folder).iter().any(|line| line["event"] == "put")
    });
    server.counts("log2aws_audit_retention_paused", 0.0);
}

#[test]
fn a_folder_without_logs_keeps_its_audit_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    server.url(QUERY);
    server.stop();
    drop(server);
    let mut server = start_on(config(folder.path()), ClockAt(4000 * DAY));
    let ran = "log2aws_background_last_success_timestamp_seconds{task=\"audit_retention\"}";
    eventually("retention does not end", || server.metric(ran) > 0.0);
    server.stop();
    assert!(lines_in(folder.path()).iter().any(|line| line["event"] == "url"));
}

#[test]
fn what_was_written_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::myself(folder.path());
    let log = drain(&mut process);
    for _ in 0..20 {
        process.url("web01");
    }
    eventually("lines are missing", || requests_in(folder.path()).len() == 20);
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    log.join().unwrap();
    let server = start_on(config(folder.path()), ClockAt(0));
    requests(&server, 20);
    // No line of a stop stands between the two starts.
    let own = || lines_in(folder.path()).iter().filter(|line| line["event"] == "start").count();
    eventually("the start is not there", || own() == 2);
    assert!(lines_in(folder.path()).iter().all(|line| line["event"] != "stop"));
}

#[test]
fn what_serve_sees_of_settings_is_written_down() {
    let server = start();
    let has_start = || lines_in(&server.folder).iter().any(|line| line["event"] == "start");
    eventually("the start is not there", has_start);
    let first = lines_in(&server.folder).remove(0);
    let detail = first["detail"].as_str().unwrap();
    assert!(detail.contains("allow-hosts: 127.0.0.0/8"), "{first}");
    let record = format!("/{ANALYZED_BUCKET}/.log2aws/reopen/web01/2019-08-01.json");
    assert_eq!(server.signed(Request::new("PUT", record).body("{}")).status, 200);
    let line = requests(&server, 1).remove(0);
    assert_eq!((&line["event"], &line["server"]), (&"setting".into(), &"web01".into()), "{line}");
    assert_eq!(line["principal"], server.key.access_key[..]);
    fs::write(server.folder.join("dashboard-token"), "another token, longer\n").unwrap();
    let changed = |line: &Value| line["detail"] == "dashboard-token changed";
    eventually("the new token is not told", || lines_in(&server.folder).iter().any(changed));
    let tokens = TokenAdmin::open(&server.folder).unwrap();
    tokens.add("ops".parse().unwrap(), Rights::Full, jiff::Timestamp::now()).map(drop).unwrap();
    let told = |detail: &str| lines_in(&server.folder).iter().any(|line| line["detail"] == detail);
    eventually("the named token is not told", || told("dashboard-tokens.json: added ops"));
    tokens.revoke(&"ops".parse().unwrap()).unwrap();
    eventually("its end is not told", || told("dashboard-tokens.json: revoked ops"));
}
