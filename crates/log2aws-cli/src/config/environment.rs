//! The environment of the agent's verbs: that of the process, and `agent.env` beside the config file.
//!
//! `agent.env` applies to the service and to commands typed by hand. `sudo` resets the environment, so
//! such a command would otherwise use another proxy and another time zone than the service.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use log2aws_agent::net::Proxies;

/// The name of the file, in the folder of the config file.
const FILE: &str = "agent.env";

/// The longest file that is read.
const MAX_FILE: u64 = 64 << 10;

/// The variables of the file that are used, besides those of flags and of proxies.
const USED: [&str; 3] = ["TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The prefix of the variables of flags.
const OF_FLAGS: &str = "LOG2AWS_";

/// The variables of the process, and those of `agent.env`, which it does not have itself.
#[derive(Clone, Default)]
pub struct Environment {
    process: BTreeMap<OsString, OsString>,
    file: BTreeMap<String, String>,
    path: PathBuf,
    problem: Option<String>,
}

impl fmt::Debug for Environment {
    /// Without values: one can be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.file.keys().collect();
        f.debug_struct("Environment")
            .field("path", &self.path)
            .field("file", &names)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// That of this process, without a file.
    pub fn of_process() -> Self {
        Self { process: std::env::vars_os().collect(), ..Self::default() }
    }

    /// That of this process, and `agent.env` in the folder of `config_file`, if it exists.
    pub fn beside(config_file: &Path) -> Self {
        let path = config_file.with_file_name(FILE);
        let mut environment = Self::of_process();
        match read(&path) {
            Ok(text) => {
                environment.file = parse(&text);
                environment.path = path;
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => {
                environment.problem = Some(format!(
                    "{} cannot be read ({error}), so that a proxy or a time zone set there does not \
                     hold here; run as root or as a user of its group",
                    path.display()
                ));
            }
        }
        environment
    }

    /// A variable. What is not UTF-8 counts as absent.
    pub fn var(&self, name: &str) -> Option<String> {
        match self.process.get(OsStr::new(name)) {
            Some(value) => value.to_str().map(str::to_owned),
            None => self.file.get(name).cloned(),
        }
    }

    /// A variable, as bytes.
    pub fn var_os(&self, name: &str) -> Option<OsString> {
        let of_file = || self.file.get(name).map(OsString::from);
        self.process.get(OsStr::new(name)).cloned().or_else(of_file)
    }

    /// The variables that only the file has.
    pub fn of_file(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_absent = |name: &str| !self.process.contains_key(OsStr::new(name));
        let all = self.file.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(name, _)| is_absent(name))
    }

    /// All variables of the file.
    pub fn file(&self) -> impl Iterator<Item = (&str, &str)> {
        self.file.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The file, if one was read.
    pub fn path(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(&self.path)
    }

    /// Why the file could not be read, if it exists.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The variable that replaces this key of a config file. Other programs read it too, so it is
    /// meant for all of them.
    pub fn replaces(&self, key: &str) -> Option<&'static str> {
        let is_set = |name: &&str| self.var(name).is_some_and(|value| !value.trim().is_empty());
        match key {
            "proxy" => Proxies::variables().find(is_set),
            "no-proxy" => Proxies::exempting_variables().find(is_set),
            // An empty one is UTC.
            "time-zone" => Some("TZ").filter(|name| self.var_os(name).is_some()),
            _ => None,
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let (owner, user) = (file.metadata()?.uid(), rustix::process::geteuid().as_raw());
    if owner != 0 && owner != user {
        let what = format!("it belongs to user {owner}, and this is user {user}");
        return Err(io::Error::new(ErrorKind::PermissionDenied, what));
    }
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The variables that are used, written as systemd reads them (`EnvironmentFile=`): `NAME=value`,
/// with or without quotes; `#` and `;` begin a comment line.
fn parse(text: &str) -> BTreeMap<String, String> {
    let is_used = |name: &str| {
        name.starts_with(OF_FLAGS)
            || USED.contains(&name)
            || Proxies::variables().chain(Proxies::exempting_variables()).any(|known| known == name)
    };
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if is_used(name) {
            found.insert(name.to_owned(), unquote(value.trim()));
        }
    }
    found
}

/// A value without its quotes. A backslash takes the next character as it is, except in single
/// quotes.
fn unquote(value: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => text.extend(chars.next()),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_systemd_reads_it() {
        let text = "# HTTPS_PROXY=a\n; b=c\n\nHTTPS_PROXY=http://u:p#w@p:3128\n no_proxy = \"a, b\" \n\
                    TZ='Asia/Tokyo'\nLOG2AWS_NOTE=\"a \\\"b\\\"\"\nLD_PRELOAD=/x.so\nexport X=1\nbad\n";
        let found = parse(text);
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("HTTPS_PROXY", "http://u:p#w@p:3128"),
            ("LOG2AWS_NOTE", "a \"b\""),
            ("TZ", "Asia/Tokyo"),
            ("no_proxy", "a, b"),
        ];
        assert_eq!(pairs, expected);
    }

    fn beside(text: &str, process: &[(&str, &str)]) -> Environment {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let mut environment = Environment::beside(&folder.path().join("agent.toml"));
        environment.process =
            process.iter().map(|(name, value)| (name.into(), value.into())).collect();
        environment
    }

    #[test]
    fn the_process_wins_over_the_file() {
        let environment = beside("TZ=Asia/Tokyo\nhttp_proxy=p:1\n", &[("TZ", "UTC")]);
        assert_eq!(environment.var("TZ").as_deref(), Some("UTC"));
        assert_eq!(environment.var("http_proxy").as_deref(), Some("p:1"));
        assert_eq!(environment.of_file().collect::<Vec<_>>(), [("http_proxy", "p:1")]);
        assert_eq!(environment.problem(), None);
    }

    #[test]
    fn a_shared_variable_replaces_a_key() {
        let replaced = |process: &[(&str, &str)]| {
            let environment = beside("", process);
            ["proxy", "no-proxy", "time-zone", "api"].map(|key| environment.replaces(key))
        };
        assert_eq!(replaced(&[("http_proxy", " "), ("HOME", "/")]), [None; 4]);
        assert_eq!(replaced(&[("ALL_PROXY", "p:1")]), [Some("ALL_PROXY"), None, None, None]);
        assert_eq!(
            replaced(&[("TZ", ""), ("NO_PROXY", "a")]),
            [None, Some("NO_PROXY"), Some("TZ"), None]
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        let environment = Environment::beside(&folder.path().join("agent.toml"));
        assert!(environment.problem().unwrap().contains("agent.env cannot be read (Is a dir"));
        let none = Environment::beside(Path::new("/nonexistent/agent.toml"));
        assert_eq!((none.problem(), none.path()), (None, None));
    }
}
