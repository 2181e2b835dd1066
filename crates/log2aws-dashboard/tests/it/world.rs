//! A fleet for the pages: realistic logs, analyzed by the real handler into a store in memory, and
//! every problem that a day can have.

use std::io::{self, Read, Write as _};
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use log2aws_core::event::{Event, Record};
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey};
use log2aws_dashboard::store_index::{StoreIndex, StoreIndexConfig};
use log2aws_dashboard::{Body, Dashboard, Feed};
use log2aws_service::analyze::{AnalyzeApp, ChartFormats, analyze};
use log2aws_service::ports::{
    Cache, Clock, ListPage, ListQuery, ObjectLister, Settings, SettingsSource, SettingsUnavailable,
    Store, StoreError, Upload, Version, VersionId,
};
use log2aws_store::{BucketSpec, MemoryStore};

pub(crate) const RAW: &str = "serverlogs-local";
pub(crate) const ANALYZED: &str = "analyzedlogs-local";
const ALLOWED: &str = "203.0.113.7";
const REFUSED: &str = "198.51.100.9";

/// The last day of the fleet; the clock says the morning of the day after.
pub(crate) const LAST: Date = date(2026, 11, 23);

struct Fixed(Arc<Settings>);

impl SettingsSource for Fixed {
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
        Ok(self.0.clone())
    }
}

struct Morning;

impl Clock for Morning {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_795_485_600).unwrap_or_default()
    }
}

struct NoCache;

impl Cache for NoCache {
    fn read(&self, _: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn write(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// A store that fails for keys with the given endings.
pub(crate) struct Flaky {
    store: MemoryStore,
    pub(crate) broken: Mutex<Vec<&'static str>>,
}

impl Flaky {
    fn check(&self, key: &str) -> Result<(), StoreError> {
        let broken = self.broken.lock().unwrap();
        if !broken.iter().any(|end| key.ends_with(end)) {
            return Ok(());
        }
        let source = io::Error::other("S3 answers 503 (SlowDown)");
        Err(StoreError::Failed { what: format!("looking at {key}"), source })
    }
}

impl Store for Flaky {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.check(key.as_str())?;
        self.store.head(bucket, key)
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        self.store.open(bucket, key, version)
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        self.store.create(bucket, key, content_type)
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        self.store.delete(bucket, key)
    }
}

impl ObjectLister for Flaky {
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        self.check("a list")?;
        self.store.list(bucket, query)
    }
}

/// A store with deliveries, and a dashboard over it.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) flaky: Arc<Flaky>,
    pub(crate) store_index: StoreIndex,
    pub(crate) dashboard: Dashboard,
    app: AnalyzeApp,
}

impl World {
    pub(crate) fn new() -> Self {
        let spec = |name: &str, versioned| BucketSpec { name: name.parse().unwrap(), versioned };
        let store = MemoryStore::new(&[spec(RAW, true), spec(ANALYZED, false)]);
        let settings = Settings {
            allow_list: ALLOWED.parse().unwrap(),
            raw_bucket: RAW.parse().unwrap(),
            analyzed_bucket: ANALYZED.parse().unwrap(),
            key_prefix: KeyPrefix::Off,
        };
        let app = AnalyzeApp {
            store: Arc::new(store.clone()),
            settings: Arc::new(Fixed(Arc::new(settings))),
            program: "0.1.0".to_owned(),
            charts: ChartFormats::Svg,
            rasterizer: |_| Err("no picture is asked for here".to_owned()),
            max_gzip_ratio: log2aws_core::reject::DEFAULT_MAX_GZIP_RATIO,
            url_session: None,
        };
        let flaky = Arc::new(Flaky { store: store.clone(), broken: Mutex::default() });
        let store_index = StoreIndex::new(StoreIndexConfig {
            lister: flaky.clone(),
            analyzed: ANALYZED.parse().unwrap(),
            raw: Some(RAW.parse().unwrap()),
            place: "memory".to_owned(),
            cache: Arc::new(NoCache),
            clock: Arc::new(Morning),
            zone: jiff::tz::TimeZone::UTC,
            on_change: Box::new(|_| {}),
            key_prefix: KeyPrefix::Off,
            parallel: 2,
            full_every: log2aws_dashboard::store_index::FULL_EVERY,
        });
        let raster = |_: &[u8]| Err("no rasterizer is linked here".to_owned());
        let feed = Feed::Place("s3://analyzedlogs-prod-123456789012-ap-northeast-1".to_owned());
        let dashboard =
            Dashboard::new(store_index.clone(), raster, Arc::new(Morning), "0.1.0", feed);
        Self { store, flaky, store_index, dashboard, app }
    }

    /// Delivers a log and has it analyzed.
    pub(crate) fn deliver(&self, server: &str, day: Date, log: &[u8]) {
        self.deliver_from(ALLOWED, server, day, log, None);
    }

    /// The same; the event says when it was delivered.
    pub(crate) fn deliver_at(&self, server: &str, day: Date, log: &[u8], time: &str) {
        self.deliver_from(ALLOWED, server, day, log, Some(time.parse().unwrap()));
    }

    /// Delivers a log from an address that is not on the allow-list.
    pub(crate) fn deliver_refused(&self, server: &str, day: Date, log: &[u8]) {
        self.deliver_from(REFUSED, server, day, log, None);
    }

    /// A refused log as older programs recorded it: in the summary.
    pub(crate) fn refused_before(&self, server: &str, day: Date, log: &[u8]) {
        let version = self.put(RAW, &format!("{server}/{day}.log"), log).id;
        let json = format!(
            r#"{{"format":1,"program":"0.1.0","server":"{server}","date":"{day}",
            "raw":{{"key":"{server}/{day}.log","version":"{version}","size":0,"sha256":null}},
            "refused":"put from {REFUSED}: the address is not on the allow-list"}}"#
        );
        self.put(ANALYZED, &format!("{server}/{day}.json"), json.as_bytes());
    }

    fn deliver_from(
        &self,
        source: &str,
        server: &str,
        day: Date,
        log: &[u8],
        time: Option<Timestamp>,
    ) {
        let key: ObjectKey = format!("{server}/{day}.log").parse().unwrap();
        let version = self.put(RAW, key.as_str(), log).id.to_string();
        let record = Record {
            source: Some(source.parse().unwrap()),
            version: Some(version.clone()),
            sequencer: Some(version),
            time,
            ..Record::new(RAW.parse().unwrap(), key)
        };
        analyze(&self.app, &Event { records: vec![record], ..Event::default() }).unwrap();
    }

    /// Puts bytes under a key.
    pub(crate) fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Version {
        let (bucket, key) = (bucket.parse().unwrap(), key.parse().unwrap());
        let mut upload = self.store.create(&bucket, &key, "text/plain").unwrap();
        upload.write_all(bytes).unwrap();
        upload.commit().unwrap()
    }

    /// The bytes of a result.
    pub(crate) fn result(&self, key: &str) -> Vec<u8> {
        self.store.contents(&ANALYZED.parse().unwrap(), &key.parse().unwrap()).unwrap().0
    }

    pub(crate) fn remove(&self, key: &str) {
        self.store.delete(&ANALYZED.parse().unwrap(), &key.parse().unwrap()).unwrap();
    }

    /// Refreshes the whole index.
    pub(crate) fn refresh(&self) {
        self.store_index.refresh(&|| false).unwrap();
    }

    pub(crate) fn ask(&self, request: &Request<()>) -> Answer {
        let response = self.dashboard.answer(request);
        Answer::of(response)
    }

    /// Requests a page in English.
    pub(crate) fn get(&self, uri: &str) -> Answer {
        self.ask(&Request::get(uri).body(()).unwrap())
    }

    /// Requests a page in Japanese.
    pub(crate) fn get_ja(&self, uri: &str) -> Answer {
        self.ask(&Request::get(uri).header("cookie", "log2aws-lang=ja").body(()).unwrap())
    }
}

/// A response with its whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        match body {
            Body::Bytes(all) => bytes.extend_from_slice(&all),
            Body::Reader(mut reader, _) => {
                reader.read_to_end(&mut bytes).unwrap();
            }
        }
        Self { status: parts.status, headers: parts.headers, body: bytes }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A log as our sampler writes it, without the samples that `skip` selects by minute.
pub(crate) struct Log {
    pub(crate) day: Date,
    /// Minutes between samples.
    pub(crate) every: u32,
    /// How many minutes before midnight the machine booted.
    pub(crate) booted: i64,
    pub(crate) seed: u32,
    pub(crate) head: String,
    /// How much work there is; 1 is what 8 cores just manage.
    pub(crate) work: f64,
    /// How much memory leaked so far, in KiB.
    pub(crate) leaked: u32,
}

impl Log {
    pub(crate) fn new(server: &str, day: Date) -> Self {
        Self {
            day,
            every: 10,
            booted: 45 * 1440 + i64::from(day.day_of_year()) * 1440,
            seed: server.bytes().fold(day.day_of_year().unsigned_abs().into(), |n: u32, b| {
                n.wrapping_mul(31).wrapping_add(b.into())
            }),
            head: format!("# log2aws/1 server={server} cores=8 tz=Asia/Tokyo mode=interval\n"),
            work: 1.0,
            leaked: 0,
        }
    }

    /// The whole log; after a reboot the uptimes start again.
    pub(crate) fn text(&self, skip: impl Fn(u32) -> bool, reboot: Option<u32>) -> String {
        let mut text = self.head.clone();
        for minute in (0..1440).step_by(self.every as usize).filter(|minute| !skip(*minute)) {
            let up = match reboot {
                Some(at) if minute >= at => i64::from(minute - at),
                _ => self.booted + i64::from(minute),
            };
            text.push_str(&self.line(minute, up));
        }
        text
    }

    /// A working day: a quiet night, a peak in the morning, a backup in the evening.
    fn line(&self, minute: u32, up: i64) -> String {
        let noise = |salt: u32| {
            let mixed = (self.seed ^ salt).wrapping_add(minute).wrapping_mul(2_654_435_761);
            f64::from(mixed >> 20) / 4096.0
        };
        let hour = f64::from(minute) / 60.0;
        let bump = |at: f64, wide: f64| (-((hour - at) / wide).powi(2)).exp();
        let busy = 0.08 + 0.5 * bump(10.5, 2.5) + 0.35 * bump(15.0, 2.0) + 0.8 * bump(22.5, 0.7);
        let busy = busy * self.work;
        let load = busy * 9.0 * (0.8 + 0.4 * noise(1));
        let io = bump(22.5, 0.7) + 0.05 * noise(2);
        let percent = |share: f64| whole((share * 100.0).clamp(0.0, 100.0));
        let running = busy.min(1.1);
        let (us, sy, wa) = (percent(running * 0.6), percent(running * 0.15), percent(io * 0.12));
        let time =
            self.day.at(0, 0, 1, 0).saturating_add(jiff::SignedDuration::from_mins(minute.into()));
        format!(
            "{} {} up {} days, {:02}:{:02}, {} users, load average: {:.2}, {:.2}, {:.2} {} {} \
             {} {} {} {} 0 {} {} {} {} {} {us} {sy} {} {wa} 0\n",
            time.date(),
            time.time(),
            up / 1440,
            up % 1440 / 60,
            up % 60,
            1 + minute % 3,
            load,
            load * 0.9,
            load * 0.8 + 0.3,
            whole(load * 1.2),
            whole(io * 6.0),
            24_576 + minute + self.leaked.saturating_sub(2_300_000),
            2_400_000_u32
                .saturating_sub(self.leaked)
                .saturating_sub(whole(running * 900_000.0))
                .max(90_000),
            310_000 + minute * 12,
            9_000_000 + minute * 700,
            whole(io * 40.0),
            whole(io * 5_200.0),
            whole(io * 9_800.0 + busy * 500.0),
            whole(2_000.0 + busy * 9_000.0),
            whole(3_000.0 + busy * 14_000.0),
            100 - us - sy - wa,
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small, and not negative"
)]
fn whole(value: f64) -> u32 {
    value as u32
}
