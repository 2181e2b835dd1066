//! Load test: many servers deliver day logs concurrently to a `serve` in its own process.
//!
//! `deliver [DELIVERIES] [CLIENTS]` starts `serve` in a fresh folder, delivers, waits for every
//! result, and prints deliveries a second, latencies, errors and the server's memory. `deliver
//! serve FOLDER [ADDRESS]` is that server, which can also be used manually.

#![allow(clippy::cast_precision_loss, reason = "figures for people, of a few digits")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log2aws_server::{ANALYZED_BUCKET, ServeConfig, Server};
use log2aws_service::ports::Clock;

type Fault = Box<dyn Error + Send + Sync>;

/// Sample lines of a day, one every ten minutes.
const LINES: u32 = 144;

/// The number of deliveries at which memory is measured first.
const EARLY: usize = 2_000;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", folder] => run_server(Path::new(folder), "127.0.0.1:0"),
        ["serve", folder, address] => run_server(Path::new(folder), address),
        [] => load(20_000, 32),
        [deliveries] => load(deliveries.parse()?, 32),
        [deliveries, clients] => load(deliveries.parse()?, clients.parse()?),
        _ => Err("usage: deliver [DELIVERIES] [CLIENTS] | deliver serve FOLDER [ADDRESS]".into()),
    }
}

/// Serves until its standard input ends.
fn run_server(folder: &Path, address: &str) -> Result<(), Fault> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let listener = TcpListener::bind(address)?;
    let mut config = ServeConfig::new(folder.to_owned(), "127.0.0.0/8, ::1".parse()?);
    if let Ok(threads) = std::env::var("ANALYZERS") {
        config.analyzer_threads = threads.parse().ok();
    }
    // All clients come from one address.
    config.requests_per_second = std::num::NonZeroU32::MAX;
    let server = Server::open(config, Arc::new(SystemClock))?;
    println!("{}", listener.local_addr()?);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        let _ = stop.send(());
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(server.run(listener, || {}, async {
        let _ = stopped.await;
    }))?;
    Ok(())
}

fn load(deliveries: usize, clients: usize) -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let server = Running::start(folder.path())?;
    let log = day_log()?;
    let next = AtomicUsize::new(0);
    let errors = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let begin = Instant::now();

    let mut early = None;
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let work = || {
            let mut client = Client::new(server.address);
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= deliveries {
                    return latencies;
                }
                let begin = Instant::now();
                match client.deliver(number, &log) {
                    Ok(()) => latencies.push(begin.elapsed()),
                    Err(error) => {
                        if errors.fetch_add(1, Ordering::Relaxed) == 0 {
                            eprintln!("deliver: delivery {number}: {error}");
                        }
                        client = Client::new(server.address);
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(work)).collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            if early.is_none() && done.load(Ordering::Relaxed) >= EARLY {
                early = Some(server.memory_kib());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let put = begin.elapsed();

    let expected = deliveries - errors.load(Ordering::Relaxed);
    let results = folder.path().join("buckets").join(ANALYZED_BUCKET);
    let mut found = summaries(&results);
    while found < expected && begin.elapsed() < Duration::from_mins(30) {
        std::thread::sleep(Duration::from_millis(50));
        found = summaries(&results);
    }
    let all = begin.elapsed();

    latencies.sort_unstable();
    let at = |percent: usize| {
        latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default()
    };
    let rate = |time: Duration| deliveries as f64 / time.as_secs_f64();
    println!(
        "deliveries      {deliveries} of {LINES} lines, {} bytes, {clients} clients",
        log.len()
    );
    println!("put             {:.0}/s in {:.1} s", rate(put), put.as_secs_f64());
    println!("with results    {:.0}/s in {:.1} s", rate(all), all.as_secs_f64());
    println!("latency         p50 {:.1} ms, p99 {:.1} ms", ms(at(50)), ms(at(99)));
    println!("errors          {}", errors.load(Ordering::Relaxed));
    println!("results missing {}", expected - found.min(expected));
    if let Some(early) = early {
        println!("server memory   {:.1} MiB after {EARLY} deliveries", early as f64 / 1024.0);
    }
    println!("server memory   {:.1} MiB at the end", server.memory_kib() as f64 / 1024.0);
    println!("server CPU      {:.1} s", server.cpu_seconds());
    if errors.into_inner() > 0 || found < expected {
        return Err("not everything was delivered".into());
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// How many results are complete: the summary is written last.
fn summaries(results: &Path) -> usize {
    let folders = std::fs::read_dir(results).into_iter().flatten().flatten();
    let is_summary =
        |file: &std::fs::DirEntry| file.file_name().to_string_lossy().contains(".json");
    folders
        .map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten())
        .map(|files| files.filter(is_summary).count())
        .sum()
}

/// A `serve` in its own process, to measure its memory.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(folder: &Path) -> Result<Self, Fault> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { address: line.trim().parse()?, child })
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    /// Resident memory; 0 without `/proc`.
    fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// User and system time in Linux's 1/100 seconds.
    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(self.proc("stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks =
            |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A minimal client with a persistent connection, because the server is measured.
struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    fn deliver(&mut self, number: usize, log: &[u8]) -> Result<(), Fault> {
        // Each of 500 servers sends one day after the other.
        let (server, day) = (number % 500, number / 500);
        let date = jiff::civil::date(2019, 8, 1)
            .checked_add(jiff::Span::new().days(i64::try_from(day)?))?;
        let url = self.exchange(&format!("GET /?server=load{server:03}&date={date}"), b"")?;
        let target = url.trim().splitn(4, '/').nth(3).ok_or("the answer is not a URL")?;
        self.exchange(&format!("PUT /{target}"), log).map(drop)
    }

    fn exchange(&mut self, request: &str, body: &[u8]) -> Result<String, Fault> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().ok_or("no connection")?;
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut whole = head.into_bytes();
        whole.extend_from_slice(body);
        stream.get_mut().write_all(&whole)?;

        let mut status = String::new();
        stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        let answer = String::from_utf8(answer)?;
        if status.split(' ').nth(1) == Some("200") {
            Ok(answer)
        } else {
            Err(format!("{} {answer}", status.trim()).into())
        }
    }
}

/// A day of a busy machine.
fn day_log() -> std::io::Result<Vec<u8>> {
    let mut log = Vec::new();
    for line in 0..LINES {
        let (hour, minute) = (line / 6, line % 6 * 10);
        let (load, idle) = (line % 32, 90 - line % 60);
        writeln!(
            log,
            "2019-08-01 {hour:02}:{minute:02}:01 up 45 days, {hour:2}:{minute:02}, 1 user, \
             load average: {load}.06, 22.63, 21.70 {load} 0 493744 {} 0 8428556 0 0 1852 156 \
             {} {} {} 8 {idle} 2 0",
            379_918_752 + line * 1000,
            1000 + line * 7,
            2000 + line * 11,
            90 - idle,
        )?;
    }
    Ok(log)
}
