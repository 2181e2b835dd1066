//! `log2aws demo`: the whole real pipeline on this machine, step by step, beside a made-up fleet.

mod fleet;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use log2aws_agent::net::Network;
use log2aws_agent::sample::{self, SampleConfig, SampleMode};
use log2aws_agent::ship::{self, Days, Outcome, ShipConfig};
use log2aws_agent::spool::Spool;
use log2aws_agent::world::{SystemTime, World, ZoneSource, host_name};
use log2aws_core::day::Day;
use log2aws_core::key::{KeyPrefix, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_server::{ServeConfig, Server};
use tokio::sync::oneshot;

use crate::bucket::Bucket;
use crate::clock::SystemClock;
use crate::dashboard_client::DashboardClient;
use crate::listener::listen;
use crate::logging::{self, LogFormat, LogLevel};
use crate::stop_signal::stop_signal;
use log2aws_cli::exit::Exit;

/// How long analysis may take before the demo fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The flags of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Exit when all steps are done instead of serving on; fail if one failed.
    #[arg(long)]
    once: bool,
    /// The address and port to listen on; port 0 selects a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// The number of samples, one per second.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    samples: u16,
    /// Show this machine alone, without the made-up servers.
    #[arg(long)]
    no_fleet: bool,
}

/// Runs the pipeline, and then keeps serving until Ctrl-C unless `--once` is given.
///
/// # Errors
/// The first failed step.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    all_steps(args).map_err(|error| {
        // Only errors of standard output have no context.
        let bare = error.is::<io::Error>();
        if bare { error.context("standard output cannot be written") } else { error }
    })
}

fn all_steps(args: &DemoArgs) -> anyhow::Result<Exit> {
    logging::start(LogFormat::Text, LogLevel::Warn)?;
    let listener = listen(args.listen)?;
    let folder = tempfile::Builder::new()
        .prefix("log2aws-demo-")
        .tempdir()
        .context("no folder for the demo could be made; TMPDIR can name another place for it")?
        .keep();
    let mut out = io::stdout();
    writeln!(out, "log2aws demo: everything it makes is in {}", folder.display())?;

    let api = format!("http://{}", listener.local_addr()?);
    let config = ServeConfig {
        time_zone: jiff::tz::TimeZone::system(),
        ..ServeConfig::new(folder.join("serve"), "127.0.0.0/8, ::1".parse()?)
    };
    let server = Server::open(config, Arc::new(SystemClock))?;
    let analyzed = Bucket::new(&api, server.analyzed_bucket(), server.credentials())?;
    let environment = server.environment_file();
    let link = server.login_link(listener.local_addr()?)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    // A dropped sender stops the server, like a message.
    let serving = runtime.spawn(server.run(listener, || {}, async { drop(stopped.await) }));
    let steps = all_deliveries(args, &folder, &api, &analyzed, &mut out).and_then(|deliveries| {
        if args.once {
            // The link works once, and here the program itself uses it.
            return DashboardClient::log_in(&api, &link)?.check_calendar(&deliveries, &mut out);
        }
        writeln!(out, "5. look     {}", link.expose_url())?;
        writeln!(out, "            (good once, for ten minutes)")?;
        if io::stdout().is_terminal() && has_screen(&|name| std::env::var_os(name)) {
            // A missing browser must not end the demo.
            let page = folder.join("open.html");
            write_page(&page, link.expose_url())
                .with_context(|| format!("{} cannot be written", page.display()))?;
            drop(open::that_detached(&page));
        }
        writeln!(out, "\nLook around, in another terminal:")?;
        writeln!(out, "  source {}", environment.display())?;
        writeln!(out, "  aws s3 ls --recursive s3://{}", analyzed.name())?;
        writeln!(out, "Ctrl-C ends the demo; the folder stays.")?;
        let signal = runtime.block_on(async { stop_signal() })?;
        runtime.block_on(signal);
        Ok(())
    });
    drop(stop);
    runtime.block_on(serving).context("the server's thread broke")??;
    steps.map(|()| Exit::Done)
}

/// Writes a private page that leads to `link`. The browser gets its file name, because every user
/// of the machine can read command lines, and the link would log them in.
fn write_page(place: &Path, link: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
    let link = link.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    writeln!(
        file,
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={link}\">\n<title>log2aws</title>\n\
         <a href=\"{link}\">The dashboard</a>"
    )
}

/// Whether there is a screen for a browser.
fn has_screen(variable: &dyn Fn(&'static str) -> Option<OsString>) -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .into_iter()
        .any(|name| variable(name).is_some_and(|value| !value.is_empty()))
}

/// Delivers the logs of this machine and, meanwhile, those of the made-up fleet.
fn all_deliveries(
    args: &DemoArgs,
    folder: &Path,
    api: &str,
    analyzed: &Bucket,
    out: &mut impl Write,
) -> anyhow::Result<Vec<(RawKey, usize)>> {
    if args.no_fleet {
        return pipeline(args, folder, api, analyzed, out);
    }
    thread::scope(|scope| {
        let fleet = scope.spawn(|| deliver_fleet(&folder.join("fleet"), api));
        let mut deliveries = pipeline(args, folder, api, analyzed, out)?;
        let Ok(made_up) = fleet.join() else { bail!("the made-up fleet's thread broke") };
        let made_up = made_up.context("the made-up fleet was not delivered")?;
        writeln!(
            out,
            "\nfleet       {} made-up servers, {} logs:",
            made_up.stories.len(),
            made_up.logs
        )?;
        for (server, story) in &made_up.stories {
            writeln!(out, "            {server}: {story}")?;
        }
        writeln!(out)?;
        deliveries.extend(made_up.newest);
        Ok(deliveries)
    })
}

/// The made-up servers, and what was delivered of them.
struct MadeUpFleet {
    stories: Vec<(ServerName, &'static str)>,
    logs: usize,
    /// The newest log of each server, with its number of rows.
    newest: Vec<(RawKey, usize)>,
}

/// Writes the logs of the made-up fleet into folders, and ships them as `log2aws-agent` does.
fn deliver_fleet(folder: &Path, api: &str) -> anyhow::Result<MadeUpFleet> {
    let time = SystemTime::new();
    let zone = ZoneSource { setting: None, tz: std::env::var_os("TZ") }.zone();
    let world = World::system(&time, zone.clone());
    let today = Day::from_date(world.time.now().to_zoned(zone.clone()).date())
        .context("the clock is outside the years of a day log")?;
    let mut made_up = MadeUpFleet { stories: Vec::new(), logs: 0, newest: Vec::new() };
    for server in fleet::fleet()? {
        let spool = Spool {
            log_dir: folder.join(server.server.as_str()).join("log"),
            state_dir: folder.join(server.server.as_str()).join("agent"),
            server: server.server.clone(),
        };
        std::fs::create_dir_all(&spool.log_dir)
            .with_context(|| format!("{} cannot be made", spool.log_dir.display()))?;
        let mut newest = None;
        for days_ago in (1..=fleet::DAYS).rev() {
            let Some((day, text)) = server.log(today, days_ago, &zone)? else { continue };
            let place = spool.log_dir.join(format!("{day}.log"));
            std::fs::write(&place, &text)
                .with_context(|| format!("{} cannot be written", place.display()))?;
            newest = Some((day, fleet::samples(&text)));
        }
        let config = ship_config(api, spool, Days::Pending)?;
        let report = ship::run(&config, &world, &mut |_| {})?;
        for delivery in &report.days {
            ensure!(
                matches!(delivery.outcome, Outcome::Delivered { .. }),
                "{} was not delivered: {:?}",
                delivery.file.display(),
                delivery.outcome
            );
        }
        made_up.logs += report.days.len();
        made_up
            .newest
            .extend(newest.map(|(day, rows)| {
                (RawKey::new(server.server.clone(), day, KeyPrefix::Off), rows)
            }));
        made_up.stories.push((server.server, server.story));
    }
    Ok(made_up)
}

fn ship_config(api: &str, spool: Spool, days: Days) -> anyhow::Result<ShipConfig> {
    Ok(ShipConfig {
        api: api.parse()?,
        spool,
        days,
        partial: true,
        dry_run: false,
        max_time: PATIENCE,
        upload_hosts: Vec::new(),
        keep: None,
        network: Network { stall: PATIENCE, ..Network::default() },
    })
}

/// Samples, ships, and fetches the results; returns each delivery and its number of rows.
fn pipeline(
    args: &DemoArgs,
    folder: &Path,
    api: &str,
    analyzed: &Bucket,
    out: &mut impl Write,
) -> anyhow::Result<Vec<(RawKey, usize)>> {
    writeln!(out, "1. serve    {api}")?;
    let mut deliveries = Vec::new();
    let time = SystemTime::new();
    let zone = ZoneSource { setting: None, tz: std::env::var_os("TZ") }.zone();
    let world = World::system(&time, zone);
    // The host name may be unusable in a key; the demo must still run.
    let server = host_name().or_else(|_| "this-machine".parse::<ServerName>())?;
    let (log_dir, state_dir) = (folder.join("log"), folder.join("agent"));

    let days = take_samples(args.samples, &server, &log_dir, &state_dir, &world)?;
    writeln!(out, "2. sample   about {server}, one line a second: {}", args.samples)?;
    for day in days {
        let spool = Spool {
            log_dir: log_dir.clone(),
            state_dir: state_dir.clone(),
            server: server.clone(),
        };
        let config = ship_config(api, spool, Days::Only(day))?;
        let report = ship::run(&config, &world, &mut |_| {})?;
        for delivery in report.days {
            let Outcome::Delivered { size, sha256, .. } = delivery.outcome else {
                bail!("{} was not delivered: {:?}", delivery.file.display(), delivery.outcome);
            };
            writeln!(
                out,
                "3. ship     {}: {size} bytes, sha256 {sha256}",
                delivery.file.display()
            )?;
        }
        let key = RawKey::new(server.clone(), day, KeyPrefix::Off);
        let rows = show(&key, folder, analyzed, out)?;
        deliveries.push((key, rows));
    }
    Ok(deliveries)
}

/// Takes samples over one second each; returns their days (two at midnight).
fn take_samples(
    count: u16,
    server: &ServerName,
    log_dir: &Path,
    state_dir: &Path,
    world: &World<'_>,
) -> anyhow::Result<BTreeSet<Day>> {
    let config = SampleConfig {
        log_dir: log_dir.to_owned(),
        state_dir: Some(state_dir.to_owned()),
        server: server.clone(),
        note: None,
        mode: SampleMode::Interval { window: Duration::from_secs(1) },
        interval: NonZeroU32::new(1),
        sync: false,
    };
    let mut days = BTreeSet::new();
    for number in 0..count {
        if number > 0 {
            world.time.sleep(Duration::from_secs(1));
        }
        let report = sample::run(&config, world)?;
        if let Some(error) = report.state_error {
            return Err(error.into());
        }
        days.insert(report.day);
    }
    Ok(days)
}

/// Waits for the results of one log, prints its rows, and saves its chart. Returns the number of
/// rows.
fn show(
    key: &RawKey,
    folder: &Path,
    analyzed: &Bucket,
    out: &mut impl Write,
) -> anyhow::Result<usize> {
    let start = Instant::now();
    // The summary is written last.
    while analyzed.get(&key.result_key(ResultKind::Json))?.is_none() {
        ensure!(start.elapsed() < PATIENCE, "{key} was delivered, but no result came");
        thread::sleep(Duration::from_millis(20));
    }
    let fetch = |kind| {
        let key = key.result_key(kind);
        analyzed.get(&key)?.with_context(|| format!("{key} is missing"))
    };
    let csv = fetch(ResultKind::Csv)?;
    writeln!(out, "4. analyze  {} ms; the rows:\n", start.elapsed().as_millis())?;
    out.write_all(&csv)?;
    let place: PathBuf = folder.join(format!("{}-{}.svg", key.server, key.day));
    std::fs::write(&place, fetch(ResultKind::Svg)?)
        .with_context(|| format!("{} cannot be written", place.display()))?;
    writeln!(out, "\nchart: {}", place.display())?;
    // The first line is the header.
    Ok(csv.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_page_that_leads_to_the_link_is_its_owners_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let place = folder.path().join("open.html");
        write_page(&place, "http://127.0.0.1:1/ui/login?once=a&b=\"").unwrap();
        let page = std::fs::read_to_string(&place).unwrap();
        assert!(
            page.contains("0; url=http://127.0.0.1:1/ui/login?once=a&amp;b=&quot;\""),
            "{page}"
        );
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_page(&place, "http://other").is_err(), "a page that stands is not followed");
    }
}
