//! The examples in the help of the verbs and in the manual pages. `PROGRAM` stands for the program's
//! name, because two programs have the agent's verbs.

use clap::Command;

pub(crate) const SAMPLE: &str = "\
Examples:
  PROGRAM sample
  PROGRAM sample --log-dir /var/log/load --note 'database, primary'";

pub(crate) const SHIP: &str = "\
Examples:
  PROGRAM ship --api https://logs.example.com
  PROGRAM ship --partial
  PROGRAM ship --date 2019-08-01 --json
  PROGRAM ship --log-dir /var/log/load --since 2019-01-01 --dry-run";

pub(crate) const KEY_NEW: &str = "\
Examples:
  PROGRAM key new
  PROGRAM key new --replace";

pub(crate) const KEY_SHOW: &str = "\
Examples:
  PROGRAM key show";

pub(crate) const KEY_ENROL: &str = "\
Examples:
  PROGRAM key enrol log2aws-enrol-1.d2ViMDEg... --api https://logs.example.com";

/// Of `key` on a server.
pub const KEY: &str = "\
Examples:
  PROGRAM key new
  PROGRAM key enrol log2aws-enrol-1.d2ViMDEg...";

pub(crate) const RUN: &str = "\
Examples:
  PROGRAM run --api https://logs.example.com
  PROGRAM run --interval 1m --ship-window 00:10-02:00";

pub(crate) const STATUS: &str = "\
Examples:
  PROGRAM status
  PROGRAM status --json | jq .pending";

pub(crate) const DOCTOR: &str = "\
Examples:
  sudo -u log2aws PROGRAM doctor
  PROGRAM doctor --api https://logs.example.com --json";

pub(crate) const CONFIG: &str = "\
Examples:
  PROGRAM config check
  PROGRAM config check --config ./agent.toml";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  PROGRAM completions bash > /etc/bash_completion.d/PROGRAM";

pub(crate) const MAN: &str = "\
Examples:
  PROGRAM man /usr/local/share/man/man1";

pub(crate) const CONFIG_CHECK: &str = "\
Examples:
  sudo PROGRAM config check
  PROGRAM config check --config ./agent.toml";

/// The program with its own name in the examples of its verbs, including nested ones.
pub(crate) fn named(program: Command) -> Command {
    let name = program.get_name().to_owned();
    program.mut_subcommands(|verb| with_name(verb, &name))
}

fn with_name(verb: Command, name: &str) -> Command {
    let text = verb.get_after_help().map(|text| text.to_string().replace("PROGRAM", name));
    let verb = match text {
        Some(text) => verb.after_help(text),
        None => verb,
    };
    verb.mut_subcommands(|nested| with_name(nested, name))
}

#[cfg(test)]
mod tests {
    use clap::Subcommand as _;

    use super::*;
    use crate::agent::AgentVerb;

    #[test]
    fn every_example_of_a_verb_is_a_command_line_of_it() {
        let program = || named(AgentVerb::augment_subcommands(Command::new("log2aws-agent")));
        let mut tried = 0;
        let all = program();
        let nested = all.get_subcommands().flat_map(Command::get_subcommands);
        for verb in all.get_subcommands().chain(nested) {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:\n"), "{} has no example", verb.get_name());
            for line in help.lines().skip(1) {
                let (_, words) = line.split_once("log2aws-agent ").unwrap();
                assert!(words.contains(verb.get_name()), "{line}");
                let words = words.split([';', '|', '>']).next().unwrap().replace(", primary'", "'");
                let words = words.split_whitespace().map(|word| word.trim_matches('\''));
                let parsed =
                    program().try_get_matches_from(["log2aws-agent"].into_iter().chain(words));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                tried += 1;
            }
        }
        assert!(tried >= 12, "{tried}");
    }
}
