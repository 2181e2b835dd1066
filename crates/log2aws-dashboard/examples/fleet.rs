//! A synthetic fleet of any size, for measuring the dashboard: `cargo xtask bench dashboard`.
//!
//! `fleet fill SERVERS DAYS CACHE` indexes the results of that many servers and days and writes the
//! index to a cache folder. `fleet show SERVERS DAYS CACHE PAGES` starts from that folder, as a
//! restart does, and writes pages into another. Both print figures as `name value`.
//!
//! The converter produces the results of a few days from synthetic logs; each day of the fleet is
//! one of them, with its own name and date. They are generated on read, and take no space.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "what it measures does no I/O; who measures does"
)]

use std::fmt::Write as _;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use log2aws_core::convert::{Converter, Sink};
use log2aws_core::csv::CSV_HEADER;
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey, RawKey};
use log2aws_core::line::Row;
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use log2aws_core::summary::{RawObject, Rejects, Summary, SummaryBuilder};
use log2aws_dashboard::index::{CalendarQuery, Lens, Only, Sort};
use log2aws_dashboard::store_index::{FULL_EVERY, StoreIndex, StoreIndexConfig};
use log2aws_dashboard::{Body, Dashboard, Feed};
use log2aws_service::ports::{
    Cache, Clock, ListPage, ListQuery, ObjectLister, ObjectMeta, Store, StoreError, Upload,
    Version, VersionId,
};

/// The server and the day of the generated results; names of the fleet have the same length.
const SERVER: &str = "server00000";
const DAY: &str = "2019-08-01";

/// How many different days there are.
const KINDS: u32 = 16;

/// One in this many days is empty.
const EMPTY: u32 = 50;

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Cache entries as files; only reading them is measured.
struct Folder(PathBuf);

impl Cache for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        std::fs::read(self.0.join(name)).map(Some)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        std::fs::write(self.0.join(name), bytes)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.0)?;
        entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default())).collect()
    }
}

/// A day's CSV and summary.
type Results = [String; 2];

/// The results of a fleet.
struct Fleet {
    servers: u32,
    days: u32,
    last: Date,
    kinds: Vec<Results>,
}

fn analyzed() -> BucketName {
    "analyzedlogs-fleet".parse().unwrap()
}

/// A log with a sample every ten minutes; the kinds differ in load, gaps, reboots and rejects.
fn log(kind: u32) -> String {
    let mut log = format!("# log2aws/1 server={SERVER} cores=8 tz=Asia/Tokyo mode=interval\n");
    let mut dice = u64::from(kind) + 1;
    let mut roll = |below: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    };
    for slot in 0..144_u32 {
        if kind % 4 == 3 && (60..70 + kind).contains(&slot) {
            continue;
        }
        if kind % 8 == 5 && slot == 30 {
            log.push_str("vmstat: no such file\n");
        }
        let (hour, minute) = (slot / 6, slot % 6 * 10);
        let up = if kind % 8 == 7 && slot >= 70 {
            "12 min".to_owned()
        } else {
            format!("45 days, {hour:2}:{minute:02}")
        };
        let load = roll(800);
        let (us, sy, wa) = (roll(60), roll(20), roll(10));
        writeln!(
            log,
            "{DAY} {hour:02}:{minute:02}:01 up {up}, 1 user, load average: {}.{:02}, {}.{:02}, {}.{:02} \
             {} {} {} {} {} {} {} {} {} {} {} {} {us} {sy} {} {wa} 0",
            load / 100, load % 100, load / 120, load % 90, load / 150, load % 80,
            roll(12), roll(3), roll(500_000), 300_000 + roll(9_000_000), roll(90_000),
            roll(4_000_000), roll(5), roll(5), roll(4_000), roll(3_000), roll(9_000), roll(20_000),
            100 - us - sy - wa,
        )
        .unwrap();
    }
    log
}

/// The parts of a log that the analyzer keeps, except the drawing.
struct Kept {
    csv: String,
    summary: SummaryBuilder,
}

impl Sink for Kept {
    fn row(&mut self, row: &Row<'_>) {
        self.csv.push_str(std::str::from_utf8(row.csv()).unwrap());
        self.csv.push('\n');
        self.summary.sample(&row.sample());
    }

    fn reject(&mut self, _: Reject) {}

    fn metadata(&mut self, metadata: &Metadata) {
        self.summary.metadata(metadata);
    }
}

fn results(kind: u32) -> Results {
    let key = RawKey::new(SERVER.parse().unwrap(), DAY.parse().unwrap(), KeyPrefix::Off);
    let mut kept = Kept { csv: format!("{CSV_HEADER}\n"), summary: SummaryBuilder::new(key.day) };
    let (text, mut converter) = (log(kind), Converter::new());
    converter.push(text.as_bytes(), &mut kept);
    let totals = converter.finish(&mut kept);
    let raw = RawObject {
        key: key.object_key().to_string(),
        version: format!("{kind:024}"),
        size: totals.bytes,
        sha256: Some("0".repeat(64)),
    };
    let rejects = Rejects::from(totals);
    let summary = Summary::read("fleet", &key, raw, kept.summary.finish(rejects));
    [kept.csv, String::from_utf8(summary.to_json().unwrap()).unwrap()]
}

impl Fleet {
    /// The kind of that day; `None` for an empty one.
    fn kind(&self, server: u32, back: u32) -> Option<&Results> {
        let mixed = (server.wrapping_mul(2_654_435_761) ^ back.wrapping_mul(40_503)) >> 7;
        (!mixed.is_multiple_of(EMPTY)).then(|| &self.kinds[(mixed % KINDS) as usize])
    }

    /// The content of a key.
    fn bytes(&self, key: &str) -> Option<String> {
        let (server, file) = key.split_once('/')?;
        let (date, suffix) = file.split_once('.')?;
        let number: u32 = server.strip_prefix("server")?.parse().ok()?;
        let back = self.last.since(date.parse::<Date>().ok()?).ok()?.get_days();
        let [csv, json] = self.kind(number, u32::try_from(back).ok()?)?;
        let text = match suffix {
            "csv" => csv,
            "json" => json,
            _ => return None,
        };
        Some(text.replace(SERVER, server).replace(DAY, date))
    }
}

impl Store for Fleet {
    fn head(&self, _: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        let bytes = self.bytes(key.as_str());
        Ok(bytes.map(|bytes| Version {
            id: VersionId::new("1"),
            size: bytes.len() as u64,
            e_tag: "1".to_owned(),
        }))
    }

    fn open(
        &self,
        _: &BucketName,
        key: &ObjectKey,
        _: &VersionId,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let bytes = self.bytes(key.as_str());
        let bytes = bytes.ok_or_else(|| StoreError::NotFound { what: key.to_string() })?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn create(
        &self,
        _: &BucketName,
        key: &ObjectKey,
        _: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        Err(StoreError::Full { what: key.to_string() })
    }

    fn delete(&self, _: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        Err(StoreError::NotFound { what: key.to_string() })
    }
}

impl ObjectLister for Fleet {
    fn list(&self, _: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        let after = query.after.as_deref().unwrap_or_default();
        let mut page = ListPage::default();
        if query.folders {
            let all = (0..self.servers).map(|server| format!("server{server:05}/"));
            page.folders = all.filter(|folder| folder.as_str() > after).take(1000).collect();
            page.next = page.folders.last().filter(|_| page.folders.len() == 1000).cloned();
            return Ok(page);
        }
        let Some(server) = query.prefix.strip_prefix("server") else { return Ok(page) };
        let Ok(number) = server.trim_end_matches('/').parse::<u32>() else { return Ok(page) };
        for back in (0..self.days).rev().filter(|back| self.kind(number, *back).is_some()) {
            let date = self.last.saturating_sub(i64::from(back).days());
            for suffix in ["csv", "json"] {
                let key = format!("{}{date}.{suffix}", query.prefix);
                if key.as_str() <= after {
                    continue;
                }
                if page.objects.len() == 1000 {
                    page.next = page.objects.last().map(|object| object.key.to_string());
                    return Ok(page);
                }
                page.objects.push(ObjectMeta {
                    key: key.parse().unwrap(),
                    e_tag: "1".to_owned(),
                    size: 1,
                });
            }
        }
        Ok(page)
    }
}

/// A line of `/proc/self/status`, in MiB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

fn print(name: &str, value: f64) {
    println!("{name} {value:.2}");
}

/// The minimum of several runs, in milliseconds.
fn least(runs: u32, mut each: impl FnMut()) -> f64 {
    (0..runs).fold(f64::INFINITY, |least, _| {
        let begin = Instant::now();
        each();
        least.min(begin.elapsed().as_secs_f64() * 1e3)
    })
}

fn get(pages: &Dashboard, path: &str) -> Vec<u8> {
    let answer = pages.answer(&http::Request::get(path).body(()).unwrap());
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    match answer.into_body() {
        Body::Bytes(all) => all.to_vec(),
        Body::Reader(mut reader, _) => {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        }
    }
}

fn keep(folder: Option<&String>, name: &str, bytes: &[u8]) {
    if let Some(folder) = folder {
        std::fs::write(PathBuf::from(folder).join(name), bytes).unwrap();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [verb, servers, days, cache, rest @ ..] = args.as_slice() else {
        eprintln!("fleet fill SERVERS DAYS CACHE | fleet show SERVERS DAYS CACHE PAGES");
        std::process::exit(2);
    };
    let number = |text: &String| text.parse::<u32>().unwrap();
    let last = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now()).date().yesterday().unwrap();
    let fleet = Fleet {
        servers: number(servers),
        days: number(days),
        last,
        kinds: (0..KINDS).map(results).collect(),
    };
    let before = memory("VmRSS");
    let store_index = StoreIndex::new(StoreIndexConfig {
        lister: Arc::new(fleet),
        analyzed: analyzed(),
        raw: None,
        place: "a fleet".to_owned(),
        cache: Arc::new(Folder(PathBuf::from(cache))),
        clock: Arc::new(Now),
        zone: jiff::tz::TimeZone::UTC,
        on_change: Box::new(|_| {}),
        key_prefix: KeyPrefix::Off,
        parallel: 4,
        full_every: FULL_EVERY,
    });
    let begin = Instant::now();
    if verb == "fill" {
        store_index.refresh(&|| false).unwrap();
        print("sweep_s", begin.elapsed().as_secs_f64());
        print("summaries", f64::from(u32::try_from(store_index.progress().summaries).unwrap()));
        return;
    }
    store_index.load_cache().unwrap();
    print("load_s", begin.elapsed().as_secs_f64());
    print("index_mib", memory("VmRSS") - before);
    let begin = Instant::now();
    let report = store_index.refresh(&|| false).unwrap();
    print("restart_sweep_s", begin.elapsed().as_secs_f64());
    print("restart_reads", f64::from(u32::try_from(report.read).unwrap()));
    let day = |date| log2aws_core::day::Day::from_date(date).unwrap();
    let query = CalendarQuery {
        from: day(last.saturating_sub(30.days())),
        to: day(last),
        search: String::new(),
        only: Only::All,
        lens: Lens::Load,
        sort: Sort::Severity,
        page: 1,
        per_page: 200,
    };
    print("index_ms", least(5, || drop(store_index.calendar(&query))));
    let feed = Feed::Place("a fleet".to_owned());
    let none = |_: &[u8]| Err("no pictures here".to_owned());
    let pages = Dashboard::new(store_index, none, Arc::new(Now), env!("CARGO_PKG_VERSION"), feed);
    let day = last.saturating_sub(1.days());
    let mut day_page = Vec::new();
    for (name, path) in [
        ("calendar", format!("/ui/?to={last}")),
        ("calendar-complete", format!("/ui/?to={last}&lens=complete")),
        ("calendar-iowait", format!("/ui/?to={last}&lens=iowait&sort=lens")),
        ("calendar-free", format!("/ui/?to={last}&lens=free")),
        ("day", format!("/ui/s/server00001/{day}")),
        ("chart", format!("/ui/s/server00001/{day}/chart.svg")),
        ("values", format!("/ui/s/server00001/{day}/values.json")),
        ("month", format!("/ui/s/server00001?to={last}")),
    ] {
        let mut bytes = Vec::new();
        print(&format!("{name}_ms"), least(5, || bytes = get(&pages, &path)));
        keep(rest.first(), name, &bytes);
        if name == "day" {
            day_page = bytes;
        }
    }
    // What the day page loads beside its chart and values.
    let text = String::from_utf8(day_page).unwrap();
    for (number, rest_of) in text.split("=\"/ui/assets/").skip(1).enumerate() {
        let name = rest_of.split('"').next().unwrap_or_default();
        let bytes = get(&pages, &format!("/ui/assets/{name}"));
        keep(rest.first(), &format!("asset{number}"), &bytes);
    }
    print("peak_mib", memory("VmHWM"));
}
