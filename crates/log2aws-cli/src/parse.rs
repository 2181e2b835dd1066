//! Parses a command line into a verb and its flags, or prints what is wrong.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::config::{self, ConfigFile, Environment};
use crate::examples;
use crate::exit::{self, Exit};

/// Parses a command line, using the environment and the verb's config file for missing flags. Not
/// that of `run`, which reads its file itself: it also samples while that is wrong. Also returns
/// that environment.
///
/// # Errors
/// The exit code: [`Exit::Done`] for help, [`Exit::Usage`] for an error. The message has been
/// printed on stdout or stderr.
pub fn parse<C: CommandFactory + FromArgMatches>(
    args: &[OsString],
) -> Result<(C, Environment), Exit> {
    let command = config::with_environment(examples::named(C::command()));
    let file = if config::verb(&command, args).is_some_and(|verb| verb == "run") {
        ConfigFile::default()
    } else {
        config::find(&command, args).map_err(|error| {
            exit::report(&mut io::stderr(), &error.into());
            Exit::Usage
        })?
    };
    let matches = matches(command, &file, args)?;
    let parsed = C::from_arg_matches(&matches).map_err(|error| refuse(&error, args, &file))?;
    Ok((parsed, file.environment().clone()))
}

/// Parses a command line with a config file.
///
/// # Errors
/// As [`parse`].
pub(crate) fn matches(
    command: Command,
    file: &ConfigFile,
    args: &[OsString],
) -> Result<ArgMatches, Exit> {
    file.apply(command).try_get_matches_from(args).map_err(|error| refuse(&error, args, file))
}

/// What a parser puts in the place of an invalid value that can be a secret. Its source is still told.
pub const HIDDEN_VALUE: &str = "(not shown)";

/// A clap error in one line, with the file that an invalid value is from.
pub(crate) fn message(error: &clap::Error, args: &[OsString], file: &ConfigFile) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    match source(error, args, file) {
        Some(source) => format!("{first}; {source}"),
        None => first.to_owned(),
    }
}

/// Prints clap's message: help to stdout, errors to stderr, with the file that an invalid value is
/// from.
fn refuse(error: &clap::Error, args: &[OsString], file: &ConfigFile) -> Exit {
    // A closed terminal must not cause a second failure.
    let _ = error.print();
    if let Some(source) = source(error, args, file) {
        let _ = writeln!(io::stderr(), "\n{source}");
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// The source of the invalid value, if that is the error and it is not on the command line.
fn source(error: &clap::Error, args: &[OsString], file: &ConfigFile) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue)) {
        (
            ErrorKind::ValueValidation | ErrorKind::InvalidValue,
            Some(ContextValue::String(flag)),
            Some(ContextValue::String(value)),
        ) => source_of(flag, value, args, file),
        _ => None,
    }
}

/// The source of an invalid value that is not on the command line, in order of priority.
fn source_of(flag: &str, value: &str, args: &[OsString], file: &ConfigFile) -> Option<String> {
    let long = flag.split([' ', '=']).next()?;
    let given = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| arg.split('=').next().is_some_and(|name| name == long))
    };
    if args.iter().any(given) {
        return None;
    }
    let variable = config::variable(long.trim_start_matches('-'));
    if std::env::var(&variable).is_ok_and(|known| known == value || value == HIDDEN_VALUE) {
        return Some(format!("the value comes from the environment variable {variable}"));
    }
    file.source_of(flag, value)
}
