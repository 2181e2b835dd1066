//! `log2aws run`: samples and ships as a service.

use std::ffi::OsString;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches as _};
use log2aws_agent::run::{
    ChildEnvironment, Interval, RunConfig, RunLock, ShipOrder, ShipWindow, System,
};
use log2aws_agent::sample::{SampleConfig, SampleMode};

use super::CommandLine;
use super::flags::{PathFlags, SampleFlags, ShipFlags};
use crate::config::{self, ConfigError, ConfigFile, Environment};
use crate::exit::{self, Exit};

/// The flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    paths: PathFlags,
    #[command(flatten)]
    sampling: SampleFlags,
    #[command(flatten)]
    shipping: ShipFlags,
    /// The time between two samples, counted from midnight: 600, 600s, 10m, 1h; 10 s to 24 h.
    #[arg(long, value_name = "TIME", default_value_t = Interval::DEFAULT)]
    interval: Interval,
    /// The time of day (local) in which each server delivers, at a fixed moment of its own.
    #[arg(long, value_name = "FROM-TO", default_value_t = ShipWindow::DEFAULT)]
    ship_window: ShipWindow,
    /// Write metrics into this file, for `node_exporter`'s textfile collector; its name must end
    /// with .prom.
    #[arg(long, value_name = "FILE")]
    textfile: Option<PathBuf>,
}

/// Samples and ships until it is terminated. With an invalid config file it only samples, by the
/// keys that are valid: a typing error in a file that was rolled out to a fleet costs no lines.
///
/// # Errors
/// It cannot start, or cannot continue.
pub(super) fn run(command_line: &CommandLine) -> anyhow::Result<Exit> {
    let config = match read(command_line).or_else(|error| read_valid(command_line, error)) {
        Ok(config) => config,
        Err(ReadError::Settings(error)) => {
            exit::report(&mut io::stderr(), &error);
            return Ok(Exit::Usage);
        }
        Err(ReadError::Machine(error)) => return Err(error),
    };
    let lock = RunLock::take(&config.spool.state_dir)?;
    if config.ship.is_none() && config.config_error.is_none() {
        tracing::warn!(
            "no endpoint is set (--api, LOG2AWS_API, or the key api in the config \
             file): samples are taken, and nothing is delivered"
        );
    }
    let mut reload = || read(command_line).map_err(|error| error.to_string());
    let mut system = System::new(lock, &mut reload)?;
    log2aws_agent::run::run(config, &mut system)?;
    Ok(Exit::Done)
}

/// Why the configuration cannot be used.
#[derive(Debug)]
enum ReadError {
    /// The command line, the environment or the config file.
    Settings(anyhow::Error),
    /// The state of the machine, which may be temporary.
    Machine(anyhow::Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Settings(error) | Self::Machine(error)) = self;
        // A TOML error has several lines.
        let text = format!("{error:#}");
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        f.write_str(&lines.join(" "))
    }
}

/// Reads command line, environment and config file: at the start, at each SIGHUP, and again while
/// the file is wrong.
fn read(command_line: &CommandLine) -> Result<RunConfig, ReadError> {
    let command = config::with_environment((command_line.command)());
    let file =
        config::find(&command, &command_line.args).map_err(|e| ReadError::Settings(e.into()))?;
    for warning in file.warnings() {
        tracing::warn!("{warning}");
    }
    with_file(command_line, command, &file)
}

/// After `error`: the same without the keys of the file that are invalid. Nothing is shipped with
/// it, because an invalid key may have said where to.
fn read_valid(command_line: &CommandLine, error: ReadError) -> Result<RunConfig, ReadError> {
    let ReadError::Settings(cause) = &error else { return Err(error) };
    // A file that the command line names and that cannot be read is a fault of the command line.
    if let Some(ConfigError::Unreadable { path, .. }) = cause.downcast_ref()
        && config::usual_file("run").is_none_or(|usual| path != Path::new(usual))
    {
        return Err(error);
    }
    let command = config::with_environment((command_line.command)());
    let is_valid = |file: &ConfigFile| {
        !matches!(with_file(command_line, command.clone(), file), Err(ReadError::Settings(_)))
    };
    // Without the file it is the command line or the environment that is wrong.
    if !is_valid(&ConfigFile::default()) {
        return Err(error);
    }
    let file = config::find_valid(&command, &command_line.args).valid_part(is_valid);
    let config = with_file(command_line, command, &file)?;
    Ok(RunConfig { ship: None, config_error: Some(error.to_string()), ..config })
}

/// The configuration with this file.
fn with_file(
    command_line: &CommandLine,
    command: Command,
    file: &ConfigFile,
) -> Result<RunConfig, ReadError> {
    let settings = |error: anyhow::Error| ReadError::Settings(error);
    let ship = command.find_subcommand("ship").cloned().unwrap_or_default();
    let matches =
        file.apply(command).try_get_matches_from(&command_line.args).map_err(|error| {
            settings(anyhow::Error::msg(crate::parse::message(&error, &command_line.args, file)))
        })?;
    let matches = matches.subcommand_matches("run").cloned().unwrap_or_default();
    let args = RunArgs::from_arg_matches(&matches).map_err(|error| settings(error.into()))?;
    args.check().map_err(settings)?;
    args.config(&matches, &ship, file.environment()).map_err(ReadError::Machine)
}

impl RunArgs {
    /// Checks the combination of flags.
    fn check(&self) -> anyhow::Result<()> {
        for (flag, path) in [
            ("log-dir", Some(&self.paths.log_dir)),
            ("state-dir", Some(&self.paths.state_dir)),
            ("ca-file", self.shipping.reach.ca_file.as_ref()),
            ("textfile", self.textfile.as_ref()),
        ] {
            ensure!(
                path.is_none_or(|path| path.is_absolute()),
                "{flag} must be an absolute path for run, not {}: a service has no folder of its own",
                path.map_or(Path::new(""), PathBuf::as_path).display(),
            );
        }
        ensure!(
            self.textfile.as_ref().is_none_or(|path| path.extension() == Some("prom".as_ref())),
            "textfile must be a file whose name ends with .prom: node_exporter reads no other"
        );
        if let SampleMode::Interval { window } = self.sampling.mode() {
            ensure!(
                window < self.interval.duration(),
                "window ({} s) must be shorter than interval ({}): a first sample must end before \
                 the next one begins",
                window.as_secs(),
                self.interval,
            );
        }
        Ok(())
    }

    /// The service's configuration; the only error here is an unusable host name.
    fn config(
        &self,
        matches: &ArgMatches,
        ship: &Command,
        environment: &Environment,
    ) -> anyhow::Result<RunConfig> {
        let zone_source = self.paths.zone(environment);
        let spool = self.paths.spool()?;
        let sample = SampleConfig {
            log_dir: spool.log_dir.clone(),
            state_dir: Some(spool.state_dir.clone()),
            server: spool.server.clone(),
            note: self.sampling.note.clone(),
            mode: self.sampling.mode(),
            interval: NonZeroU32::new(self.interval.seconds()),
            sync: self.sampling.sync,
        };
        let order = self.shipping.reach.api.as_ref().map(|api| ShipOrder {
            api: api.to_string(),
            arguments: arguments(matches, ship, spool.server.as_str()),
            environment: child_environment(matches, environment),
            proxy: self.shipping.reach.network(environment).proxies.proxy_of(&api.to_string()),
            max_time: Duration::from_secs(self.shipping.max_time),
        });
        Ok(RunConfig {
            spool,
            interval: self.interval,
            window: self.ship_window,
            sample,
            ship: order,
            textfile: self.textfile.clone(),
            zone: zone_source.zone(),
            zone_source,
            is_named_by_host: self.paths.server.is_none(),
            config_error: None,
        })
    }
}

/// The settings that `ship` gets by its environment: a proxy's address can contain a password, and
/// every user can read a command line.
const IN_ENVIRONMENT: [&str; 2] = ["proxy", "no-proxy"];

/// The variables of `agent.env`, and the settings that must not be arguments.
fn child_environment(run: &ArgMatches, environment: &Environment) -> ChildEnvironment {
    let of_file = environment.of_file().filter(|(name, _)| !name.starts_with("LOG2AWS_"));
    let mut variables: Vec<(String, OsString)> =
        of_file.map(|(name, value)| (name.to_owned(), value.into())).collect();
    for long in IN_ENVIRONMENT {
        let id = long.replace('-', "_");
        if let Ok(Some(mut values)) = run.try_get_raw(&id)
            && let Some(value) = values.next()
        {
            variables.push((config::variable(long), value.to_owned()));
        }
    }
    ChildEnvironment(variables)
}

/// The command line of `ship` with all settings of `run`, so that it does not read the environment
/// or a config file that may have changed or be invalid by then.
fn arguments(run: &ArgMatches, ship: &Command, server: &str) -> Vec<OsString> {
    let mut line: Vec<OsString> = ["ship", "--config=/dev/null"].map(OsString::from).to_vec();
    line.push(format!("--server={server}").into());
    let flags = ship.get_arguments().filter_map(|arg| Some((arg, arg.get_long()?)));
    let not_here =
        |long: &str| ["config", "server"].contains(&long) || IN_ENVIRONMENT.contains(&long);
    for (arg, long) in flags.filter(|(_, long)| !not_here(long)) {
        // A flag that `run` does not have was not given.
        let Ok(Some(values)) = run.try_get_raw(arg.get_id().as_str()) else { continue };
        for value in values {
            match arg.get_action() {
                ArgAction::SetTrue if value == "true" => line.push(format!("--{long}").into()),
                ArgAction::SetTrue => {}
                _ => {
                    let mut flag = OsString::from(format!("--{long}="));
                    flag.push(value);
                    line.push(flag);
                }
            }
        }
    }
    line
}
