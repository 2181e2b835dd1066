//! The verbs, and the way from a command line to one of them.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{self, ConfigFile};
use crate::exit::{self, Exit};
use crate::{chart, convert, demo, sample, serve, ship, stack};

/// Collects the daily load logs of servers that hold no AWS credentials, turns each into CSV and
/// a load chart, and proves that nothing is missing.
#[derive(Debug, Parser)]
#[command(name = "log2aws", version, max_term_width = 100)]
#[command(
    after_help = "Every flag --some-name can also be given as LOG2AWS_SOME_NAME, and as the \
                        key some-name in the verb's config file.\n\
                        Exit codes: 0 done, 1 failed, 2 usage, 3 done with rejects, \
                        4 something is missing, 5 refused by the server."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the whole pipeline on this machine, with real samples of it.
    Demo(demo::DemoArgs),
    /// Serve URLs, an S3 store and the analyzer from this machine.
    Serve(Box<serve::ServeArgs>),
    /// Turn day logs into CSV.
    Convert(convert::ConvertArgs),
    /// Draw the load chart of a day, from its log or its CSV.
    Chart(chart::ChartArgs),
    /// Append one line about this machine to today's log.
    Sample(sample::SampleArgs),
    /// Deliver day logs to the endpoint.
    Ship(ship::ShipArgs),
    /// Make and look after the stack on AWS.
    Stack(stack::StackArgs),
}

/// Runs one command line and says how it ended.
pub(crate) fn run(args: &[OsString]) -> Exit {
    let command = config::with_environment(Cli::command());
    let file = match config::find(&command, args) {
        Ok(file) => file,
        Err(error) => {
            exit::report(&mut io::stderr(), &error.into());
            return Exit::Usage;
        }
    };
    let matches = match file.apply(command).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error, args, &file),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, args, &file),
    };
    let done = match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Serve(args) => serve::run(*args),
        Verb::Convert(args) => {
            convert::run(&args, &mut io::stdin().lock(), &mut io::stdout(), &mut io::stderr())
        }
        Verb::Chart(args) => {
            chart::run(&args, &mut io::stdin().lock(), &mut io::stdout(), &mut io::stderr())
        }
        Verb::Sample(args) => sample::run(&args),
        Verb::Ship(args) => ship::run(&args),
        Verb::Stack(args) => stack::run(args),
    };
    done.unwrap_or_else(|error| {
        exit::report(&mut io::stderr(), &error);
        let is_usage = [convert::is_usage, chart::is_usage, serve::is_usage, stack::is_usage];
        if is_usage.iter().any(|is| is(&error)) { Exit::Usage } else { Exit::Failed }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        config::with_environment(Cli::command()).debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        let command = config::with_environment(Cli::command());
        let verbs = command
            .get_subcommands()
            .flat_map(|verb| std::iter::once(verb).chain(verb.get_subcommands()));
        for arg in verbs.flat_map(clap::Command::get_arguments) {
            let Some(long) = arg.get_long().filter(|l| !matches!(*l, "help" | "version")) else {
                continue;
            };
            let expected = config::variable(long);
            assert_eq!(arg.get_env().and_then(|v| v.to_str()), Some(expected.as_str()));
        }
    }
}
