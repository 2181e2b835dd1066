//! One sample, and a day of them: `sample` and `run` compared with the shell's one-liner, sadc and
//! collectd.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use super::super::{Cost, measure, median, path, peak};
use super::Limit;
use super::process::Running;

/// Samples in one figure, each with its own state folder, so that each has an interval of more than
/// a second. (Over tenths of a second the kernel's counters sometimes go back a tick, and then a
/// sample measures again, for a second.)
const STATES: u32 = 200;

const SAMPLE: &str = "for state in \"$2\"/state*; do \
                      \"$1\" sample --server bench --log-dir \"$2/log\" --state-dir \"$state\" \
                      || exit 1; done";

/// The one-liner on servers without log2aws.
const ONE_LINER: &str = "for i in $(seq \"$2\"); do \
                         echo \"$(date '+%F %T') $(uptime) $(vmstat | tail -1)\" >> \"$1\" \
                         || exit 1; done";

/// The command of Debian's job (`/usr/lib/sysstat/sa1`).
const SADC: &str = "for i in $(seq \"$2\"); do \
                    /usr/lib/sysstat/sadc -F -L -S DISK 1 1 \"$1\" || exit 1; done";

/// The shortest interval of `run`, and how many to measure.
const INTERVAL: Duration = Duration::from_secs(10);
const MARKS: u32 = 12;

/// Samples per day.
const DAY: f64 = 144.0;

/// `ship_cpu` is the cost of one delivery, for the day's sum.
pub(super) fn run(
    shell: &Shell,
    agent: &str,
    ship_cpu: f64,
    scratch: &Path,
) -> anyhow::Result<Vec<Limit>> {
    let mut limits = sample(shell, agent, scratch)?;
    limits.extend(day(shell, agent, ship_cpu, scratch)?);
    Ok(limits)
}

fn sample(shell: &Shell, agent: &str, scratch: &Path) -> anyhow::Result<Vec<Limit>> {
    let folder = scratch.join("agent-samples");
    shell.create_dir(&folder)?;
    for state in 0..STATES {
        shell.create_dir(folder.join(format!("state{state}")))?;
    }
    let folder = path(&folder)?;
    // The first sample of each measures over a second: all in parallel, and not included in the
    // figure.
    let prime = "for state in \"$2\"/state*; do \
                 \"$1\" sample --server bench --log-dir \"$2/log\" --state-dir \"$state\" & done; wait";
    cmd!(shell, "sh -c {prime} sh {agent} {folder}").quiet().run()?;

    let times = STATES.to_string();
    let (line, sa) = (format!("{folder}/line.log"), format!("{folder}/sa"));
    let (mut ours, mut shells, mut sadcs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let each = |command: &[&str]| measure(shell, scratch, command).map(one);
        ours.push(each(&["sh", "-c", SAMPLE, "sh", agent, folder])?);
        shells.push(each(&["sh", "-c", ONE_LINER, "sh", &line, &times])?);
        sadcs.push(each(&["sh", "-c", SADC, "sh", &sa, &times])?);
    }
    let wall = |costs: &[Cost]| 1e3 * median(costs.iter().map(|cost| cost.wall_seconds));
    let cpu = |costs: &[Cost]| 1e3 * median(costs.iter().map(|cost| cost.cpu_seconds));
    let ratio = |theirs: &[Cost]| {
        median(ours.iter().zip(theirs).map(|(a, b)| a.wall_seconds / b.wall_seconds))
    };
    println!(
        "   sample: {:.1} ms (3), {:.1} CPU ms, peak {:.1} MiB; date+uptime+vmstat {:.1} ms, {:.1} CPU \
         ms: {:.2} of that; sadc {:.1} ms, {:.1} CPU ms: {:.2} of that",
        wall(&ours),
        cpu(&ours),
        peak(&ours),
        wall(&shells),
        cpu(&shells),
        ratio(&shells),
        wall(&sadcs),
        cpu(&sadcs),
        ratio(&sadcs),
    );
    Ok(vec![Limit { what: "the time of sample", value: wall(&ours), most: 3.0 }])
}

/// The cost of one of the samples in a figure.
fn one(cost: Cost) -> Cost {
    let times = f64::from(STATES);
    Cost { cpu_seconds: cost.cpu_seconds / times, wall_seconds: cost.wall_seconds / times, ..cost }
}

/// `run` and collectd side by side. A day is the start, 144 marks as measured here (with the ten
/// seconds of waiting after each), and one delivery.
fn day(shell: &Shell, agent: &str, ship_cpu: f64, scratch: &Path) -> anyhow::Result<Vec<Limit>> {
    let folder = scratch.join("agent-day");
    shell.create_dir(&folder)?;
    let config = folder.join("collectd.conf");
    shell.write_file(&config, collectd_config(path(&folder)?))?;
    let mut run = Command::new(agent);
    run.args(["run", "--interval", "10s", "--server", "bench"]);
    run.arg("--log-dir").arg(folder.join("log")).arg("--state-dir").arg(folder.join("state"));
    let ours = Running::start(&mut run)?;
    let theirs =
        Running::start(Command::new("/usr/sbin/collectd").arg("-f").arg("-C").arg(config))?;

    let patience = Instant::now() + 3 * INTERVAL;
    while samples(&folder)? == 0 {
        ensure!(
            Instant::now() < patience,
            "run took no sample within {} s",
            3 * INTERVAL.as_secs()
        );
        sleep(Duration::from_millis(100));
    }
    // Between two marks, so that a whole number of them is measured.
    sleep(INTERVAL / 2);
    let (start, begun) = ((ours.cpu_seconds()?, theirs.cpu_seconds()?), samples(&folder)?);
    sleep(INTERVAL * MARKS);
    let marks = f64::from(samples(&folder)? - begun);
    ensure!(marks >= f64::from(MARKS - 1), "run took {marks} samples where {MARKS} were due");
    let ours_mark = (ours.cpu_seconds()? - start.0) / marks;
    let theirs_mark = (theirs.cpu_seconds()? - start.1) / marks;
    let (ours_mib, theirs_mib) = (ours.resident_mib()?, theirs.resident_mib()?);
    println!(
        "   run, idle: {ours_mib:.1} MiB resident (4); collectd {theirs_mib:.1} MiB: {:.2} of that",
        ours_mib / theirs_mib
    );
    let ours_day = start.0 + (DAY - 1.0) * ours_mark + ship_cpu;
    let theirs_day = start.1 + (DAY - 1.0) * theirs_mark;
    println!(
        "   run, a day: {ours_day:.3} CPU s (0.5), of {marks} marks ten seconds apart: start and first \
         sample {:.1} ms, then {:.2} ms a sample, and one delivery {:.1} ms; collectd, without \
         delivery, {theirs_day:.3} CPU s ({:.1} and {:.2} ms): {:.2} of that",
        1e3 * start.0,
        1e3 * ours_mark,
        1e3 * ship_cpu,
        1e3 * start.1,
        1e3 * theirs_mark,
        ours_day / theirs_day,
    );
    Ok(vec![
        Limit { what: "the memory of run", value: ours_mib, most: 4.0 },
        Limit { what: "the CPU of a day of run", value: ours_day, most: 0.5 },
    ])
}

/// The sample lines so far; there may be two files at midnight.
fn samples(folder: &Path) -> anyhow::Result<u32> {
    let Ok(logs) = std::fs::read_dir(folder.join("log")) else { return Ok(0) };
    let mut lines = 0;
    for log in logs {
        let text = std::fs::read_to_string(log?.path())?;
        lines += text.lines().filter(|line| !line.starts_with('#')).count();
    }
    u32::try_from(lines).context("too many samples")
}

/// The plugins with the values of a sample line, writing CSV files.
fn collectd_config(folder: &str) -> String {
    let plugins = ["load", "uptime", "users", "vmem", "cpu", "memory", "swap", "processes", "csv"];
    let plugins = plugins.map(|name| format!("LoadPlugin {name}\n")).concat();
    format!(
        "Hostname \"bench\"\nFQDNLookup false\nBaseDir \"{folder}\"\nPIDFile \"{folder}/pid\"\n\
         Interval {}\n{plugins}<Plugin csv>\n  DataDir \"{folder}/csv\"\n</Plugin>\n",
        INTERVAL.as_secs()
    )
}
