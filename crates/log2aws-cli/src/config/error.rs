//! What is wrong with a config file.

use std::path::PathBuf;

/// What is wrong with a config file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("the config file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
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
        /// The most similar known key.
        nearest: Option<String>,
    },
    /// A value that the flag cannot have.
    #[error("{}: {key} must be a text, a number, true or false, or a list of these", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// Something else than a table.
    #[error("{}: {key} must be a table, which begins with [[{key}]]", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A relative path, which would depend on the working directory.
    #[error(
        "{}: {key} must be a path from the root, such as \"/var/log/log2aws\"; {value:?} would be \
         another place for each folder that a program is started in", path.display()
    )]
    RelativePath {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A switch with a value other than on or off.
    #[error("{}: {key} must be true or false, without quotes", path.display())]
    NoSwitch {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// Two keys that exclude each other.
    #[error("{}: {key} and {other} cannot stand together; leave one of them out", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// One of them.
        key: String,
        /// The other.
        other: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}
