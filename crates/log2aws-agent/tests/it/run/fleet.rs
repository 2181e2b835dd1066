//! When the requests of two thousand machines in one zone reach the API.
//!
//! The bounds: `n` hosts spread evenly over `m` minutes give n/m a minute on average. A minute's
//! count is binomial, so by Chernoff's bound a count of `b` or more has at most the probability
//! e^-λ (eλ/b)^b with λ = n/m; the bound used is the smallest `b` for which that, over all minutes,
//! is below one in a million. Pearson's χ² over the minutes has the mean m-1 and the deviation
//! sqrt(2(m-1)); within five deviations the histogram is flat, and not flatter than random.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_agent::run::{MAX_RESENT_AT_ONCE, RunConfig, Shipped};

use super::simulator::{Event, Simulator, calm};
use super::{time, zone};

const HOSTS: u32 = 2000;
const HOUR: Duration = Duration::from_hours(1);

type Network = Box<dyn Fn(Timestamp) -> (Duration, Option<Shipped>)>;

/// Sampling every hour: it makes no requests, and the test is faster.
fn config(name: &str) -> RunConfig {
    RunConfig { interval: "1h".parse().unwrap(), ..super::simulator::config(name, zone("UTC")) }
}

/// When each shipping process of a fleet was started.
fn fleet(network: fn() -> Network, live: impl Fn(&mut Simulator, &str)) -> Vec<Timestamp> {
    let mut ships = Vec::new();
    for number in 0..HOSTS {
        let name = format!("web{number:04}.example.com");
        let mut host = Simulator::new("2026-11-24T21:00:00Z", zone("UTC"), network());
        host.seed(u64::from(number));
        live(&mut host, &name);
        ships.append(&mut host.ships);
    }
    ships
}

fn minutes(ships: &[Timestamp], from: &str, count: usize) -> Vec<u32> {
    let from = time(from).as_second();
    let mut histogram = vec![0; count];
    for ship in ships {
        let minute = usize::try_from(ship.as_second() - from).map(|seconds| seconds / 60);
        if let Some(count) = minute.ok().and_then(|minute| histogram.get_mut(minute)) {
            *count += 1;
        }
    }
    histogram
}

/// The most in one minute; see above.
fn most(hosts: u32, minutes: u32) -> u32 {
    let minutes = f64::from(minutes);
    let mean = f64::from(hosts) / minutes;
    let tail = |b: f64| (-mean + b * (1.0 + (mean / b).ln())).exp() * minutes;
    let mut above = (0..).skip_while(|b| f64::from(*b) <= mean);
    above.find(|b| tail(f64::from(*b)) < 1e-6).unwrap()
}

fn assert_flat(histogram: &[u32]) {
    let hosts: u32 = histogram.iter().sum();
    let count = u32::try_from(histogram.len()).unwrap();
    let bound = most(hosts, count);
    assert!(histogram.iter().all(|count| *count < bound), "{bound}: {histogram:?}");
    let mean = f64::from(hosts) / f64::from(count);
    let chi2: f64 = histogram.iter().map(|n| (f64::from(*n) - mean).powi(2) / mean).sum();
    let free = f64::from(count - 1);
    let far = (chi2 - free).abs() / (2.0 * free).sqrt();
    assert!(far < 5.0, "χ² is {chi2} for {free} degrees of freedom: {histogram:?}");
    let max = histogram.iter().max().unwrap();
    println!("{hosts} in {} minutes: at most {max} a minute, bound {bound}", histogram.len());
}

#[test]
fn one_midnight_is_spread_over_the_window() {
    let ships = fleet(calm, |host, name| host.live_for(&config(name), 9 * HOUR));
    assert_eq!(ships.len(), HOSTS as usize, "each ships once");
    let histogram = minutes(&ships, "2026-11-25T00:10:00Z", 240);
    assert_eq!(histogram.iter().sum::<u32>(), HOSTS, "and all within the window");
    assert_eq!(most(HOSTS, 240), 32);
    assert_flat(&histogram);
}

#[test]
fn a_host_has_the_same_moment_every_day() {
    let mut moments: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for number in 0..20 {
        let name = format!("web{number:04}");
        let mut host = Simulator::new("2026-11-24T21:00:00Z", zone("UTC"), calm());
        host.live_for(&config(&name), 24 * 5 * HOUR);
        let of_day = host.ships.iter().map(|at| at.as_second() % 86400).collect();
        moments.insert(name, of_day);
    }
    for (name, of_day) in &moments {
        assert_eq!(of_day.len(), 5, "{name}");
        assert!(of_day.iter().all(|moment| *moment == of_day[0]), "{name}: {of_day:?}");
    }
}

#[test]
fn after_a_common_power_cut_of_a_night_it_is_a_quarter_of_an_hour() {
    // A power cut from 23:00 to 06:00; all boot in the same second.
    let ships = fleet(calm, |host, name| {
        host.live_for(&config(name), 2 * HOUR);
        host.off(7 * HOUR);
        host.live_for(&config(name), 2 * HOUR);
    });
    assert_eq!(ships.len(), HOSTS as usize);
    let histogram = minutes(&ships, "2026-11-25T06:00:00Z", 15);
    assert_eq!(histogram.iter().sum::<u32>(), HOSTS);
    assert_flat(&histogram);
}

#[test]
fn a_power_cut_within_the_window_holds_back_its_part_alone() {
    // A power cut from 02:10 to 02:40, an eighth of the window.
    let ships = fleet(calm, |host, name| {
        host.live_for(&config(name), 5 * HOUR + HOUR / 6);
        host.off(HOUR / 2);
        host.live_for(&config(name), 3 * HOUR);
    });
    assert_eq!(ships.len(), HOSTS as usize);
    assert_flat(&minutes(&ships, "2026-11-25T00:10:00Z", 120));
    // The delayed eighth and the hosts of those minutes together.
    let after = minutes(&ships, "2026-11-25T02:40:00Z", 90);
    let held_back = after[..15].iter().sum::<u32>();
    assert!(held_back.abs_diff(HOSTS / 8 + HOSTS / 16) < 100, "{held_back}");
    assert_flat(&after[..15]);
    assert_flat(&after[15..]);
}

#[test]
fn a_night_without_the_api_ends_without_a_storm() {
    // Every process fails until 06:00.
    let broken: fn() -> Network = || {
        Box::new(|now| {
            let code = if now < time("2026-11-25T06:00:00Z") { 4 } else { 0 };
            (Duration::from_secs(20), Some(Shipped::Exit(code)))
        })
    };
    let ships = fleet(broken, |host, name| host.live_for(&config(name), 12 * HOUR));
    // All hosts retry, each after half an hour on average: 67 a minute. While the window is open
    // 8.3 a minute are new, and the four shorter delays of each (2.5, 5, 10 and 20 minutes) move
    // its first tries closer by at most four more: 42 on top. At worst 109 on average; six
    // deviations of a Poisson count above that are 172.
    let night = minutes(&ships, "2026-11-25T00:10:00Z", 350);
    assert!(night.iter().all(|count| *count <= 172), "{night:?}");
    // After it, each host returns once more within its hour, at the same rate.
    let after = minutes(&ships, "2026-11-25T06:00:00Z", 61);
    assert_eq!(after.iter().sum::<u32>(), HOSTS);
    assert!(after.iter().all(|count| *count <= 172), "{after:?}");
    println!("night {:?}, after {:?}", night.iter().max(), after.iter().max());
}

#[test]
fn a_fleet_whose_store_has_changed_sends_its_kept_logs_over_a_day() {
    // A thousand hosts with ninety logs each. At 22:00 their API leads to another store: by its new
    // address, which a reload brings, or by the same one, which the next delivery shows.
    const HOSTS: u32 = 1000;
    const KEPT: u32 = 90;
    for is_known in [true, false] {
        let (mut resends, mut logs) = (vec![0; 1440], vec![0; 1440]);
        for number in 0..HOSTS {
            let config = config(&format!("web{number:04}.example.com"));
            let mut host = Simulator::new("2026-11-24T21:00:00Z", zone("UTC"), calm());
            host.keep(i64::from(KEPT));
            let mut events = vec![(HOUR, Event::StoreMoved { is_known })];
            if is_known {
                events.push((Duration::ZERO, Event::Reload(Box::new(Ok(config.clone())))));
            }
            events.push((50 * HOUR, Event::Stop));
            host.live(&config, events);
            assert_eq!(
                host.delivered.iter().sum::<usize>(),
                KEPT as usize + 2,
                "{:?}",
                host.delivered
            );
            // No night's log is later than usual.
            for midnight in ["2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"].map(time) {
                let usual = config.schedule().next_moment(midnight);
                assert!(host.ships.iter().any(|at| (midnight..=usual).contains(at)), "{usual}");
            }
            let of_day = |at: &Timestamp| at.as_second() % 86_400;
            for (at, count) in host.ships.iter().zip(&host.delivered) {
                let minute = usize::try_from(of_day(at) / 60).unwrap();
                resends[minute] += u32::from(*count > MAX_RESENT_AT_ONCE);
                logs[minute] += *count;
            }
        }
        assert_eq!(resends.iter().sum::<u32>(), HOSTS);
        assert_flat(&resends);
        // The hosts that send all they keep, and two nights' hosts with a log each.
        let bound =
            (most(HOSTS, 1440) as usize - 1) * KEPT as usize + most(2 * HOSTS, 240) as usize;
        assert!(logs.iter().all(|count| *count <= bound), "{bound}: {logs:?}");
        println!("at most {:?} logs a minute, bound {bound}", logs.iter().max());
    }
}
