//! A config file: which keys it may have, and how its values become the defaults of the verbs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use super::error::ConfigError;
use super::values::texts;
use super::{
    Environment, OPERATOR_KEYS, is_key, operator_file, usual_file, usual_file_of, variable,
};

/// Keys of earlier versions of the agent that have no effect now. They are accepted, so that an
/// upgrade does not refuse a config file that was valid before.
const RETIRED_KEYS: [&str; 1] = ["limit-rate"];

/// How many lines are read of a file that is not TOML: each is parsed with all before it.
const MAX_LINES: usize = 1_000;

/// The keys of a config file, each with its values as on a command line, and the environment that
/// holds with them.
#[derive(Clone, Default)]
pub struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, Vec<String>>,
    environment: Environment,
    /// The keys that a variable replaces, and the variable.
    replaced: BTreeMap<String, &'static str>,
    /// The keys whose values are from `agent.env`.
    of_environment: BTreeSet<String>,
    /// The values of the file that those of `agent.env` replace.
    overridden: BTreeMap<String, Vec<String>>,
    /// The keys of the file that have no effect.
    retired: Vec<String>,
}

impl fmt::Debug for ConfigFile {
    /// Without values: one can be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.values.keys().collect();
        f.debug_struct("ConfigFile")
            .field("path", &self.path)
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

/// Parses a file whose keys are the flags of these verbs.
///
/// # Errors
/// [`ConfigError`] if it is not TOML, or has an invalid key or value.
pub(super) fn parse(
    path: &Path,
    text: &str,
    verbs: &[&Command],
) -> Result<ConfigFile, ConfigError> {
    let table: toml::Table = text
        .parse()
        .map_err(|e| ConfigError::NotToml { path: path.to_owned(), source: Box::new(e) })?;
    let (mut values, mut retired) = (BTreeMap::new(), Vec::new());
    let is_of_agent = verbs.iter().any(|verb| verb.get_name() == "ship");
    for (key, value) in table {
        if is_of_agent && RETIRED_KEYS.contains(&key.as_str()) {
            retired.push(key);
            continue;
        }
        let value = texts(path, &key, value, verbs)?;
        values.insert(key, value);
    }
    for (key, other) in verbs.iter().flat_map(|verb| conflicts(verb)) {
        if values.contains_key(key) && values.contains_key(other) {
            let (key, other) = (key.to_owned(), other.to_owned());
            return Err(ConfigError::Conflict { path: path.to_owned(), key, other });
        }
    }
    Ok(ConfigFile { path: path.to_owned(), values, retired, ..ConfigFile::default() })
}

/// Those keys of a file that are valid on their own.
pub(super) fn parse_valid(path: &Path, text: &str, verbs: &[&Command]) -> ConfigFile {
    let table: toml::Table = text.parse().unwrap_or_else(|_| parse_lines(text));
    let valid = |(key, value): (String, toml::Value)| {
        let values = texts(path, &key, value, verbs).ok()?;
        Some((key, values))
    };
    let values = table.into_iter().filter_map(valid).collect();
    ConfigFile { path: path.to_owned(), values, ..ConfigFile::default() }
}

/// The keys of a text that is not TOML as a whole: those of the lines that are TOML together with the
/// lines before them. A value can have several lines.
fn parse_lines(text: &str) -> toml::Table {
    let (mut table, mut good, mut open) = (toml::Table::new(), String::new(), String::new());
    for line in text.lines().take(MAX_LINES) {
        let parsed =
            [format!("{open}{line}\n"), format!("{line}\n")].into_iter().find_map(|lines| {
                let whole = format!("{good}{lines}");
                whole.parse().ok().map(|table| (whole, table))
            });
        match parsed {
            Some(parsed) => {
                (good, table) = parsed;
                open.clear();
            }
            None => open = format!("{open}{line}\n"),
        }
    }
    table
}

/// The pairs of a verb's flags that exclude each other.
fn conflicts(verb: &Command) -> impl Iterator<Item = (&str, &str)> {
    verb.get_arguments().flat_map(move |arg| {
        let others = verb.get_arg_conflicts_with(arg).into_iter().filter_map(Arg::get_long);
        others.filter_map(move |other| Some((arg.get_long()?, other)))
    })
}

impl ConfigFile {
    /// The file that was read, if any.
    pub fn path(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(&self.path)
    }

    /// A warning for each key of the file that has no effect.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let path = self.path.display();
        self.retired
            .iter()
            .map(move |key| format!("{path}: {key} has no effect any more; remove it"))
    }

    /// Whether the file sets this flag.
    pub fn has(&self, long: &str) -> bool {
        self.values.contains_key(long)
    }

    /// The file with those of its keys with which `is_valid` holds, each tried together with the
    /// ones before it.
    pub(crate) fn valid_part(&self, is_valid: impl Fn(&Self) -> bool) -> Self {
        let mut valid = Self { values: BTreeMap::new(), ..self.clone() };
        for (key, values) in &self.values {
            valid.values.insert(key.clone(), values.clone());
            if is_valid(&valid) {
                continue;
            }
            valid.values.remove(key);
            // A wrong variable does not take the place of a right key.
            if let Some(values) = self.overridden.get(key) {
                valid.of_environment.remove(key);
                valid.values.insert(key.clone(), values.clone());
                if !is_valid(&valid) {
                    valid.values.remove(key);
                }
            }
        }
        valid
    }

    /// The environment that holds with the file.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The variable that replaces a key of the file, if one does.
    pub fn replaced_by(&self, long: &str) -> Option<&'static str> {
        self.replaced.get(long).copied()
    }

    /// The file that a value is from: the config file, or `agent.env`.
    pub fn source(&self, long: &str) -> Option<&Path> {
        if self.of_environment.contains(long) {
            self.environment.path()
        } else {
            self.path().filter(|_| self.has(long))
        }
    }

    /// Removes the keys that a variable replaces, and adds the flags' variables of `agent.env`.
    pub(super) fn set_environment(&mut self, environment: Environment, verbs: &[&Command]) {
        for (key, variable) in
            ["proxy", "no-proxy", "time-zone"].map(|key| (key, environment.replaces(key)))
        {
            if let Some(variable) = variable
                && self.values.remove(key).is_some()
            {
                self.replaced.insert(key.to_owned(), variable);
            }
        }
        let flags = verbs.iter().flat_map(|verb| verb.get_arguments()).filter(|arg| is_key(arg));
        for long in flags.filter_map(Arg::get_long) {
            let name = variable(long);
            let value = environment.of_file().find(|(known, _)| *known == name);
            if let Some((_, value)) = value {
                let replaced = self.values.insert(long.to_owned(), vec![value.to_owned()]);
                // Several verbs have the flag.
                if let Some(values) = replaced.filter(|_| !self.of_environment.contains(long)) {
                    self.overridden.insert(long.to_owned(), values);
                }
                self.of_environment.insert(long.to_owned());
            }
        }
        self.environment = environment;
    }

    /// Removes values that exclude a flag of `verb` given with higher priority: `--since` must work
    /// even if the file has a `date`.
    pub(super) fn give_way(&mut self, verb: &Command, given: &[&str]) {
        let is_given = |long: &str| {
            verb.get_arguments()
                .any(|arg| arg.get_long() == Some(long) && given.contains(&arg.get_id().as_str()))
        };
        for (one, other) in conflicts(verb) {
            for (given, excluded) in [(one, other), (other, one)] {
                if is_given(given) {
                    self.values.remove(excluded);
                }
            }
        }
    }

    /// Makes the file's values the defaults of its verbs.
    pub fn apply(&self, command: Command) -> Command {
        if self.values.is_empty() {
            return command;
        }
        command.mut_subcommands(|verb| {
            if usual_file(verb.get_name()).is_some() {
                verb.mut_args(|arg| self.with_default(arg))
            } else if operator_file(verb.get_name()).is_some() {
                self.apply_operator_keys(verb)
            } else {
                verb
            }
        })
    }

    /// Applies the keys that the operator's verbs read, to this verb and those below it.
    fn apply_operator_keys(&self, verb: Command) -> Command {
        let is_read = |arg: &Arg| arg.get_long().is_some_and(|long| OPERATOR_KEYS.contains(&long));
        let name = verb.get_name().to_owned();
        verb.mut_args(|arg| if is_read(&arg) { self.with_default(arg) } else { arg })
            .mut_subcommands(|below| match usual_file_of(&name, Some(below.get_name())) {
                Some(_) => below.mut_args(|arg| self.with_default(arg)),
                None => self.apply_operator_keys(below),
            })
    }

    /// The flag with the file's values as its default.
    fn with_default(&self, arg: Arg) -> Arg {
        let values = arg.get_long().and_then(|long| self.values.get(long)).cloned();
        match values {
            Some(values) if matches!(arg.get_action(), ArgAction::Append) => {
                arg.required(false).default_values(values)
            }
            // The flag takes one text. Of several, clap would use only the first.
            Some(values) => arg.required(false).default_value(values.join(", ")),
            None => arg,
        }
    }

    /// The file and key of an invalid value of `flag`, if it is from this file.
    pub fn source_of(&self, flag: &str, value: &str) -> Option<String> {
        let long = flag.trim_start_matches('-').split([' ', '=']).next()?;
        let (values, path) = (self.values.get(long)?, self.source(long)?);
        let is_hidden = value == crate::HIDDEN_VALUE;
        (is_hidden || values.iter().any(|known| known == value) || values.join(", ") == value)
            .then(|| format!("the value comes from {}, key {long}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConfigFile, String> {
        let flag = |long: &'static str| Arg::new(long).long(long);
        let mut serve = Command::new("serve").args([
            flag("listen"),
            flag("data-dir").value_parser(clap::value_parser!(PathBuf)),
            flag("allow-hosts"),
            flag("trusted-proxy"),
            flag("keep-raw-days"),
            flag("key-prefix").action(ArgAction::SetTrue),
            flag("config"),
            flag("date").conflicts_with("since"),
            flag("since"),
        ]);
        serve.build();
        parse(Path::new("serve.toml"), text, &[&serve]).map_err(|e| e.to_string())
    }

    #[test]
    fn values_become_texts() {
        let file = read("keep-raw-days = 400\ntrusted-proxy = ['10.0.0.0/8', '::1']\n").unwrap();
        assert_eq!(file.values["keep-raw-days"], ["400"]);
        assert_eq!(file.values["trusted-proxy"], ["10.0.0.0/8", "::1"]);
    }

    #[test]
    fn of_a_file_that_is_not_toml_the_other_lines_hold() {
        let flags = ["listen", "region", "allow-hosts"].map(|long| Arg::new(long).long(long));
        let serve = Command::new("serve").args(flags);
        let keys = |text: &str| -> Vec<_> {
            let values = parse_valid(Path::new("serve.toml"), text, &[&serve]).values;
            values.into_iter().map(|(key, values)| (key, values.join(","))).collect()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let [listen, region] = [pair("listen", "a:1"), pair("region", "x")];
        for text in [
            "listen = 'a:1'\nallow-hosts = http://x\nregion = 'x'\n",
            "allow-hosts = 'x\nlisten = 'a:1'\nregion = 'x'",
            "= = =\nlisten = 'a:1'\n[[\nregion = 'x'\nregion = 'y'\n",
        ] {
            assert_eq!(keys(text), [listen.clone(), region.clone()], "{text}");
        }
        let lines = "allow-hosts = [\n  'a',\n  'b',\n]\nlisten = 'a:1'\nregion = x\n";
        assert_eq!(keys(lines), [pair("allow-hosts", "a,b"), listen]);
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
    fn what_only_a_command_line_can_say_is_no_key() {
        assert!(read("config = '/etc/other.toml'").unwrap_err().contains("unknown key \"config\""));
        assert!(read("help = true").unwrap_err().contains("unknown key \"help\""));
    }

    #[test]
    fn a_relative_path_is_refused() {
        let error = read("data-dir = 'var/log2aws'").unwrap_err();
        let start = "serve.toml: data-dir must be a path from the root, such as \"/var/";
        assert!(error.starts_with(start) && error.contains("\"var/log2aws\""), "{error}");
        assert!(read("data-dir = '/var/log2aws'").is_ok());
        // Values that are not paths are not checked.
        assert!(read("listen = 'var/log2aws'").is_ok());
    }

    #[test]
    fn a_switch_is_on_or_off() {
        assert_eq!(read("key-prefix = false").unwrap().values["key-prefix"], ["false"]);
        for wrong in ["'false'", "1", "[true]"] {
            let error = read(&format!("key-prefix = {wrong}")).unwrap_err();
            assert_eq!(error, "serve.toml: key-prefix must be true or false, without quotes");
        }
    }

    #[test]
    fn keys_that_exclude_each_other_are_refused() {
        let error = read("since = 2026-11-01\ndate = 2026-11-02").unwrap_err();
        let expected = "serve.toml: date and since cannot stand together; leave one of them out";
        assert_eq!(error, expected);
        assert!(read("since = 2026-11-01").is_ok());
    }

    #[test]
    fn a_table_is_no_value() {
        let error = read("[listen]\nport = 1").unwrap_err();
        assert!(error.starts_with("serve.toml: listen must be a text"), "{error}");
    }
}
