//! `log2aws completions`: the shell completions of this program.

use std::io::Write;

use clap::{Args, Command, ValueEnum};
use clap_complete::generate;
use clap_complete::shells::{Bash, Fish, Zsh};

use crate::exit::Exit;

/// The flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell: bash, fish or zsh.
    #[arg(value_enum, value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

/// The shells that servers have.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Fish,
    Zsh,
}

/// Prints the completions.
///
/// # Errors
/// They cannot be written.
pub(super) fn run(
    args: &CompletionsArgs,
    mut command: Command,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let name = command.get_name().to_owned();
    // Into memory first, because the generator panics on a closed pipe.
    let mut script = Vec::new();
    match args.shell {
        Shell::Bash => generate(Bash, &mut command, name, &mut script),
        Shell::Fish => generate(Fish, &mut command, name, &mut script),
        Shell::Zsh => generate(Zsh, &mut command, name, &mut script),
    }
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}
