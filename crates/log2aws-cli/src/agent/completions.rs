//! `log2aws completions`: the shell completions of this program.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Exit;

/// The flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh.
    #[arg(value_enum, value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// They cannot be written.
pub(super) fn run(
    args: &CompletionsArgs,
    mut door: Command,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let name = door.get_name().to_owned();
    // Into memory first, because the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut door, name, &mut script);
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}
