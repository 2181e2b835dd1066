//! A machine whose clock, power, disk and network are simulated.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use log2aws_agent::run::{
    ChildEnvironment, Facts, Phase, Platform, RunConfig, RunError, SampleOutcome, SampleProblem,
    ShipOrder, ShipWindow, Shipped, WakeReasons, run,
};
use log2aws_agent::sample::{SampleConfig, SampleMode};
use log2aws_agent::ship::LastShip;
use log2aws_agent::spool::Spool;
use log2aws_agent::world::ZoneSource;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

/// An event on a machine.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The clock is set forward or back, by seconds.
    ClockSet(i64),
    /// The machine is suspended.
    Sleeps(Duration),
    /// The service is stopped: a shutdown, an upgrade, the end of the test.
    Stop,
    /// The config is reloaded with this result.
    Reload(Box<Result<RunConfig, String>>),
    /// Samples fail from now on, or work again.
    DiskFull(bool),
    /// The log folder cannot be written from now on, or can again.
    FolderLost(bool),
    /// A reload of the config has this result from now on.
    ConfigIs(Box<Result<RunConfig, String>>),
    /// The logs go to another store from now on. Run sees that at once (its address has changed), or
    /// after the next delivery.
    StoreMoved { is_known: bool },
    /// Records of deliveries are unreadable from now on, or readable again.
    Unknown(bool),
    /// The machine gets a host name.
    Named(&'static str),
    /// The machine's time zone changes.
    Moved(TimeZone),
}

/// The duration and result of a shipping process started at that time. One without a result hangs.
type Network = Box<dyn Fn(Timestamp) -> (Duration, Option<Shipped>)>;

pub(crate) struct Simulator {
    /// The wall clock at moment 0 of the monotonic clock.
    wall: Timestamp,
    elapsed: Duration,
    zone: TimeZone,
    events: VecDeque<(Duration, Event)>,
    network: Network,
    child: Option<(Duration, Option<Shipped>)>,
    /// Why samples fail, while they do.
    sample_fails: Option<SampleProblem>,
    /// Whether a service manager starts it again.
    pub(crate) managed: bool,
    unknown: bool,
    /// How long a sample takes that is the first of a boot.
    pub(crate) window: Duration,
    pub(crate) name: String,
    random: fastrand::Rng,
    /// Written in this boot.
    last_sample: Option<Timestamp>,
    last_ship: Option<LastShip>,
    /// The server's Retry-After.
    pub(crate) not_before: Option<Timestamp>,
    reload: Option<Result<RunConfig, String>>,
    /// The result of each reload that no event is the reason of.
    config: Option<Result<RunConfig, String>>,
    /// Under which name each question for pending days was asked.
    pub(crate) asked_as: Vec<ServerName>,
    /// Lines a day.
    pub(crate) logs: BTreeMap<Day, u32>,
    /// How many of them were delivered.
    pub(crate) stored: BTreeMap<Day, u32>,
    /// What an earlier store has.
    stored_elsewhere: BTreeMap<Day, u32>,
    /// Whether the next delivery shows that the store is another one.
    moved: bool,
    /// How many logs each shipping process delivered.
    pub(crate) delivered: Vec<usize>,
    /// By the wall clock.
    pub(crate) samples: Vec<Timestamp>,
    pub(crate) failed_samples: u32,
    /// When shipping processes were started.
    pub(crate) ships: Vec<Timestamp>,
    pub(crate) killed: u32,
    pub(crate) wakes: u32,
    pub(crate) notified: Vec<(Phase, String)>,
    pub(crate) facts: Facts,
    /// How often something was published.
    pub(crate) published: u32,
    /// The command lines of the shipping processes.
    pub(crate) orders: Vec<ShipOrder>,
}

/// A network where everything takes two seconds and succeeds.
pub(crate) fn calm() -> Network {
    Box::new(|_| (Duration::from_secs(2), Some(Shipped::Exit(0))))
}

impl Simulator {
    pub(crate) fn new(now: &str, zone: TimeZone, network: Network) -> Self {
        Self {
            wall: super::time(now),
            elapsed: Duration::ZERO,
            zone,
            events: VecDeque::new(),
            network,
            child: None,
            sample_fails: None,
            managed: true,
            window: Duration::from_secs(1),
            config: None,
            asked_as: Vec::new(),
            unknown: false,
            name: "web01".to_owned(),
            random: fastrand::Rng::with_seed(7),
            last_sample: None,
            last_ship: None,
            not_before: None,
            reload: None,
            logs: BTreeMap::new(),
            stored: BTreeMap::new(),
            stored_elsewhere: BTreeMap::new(),
            moved: false,
            delivered: Vec::new(),
            samples: Vec::new(),
            failed_samples: 0,
            ships: Vec::new(),
            killed: 0,
            wakes: 0,
            notified: Vec::new(),
            facts: Facts::default(),
            published: 0,
            orders: Vec::new(),
        }
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = fastrand::Rng::with_seed(seed);
    }

    /// Has delivered the logs of so many days before today, and kept them.
    pub(crate) fn keep(&mut self, days: i64) {
        let today = self.day().date();
        for ago in 1..=days {
            let day = Day::from_date(today.checked_sub(ago.days()).unwrap()).unwrap();
            self.logs.insert(day, 24);
            self.stored.insert(day, 24);
        }
    }

    /// Runs the service with these events, each at an interval after the one before, until a stop.
    pub(crate) fn live(&mut self, config: &RunConfig, events: Vec<(Duration, Event)>) {
        self.plan(events);
        self.try_live(config).unwrap();
    }

    /// Sets the events of the next life.
    pub(crate) fn plan(&mut self, events: Vec<(Duration, Event)>) {
        let mut at = self.elapsed;
        self.events = events
            .into_iter()
            .map(|(after, event)| {
                at += after;
                (at, event)
            })
            .collect();
    }

    /// Runs the service with the remaining events; it may end by itself.
    pub(crate) fn try_live(&mut self, config: &RunConfig) -> Result<(), RunError> {
        let ended = run(config.clone(), self);
        assert!(self.child.is_none(), "a process is left");
        ended
    }

    /// Runs for that long without events.
    pub(crate) fn live_for(&mut self, config: &RunConfig, time: Duration) {
        self.live(config, vec![(time, Event::Stop)]);
    }

    /// A power cut of that length; counters since boot restart.
    pub(crate) fn off(&mut self, time: Duration) {
        self.wall += time;
        self.last_sample = None;
    }

    fn day(&self) -> Day {
        Day::from_date(self.now().to_zoned(self.zone.clone()).date()).unwrap()
    }

    /// Ends the shipping process when its time has come.
    fn child_ends(&mut self) -> Option<Shipped> {
        let how = self.child.filter(|(end, _)| *end <= self.elapsed).and_then(|(_, how)| how)?;
        self.child = None;
        let Shipped::Exit(exit_code) = how else { return Some(how) };
        self.last_ship = Some(LastShip {
            at: self.now(),
            pending: Vec::new(),
            delivered: None,
            error: None,
            exit_code,
            source: None,
            not_before: self.not_before,
            name_conflict: None,
        });
        if std::mem::take(&mut self.moved) {
            self.stored_elsewhere = std::mem::take(&mut self.stored);
        }
        if exit_code == 0 {
            let today = self.day();
            let since = self.orders.last().unwrap().arguments.iter().find_map(|argument| {
                argument.to_str()?.strip_prefix("--since=")?.parse::<Day>().ok()
            });
            let logs = self.logs.range(since.unwrap()..today);
            let new: BTreeMap<Day, u32> = logs
                .filter(|(day, lines)| self.stored.get(*day) != Some(*lines))
                .map(|(day, lines)| (*day, *lines))
                .collect();
            self.delivered.push(new.len());
            self.stored.extend(new);
        }
        Some(how)
    }

    fn happens(&mut self, event: Event, reasons: &mut WakeReasons) {
        match event {
            Event::ClockSet(seconds) => {
                self.wall += jiff::SignedDuration::from_secs(seconds);
                reasons.clock_set = true;
            }
            Event::Sleeps(time) => {
                self.wall += time;
                reasons.clock_set = true;
            }
            Event::Stop => reasons.stop = true,
            Event::Reload(config) => {
                self.reload = Some(*config);
                reasons.reload = true;
            }
            Event::DiskFull(full) => {
                let message = "the disk is full".to_owned();
                self.sample_fails = full.then_some(SampleProblem { message, folder_lost: false });
            }
            Event::FolderLost(lost) => {
                let message = "read-only".to_owned();
                self.sample_fails = lost.then_some(SampleProblem { message, folder_lost: true });
            }
            Event::ConfigIs(config) => self.config = Some(*config),
            Event::StoreMoved { is_known: true } => {
                self.stored_elsewhere = std::mem::take(&mut self.stored);
            }
            Event::StoreMoved { is_known: false } => self.moved = true,
            Event::Unknown(unknown) => self.unknown = unknown,
            Event::Named(name) => name.clone_into(&mut self.name),
            Event::Moved(zone) => self.zone = zone,
        }
    }
}

impl Platform for Simulator {
    fn now(&self) -> Timestamp {
        self.wall + self.elapsed
    }

    fn elapsed(&self) -> Duration {
        self.elapsed
    }

    fn jitter(&self) -> f64 {
        self.random.clone().f64()
    }

    fn wait(&mut self, until: Timestamp, within: Duration) -> io::Result<WakeReasons> {
        self.wakes += 1;
        // The jitter of the previous call is used up.
        self.random.u64(..);
        let wait = Duration::try_from(until.duration_since(self.now())).unwrap_or_default();
        let mut end = self.elapsed.saturating_add(wait.min(within));
        if let Some((child, Some(_))) = self.child {
            end = end.min(child.max(self.elapsed));
        }
        let mut reasons = WakeReasons::default();
        // Every run ends with a stop.
        let (at, _) = self.events.front().unwrap();
        if *at <= end {
            let (at, event) = self.events.pop_front().unwrap();
            self.elapsed = at.max(self.elapsed);
            self.happens(event, &mut reasons);
        } else {
            self.elapsed = end;
        }
        reasons.shipped = self.child_ends();
        Ok(reasons)
    }

    fn last_sample(&mut self, _: &RunConfig) -> Option<Timestamp> {
        self.last_sample
    }

    fn sample(&mut self, _: &RunConfig) -> SampleOutcome {
        if let Some(problem) = &self.sample_fails {
            self.failed_samples += 1;
            return SampleOutcome::Failed(problem.clone());
        }
        if self.last_sample.is_none() {
            // The first sample of a boot measures for a while.
            self.elapsed += self.window;
        }
        self.last_sample = Some(self.now());
        self.samples.push(self.now());
        *self.logs.entry(self.day()).or_default() += 1;
        SampleOutcome::Written(None)
    }

    fn pending(&mut self, config: &RunConfig) -> Result<Vec<Day>, String> {
        self.asked_as.push(config.spool.server.clone());
        if self.unknown {
            return Err("a record cannot be read".into());
        }
        let before = self.logs.range(..self.day());
        Ok(before
            .filter(|(day, lines)| self.stored.get(*day) != Some(*lines))
            .map(|(day, _)| *day)
            .collect())
    }

    fn delivered_elsewhere(&mut self, config: &RunConfig) -> Vec<Day> {
        let mut days = self.pending(config).unwrap_or_default();
        days.retain(|day| self.stored_elsewhere.get(day) == self.logs.get(day));
        days
    }

    fn last_ship(&mut self, _: &RunConfig) -> Option<LastShip> {
        self.last_ship.clone()
    }

    fn host_name(&mut self) -> Result<ServerName, String> {
        self.name.parse().map_err(|error| format!("{error}"))
    }

    fn zone(&mut self, _: &RunConfig) -> TimeZone {
        self.zone.clone()
    }

    fn start_ship(&mut self, order: &ShipOrder) -> io::Result<()> {
        self.orders.push(order.clone());
        assert!(self.child.is_none(), "two at once");
        let (takes, how) = (self.network)(self.now());
        self.child = Some((self.elapsed + takes, how));
        self.ships.push(self.now());
        Ok(())
    }

    fn stop_ship(&mut self) {
        self.killed += u32::from(self.child.take().is_some());
    }

    fn reload(&mut self) -> Result<RunConfig, String> {
        self.reload.take().or_else(|| self.config.clone()).unwrap()
    }

    fn is_managed(&self) -> bool {
        self.managed
    }

    fn notify(&mut self, phase: Phase, status: &str) {
        self.notified.push((phase, status.to_owned()));
    }

    fn publish(&mut self, _: &RunConfig, facts: &Facts) {
        self.facts = facts.clone();
        self.published += 1;
    }
}

pub(crate) fn config(server: &str, zone: TimeZone) -> RunConfig {
    let spool = Spool {
        log_dir: "/var/log/log2aws".into(),
        state_dir: "/var/lib/log2aws-agent".into(),
        server: server.parse().unwrap(),
    };
    RunConfig {
        interval: "10m".parse().unwrap(),
        window: ShipWindow::DEFAULT,
        sample: SampleConfig {
            log_dir: spool.log_dir.clone(),
            state_dir: None,
            server: spool.server.clone(),
            note: None,
            mode: SampleMode::SinceBoot,
            interval: None,
            sync: false,
        },
        ship: Some(ShipOrder {
            api: "https://api.example/".into(),
            arguments: vec!["ship".into(), format!("--server={server}").into()],
            environment: ChildEnvironment::default(),
            proxy: None,
            max_time: Duration::from_hours(1),
        }),
        spool,
        textfile: None,
        zone,
        zone_source: ZoneSource::default(),
        is_named_by_host: false,
        config_error: None,
    }
}
