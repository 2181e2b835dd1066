//! `log2aws store`: maintenance of the data folder of `serve`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use log2aws_cli::exit::Exit;
use log2aws_server::snapshot;

use crate::help;

/// The flags of `store`.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    verb: StoreVerb,
}

#[derive(Debug, Subcommand)]
enum StoreVerb {
    /// Copy the data folder while serve runs. To restore the copy, start serve on it.
    #[command(after_help = help::STORE_SNAPSHOT)]
    Snapshot(SnapshotArgs),
}

#[derive(Debug, Args)]
struct SnapshotArgs {
    /// The folder to create. On the same file system it shares blocks with the data folder: it is
    /// fast and small, but no backup against a broken disk until it is copied elsewhere.
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    // Read before the command line is parsed.
    /// The config file of serve, for its data-dir [default: /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs one of the verbs of `store`.
///
/// # Errors
/// The snapshot's.
pub(crate) fn run(args: StoreArgs) -> anyhow::Result<Exit> {
    let StoreVerb::Snapshot(SnapshotArgs { to, data_dir, .. }) = args.verb;
    let made = snapshot(&data_dir, &to)?;
    let (linked, copied) = (made.linked, made.copied);
    writeln!(io::stdout(), "{}: files linked: {linked}, copied: {copied}", to.display())?;
    Ok(Exit::Done)
}
