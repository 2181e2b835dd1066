//! The dashboard of a large fleet: memory, a start from the cache, and page sizes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

use crate::test;

/// The size of the fleet.
const SERVERS: &str = "5000";
const DAYS: &str = "400";

/// A figure, its label, and its limit.
const LIMITS: &[(&str, &str, f64)] = &[
    ("index_mib", "MiB of memory for the index", 250.0),
    ("load_s", "s to load the cache", 3.0),
    ("restart_reads", "summaries read at a restart", 0.0),
    ("calendar_ms", "ms for a calendar page of 5,000 servers by 31 days", 50.0),
    ("calendar-complete_ms", "ms for its completeness", 50.0),
    ("calendar-iowait_ms", "ms for its I/O wait, sorted by it", 50.0),
    ("calendar-free_ms", "ms for its least free memory", 50.0),
    ("calendar_kb", "KB of the largest of them, compressed", 40.0),
    ("day_kb", "KB of a day page with chart, values, style and script, compressed", 150.0),
];

/// Prints the figures, and fails if one exceeds its limit.
pub(super) fn run(shell: &Shell, scratch: &Path) -> anyhow::Result<()> {
    println!("== dashboard: {SERVERS} servers, {DAYS} days");
    cmd!(shell, "cargo build --quiet --profile dist -p log2aws-dashboard --example fleet")
        .quiet()
        .run()?;
    let fleet = test::target_folder(shell)?.join("dist/examples/fleet");
    let (cache, pages) = (scratch.join("fleet-cache"), scratch.join("fleet-pages"));
    shell.create_dir(&cache)?;
    shell.create_dir(&pages)?;
    let filled = cmd!(shell, "{fleet} fill {SERVERS} {DAYS} {cache}").quiet().read()?;
    let shown = cmd!(shell, "{fleet} show {SERVERS} {DAYS} {cache} {pages}").quiet().read()?;
    let mut figures = BTreeMap::new();
    for line in filled.lines().chain(shown.lines()) {
        let (name, value) = line.split_once(' ').context("a figure without a value")?;
        figures.insert(name.to_owned(), value.parse::<f64>()?);
    }
    let (mut calendar, mut day) = (0.0, 0.0);
    for page in shell.read_dir(&pages)? {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let packed = cmd!(shell, "gzip -6 --stdout {page}").quiet().output()?.stdout.len();
        let kb = f64::from(u32::try_from(packed)?) / 1000.0;
        match name.as_str() {
            name if name.starts_with("calendar") => calendar = f64::max(calendar, kb),
            "month" => {}
            _ => day += kb,
        }
    }
    figures.insert("calendar_kb".to_owned(), calendar);
    figures.insert("day_kb".to_owned(), day);
    let mut above = Vec::new();
    for (name, what, limit) in LIMITS {
        let value = *figures.get(*name).with_context(|| format!("no figure {name}"))?;
        println!("   {value:8.2} {what} (at most {limit})");
        if value > *limit {
            above.push(*what);
        }
    }
    let figure = |name: &str| figures.get(name).copied().unwrap_or_default();
    println!(
        "   {:8.2} s to read {:.0} summaries; {:.2} s for the lists of a restart",
        figure("sweep_s"),
        figure("summaries"),
        figure("restart_sweep_s")
    );
    println!(
        "   {:8.2} ms for the page of a day, {:.2} ms for its chart, {:.2} ms for a month",
        figure("day_ms"),
        figure("chart_ms"),
        figure("month_ms")
    );
    if above.is_empty() { Ok(()) } else { bail!("above the limit: {}", above.join("; ")) }
}
