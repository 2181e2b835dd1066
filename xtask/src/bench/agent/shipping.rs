//! `ship` into a local `serve`, and rclone copying the same logs to the same store.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use xshell::Shell;

use super::super::{Cost, measure, median, path, peak};
use super::Limit;
use super::process::Running;

/// Logs in one figure, one process each.
const LOGS: usize = 20;

/// The size of a day's log of 144 samples.
const DAY_BYTES: usize = 22_000;

const LARGE_BYTES: u64 = 1_000_000_000;

/// The cost of shipping.
pub(super) struct Shipping {
    pub(super) limits: Vec<Limit>,
    /// Per log.
    pub(super) cpu_seconds: f64,
}

/// One `ship` for each log of a folder.
const SHIP: &str = "for log in \"$2\"/*.log; do day=${log##*/}; \
                    \"$1\" ship --api \"$3\" --server \"$4\" --log-dir \"$2\" --state-dir \"$5\" \
                    --date \"${day%.log}\" --max-time 600 || exit 1; done";

/// One `rclone copyto` for each.
const COPY: &str = "for log in \"$1\"/*.log; do \
                    rclone copyto \"$log\" \"local:serverlogs-local/$2/${log##*/}\" || exit 1; done";

/// Starts a store, ships and copies.
pub(super) fn run(
    shell: &Shell,
    agent: &str,
    server: &Path,
    log: &Path,
    scratch: &Path,
) -> anyhow::Result<Shipping> {
    let data = scratch.join("agent-store");
    let (_store, api) = store(server, &data)?;
    let rclone = rclone(shell, &data, &api)?;
    let (small, large) = (scratch.join("agent-logs"), scratch.join("agent-large"));
    logs(log, &small, &large)?;
    let (small, large) = (path(&small)?, path(&large)?);

    let ship = |folder: &str, name: &str| -> anyhow::Result<Cost> {
        let state = scratch.join(format!("agent-state-{name}"));
        measure(shell, scratch, &["sh", "-c", SHIP, "sh", agent, folder, &api, name, path(&state)?])
    };
    let copy = |folder: &str, name: &str| -> anyhow::Result<Cost> {
        // Without this machine's own AWS settings.
        let mut all = vec!["env", "-i", "PATH=/usr/bin:/bin"];
        all.extend(rclone.iter().map(String::as_str));
        all.extend(["sh", "-c", COPY, "sh", folder, name]);
        measure(shell, scratch, &all)
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..3 {
        ours.push(per_log(ship(small, &format!("ours{round}"))?));
        theirs.push(per_log(copy(small, &format!("theirs{round}"))?));
    }
    let ratio = |of: fn(&Cost) -> f64| median(ours.iter().zip(&theirs).map(|(a, b)| of(b) / of(a)));
    let (wall, cpu) = (1e3 * wall(&ours), 1e3 * cpu(&ours));
    println!(
        "   ship, 22 KB: {wall:.1} ms (20), {cpu:.1} CPU ms (10), peak {:.1} MiB; rclone {:.0} ms, \
         {:.0} CPU ms, {:.0} MiB: 1/{:.0}, 1/{:.0} and 1/{:.0} of that",
        peak(&ours),
        1e3 * self::wall(&theirs),
        1e3 * self::cpu(&theirs),
        peak(&theirs),
        ratio(|cost| cost.wall_seconds),
        ratio(|cost| cost.cpu_seconds),
        ratio(|cost| cost.peak_kib),
    );
    let (big, foreign) = ([ship(large, "ours-large")?], [copy(large, "theirs-large")?]);
    println!(
        "   ship, 1 GB: peak {:.1} MiB (8), {:.1} s, {:.1} CPU s; rclone {:.0} MiB, {:.1} s, {:.1} \
         CPU s",
        peak(&big),
        self::wall(&big),
        self::cpu(&big),
        peak(&foreign),
        self::wall(&foreign),
        self::cpu(&foreign),
    );
    fs::remove_dir_all(large)?;
    let limit = |what, value, most| Limit { what, value, most };
    Ok(Shipping {
        limits: vec![
            limit("the time of ship", wall, 20.0),
            limit("the CPU of ship", cpu, 10.0),
            limit("the memory of ship with 1 GB", peak(&big), 8.0),
        ],
        cpu_seconds: cpu / 1e3,
    })
}

/// A separate store, and its address.
fn store(server: &Path, data: &Path) -> anyhow::Result<(Running, String)> {
    let mut serve = Command::new(server);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--requests-per-second", "100000"]);
    serve.arg("--data-dir").arg(data);
    let (store, line) = Running::start_and_hear(&mut serve)?;
    let api = line.split_whitespace().find(|word| word.starts_with("http://"));
    let api = api.with_context(|| format!("serve says {line:?} instead of its address"))?;
    Ok((store, api.to_owned()))
}

/// rclone's environment for that store.
fn rclone(shell: &Shell, data: &Path, api: &str) -> anyhow::Result<Vec<String>> {
    let credentials = shell.read_file(data.join("credentials"))?;
    let value = |name: &str| {
        let mut pairs = credentials.lines().rev().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(key, _)| key.trim() == name);
        let found = found.map(|(_, value)| value.trim().to_owned());
        found.with_context(|| format!("serve wrote no {name}"))
    };
    let settings = [
        ("TYPE", "s3".to_owned()),
        ("PROVIDER", "Other".to_owned()),
        ("ENDPOINT", api.to_owned()),
        ("REGION", "us-east-1".to_owned()),
        ("ACCESS_KEY_ID", value("aws_access_key_id")?),
        ("SECRET_ACCESS_KEY", value("aws_secret_access_key")?),
        ("NO_CHECK_BUCKET", "true".to_owned()),
    ];
    let mut all = vec!["RCLONE_CONFIG=/dev/null".to_owned()];
    all.extend(settings.map(|(name, value)| format!("RCLONE_CONFIG_LOCAL_{name}={value}")));
    Ok(all)
}

/// A folder with a day's log for each of several days, and one with a single large log.
fn logs(log: &Path, small: &Path, large: &Path) -> anyhow::Result<()> {
    let text = fs::read(log)?;
    fs::create_dir_all(small)?;
    fs::create_dir_all(large)?;
    let day: Vec<u8> = text.iter().copied().cycle().take(DAY_BYTES).collect();
    for number in 1..=LOGS {
        fs::write(small.join(format!("2026-10-{number:02}.log")), &day)?;
    }
    let path: PathBuf = large.join("2026-10-01.log");
    let mut file = File::create(path)?;
    let block = text.repeat(64);
    let mut left = LARGE_BYTES;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        file.write_all(&block[..part])?;
        left -= part as u64;
    }
    Ok(())
}

fn per_log(cost: Cost) -> Cost {
    let logs = f64::from(u32::try_from(LOGS).unwrap_or(u32::MAX));
    Cost { cpu_seconds: cost.cpu_seconds / logs, wall_seconds: cost.wall_seconds / logs, ..cost }
}

fn wall(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.wall_seconds))
}

fn cpu(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.cpu_seconds))
}
