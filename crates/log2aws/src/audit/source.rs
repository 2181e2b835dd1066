//! Refuses flags of the place that is not read: a data folder or AWS.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// Checks the flags. It is the first part of the arguments, because later ones take theirs out of
/// the matches.
///
/// Not clap's `requires`: that refuses environment variables, too, which may be set for other verbs.
#[derive(Debug)]
pub(super) struct OneSource;

impl FromArgMatches for OneSource {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let (ignored, why): (&[&str], _) = if matches.get_flag("aws") {
            (&["data_dir"], "cannot be used with --aws, which reads no data folder")
        } else {
            (&["env", "region", "profile", "endpoint_url"], "can only be used with --aws")
        };
        match ignored.iter().copied().find(is_given) {
            None => Ok(Self),
            Some(id) => {
                let message = format!("--{} {why}\n", id.replace('_', "-"));
                Err(clap::Error::raw(ErrorKind::ArgumentConflict, message))
            }
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for OneSource {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
