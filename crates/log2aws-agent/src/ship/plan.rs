//! Which days' logs to ship, and warnings about their folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use crate::spool::{Destination, Spool, SpoolError};
use crate::world::{World, is_default_host_name};

use super::{Days, ShipConfig, ShipError, ShipReport, day_range};

/// The most names in a warning.
const MAX_NAMES: usize = 5;

/// The plan of a run.
#[derive(Debug)]
pub(super) struct Plan {
    /// Oldest first. Includes future days, which are reported one by one.
    pub(super) days: Vec<Day>,
    pub(super) today: Day,
    pub(super) warnings: Vec<String>,
}

impl Plan {
    pub(super) fn new(config: &ShipConfig, world: &World<'_>) -> Result<Self, ShipError> {
        let spool = &config.spool;
        spool.check()?;
        // The logs are read before the clock, so that at midnight a new day's log is not in the
        // future.
        let mut logs = spool.logs()?;
        let date = world.time.now().to_zoned(world.zone.clone()).date();
        let today = Day::from_date(date).ok_or(ShipError::Clock(date))?;
        logs.days.retain(|day| *day != today || config.partial);
        let days = match config.days {
            Days::Only(day) => vec![day],
            Days::Since(first) if first > today || first == today && !config.partial => {
                return Err(ShipError::NotOver(first));
            }
            Days::Since(first) => {
                let pending = spool.pending(&config.api.to_string(), today)?;
                // What was delivered under an earlier name of this host stays there.
                let is_ours = |day: Day| {
                    day >= today || pending.contains(&day) || spool.deliveries().path(day).exists()
                };
                logs.days.retain(|day| *day >= first && is_ours(*day));
                logs.days
            }
            Days::Pending => {
                let mut days = spool.pending(&config.api.to_string(), today)?;
                days.extend(logs.days.into_iter().filter(|day| *day >= today));
                days
            }
        };
        let mut warnings = Vec::new();
        warnings.extend(default_name_warning(&spool.server));
        warnings.extend(other_servers(spool, &days));
        if !matches!(config.days, Days::Only(_)) {
            warnings.extend(unknown_files(&spool.log_dir, &logs.unknown_files));
        }
        Ok(Self { days, today, warnings })
    }
}

/// A warning about a default host name.
fn default_name_warning(server: &ServerName) -> Option<String> {
    is_default_host_name(server).then(|| {
        let name = server.as_str();
        format!(
            "this server is called {name}, as every machine is that was given no name, and their \
             logs stand under one key with this one's; give it a name of its own with --server"
        )
    })
}

/// The days that are pending for the store that the API turned out to lead to, besides those that
/// were attempted: only if all that is pending was asked for.
pub(super) fn also_pending(
    config: &ShipConfig,
    destination: &Destination,
    today: Day,
    report: &ShipReport,
) -> Result<Vec<Day>, SpoolError> {
    if !matches!(config.days, Days::Pending) {
        return Ok(Vec::new());
    }
    let mut days = config.spool.pending_in(destination, today)?;
    days.retain(|day| report.days.iter().all(|attempted| attempted.day != *day));
    Ok(days)
}

/// A warning about logs that name other servers: their host was renamed, or is a copy of another.
fn other_servers(spool: &Spool, days: &[Day]) -> Vec<String> {
    let mut others: BTreeMap<ServerName, Vec<Day>> = BTreeMap::new();
    for day in days {
        if let Some(name) = spool.other_server(*day) {
            others.entry(name).or_default().push(*day);
        }
    }
    let warning = |(name, days): (ServerName, Vec<Day>)| {
        let server = spool.server.as_str();
        day_range(&days).map(|days| {
            format!(
                "{days}: written as {}, and delivered as {server}; if this host is a copy of the \
                 other one, move these logs away",
                name.as_str()
            )
        })
    };
    others.into_iter().filter_map(warning).take(MAX_NAMES).collect()
}

fn unknown_files(folder: &Path, names: &[OsString]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let quoted: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        // Quoted, with control characters escaped.
        .map(|name| format!("{:?}", name.to_string_lossy()))
        .collect();
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    Some(format!(
        "{} in {} {} passed over, for a log is a regular file called YYYY-MM-DD.log: {}{more}",
        names.len(),
        folder.display(),
        if names.len() == 1 { "is" } else { "are" },
        quoted.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_name_that_was_given_is_warned_about() {
        let warning = |name: &str| default_name_warning(&name.parse().unwrap());
        assert!(warning("localhost").unwrap().contains("--server"));
        assert!(warning("debian").unwrap().contains("--server"));
        assert_eq!(warning("web01"), None);
    }

    #[test]
    fn strangers_are_named_in_one_line() {
        let names = |names: &[&str]| names.iter().map(OsString::from).collect::<Vec<_>>();
        let folder = Path::new("/logs");
        assert_eq!(unknown_files(folder, &[]), None);
        let one = unknown_files(folder, &names(&["a\x1b[31m\n.log"])).unwrap();
        assert!(one.starts_with("1 in /logs is passed over"), "{one}");
        assert!(one.ends_with(r#": "a\u{1b}[31m\n.log""#), "{one}");
        let many = unknown_files(folder, &names(&["a", "b", "c", "d", "e", "f"])).unwrap();
        assert!(many.starts_with("6 in /logs are") && many.ends_with("\"e\", …"), "{many}");
    }
}
