//! A day's chart as a file, compared with matplotlib drawing the same day.

use std::path::Path;

use xshell::Shell;

use super::{Cost, measure, median, path, peak};
use crate::tools;

/// The kernel's accounting has a resolution of 10 ms, and a chart takes less: this many runs make a
/// figure.
const TIMES: u32 = 40;

/// The same for matplotlib, which takes longer.
const FOREIGN_TIMES: u32 = 2;

/// Format, and its targets: CPU milliseconds, MiB.
const AIMS: [(&str, f64, f64); 2] = [("svg", 5.0, 20.0), ("png", 30.0, 20.0)];

pub(super) fn run(shell: &Shell, root: &Path, binary: &Path, scratch: &Path) -> anyhow::Result<()> {
    println!("== chart: a day of 144 samples as a file; in brackets the aims");
    let python = tools::bench(shell, root)?;
    let (log, csv) = (root.join("docs/images/day.log"), scratch.join("day.csv"));
    let drawing = root.join("xtask/src/bench/matplotlib_day.py");
    let (binary, python, drawing) = (path(binary)?, path(&python)?, path(&drawing)?);
    let (log, csv) = (path(&log)?, path(&csv)?);
    measure(shell, scratch, &[binary, "convert", log, "-o", csv])?;
    for (format, milliseconds, mebibytes) in AIMS {
        let file = scratch.join(format!("day.{format}"));
        let file = path(&file)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let chart = [binary, "chart", log, "-o", file];
            ours.push(each(shell, scratch, TIMES, &chart)?);
            theirs.push(each(shell, scratch, FOREIGN_TIMES, &[python, drawing, csv, file])?);
        }
        let cpu = |costs: &[Cost]| 1e3 * median(costs.iter().map(|cost| cost.cpu_seconds));
        let ratio = median(ours.iter().zip(&theirs).map(|(a, b)| b.cpu_seconds / a.cpu_seconds));
        println!(
            "   {format}: {:.1} CPU ms ({milliseconds:.0}), peak {:.1} MiB ({mebibytes:.0}); \
             matplotlib {:.0} CPU ms, {:.0} MiB: 1/{ratio:.0} of its CPU",
            cpu(&ours),
            peak(&ours),
            cpu(&theirs),
            peak(&theirs),
        );
    }
    Ok(())
}

/// The cost of one of several runs.
fn each(shell: &Shell, scratch: &Path, times: u32, command: &[&str]) -> anyhow::Result<Cost> {
    let again = format!("for i in $(seq {times}); do \"$@\" || exit 1; done");
    let mut all = vec!["sh", "-c", &again, "sh"];
    all.extend(command);
    let cost = measure(shell, scratch, &all)?;
    let times = f64::from(times);
    Ok(Cost {
        cpu_seconds: cost.cpu_seconds / times,
        wall_seconds: cost.wall_seconds / times,
        ..cost
    })
}
