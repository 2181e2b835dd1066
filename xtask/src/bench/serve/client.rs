//! Servers that deliver: a client as thin as can be, since what is measured is the other side.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::civil::Date;

/// Sample lines of a day, one every ten minutes.
pub(super) const LINES: u32 = 144;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a delivery is tried, each time on a new connection.
const TRIES: usize = 5;

/// One server's connection.
pub(super) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// The answer to a GET, with `headers` as lines.
    pub(super) fn get(&mut self, target: &str, headers: &str) -> anyhow::Result<String> {
        self.exchange("GET", target, headers, b"")
    }

    /// The path and query of a URL for a day log.
    pub(super) fn url(&mut self, server: &str, date: Date) -> anyhow::Result<String> {
        let url = self.get(&format!("/?server={server}&date={date}"), "")?;
        let path = url.trim().splitn(4, '/').nth(3).context("the answer is not a URL")?;
        Ok(format!("/{path}"))
    }

    /// Asks for a URL, and puts the log.
    pub(super) fn deliver(&mut self, delivery: &Delivery) -> anyhow::Result<()> {
        let target = self.url(&delivery.server, delivery.date)?;
        self.exchange("PUT", &target, "", &delivery.log).map(drop)
    }

    fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: &[u8],
    ) -> anyhow::Result<String> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().context("no connection")?;
        let (address, length) = (self.address, body.len());
        let mut whole = format!(
            "{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n"
        )
        .into_bytes();
        whole.extend_from_slice(body);
        stream.get_mut().write_all(&whole)?;

        let mut status = String::new();
        stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                bail!("the connection ended before an answer");
            }
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
        if status.split(' ').nth(1) != Some("200") {
            bail!("{} {answer}", status.trim());
        }
        Ok(answer)
    }
}

/// What one delivery brings.
pub(super) struct Delivery {
    pub(super) server: String,
    pub(super) date: Date,
    pub(super) log: Vec<u8>,
}

/// What became of many deliveries.
pub(super) struct Outcome {
    /// How long each took, tries that failed included; sorted.
    latencies: Vec<Duration>,
    /// Deliveries that never succeeded, and why the first of them did not.
    pub(super) failed: usize,
    pub(super) first_failure: Option<String>,
    /// Tries that failed and were made good by a later one.
    pub(super) retries: usize,
    pub(super) seconds: f64,
}

impl Outcome {
    /// Milliseconds within which so many percent of the deliveries were done.
    pub(super) fn percentile_ms(&self, percent: usize) -> f64 {
        let at = self.latencies.len() * percent / 100;
        self.latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Delivers `count` logs from `clients` threads. With `keep_connection` each thread has one
/// connection, else each delivery has its own, as many servers behind one address have.
pub(super) fn deliver_all(
    address: SocketAddr,
    count: usize,
    clients: usize,
    keep_connection: bool,
    delivery: &(impl Fn(usize) -> Delivery + Sync),
) -> Outcome {
    let (next, retries) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begin = Instant::now();
    let work = || {
        let mut client = Client::new(address);
        let (mut latencies, mut failures) = (Vec::new(), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return (latencies, failures);
            }
            let delivery = delivery(number);
            let begin = Instant::now();
            for left in (0..TRIES).rev() {
                if !keep_connection {
                    client = Client::new(address);
                }
                match client.deliver(&delivery) {
                    Ok(()) => {
                        latencies.push(begin.elapsed());
                        break;
                    }
                    Err(error) if left == 0 => failures.push(format!("{error:#}")),
                    Err(_) => {
                        retries.fetch_add(1, Ordering::Relaxed);
                        client = Client::new(address);
                    }
                }
            }
        }
    };
    let (mut latencies, mut failures) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok((of_one, failed)) => {
                    latencies.extend(of_one);
                    failures.extend(failed);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    latencies.sort_unstable();
    Outcome {
        latencies,
        failed: failures.len(),
        first_failure: failures.into_iter().next(),
        retries: retries.into_inner(),
        seconds: begin.elapsed().as_secs_f64(),
    }
}

/// The log of a day of a machine that does something. Logs of another `round` have other bytes.
pub(super) fn day_log(date: Date, lines: u32, round: usize) -> Vec<u8> {
    let mut log = String::new();
    for line in 0..lines {
        let (hour, minute) = (line / 6, line % 6 * 10);
        let (load, idle) = (line % 32, 90 - line % 60);
        // Writing to a String does not fail.
        let _ = writeln!(
            log,
            "{date} {hour:02}:{minute:02}:01 up 45 days, {hour:2}:{minute:02}, 1 user, \
             load average: {load}.06, 22.63, 21.70 {load} 0 493744 {} 0 {} 0 0 1852 156 \
             {} {} {} 8 {idle} 2 0",
            379_918_752 + line * 1000,
            8_428_556 + round,
            1000 + line * 7,
            2000 + line * 11,
            90 - idle,
        );
    }
    log.into_bytes()
}
