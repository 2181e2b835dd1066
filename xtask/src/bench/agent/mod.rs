//! `log2aws-agent` compared with the alternatives: the shell's one-liner, sadc, collectd, rclone.

mod process;
mod sampling;
mod shipping;

use std::path::Path;

use anyhow::bail;
use xshell::Shell;

use super::path;
use crate::{dist, tools};

/// The largest binary, in bytes.
const MAX_BINARY: u64 = 3_000_000;

/// Debian's packages: program and package.
const DEBIAN: &[(&str, &str)] = &[
    ("rclone", "rclone"),
    ("vmstat", "procps"),
    ("uptime", "procps"),
    ("/usr/lib/sysstat/sadc", "sysstat"),
    ("/usr/sbin/collectd", "collectd-core"),
];

/// A figure with an upper limit.
struct Limit {
    what: &'static str,
    value: f64,
    most: f64,
}

/// Prints the figures, and fails if one exceeds its limit.
pub(super) fn run(shell: &Shell, root: &Path, server: &Path, scratch: &Path) -> anyhow::Result<()> {
    println!("== agent: on the servers; in brackets the most that it may be");
    tools::debian(shell, DEBIAN)?;
    let agent = dist::program(shell, root)?;
    let bytes = std::fs::metadata(&agent)?.len();
    println!("   binary: {bytes} bytes, stripped ({MAX_BINARY})");
    let log = root.join("docs/images/day.log");
    let agent = path(&agent)?;
    let mut limits = vec![Limit {
        what: "the binary",
        value: f64::from(u32::try_from(bytes)?),
        most: f64::from(u32::try_from(MAX_BINARY)?),
    }];
    let shipping = shipping::run(shell, agent, server, &log, scratch)?;
    let ship_cpu = shipping.cpu_seconds;
    limits.extend(shipping.limits);
    limits.extend(sampling::run(shell, agent, ship_cpu, scratch)?);
    let above: Vec<&str> =
        limits.iter().filter(|limit| limit.value > limit.most).map(|limit| limit.what).collect();
    if above.is_empty() { Ok(()) } else { bail!("above the limit: {}", above.join("; ")) }
}
