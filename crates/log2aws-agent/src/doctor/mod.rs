//! `doctor`: finds the one thing that is wrong, on the server itself and without any key.
//!
//! `facts` collects, then `judge` decides without I/O. Nothing is written and nothing is delivered.

use std::path::PathBuf;
use std::time::Duration;

use log2aws_core::server_name::ServerName;

use crate::net::{CaError, Network};
use crate::ship::{ApiUrl, HostPattern, LastShip};
use crate::world::{HostNameError, World, ZoneSource, is_default_host_name};

mod facts;
mod finding;
mod judge;

use self::facts::Facts;
use self::facts::api::{ApiResponse, Probe};
use self::judge::folders::{self, FolderPurpose};
use self::judge::{answer, connection, deliveries, parts, samples, service};

pub use self::finding::{Check, Finding, Report, Verdict};

/// What to check: the same settings as those of `run`.
#[derive(Debug)]
pub struct DoctorConfig {
    /// The config file, if there is one.
    pub config_file: Option<PathBuf>,
    /// Why settings beside it (`agent.env`) could not be read, if so: the service may have others.
    pub unread_settings: Option<String>,
    /// This server's name from the flag or the host name.
    pub server: Result<ServerName, HostNameError>,
    /// Whether the name is the host name.
    pub is_named_by_host: bool,
    /// Where the time zone is set.
    pub zone: ZoneSource,
    /// The folder of the day logs.
    pub log_dir: PathBuf,
    /// The state folder.
    pub state_dir: PathBuf,
    /// The sampling interval.
    pub interval: Duration,
    /// The API.
    pub api: Option<ApiUrl>,
    /// Proxy, certificates and timeouts.
    pub network: Network,
    /// Further hosts that a log may be sent to.
    pub upload_hosts: Vec<HostPattern>,
}

/// Runs all checks, in the order that a log takes.
pub fn run(config: &DoctorConfig, world: &World<'_>) -> Report {
    let mut findings = vec![config_file(config), server(config), zone(config, world)];
    let Some(facts) = facts::gather(config, world) else {
        findings.push(Finding::fail(
            Check::Clock,
            format!("the clock says {}, which is no day that a log can have", world.time.now()),
            "set it: timedatectl set-ntp true, chronyc makestep",
        ));
        return Report { findings };
    };
    findings.extend(at_home(config, world, &facts));
    match (&config.api, &facts.api) {
        (None, _) => findings.push(Finding::fail(
            Check::Api,
            "no API is named, so that nothing is delivered",
            "set api in /etc/log2aws/agent.toml (or --api) to the address that the deployment printed",
        )),
        (Some(api), Some(facts_of_api)) => {
            findings.push(Finding::ok(Check::Api, api.to_string()));
            findings.extend(outside(config, api, &facts, facts_of_api));
        }
        // Without a name there is no request; that is already reported.
        (Some(_), None) => {}
    }
    Report { findings }
}

fn config_file(config: &DoctorConfig) -> Finding {
    if let Some(problem) = &config.unread_settings {
        let (what, todo) = parts(problem.clone(), "let this user read it");
        return Finding::warn(Check::Config, what, todo);
    }
    match &config.config_file {
        Some(path) => Finding::ok(Check::Config, path.display().to_string()),
        None => Finding::ok(Check::Config, "no file; flags, environment and defaults hold"),
    }
}

fn server(config: &DoctorConfig) -> Finding {
    let check = Check::Server;
    let name = match &config.server {
        Ok(name) => name,
        Err(error) => {
            return Finding::fail(
                check,
                format!("this machine's host name cannot be the name of its logs: {error}"),
                "give it another with --server (server in agent.toml)",
            );
        }
    };
    if is_default_host_name(name) {
        let todo = "give it a name of its own with --server (server in agent.toml) or hostnamectl";
        return if config.is_named_by_host {
            Finding::fail(
                check,
                format!(
                    "the host name {name} is what many machines are called; nothing is delivered \
                     under it"
                ),
                todo,
            )
        } else {
            Finding::warn(
                check,
                format!(
                    "{name} is what many machines are called; their logs would overwrite each other"
                ),
                todo,
            )
        };
    }
    Finding::ok(check, name.to_string())
}

/// The zone by which days begin.
fn zone(config: &DoctorConfig, world: &World<'_>) -> Finding {
    let source = &config.zone;
    if !source.is_known() {
        return Finding::warn(
            Check::Zone,
            format!("{source} is no time zone of this machine; days are those of UTC"),
            "correct it, or install the package tzdata",
        );
    }
    let name = world.zone.iana_name().filter(|name| !name.is_empty());
    Finding::ok(
        Check::Zone,
        match name {
            Some(name) => format!("days are those of {name} ({source})"),
            None => format!("days are those of {source}"),
        },
    )
}

/// Checks of the machine itself.
fn at_home(config: &DoctorConfig, world: &World<'_>, facts: &Facts) -> Vec<Finding> {
    let user = facts.user;
    let log_dir =
        FolderPurpose { check: Check::LogFolder, flag: "--log-dir", loses: "the logs", user };
    let state_dir = FolderPurpose {
        check: Check::StateFolder,
        flag: "--state-dir",
        loses: "the record of what was delivered",
        user,
    };
    let mut findings = vec![
        folders::judge(&facts.log_dir, &log_dir),
        folders::judge(&facts.state_dir, &state_dir),
    ];
    findings
        .extend(facts.record.as_ref().map(|record| service::judge(record, &world.zone, facts.now)));
    let newest = facts.newest.as_ref();
    let read = newest.and_then(|(day, lines)| Some((*day, lines.as_ref().ok()?)));
    let last_line = read.and_then(|(_, lines)| lines.last(&facts.zone));
    let last = facts.last_sample.max(last_line);
    findings.push(samples::samples(last, facts.now, config.interval, facts.service));
    let today = read.filter(|(day, _)| *day == facts.today).map(|(_, lines)| lines);
    findings.push(samples::samplers(facts.service, today, config.interval));
    match newest {
        Some((day, Ok(lines))) => {
            findings.push(samples::lines(*day, lines, config.server.as_ref().ok()));
        }
        Some((day, Err(error))) => findings.push(Finding::fail(
            Check::Lines,
            format!("{day}.log cannot be read ({error})"),
            format!("let user {user} read it, or move it away if it is no log"),
        )),
        None => {}
    }
    findings.extend(key(facts));
    findings.extend(deliveries::logs(facts.logs.as_ref(), facts.today, facts.latest));
    if let Some(pending) = &facts.pending {
        let last = LastShip::load(&config.state_dir);
        findings.push(deliveries::pending(pending, last.as_ref(), facts.today, facts.now));
        findings.extend(last.as_ref().and_then(deliveries::name_conflict));
    }
    findings
}

/// The server's key; nothing if it has none, which is usual.
fn key(facts: &Facts) -> Option<Finding> {
    match &facts.key {
        Ok(None) => None,
        Ok(Some(key)) => Some(Finding::ok(Check::Key, format!("{} ({key})", key.id()))),
        Err(error) => {
            let (what, todo) = parts(error.to_string(), "make another, and have it registered");
            Some(Finding::fail(Check::Key, what, todo))
        }
    }
}

/// Checks that need the connection to the API.
fn outside(
    config: &DoctorConfig,
    api: &ApiUrl,
    facts: &Facts,
    probe: &Result<Probe<ApiResponse>, CaError>,
) -> Vec<Finding> {
    let probe = match probe {
        Ok(probe) => probe,
        Err(error) => {
            let (what, todo) = parts(error.to_string(), "correct --ca-file, or leave it out");
            return vec![Finding::fail(Check::Tls, what, todo)];
        }
    };
    let mut findings = connection::api(probe, facts.now);
    let Ok(response) = &probe.result else { return findings };
    if let Ok(server) = &config.server {
        findings.extend(answer::answer(&response.answer, &api.to_string(), server));
    }
    findings.extend(response.date.map(|date| answer::clock(date, response.before, response.after)));
    findings.extend(response.store.as_ref().map(|store| connection::store(store, facts.now)));
    findings
}
