//! `log2aws config check`: reads the config file as the verbs do, and prints the result.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Subcommand};
use log2aws_agent::world::host_name;

use super::proxy_url::without_login;
use crate::config::{self, ConfigFile};
use crate::examples;
use crate::exit::{self, Exit};

/// What can be done with the config file.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Check every key, and print what holds and where each value comes from.
    #[command(after_help = examples::CONFIG_CHECK)]
    Check(CheckArgs),
}

/// The flags of `config check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The config file [default: /etc/log2aws/agent.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The value of a key, and its source.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    key: String,
    values: Vec<String>,
    /// Whether the flag can be given several times.
    many: bool,
    source: String,
    /// The variable that holds instead of the key in the file.
    replaced_by: Option<&'static str>,
}

/// Reads the file as each verb would, and prints the resulting values in config file format.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn run(
    args: &CheckArgs,
    command_line: fn() -> Command,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let Some(usual) = config::usual_file("config") else { return Ok(Exit::Usage) };
    // Required flags of a verb can be given on its command line.
    let command = config::with_environment(command_line())
        .mut_subcommands(|verb| verb.mut_args(|arg| arg.required(false)));
    let file = match config::read(&command, usual, args.config.as_ref()) {
        Ok(file) => file,
        Err(error) => return Ok(wrong(&error.into())),
    };
    let mut settings: Vec<Setting> = Vec::new();
    for verb in config::verbs_of_file(&command, usual) {
        // `config` itself only reads.
        if verb.has_subcommands() {
            continue;
        }
        let line = [command.get_name(), verb.get_name()].map(OsString::from);
        let matches = match crate::parse::matches(command.clone(), &file, &line) {
            Ok(matches) => matches,
            Err(exit) => return Ok(exit),
        };
        let Some((_, matches)) = matches.subcommand() else { continue };
        for arg in verb.get_arguments().filter(|arg| config::is_key(arg)) {
            let setting = setting(arg, matches, &file);
            if !settings.iter().any(|known| known.key == setting.key) {
                settings.push(setting);
            }
        }
    }
    if let Some(server) = settings.iter_mut().find(|known| known.key == "server")
        && server.values.is_empty()
    {
        match host_name() {
            Ok(name) => server.values.push(name.to_string()),
            Err(error) => {
                let asked = "this machine's host name cannot name its logs; set the key server";
                return Ok(wrong(&anyhow::Error::from(error).context(asked)));
            }
        }
        "the host name".clone_into(&mut server.source);
    }
    print(out, file.path().map_or_else(|| Err(usual), Ok), &settings)?;
    for line in advice(&file, &settings) {
        writeln!(out, "# {line}")?;
    }
    Ok(Exit::Done)
}

/// What to move between the config file and `agent.env`.
fn advice(file: &ConfigFile, settings: &[Setting]) -> Vec<String> {
    let environment = file.environment();
    let mut lines: Vec<String> = file.warnings().collect();
    lines.extend(environment.problem().map(str::to_owned));
    if let Some(path) = environment.path() {
        let path = path.display();
        for (name, value) in environment.file() {
            let key = match name {
                "TZ" => "time-zone",
                "NO_PROXY" | "no_proxy" => "no-proxy",
                name if name.to_ascii_lowercase().ends_with("_proxy") => "proxy",
                name => match name.strip_prefix("LOG2AWS_") {
                    Some(rest) => &rest.to_ascii_lowercase().replace('_', "-"),
                    None => continue,
                },
            };
            lines.push(if key == "proxy" && value.contains('@') {
                format!(
                    "{path}: {name} holds a password; it is right there, because fewer may read \
                     that file than the config file"
                )
            } else {
                format!("{path}: {name} can be the key {key} of the config file instead")
            });
        }
    }
    let proxy = settings.iter().find(|setting| setting.key == "proxy");
    let is_in_file = file.source("proxy").is_some() && file.source("proxy") == file.path();
    if proxy.is_some_and(|proxy| is_in_file && proxy.values.iter().any(|url| url.contains('@')))
        && let Some(path) = file.path()
        && fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
    {
        lines.push(format!(
            "{}: proxy holds a password, and every user may read the file; write it as HTTPS_PROXY \
             or http_proxy into agent.env beside it",
            path.display()
        ));
    }
    lines
}

fn wrong(error: &anyhow::Error) -> Exit {
    exit::report(&mut io::stderr(), error);
    Exit::Usage
}

fn setting(arg: &Arg, matches: &ArgMatches, file: &ConfigFile) -> Setting {
    let key = arg.get_long().unwrap_or_default().to_owned();
    let id = arg.get_id().as_str();
    let raw = matches.get_raw(id).into_iter().flatten();
    let values: Vec<String> = raw.map(|value| value.to_string_lossy().into_owned()).collect();
    let source = match matches.value_source(id) {
        Some(ValueSource::EnvVariable) => config::variable(&key),
        _ => file
            .source(&key)
            .map_or_else(|| "default".to_owned(), |path| path.display().to_string()),
    };
    let replaced_by = file.replaced_by(&key);
    let many = matches!(arg.get_action(), clap::ArgAction::Append);
    Setting { key, values, many, source, replaced_by }
}

fn print(
    out: &mut dyn Write,
    file: Result<&std::path::Path, &str>,
    settings: &[Setting],
) -> io::Result<()> {
    match file {
        Ok(file) => writeln!(out, "# {}: nothing is wrong with it", file.display())?,
        Err(usual) => writeln!(out, "# {usual} does not exist: the defaults hold")?,
    }
    for setting in settings {
        let Setting { key, values, many, source, replaced_by } = setting;
        let texts: Vec<String> = values.iter().map(|value| toml_value(value)).collect();
        match (&texts[..], replaced_by) {
            ([], Some(variable)) => {
                writeln!(out, "# {key} does not hold: {variable} in the environment does")?;
            }
            ([text], _) if key == "proxy" && text.contains('@') => {
                writeln!(out, "# {key} = {}  # {source}", without_login(text))?;
            }
            ([], None) => writeln!(out, "# {key} is not set")?,
            ([text], _) if !many => writeln!(out, "{key} = {text}  # {source}")?,
            (texts, _) => writeln!(out, "{key} = [{}]  # {source}", texts.join(", "))?,
        }
    }
    out.flush()
}

/// A value as written in a config file.
fn toml_value(text: &str) -> String {
    let is_number = |text: &str| text.parse::<i64>().is_ok_and(|n| n.to_string() == text);
    if matches!(text, "true" | "false") || is_number(text) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::agent::AgentVerb;

    fn command_line() -> Command {
        AgentVerb::augment_subcommands(Command::new("log2aws-agent"))
    }

    fn check(text: &str) -> (Exit, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        let mut out = Vec::new();
        let args = CheckArgs { config: Some(path.clone()) };
        let exit = run(&args, command_line, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        (exit, out.replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn it_tells_what_holds_and_why() {
        let (exit, out) = check("server = 'web01'\nnote = '本番 \"DB\"'\nwindow = 30\n");
        assert_eq!(exit, Exit::Done);
        for line in [
            "# FILE: nothing is wrong with it",
            "server = \"web01\"  # FILE",
            "note = \"本番 \\\"DB\\\"\"  # FILE",
            "window = 30  # FILE",
            "since-boot = false  # default",
            "log-dir = \"/var/log/log2aws\"  # default",
            "# date is not set",
        ] {
            assert!(out.lines().any(|told| told == line), "{line} is not in\n{out}");
        }
    }

    #[test]
    fn what_it_prints_is_a_config_file_that_says_the_same() {
        let (_, first) = check("server = 'web01'\nnote = 'a \\ b'\nsince-boot = true\n");
        let (exit, second) = check(&first);
        let values = |text: &str| -> toml::Table { text.parse().unwrap() };
        assert_eq!((exit, values(&second)), (Exit::Done, values(&first)));
        assert_eq!(values(&first)["note"].as_str(), Some("a \\ b"));
    }

    const PACKAGED: &str = include_str!("../../../../deploy/agent/agent.toml");

    /// The packaged config file with all commented-out settings enabled.
    fn uncommented() -> String {
        let is_key = |line: &&str| {
            let name = line.trim_start_matches('#').split(" = ").next().unwrap_or_default();
            line.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        let keys = PACKAGED.lines().filter(is_key).map(|line| line.trim_start_matches('#'));
        keys.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_packaged_config_file_has_every_key_and_no_other() {
        let table: toml::Table = uncommented().parse().unwrap();
        let packaged: BTreeSet<&str> = table.keys().map(String::as_str).collect();
        let (exit, out) = check("");
        assert_eq!(exit, Exit::Done);
        let known = out.lines().skip(1).map(|line| {
            let line = line.trim_start_matches("# ");
            line.split([' ', '=']).next().unwrap()
        });
        assert_eq!(packaged, known.collect::<BTreeSet<_>>());
    }

    #[test]
    fn the_packaged_config_file_is_right_as_it_stands_and_with_every_key() {
        assert_eq!(check(PACKAGED).0, Exit::Done);
        // Keys that exclude each other are tried one after the other.
        let all = uncommented();
        for other in ["since", "date"] {
            let kept = all.lines().filter(|line| !line.starts_with(&format!("{other} = ")));
            let text = kept.collect::<Vec<_>>().join("\n");
            assert_eq!(check(&text).0, Exit::Done, "without {other}:\n{text}");
        }
    }

    #[test]
    fn each_key_is_told_in_japanese_too() {
        let mut told = Vec::new();
        for line in PACKAGED.lines() {
            let key = line.trim_start_matches('#').split(" = ").next().unwrap();
            if line.contains(" = ") && !line.starts_with("# ") {
                let japanese = told.iter().any(|line: &&str| !line.replace('·', "").is_ascii());
                assert!(japanese && told.len() > 1, "{key}: {told:?}");
            }
            if line.starts_with("# ") {
                told.push(line);
            } else {
                told.clear();
            }
        }
    }

    #[test]
    fn a_key_of_an_earlier_version_is_accepted_with_a_warning() {
        let (exit, out) = check("limit-rate = '200k'\nserver = 'web01'\n");
        assert_eq!(exit, Exit::Done);
        let warning = "# FILE: limit-rate has no effect any more; remove it";
        assert!(out.lines().any(|line| line == warning), "{out}");
        assert!(!out.lines().any(|line| line.starts_with("limit-rate =")), "{out}");
    }

    #[test]
    fn each_verbs_values_are_checked() {
        for wrong in [
            "window = 0",
            "since = '2026-02-30'",
            "server = 'a/b'",
            "max-time = 'long'",
            "log-dir = 'logs'",
            "sever = 'web01'",
            "window = ",
        ] {
            assert_eq!(check(wrong), (Exit::Usage, String::new()), "{wrong}");
        }
    }
}
