//! One rule for flags, environment and config file: every flag `--some-name` of every verb is also
//! the variable `LOG2AWS_SOME_NAME` and the key `some-name` of the verb's TOML file.
//!
//! The command line wins over the environment, the environment over the file, the file over the
//! built-in default. The rule is applied to clap's own command, so no flag can escape it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, Str};
use clap::{Arg, ArgAction, Command};

/// A config file's keys, each with its values as a command line would have them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, Vec<String>>,
}

/// What is wrong with a config file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("the config file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("the config file {} is not TOML", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        source: Box<toml::de::Error>,
    },
    /// A key that no flag has.
    #[error("{}: unknown key {key:?}{}", path.display(), suggestion(nearest.as_deref()))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value that no flag can have.
    #[error("{}: {key} must be a text, a number, true or false, or a list of these", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

/// Flags that only make sense on a command line.
const NOT_IN_FILE: [&str; 3] = ["config", "help", "version"];

/// Gives every flag of every verb, and of the verbs below it, its environment variable.
pub fn with_environment(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        with_environment(verb).mut_args(|arg| match arg.get_long() {
            Some("help" | "version") | None => arg,
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

/// The config file that this command line means: the one it names, or the verb's usual one where
/// that exists.
///
/// # Errors
/// [`ConfigError`] when it cannot be read or holds what no flag has.
pub fn find(command: &Command, args: &[OsString]) -> Result<ConfigFile, ConfigError> {
    // Faults of the command line are told later, by the parse that counts.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(args) else {
        return Ok(ConfigFile::default());
    };
    let Some((verb, matches)) = matches.subcommand() else { return Ok(ConfigFile::default()) };
    let Some(verb) = command.find_subcommand(verb) else { return Ok(ConfigFile::default()) };
    let Some(usual) = usual_file(verb.get_name()) else { return Ok(ConfigFile::default()) };
    let named = matches.try_get_one::<PathBuf>("config").ok().flatten();
    let path = named.cloned().unwrap_or_else(|| PathBuf::from(usual));
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text, &keys_of_file(command, usual)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            Ok(ConfigFile::default())
        }
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

/// Where a verb looks for its config file.
pub fn usual_file(verb: &str) -> Option<&'static str> {
    match verb {
        "serve" => Some("/etc/log2aws/serve.toml"),
        "sample" | "ship" | "run" | "doctor" | "status" | "config" => {
            Some("/etc/log2aws/agent.toml")
        }
        _ => None,
    }
}

/// The keys of a file: the flags of all verbs that read it.
fn keys_of_file(command: &Command, file: &str) -> Vec<String> {
    command
        .get_subcommands()
        .filter(|verb| usual_file(verb.get_name()) == Some(file))
        .flat_map(Command::get_arguments)
        .filter_map(Arg::get_long)
        .filter(|long| !NOT_IN_FILE.contains(long))
        .map(str::to_owned)
        .collect()
}

fn parse(path: &Path, text: &str, keys: &[String]) -> Result<ConfigFile, ConfigError> {
    let table: toml::Table = text
        .parse()
        .map_err(|e| ConfigError::NotToml { path: path.to_owned(), source: Box::new(e) })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !keys.contains(&key) {
            let nearest = keys
                .iter()
                .map(|known| (strsim::jaro_winkler(known, &key), known))
                .filter(|(likeness, _)| *likeness > 0.7)
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map(|(_, known)| known.clone());
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key, nearest });
        }
        let items = match value {
            toml::Value::Array(items) => items,
            single => vec![single],
        };
        let texts: Option<Vec<String>> = items.into_iter().map(scalar).collect();
        let Some(texts) = texts else {
            return Err(ConfigError::BadValue { path: path.to_owned(), key });
        };
        values.insert(key, texts);
    }
    Ok(ConfigFile { path: path.to_owned(), values })
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Datetime(date) => Some(date.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

impl ConfigFile {
    /// Makes the file's values the defaults of the verbs that read it.
    pub fn apply(&self, command: Command) -> Command {
        if self.values.is_empty() {
            return command;
        }
        command.mut_subcommands(|verb| {
            if usual_file(verb.get_name()).is_none() {
                return verb;
            }
            verb.mut_args(|arg| {
                let values = arg.get_long().and_then(|long| self.values.get(long)).cloned();
                match values {
                    Some(values) if matches!(arg.get_action(), ArgAction::Append) => {
                        arg.required(false).default_values(values)
                    }
                    // The flag takes one text. Of several, clap would use the first alone.
                    Some(values) => arg.required(false).default_value(values.join(", ")),
                    None => arg,
                }
            })
        })
    }

    /// Where a bad value of `flag` came from, if it is this file's.
    pub fn source_of(&self, flag: &str, value: &str) -> Option<String> {
        let long = flag.trim_start_matches('-').split([' ', '=']).next()?;
        let values = self.values.get(long)?;
        (values.iter().any(|known| known == value) || values.join(", ") == value)
            .then(|| format!("the value stands in {} under {long}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<String> {
        ["listen", "data-dir", "allow-hosts", "trusted-proxy", "keep-raw-days"]
            .map(str::to_owned)
            .to_vec()
    }

    fn read(text: &str) -> Result<ConfigFile, String> {
        parse(Path::new("serve.toml"), text, &keys()).map_err(|e| e.to_string())
    }

    #[test]
    fn values_become_texts() {
        let file = read("keep-raw-days = 400\ntrusted-proxy = ['10.0.0.0/8', '::1']\n").unwrap();
        assert_eq!(file.values["keep-raw-days"], ["400"]);
        assert_eq!(file.values["trusted-proxy"], ["10.0.0.0/8", "::1"]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_right_name() {
        let error = read("alow-host = '10.0.0.0/8'").unwrap_err();
        assert_eq!(error, "serve.toml: unknown key \"alow-host\"; did you mean \"allow-hosts\"?");
        assert_eq!(read("zzz = 1").unwrap_err(), "serve.toml: unknown key \"zzz\"");
    }

    #[test]
    fn a_list_is_one_text_for_a_flag_that_takes_one() {
        let command = || {
            let allow = Arg::new("allow").long("allow-hosts").action(ArgAction::Set);
            let proxy = Arg::new("proxy").long("trusted-proxy").action(ArgAction::Append);
            Command::new("log2aws").subcommand(Command::new("serve").args([allow, proxy]))
        };
        let text = "allow-hosts = ['10.0.0.0/8', '::1']\ntrusted-proxy = ['10.0.0.1', '10.0.0.2']";
        let file = read(text).unwrap();
        let found = file.apply(command()).try_get_matches_from(["log2aws", "serve"]).unwrap();
        let (_, found) = found.subcommand().unwrap();
        let of = |id| found.get_many::<String>(id).unwrap().cloned().collect::<Vec<_>>();
        assert_eq!(of("allow"), ["10.0.0.0/8, ::1"]);
        assert_eq!(of("proxy"), ["10.0.0.1", "10.0.0.2"]);
        for value in ["10.0.0.0/8, ::1", "::1"] {
            assert!(file.source_of("--allow-hosts <LIST>", value).unwrap().contains("serve.toml"));
        }
    }

    #[test]
    fn a_table_is_no_value() {
        let error = read("[listen]\nport = 1").unwrap_err();
        assert!(error.starts_with("serve.toml: listen must be a text"), "{error}");
    }
}
