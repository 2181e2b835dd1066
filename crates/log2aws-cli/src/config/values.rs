//! The values of a config file's keys, as texts like those of a command line.

use std::path::Path;

use clap::builder::ValueParser;
use clap::{Arg, Command};
use log2aws_core::alert::{RULE_KEYS, WEBHOOK_KEYS};

use super::error::ConfigError;
use super::{is_key, is_switch};

/// The keys that are tables, with their own keys. On a command line such a value is JSON.
const TABLES: [(&str, &[&str]); 2] = [("alert", &RULE_KEYS), ("webhook", &WEBHOOK_KEYS)];

/// A key's values as on a command line.
///
/// # Errors
/// [`ConfigError`] if no verb has such a flag, or the flag cannot have the value.
pub(super) fn texts(
    path: &Path,
    key: &str,
    value: toml::Value,
    verbs: &[&Command],
) -> Result<Vec<String>, ConfigError> {
    let known = || verbs.iter().flat_map(|verb| verb.get_arguments()).filter(|arg| is_key(arg));
    let (path, key) = (path.to_owned(), key.to_owned());
    let Some(arg) = known().find(|arg| arg.get_long() == Some(key.as_str())) else {
        let nearest = nearest(known().filter_map(Arg::get_long), &key).map(str::to_owned);
        return Err(ConfigError::UnknownKey { path, key, nearest });
    };
    if is_switch(arg) && !value.is_bool() {
        return Err(ConfigError::NoSwitch { path, key });
    }
    let items = match value {
        toml::Value::Array(items) => items,
        single => vec![single],
    };
    if let Some((_, keys)) = TABLES.iter().find(|(table, _)| *table == key) {
        return items.into_iter().map(|item| table(&path, &key, item, keys)).collect();
    }
    let Some(texts) = items.into_iter().map(scalar).collect::<Option<Vec<String>>>() else {
        return Err(ConfigError::BadValue { path, key });
    };
    let is_path = arg.get_value_parser().type_id() == ValueParser::path_buf().type_id();
    match texts.iter().find(|text| is_path && !Path::new(text).is_absolute()) {
        Some(relative) => Err(ConfigError::RelativePath { path, key, value: relative.clone() }),
        None => Ok(texts),
    }
}

/// The known name that is most like `key`, if one is like it.
fn nearest<'a>(known: impl Iterator<Item = &'a str>, key: &str) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(known, key), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// A table as JSON.
fn table(path: &Path, key: &str, item: toml::Value, keys: &[&str]) -> Result<String, ConfigError> {
    let (path, key) = (path.to_owned(), key.to_owned());
    let toml::Value::Table(table) = item else { return Err(ConfigError::NoTable { path, key }) };
    if let Some(unknown) = table.keys().find(|own| !keys.contains(&own.as_str())) {
        let nearest = nearest(keys.iter().copied(), unknown).map(|near| format!("{key}.{near}"));
        return Err(ConfigError::UnknownKey { path, key: format!("{key}.{unknown}"), nearest });
    }
    serde_json::to_string(&table).map_err(|_| ConfigError::NoTable { path, key })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, key: &str) -> Result<Vec<String>, String> {
        let flags = ["alert", "webhook", "listen"].map(|long| Arg::new(long).long(long));
        let serve = Command::new("serve").args(flags);
        let table: toml::Table = text.parse().unwrap();
        let value = table[key].clone();
        texts(Path::new("serve.toml"), key, value, &[&serve]).map_err(|error| error.to_string())
    }

    #[test]
    fn tables_become_json() {
        let rules = "[[alert]]\nrule = 'silent'\ndays = 2\n[[alert]]\nrule = 'load'\nabove = 1.5\n";
        let texts = read(rules, "alert").unwrap();
        assert_eq!(texts, [r#"{"days":2,"rule":"silent"}"#, r#"{"above":1.5,"rule":"load"}"#]);
        let one = read("[webhook]\nformat = 'slack'\nurl-file = '/etc/log2aws/slack'\n", "webhook");
        assert_eq!(one.unwrap(), [r#"{"format":"slack","url-file":"/etc/log2aws/slack"}"#]);
    }

    #[test]
    fn a_table_has_its_own_keys() {
        let error = read("[[alert]]\nrule = 'load'\nminute = 3\n", "alert").unwrap_err();
        let expected = "serve.toml: unknown key \"alert.minute\"; did you mean \"alert.minutes\"?";
        assert_eq!(error, expected);
        // The URL itself is not for a config file.
        let error = read("[webhook]\nurl = 'https://x'\n", "webhook").unwrap_err();
        assert!(
            error.ends_with("did you mean \"webhook.url-file\"?") && !error.contains("https"),
            "{error}"
        );
        let error = read("alert = 'silent'", "alert").unwrap_err();
        assert_eq!(error, "serve.toml: alert must be a table, which begins with [[alert]]");
        assert!(
            read("[listen]\nport = 1", "listen").unwrap_err().contains("listen must be a text")
        );
    }
}
