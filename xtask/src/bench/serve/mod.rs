//! `log2aws serve` under load: deliveries a second, memory that does not grow, honest servers beside
//! an attack, and the background work on a large folder.

mod attack;
mod client;
mod large_folder;
mod program;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rustix::process::{Resource, getrlimit, setrlimit};
use xshell::Shell;

use self::attack::Swarm;
use self::client::{Client, Delivery, LINES, Outcome, day_log, deliver_all};
use self::large_folder::{OBJECTS_PER_DAY, Pattern};
use self::program::Program;
use super::median;

/// The names of the parts, for the command line; `serve` is all of them.
pub(crate) const PARTS: [&str; 4] =
    ["serve-deliveries", "serve-memory", "serve-attack", "serve-large"];

/// Clients at once.
const CLIENTS: usize = 32;

/// All clients come from one address, and days are delivered again.
const LOAD: &[(&str, &str)] = &[
    ("LOG2AWS_REQUESTS_PER_SECOND", "4000000000"),
    ("LOG2AWS_MAX_NEW_SERVERS", "4000000000"),
    ("LOG2AWS_FINAL_AFTER", "0"),
    ("LOG2AWS_DAYS_BACK", "36500"),
];

/// For how many days the servers of a large folder keep logs and results.
const KEEP_DAYS: u32 = 400;
const RETENTION: &[(&str, &str)] =
    &[("LOG2AWS_KEEP_RAW_DAYS", "400"), ("LOG2AWS_KEEP_ANALYZED_DAYS", "400")];

/// What is measured, and how large it is.
pub(crate) struct Bench<'a> {
    pub(crate) shell: &'a Shell,
    pub(crate) binary: &'a Path,
    /// A program of an earlier commit, to compare with.
    pub(crate) before: Option<PathBuf>,
    pub(crate) deliveries: u32,
}

impl Bench<'_> {
    /// Runs a part.
    ///
    /// # Errors
    /// A figure is above its limit, or something was not delivered.
    pub(crate) fn run(&self, part: &str) -> anyhow::Result<()> {
        raise_file_limit()?;
        match part {
            "serve-deliveries" => self.deliveries(),
            "serve-memory" => self.memory(),
            "serve-attack" => self.attack(),
            "serve-large" => self.large(),
            other => bail!("no such part: {other}"),
        }
    }

    /// Deliveries a second, sustained, with everything that belongs to one.
    fn deliveries(&self) -> anyhow::Result<()> {
        println!(
            "== serve: URL, durable PUT, CSV, SVG and summary of {} logs of {LINES} lines, {CLIENTS} clients",
            self.deliveries
        );
        let Some(before) = &self.before else {
            return self.deliver(self.binary).map(drop);
        };
        let (mut rate, mut cpu) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (old, new) = (self.deliver(before)?, self.deliver(self.binary)?);
            rate.push(new.0 / old.0);
            cpu.push(new.1 / old.1);
        }
        let (rate, cpu) = (median(rate.into_iter()), median(cpu.into_iter()));
        println!(
            "   against the earlier program: {rate:.2} times the deliveries a second, {cpu:.2} times the CPU time"
        );
        Ok(())
    }

    /// Deliveries a second with their results, and CPU seconds of the server for each.
    fn deliver(&self, binary: &Path) -> anyhow::Result<(f64, f64)> {
        let folder = self.shell.create_temp_dir()?;
        let program = Program::start(binary, folder.path(), LOAD)?;
        let count = self.deliveries;
        let yesterday = yesterday()?;
        let delivery = |number| server_day(yesterday, 500, number, 0);
        let begin = std::time::Instant::now();
        let outcome = deliver_all(program.address, count as usize, CLIENTS, true, &delivery);
        all_done(&outcome)?;
        program.wait_for_results()?;
        let (count, all) = (f64::from(count), begin.elapsed().as_secs_f64());
        let cpu = program.cpu_seconds()? / count;
        println!(
            "   {:.0} puts/s, {:.0}/s with results; p50 {:.1} ms, p99 {:.1} ms; {:.2} CPU ms each; {:.1} MiB",
            count / outcome.seconds,
            count / all,
            outcome.percentile_ms(50),
            outcome.percentile_ms(99),
            cpu * 1000.0,
            program.resident_mib()?,
        );
        Ok((count / all, cpu))
    }

    /// Memory after the same server-days again and again, and after new ones.
    fn memory(&self) -> anyhow::Result<()> {
        let (early, late, new) = (self.deliveries, 3 * self.deliveries, 2 * self.deliveries);
        let days = self.deliveries / 10;
        println!(
            "== serve: memory after {days} server-days, delivered {early} and {late} times, then {new} new ones"
        );
        let folder = self.shell.create_temp_dir()?;
        let program = Program::start(self.binary, folder.path(), LOAD)?;
        let yesterday = yesterday()?;
        let memory_after = |numbers: std::ops::Range<u32>, days: u32| {
            let delivery = |number: usize| {
                let number = numbers.start as usize + number;
                let days = days as usize;
                server_day(yesterday, 500, number % days, number / days)
            };
            let outcome = deliver_all(program.address, numbers.len(), CLIENTS, true, &delivery);
            all_done(&outcome)?;
            program.wait_for_results()?;
            program.resident_mib()
        };
        let first = memory_after(0..early, days)?;
        let second = memory_after(early..late, days)?;
        println!("   {first:.1} MiB after {early} deliveries, {second:.1} MiB after {late}");
        let grown = (second / first - 1.0) * 100.0;
        let third = memory_after(days..days + new, u32::MAX)?;
        let each = (third - second) * 1024.0 * 1024.0 / f64::from(new);
        check(&[
            (grown, "% more memory", 10.0),
            (each, "bytes of memory for each new server-day", 200.0),
        ])
    }

    /// 5,000 deliveries from an address that also attacks.
    fn attack(&self) -> anyhow::Result<()> {
        const DELIVERIES: usize = 5_000;
        println!("== serve: {DELIVERIES} deliveries beside an attack from the same address");
        let folder = self.shell.create_temp_dir()?;
        let program = Program::start(self.binary, folder.path(), &[])?;
        let (address, yesterday) = (program.address, yesterday()?);
        let mut client = Client::new(address);
        let mut put = |server: &str, length: u32| {
            let target = client.url(server, yesterday)?;
            let head = format!(
                "PUT {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n"
            );
            anyhow::Ok(head.into_bytes())
        };
        let form = |target: &str| {
            format!(
                "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 8000\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            )
            .into_bytes()
        };
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec();
        let second = Duration::from_secs(1);
        let dripping = Duration::from_millis(2);
        let swarm = |connections, opening, drip: &'static [u8], round| Swarm {
            connections,
            opening,
            drip,
            round,
        };
        let swarms = [
            // Uploads that never send a byte, with one URL.
            swarm(600, put("half-open", 300_000)?, b"", second),
            // Bodies of one byte a frame.
            swarm(8, put("slow", 262_144)?, b"a", dripping),
            swarm(8, form("/"), b"a", dripping),
            swarm(8, form("/ui/login"), b"a", dripping),
            // Heads that never end, and connections that never begin.
            swarm(2_000, head, b"X-More: x\r\n", 2 * second),
            swarm(2_000, Vec::new(), b"", second),
        ];
        let stop = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            for swarm in &swarms {
                scope.spawn(|| swarm.run(address, &stop));
            }
            std::thread::sleep(3 * second);
            let delivery = |number| server_day(yesterday, 5_000, number, 0);
            let outcome = deliver_all(address, DELIVERIES, 8, false, &delivery);
            stop.store(true, Ordering::Relaxed);
            outcome
        });
        println!(
            "   {:.0} s, p50 {:.1} ms; {} tries failed and were repeated, {} deliveries failed",
            outcome.seconds,
            outcome.percentile_ms(50),
            outcome.retries,
            outcome.failed
        );
        all_done(&outcome)?;
        check(&[
            (outcome.percentile_ms(99), "ms for 99 % of the deliveries", 1000.0),
            (program.peak_mib()?, "MiB of memory at most", 128.0),
        ])
    }

    /// A start over 100,000 analyzed logs, and retention over 1,000,000 objects.
    fn large(&self) -> anyhow::Result<()> {
        const LOGS: u32 = 100_000;
        const OBJECTS: u32 = 1_000_000;
        println!("== serve: a start over {LOGS} analyzed logs, retention over {OBJECTS} objects");
        let folder = self.shell.create_temp_dir()?;
        let folder = folder.path();
        let pattern = Pattern::deliver(self.binary, folder, yesterday()?)?;
        let (some, all) = (LOGS / KEEP_DAYS, OBJECTS / OBJECTS_PER_DAY / KEEP_DAYS);
        pattern.fill(0..some, KEEP_DAYS)?;
        let start = || -> anyhow::Result<[f64; 3]> {
            let program = Program::start(self.binary, folder, &[])?;
            let scan = program.first_run_cpu_seconds("startup_scan")?;
            let index = program.first_run_cpu_seconds("index_refresh")?;
            let found = program.metric("log2aws_deliveries_analyzed_total")?;
            ensure!(found == Some(0.0), "the scan took {found:?} analyzed logs for new");
            let ready = program.ready_seconds;
            program.stop()?;
            Ok([ready, scan, index])
        };
        let [ready, scan, index] = start()?;
        println!(
            "   the first start, nothing known: ready in {ready:.2} s, scanned in {scan:.2} CPU s, index read in {index:.2} CPU s"
        );
        let [ready, scan, index] = start()?;
        println!("   a restart: index read in {index:.2} CPU s");
        pattern.fill(some..all, KEEP_DAYS)?;
        let program = Program::start(self.binary, folder, RETENTION)?;
        let retention = program.first_run_cpu_seconds("retention")?;
        let removed = program.metric("log2aws_objects_expired_total")?;
        ensure!(removed == Some(0.0), "retention removed {removed:?} objects that are not due");
        program.stop()?;
        check(&[
            (ready, "s until a restart is ready", 2.0),
            (scan, "CPU s for its scan", 2.0),
            (retention, "CPU s for retention", 2.0),
        ])
    }
}

/// The server-day of a number: each of so many servers delivers one day after the other.
fn server_day(last: Date, servers: usize, number: usize, round: usize) -> Delivery {
    let back = i64::try_from(number / servers).unwrap_or(i64::MAX);
    let date = last.checked_sub(back.days()).unwrap_or(Date::MIN);
    Delivery {
        server: format!("load{:04}", number % servers),
        date,
        log: day_log(date, LINES, round),
    }
}

fn yesterday() -> anyhow::Result<Date> {
    Ok(Timestamp::now().to_zoned(TimeZone::UTC).date().yesterday()?)
}

fn all_done(outcome: &Outcome) -> anyhow::Result<()> {
    let reason = outcome.first_failure.as_deref().unwrap_or_default();
    ensure!(outcome.failed == 0, "{} deliveries failed, the first: {reason}", outcome.failed);
    Ok(())
}

/// Prints figures with their limits; an error if one is above its own.
fn check(figures: &[(f64, &str, f64)]) -> anyhow::Result<()> {
    let mut above = Vec::new();
    for (value, what, limit) in figures {
        println!("   {value:8.2} {what} (at most {limit})");
        if value > limit {
            above.push(*what);
        }
    }
    if above.is_empty() { Ok(()) } else { bail!("above the limit: {}", above.join("; ")) }
}

/// Each connection is a file.
fn raise_file_limit() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
