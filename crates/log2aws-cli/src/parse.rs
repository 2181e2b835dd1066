//! From a command line to a verb and its flags, or to what is wrong with them.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::config::{self, ConfigFile};
use crate::exit::{self, Exit};

/// Reads a command line, with the environment and the verb's config file behind it.
///
/// # Errors
/// The exit code, when help was asked for ([`Exit::Done`]) or something is wrong
/// ([`Exit::Usage`]); what there is to say has been said on stdout or stderr.
pub fn parse<C: CommandFactory + FromArgMatches>(args: &[OsString]) -> Result<C, Exit> {
    let command = config::with_environment(C::command());
    let file = config::find(&command, args).map_err(|error| {
        exit::report(&mut io::stderr(), &error.into());
        Exit::Usage
    })?;
    let matches = matches(command, &file, args)?;
    C::from_arg_matches(&matches).map_err(|error| refuse(&error, args, &file))
}

/// What a command line says together with a config file.
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

/// Prints what clap has to say: help to stdout, faults to stderr, with the file a bad value is in.
fn refuse(error: &clap::Error, args: &[OsString], file: &ConfigFile) -> Exit {
    // A closed terminal is no reason to fail twice.
    let _ = error.print();
    if let (
        ErrorKind::ValueValidation | ErrorKind::InvalidValue,
        Some(ContextValue::String(flag)),
        Some(ContextValue::String(value)),
    ) = (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
        && let Some(source) = source_of(flag, value, args, file)
    {
        let _ = writeln!(io::stderr(), "\n{source}");
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Where a bad value stands that is not on the command line, in the order in which values win.
fn source_of(flag: &str, value: &str, args: &[OsString], file: &ConfigFile) -> Option<String> {
    let long = flag.split([' ', '=']).next()?;
    let given = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| arg.split('=').next().is_some_and(|name| name == long))
    };
    if args.iter().any(given) {
        return None;
    }
    let variable = config::variable(long.trim_start_matches('-'));
    if std::env::var(&variable).is_ok_and(|stands| stands == value) {
        return Some(format!("the value stands in the environment variable {variable}"));
    }
    file.source_of(flag, value)
}
