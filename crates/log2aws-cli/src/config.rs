//! One rule for flags, environment and config file: every flag `--some-name` of every verb is also
//! the variable `LOG2AWS_SOME_NAME` and the key `some-name` of the verb's TOML file.
//!
//! The operator's verbs beside `serve`, such as `token`, read the keys of its file that they need.
//!
//! The command line wins over the environment, the environment over the file, the file over the
//! built-in default. The rule is applied to clap's own command, so no flag can escape it.
//!
//! For the agent's verbs the environment includes `agent.env` beside the config file.

mod environment;
mod error;
mod file;
mod values;

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, Str};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub use self::environment::Environment;
pub use self::error::ConfigError;
pub use self::file::ConfigFile;

/// Flags that only make sense on a command line.
const NOT_IN_FILE: [&str; 3] = ["config", "help", "version"];

/// Flags without a variable: they approve a change, or choose the target of one run.
pub const WITHOUT_VARIABLE: [&str; 7] =
    ["change-set", "from", "help", "till", "undo", "version", "yes"];

/// The verbs for the data of `serve`, besides `serve` itself.
const OPERATOR_VERBS: [&str; 8] =
    ["alerts", "audit", "key", "proof", "reopen", "retire", "store", "token"];

/// The keys of the file of `serve` that these verbs read, if they have such a flag.
pub const OPERATOR_KEYS: [&str; 5] = ["alert", "data-dir", "final-after", "time-zone", "webhook"];

/// Gives every flag of every verb and nested verb its environment variable, but those
/// [`WITHOUT_VARIABLE`].
pub fn with_environment(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        with_environment(verb).mut_args(|arg| match arg.get_long() {
            None => arg,
            Some(long) if WITHOUT_VARIABLE.contains(&long) => arg,
            Some(long) => {
                let name = variable(long);
                let arg =
                    if is_switch(&arg) { arg.value_parser(FalseyValueParser::new()) } else { arg };
                arg.env(Str::from(name)).hide_env_values(true)
            }
        })
    })
}

/// The environment variable of the flag `--long`.
pub fn variable(long: &str) -> String {
    format!("LOG2AWS_{}", long.to_uppercase().replace('-', "_"))
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// The verb of this command line, if it has one.
pub fn verb(command: &Command, args: &[OsString]) -> Option<String> {
    let matches = command.clone().ignore_errors(true).try_get_matches_from(args).ok()?;
    matches.subcommand_name().map(str::to_owned)
}
/// The default config file of the agent's verbs.
const AGENT_FILE: &str = "/etc/log2aws/agent.toml";

/// The config file of this command line: the one it names, or the verb's default one if that
/// exists. Variables in `agent.env` and variables that replace keys are taken into account.
///
/// # Errors
/// [`ConfigError`] if it cannot be read or has an invalid key or value.
pub fn find(command: &Command, args: &[OsString]) -> Result<ConfigFile, ConfigError> {
    with_file(command, args, |usual, named| read(command, usual, named))
}

/// Like [`find`], but with the valid keys alone of a file that has others, too.
pub(crate) fn find_valid(command: &Command, args: &[OsString]) -> ConfigFile {
    let read = |usual: &str, named: Option<&PathBuf>| {
        let path = named.cloned().unwrap_or_else(|| PathBuf::from(usual));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let verbs = verbs_of_file(command, usual);
        let mut file = file::parse_valid(&path, &text, &verbs);
        file.set_environment(environment(usual, &path), &verbs);
        Ok::<_, Infallible>(file)
    };
    let Ok(file) = with_file(command, args, read);
    file
}

/// Reads the config file of this command line with `read`, which gets the verb's default file and
/// the one that is named.
fn with_file<E>(
    command: &Command,
    args: &[OsString],
    read: impl FnOnce(&str, Option<&PathBuf>) -> Result<ConfigFile, E>,
) -> Result<ConfigFile, E> {
    // Errors of the command line are reported later, by the real parse.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(args) else {
        return Ok(ConfigFile::default());
    };
    let Some((verb, matches)) = matches.subcommand() else { return Ok(ConfigFile::default()) };
    let Some(verb) = command.find_subcommand(verb) else { return Ok(ConfigFile::default()) };
    let (name, below) = (verb.get_name(), matches.subcommand_name());
    let Some(usual) = usual_file_of(name, below).or_else(|| operator_file(name)) else {
        return Ok(ConfigFile::default());
    };
    let named = innermost(matches).try_get_one::<PathBuf>("config").ok().flatten();
    let mut file = read(usual, named)?;
    file.give_way(verb, &given(matches));
    Ok(file)
}

/// The environment of a verb with this default config file: for the agent's verbs it includes
/// `agent.env` in the folder of the config file.
fn environment(usual: &str, path: &Path) -> Environment {
    if usual == AGENT_FILE { Environment::beside(path) } else { Environment::of_process() }
}

/// Reads a config file of the verbs whose default file is `usual`: the one named, or else the
/// default one if it exists.
///
/// # Errors
/// [`ConfigError`] if it cannot be read or has an invalid key or value.
pub fn read(
    command: &Command,
    usual: &str,
    named: Option<&PathBuf>,
) -> Result<ConfigFile, ConfigError> {
    let path = named.cloned().unwrap_or_else(|| PathBuf::from(usual));
    let verbs = verbs_of_file(command, usual);
    let mut file = match std::fs::read_to_string(&path) {
        Ok(text) => file::parse(&path, &text, &verbs)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            ConfigFile::default()
        }
        Err(source) => return Err(ConfigError::Unreadable { path, source }),
    };
    file.set_environment(environment(usual, &path), &verbs);
    Ok(file)
}

/// The flags of the innermost verb: of `config check`, those of `check`.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, below)| innermost(below))
}

/// The flags given on the command line or in the environment.
fn given(matches: &ArgMatches) -> Vec<&str> {
    let given = |id: &&str| {
        let source = matches.value_source(id);
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    matches.ids().map(clap::Id::as_str).filter(given).collect()
}

/// The default config file of a verb.
pub fn usual_file(verb: &str) -> Option<&'static str> {
    match verb {
        "serve" => Some("/etc/log2aws/serve.toml"),
        "sample" | "ship" | "run" | "doctor" | "status" | "config" => Some(AGENT_FILE),
        _ => None,
    }
}

/// The default config file of a verb, or of a verb below it: `key` has verbs of the servers beside
/// those of operators.
pub fn usual_file_of(verb: &str, below: Option<&str>) -> Option<&'static str> {
    let is_servers = verb == "key" && below.is_some_and(is_key_verb_of_servers);
    if is_servers { Some(AGENT_FILE) } else { usual_file(verb) }
}

/// Whether it is a verb below `key` that runs on servers.
fn is_key_verb_of_servers(name: &str) -> bool {
    ["enrol", "new", "show"].contains(&name)
}

/// The file of `serve`, for a verb that reads only [`OPERATOR_KEYS`] of it.
pub fn operator_file(verb: &str) -> Option<&'static str> {
    OPERATOR_VERBS.contains(&verb).then(|| usual_file("serve")).flatten()
}

/// The verbs that read a file: their flags are its keys.
pub fn verbs_of_file<'a>(command: &'a Command, file: &str) -> Vec<&'a Command> {
    command.get_subcommands().filter(|verb| usual_file(verb.get_name()) == Some(file)).collect()
}

/// Whether a file can have this flag as a key: `config` and `help` only make sense on a command
/// line.
pub fn is_key(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|long| !NOT_IN_FILE.contains(&long))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_line() -> Command {
        let flag = |long: &'static str| Arg::new(long).long(long);
        let file = || flag("config").value_parser(clap::value_parser!(PathBuf));
        let ship = Command::new("ship").args([
            file(),
            flag("since"),
            flag("date").conflicts_with("since"),
        ]);
        let check = Command::new("config").subcommand(Command::new("check").arg(file()));
        with_environment(Command::new("log2aws").subcommands([ship, check]))
    }

    fn said(config: &str, args: &[&str]) -> (Option<String>, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, config).unwrap();
        let mut args: Vec<OsString> = args.iter().map(OsString::from).collect();
        args.push("--config".into());
        args.push(path.into());
        let file = find(&command_line(), &args).unwrap();
        let matches = file.apply(command_line()).try_get_matches_from(args).unwrap();
        let (_, matches) = matches.subcommand().unwrap();
        let of = |id| matches.get_one::<String>(id).cloned();
        (of("date"), of("since"))
    }

    #[test]
    fn what_the_command_line_says_wins_over_what_the_file_says_instead() {
        let day = Some("2026-11-01".to_owned());
        let config = "date = '2026-11-01'";
        assert_eq!(said(config, &["log2aws", "ship"]), (day.clone(), None));
        let command_line = ["log2aws", "ship", "--since", "2026-11-02"];
        assert_eq!(said(config, &command_line), (None, Some("2026-11-02".to_owned())));
        let command_line = ["log2aws", "ship", "--date", "2026-11-02"];
        let since = "since = '2026-11-01'";
        assert_eq!(said(since, &command_line), (Some("2026-11-02".to_owned()), None));
    }

    #[test]
    fn the_operators_verbs_read_what_they_need_of_the_file_of_serve() {
        let flag = |long: &'static str| Arg::new(long).long(long);
        let file = || flag("config").value_parser(clap::value_parser!(PathBuf));
        let serve = Command::new("serve").args([file(), flag("data-dir"), flag("region")]);
        let list = Command::new("list").args([file(), flag("data-dir"), flag("region")]);
        let token = Command::new("token").subcommand(list);
        let command = with_environment(Command::new("log2aws").subcommands([serve, token]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let args = ["log2aws", "token", "list", "--config", path.to_str().unwrap()];
            let file = find(&command, &args.map(OsString::from)).map_err(|e| e.to_string())?;
            let matches = file.apply(command.clone()).try_get_matches_from(args).unwrap();
            let of = |id| innermost(&matches).get_one::<String>(id).cloned();
            Ok::<_, String>((of("data-dir"), of("region")))
        };
        let found = read("data-dir = '/srv/logs'\nregion = 'eu-west-1'").unwrap();
        assert_eq!(found, (Some("/srv/logs".to_owned()), None));
        assert!(read("data-dri = '/srv/logs'").unwrap_err().contains("did you mean"));
    }

    #[test]
    fn a_verb_below_another_names_its_file() {
        let args = ["log2aws", "config", "check", "--config", "/nonexistent/agent.toml"];
        let error = find(&command_line(), &args.map(OsString::from)).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/agent.toml"), "{error}");
    }
}
