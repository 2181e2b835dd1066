//! A simulated host: days pass in a second, in a process that can be killed at any moment.
//!
//! The process is this test binary itself; it acts like cron or `run`, using the agent's library,
//! on a simulated clock. It records what it does in its journal.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_agent::net::Network;
use log2aws_agent::sample::{self, SampleConfig, SampleError, SampleMode};
use log2aws_agent::ship::{
    self, DEFAULT_MAX_TIME, DayReport, Days, Outcome, Progress, ShipConfig, ShipReport,
};
use log2aws_agent::spool::Spool;
use log2aws_agent::world::{ProcRoot, Time, World};
use log2aws_core::day::Day;
use serde::{Deserialize, Serialize};

use super::journal::{Entry, History, Journal, MOMENT};
use super::server::HOST;
use fastrand::Rng;

/// Set only for the child: the folder of its host.
const HOME: &str = "LOG2AWS_AGENT_PROOF_HOME";

/// Set only for the child: it delivers the rest on a network without faults.
const CALM: &str = "LOG2AWS_AGENT_PROOF_CALM";

/// How long a first sample measures.
const WINDOW: Duration = Duration::from_secs(1);

/// The parameters of a life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) api: String,
    pub(crate) zone: String,
    pub(crate) start: Timestamp,
    /// The total number of samples.
    pub(crate) marks: u32,
    /// The sampling interval.
    pub(crate) interval_minutes: u64,
    /// The percentage of marks at which logs are shipped.
    pub(crate) ships: u64,
    /// How many marks in a thousand have a clock change.
    pub(crate) clock_steps: u64,
    /// How long delivered logs are kept.
    pub(crate) keep_hours: Option<u64>,
    /// The stall timeout.
    pub(crate) stall_ms: u64,
    /// Whether a line may be refused because the disk is full.
    pub(crate) small_disk: bool,
}

/// A host's folder.
#[derive(Clone, Debug)]
pub(crate) struct Home(pub(crate) PathBuf);

impl Home {
    /// Prepares a new host.
    pub(crate) fn make(folder: &Path, plan: &Plan) -> Self {
        let home = Self(folder.to_owned());
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testdata/proc/debian12-2-cores/earlier/proc");
        copy(&recorded, &home.0.join("machine/proc"));
        fs::create_dir_all(home.disk()).unwrap();
        fs::write(home.plan_file(), serde_json::to_vec(plan).unwrap()).unwrap();
        home
    }

    /// The folder of logs and state.
    pub(crate) fn disk(&self) -> PathBuf {
        self.0.join("disk")
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.disk().join("log")
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.disk().join("state")
    }

    pub(crate) fn spool(&self, host: &str) -> Spool {
        Spool {
            log_dir: self.log_dir(),
            state_dir: self.state_dir(),
            server: host.parse().unwrap(),
        }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The child's output, for finding a cause.
    pub(crate) fn output(&self) -> PathBuf {
        self.0.join("output")
    }

    fn plan_file(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    pub(crate) fn proc(&self, file: &str) -> PathBuf {
        self.0.join("machine/proc").join(file)
    }

    /// Starts the host's process.
    pub(crate) fn start(&self, calm: bool) -> Child {
        let output = fs::OpenOptions::new().create(true).append(true).open(self.output()).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "proof::simulation::host", "--nocapture"])
            .env(HOME, &self.0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        if calm {
            command.env(CALM, "1");
        }
        command.spawn().unwrap()
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Not a test: the entry point for the others. It runs until its plan is done, or it is killed.
#[test]
fn host() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let home = Home(home.into());
    let plan: Plan = serde_json::from_slice(&fs::read(home.plan_file()).unwrap()).unwrap();
    let mut host = Host::wake(home, plan);
    if std::env::var_os(CALM).is_some() { host.deliver_the_rest() } else { host.live() }
}

/// The clocks of a simulated host. Threads share them.
#[derive(Debug)]
pub(crate) struct Clocks {
    wall: AtomicI64,
    steady: AtomicU64,
}

/// One thread's view of the clocks, and its randomness.
#[derive(Debug)]
pub(crate) struct SimulatedTime {
    clocks: Arc<Clocks>,
    rng: RefCell<Rng>,
}

impl Clocks {
    pub(crate) fn at(wall: i64, steady: u64) -> Arc<Self> {
        Arc::new(Self { wall: AtomicI64::new(wall), steady: AtomicU64::new(steady) })
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.steady.fetch_add(millis, Ordering::SeqCst);
        self.wall.fetch_add(i64::try_from(millis).unwrap(), Ordering::SeqCst);
    }
}

impl SimulatedTime {
    pub(crate) fn new(clocks: &Arc<Clocks>, seed: u64) -> Self {
        Self { clocks: Arc::clone(clocks), rng: RefCell::new(Rng::with_seed(seed)) }
    }
}

impl Time for SimulatedTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clocks.wall.load(Ordering::SeqCst)).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.clocks.steady.load(Ordering::SeqCst))
    }

    /// Sleeps only briefly, but long enough to let another thread run.
    fn sleep(&self, duration: Duration) {
        self.clocks.pass(duration);
        thread::sleep(duration.min(Duration::from_micros(200)));
    }

    #[expect(clippy::cast_precision_loss, reason = "a thousand steps are chance enough")]
    fn jitter(&self) -> f64 {
        self.rng.borrow_mut().u64(..1000) as f64 / 1000.0
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        self.rng.borrow_mut().fill(&mut bytes);
        Ok(bytes)
    }
}

/// A running host.
pub(crate) struct Host {
    home: Home,
    plan: Plan,
    history: History,
    journal: Journal,
    pub(crate) clocks: Arc<Clocks>,
    rng: Rng,
}

impl Host {
    /// Continues where the journal ends.
    pub(crate) fn wake(home: Home, plan: Plan) -> Self {
        let journal = Journal::open(&home.journal());
        let history = History::read(&home.journal());
        let start = plan.start.as_millisecond();
        let (wall, steady, mark) = history.at.unwrap_or((start, 3_600_000, 0));
        let lived = fs::metadata(home.journal()).unwrap().len();
        let rng = Rng::with_seed(plan.seed ^ lived << 16 ^ u64::from(mark) << 40);
        Self { home, plan, history, journal, clocks: Clocks::at(wall, steady), rng }
    }

    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.plan.zone).unwrap()
    }

    fn live(&mut self) {
        for mark in self.history.at.map_or(0, |at| at.2)..self.plan.marks {
            let minutes = self.plan.interval_minutes;
            self.clocks.pass(Duration::from_secs(minutes * 60 + self.rng.u64(..90)));
            if self.rng.u64(..1000) < self.plan.clock_steps {
                self.set_the_clock();
            }
            self.sample(mark);
            if self.rng.u64(..100) < self.plan.ships {
                self.ship_by_chance(mark);
            }
        }
    }

    /// Sets the wall clock, at most a day before the latest time that it ever showed. A log that
    /// was delivered, kept for its time, removed, and started again with the same date would
    /// replace the old one in the store, which keeps both as versions; so the clock is never set
    /// back as far as logs are kept.
    fn set_the_clock(&mut self) {
        const HOUR: i64 = 3_600_000;
        let now = self.clocks.wall.load(Ordering::SeqCst);
        self.history.latest = self.history.latest.max(now);
        let to = now - 24 * HOUR + i64::try_from(self.rng.u64(..52)).unwrap() * HOUR;
        let to = to.max(self.history.latest - 24 * HOUR);
        self.clocks.wall.store(to, Ordering::SeqCst);
    }

    /// Ships at every third mark on average.
    fn ship_by_chance(&mut self, mark: u32) {
        let zone = self.zone();
        let day = |timestamp: Timestamp| {
            let yesterday = timestamp.to_zoned(zone.clone()).date().yesterday();
            Day::from_date(yesterday.unwrap()).unwrap()
        };
        let days = match self.rng.u64(..8) {
            0 => Days::Only(day(self.time(0).now())),
            // Unless the clock was set to an earlier time.
            1 if day(self.plan.start) <= day(self.time(0).now()) => {
                Days::Since(day(self.plan.start))
            }
            _ => Days::Pending,
        };
        let partial = self.rng.u64(..4) == 0;
        let seed = self.rng.u64(..);
        let stall = Duration::from_millis(self.plan.stall_ms);
        let config = ShipConfig { partial, ..self.ship_config(days, stall) };
        if self.rng.u64(..3) > 0 {
            ship(&self.journal, &config, &self.time(seed), zone);
            return;
        }
        // Its delays are not the sampler's: it gets its own clock, starting at the same time.
        let wall = self.clocks.wall.load(Ordering::SeqCst);
        let clocks = Clocks::at(wall, self.clocks.steady.load(Ordering::SeqCst));
        let time = SimulatedTime::new(&clocks, seed);
        let journal = Journal::open(&self.home.journal());
        thread::scope(|scope| {
            scope.spawn(move || ship(&journal, &config, &time, zone));
            for _ in 0..3 {
                self.clocks.pass(Duration::from_secs(40));
                self.sample(mark);
            }
        });
    }

    pub(crate) fn time(&self, seed: u64) -> SimulatedTime {
        SimulatedTime::new(&self.clocks, seed)
    }

    pub(crate) fn ship_config(&self, days: Days, stall: Duration) -> ShipConfig {
        let keep = self.plan.keep_hours.map(Duration::from_hours);
        ShipConfig { days, keep, ..ship_config(&self.home, HOST, &self.plan.api, stall) }
    }

    /// Samples; only a full disk may prevent it. Returns whether a line was written.
    pub(crate) fn sample(&mut self, mark: u32) -> bool {
        let zone = self.zone();
        let time = loop {
            let now = self.time(0).now();
            let local = now.to_zoned(zone.clone()).datetime();
            let later = (now + MOMENT).to_zoned(zone.clone()).datetime();
            // A line is identified by its local time: it must neither repeat nor jump.
            let jumps = later.duration_since(local) != MOMENT;
            if !jumps && !self.history.is_taken(local) {
                break local.with().subsec_nanosecond(0).build().unwrap();
            }
            self.clocks.pass(Duration::from_secs(7));
        };
        let wall = self.clocks.wall.load(Ordering::SeqCst);
        let steady = self.clocks.steady.load(Ordering::SeqCst);
        self.journal.note(&Entry::At { wall, steady, mark });
        self.journal.note(&Entry::Trying { time });
        self.history.times.insert(time);
        fs::write(
            self.home.proc("uptime"),
            format!("{}.{:02} 1.00\n", steady / 1000, steady % 100),
        )
        .unwrap();

        let config = SampleConfig {
            log_dir: self.home.log_dir(),
            state_dir: Some(self.home.state_dir()),
            server: HOST.parse().unwrap(),
            note: Some("本番 DB".parse().unwrap()),
            mode: SampleMode::Interval { window: WINDOW },
            interval: None,
            sync: false,
        };
        let root = self.home.0.join("machine");
        let proc_root = ProcRoot { path: root, page_size: 4096, ticks_per_second: 100 };
        let world = World { time: &self.time(0), zone, proc_root };
        let entry = match sample::run(&config, &world) {
            Ok(report) if report.state_error.is_none() => {
                Entry::Sampled { day: report.day.to_string(), line: report.line }
            }
            Err(error @ SampleError::Full(_)) if self.plan.small_disk => {
                Entry::Refused { time, text: error.to_string() }
            }
            // The line counts; saving the counters may fail.
            Ok(report) if self.plan.small_disk => {
                Entry::Sampled { day: report.day.to_string(), line: report.line }
            }
            other => Entry::Wrong { text: format!("no sample: {other:?}") },
        };
        self.journal.note(&entry);
        let at =
            Entry::At { wall: self.clocks.wall.load(Ordering::SeqCst), steady, mark: mark + 1 };
        self.journal.note(&at);
        matches!(entry, Entry::Sampled { .. })
    }

    /// Two days after the end: all days are over.
    fn deliver_the_rest(&mut self) {
        let wall = self.history.latest + 50 * 3_600_000;
        self.clocks.wall.store(wall, Ordering::SeqCst);
        self.sample(self.plan.marks);
        self.clocks.pass(Duration::from_hours(25));
        let wall = self.clocks.wall.load(Ordering::SeqCst);
        let steady = self.clocks.steady.load(Ordering::SeqCst);
        self.journal.note(&Entry::At { wall, steady, mark: self.plan.marks });
        let config = self.ship_config(Days::Pending, Duration::from_mins(1));
        for round in 0..2 {
            let Some(report) = self.ship(&config) else { return };
            let wrong =
                |what| self.journal.note(&Entry::Wrong { text: format!("{what}: {report:?}") });
            if report.exit_code() != 0 {
                wrong("at the end");
            }
            let delivered = |day: &DayReport| matches!(day.outcome, Outcome::Delivered { .. });
            if round > 0 && report.days.iter().any(delivered) {
                wrong("delivered once more");
            }
        }
    }

    /// Ships now.
    pub(crate) fn ship(&self, config: &ShipConfig) -> Option<ShipReport> {
        ship(&self.journal, config, &self.time(0), self.zone())
    }
}

/// Ships. A failure to even try is always wrong.
fn ship(
    journal: &Journal,
    config: &ShipConfig,
    time: &SimulatedTime,
    zone: TimeZone,
) -> Option<ShipReport> {
    let world = World { time, zone, proc_root: ProcRoot::system() };
    match ship::run(config, &world, &mut |progress| tell(journal, progress)) {
        Ok(report) => Some(report),
        Err(error) => {
            journal.note(&Entry::Wrong { text: format!("nothing shipped: {error}") });
            None
        }
    }
}

/// The default settings of shipping.
pub(crate) fn ship_config(home: &Home, host: &str, api: &str, stall: Duration) -> ShipConfig {
    ShipConfig {
        api: api.parse().unwrap(),
        spool: home.spool(host),
        days: Days::Pending,
        partial: false,
        dry_run: false,
        max_time: DEFAULT_MAX_TIME,
        upload_hosts: Vec::new(),
        keep: None,
        network: Network { stall, ..Network::default() },
    }
}

fn tell(journal: &Journal, progress: Progress<'_>) {
    let report = match progress {
        Progress::Day(report) => report,
        Progress::Waiting { reason, .. } => {
            return journal.note(&Entry::Left { text: reason.to_owned() });
        }
        Progress::Warning(_) => return,
    };
    let text = report.to_string();
    if text.contains("X-Amz-") || text.contains("Signature=") {
        journal.note(&Entry::Wrong { text: format!("a secret: {text}") });
    }
    journal.note(&match &report.outcome {
        Outcome::Delivered { sha256, .. } => {
            Entry::Shipped { days: vec![(report.day.to_string(), sha256.clone())] }
        }
        _ => Entry::Left { text },
    });
}
