//! `log2aws proof`: receipts of deliveries, their check, and a witness of the delivery log.

mod check;
mod keys;
mod witness;
mod write;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use log2aws_cli::exit::Exit;
use log2aws_tlog::note::VerifierKey;

use crate::help;

/// The flags of `proof`.
#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    #[command(subcommand)]
    verb: ProofVerb,
}

#[derive(Debug, Subcommand)]
enum ProofVerb {
    /// Write the receipt of a delivery: proof that the delivery log contains it.
    #[command(after_help = help::PROOF_WRITE)]
    Write(write::WriteArgs),
    /// Check a receipt, offline, with the key of the log.
    #[command(after_help = help::PROOF_CHECK)]
    Check(check::CheckArgs),
    /// Print the public keys of the delivery log.
    #[command(after_help = help::PROOF_KEY)]
    Key(keys::KeyArgs),
    /// Sign the delivery log of a serve with a new key, and the key before.
    #[command(after_help = help::PROOF_ROTATE)]
    Rotate(keys::RotateArgs),
    /// Cosign the delivery log, on another machine, if it continues what was seen before.
    #[command(after_help = help::PROOF_WITNESS)]
    Witness(witness::WitnessArgs),
}

/// Runs one of the verbs of `proof`.
///
/// # Errors
/// The bucket, a file or a key cannot be used. What is not proved is no error: [`Exit::Missing`].
pub(crate) fn run(args: ProofArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.verb {
        ProofVerb::Write(args) => write::run(args, out),
        ProofVerb::Check(args) => check::run(args, out),
        ProofVerb::Key(args) => keys::run(args, out),
        ProofVerb::Rotate(args) => keys::rotate(&args, out),
        ProofVerb::Witness(args) => witness::run(args, out),
    }
}

/// Says why nothing is proved.
fn not_proved(why: impl std::fmt::Display) -> anyhow::Result<Exit> {
    writeln!(io::stderr(), "NOT PROVED: {why}")?;
    Ok(Exit::Missing)
}

fn verifier(text: &str) -> Result<VerifierKey, String> {
    text.trim().parse().map_err(|error: log2aws_tlog::note::KeyError| error.to_string())
}

/// A file, if it is not absurdly long.
fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        io::Read::read_to_end(&mut io::Read::take(file, 1 << 20), &mut bytes)?;
        Ok(bytes)
    };
    read().with_context(|| format!("{} cannot be read", path.display()))
}
