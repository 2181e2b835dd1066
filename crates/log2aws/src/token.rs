//! `log2aws token`: manages the tokens that log in to the dashboard.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use log2aws_cli::exit::Exit;
use log2aws_server::{Rights, TokenAdmin, TokenName};
use log2aws_service::ports::Clock as _;

use crate::clock::SystemClock;
use crate::help;

/// The flags of `token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Create a token for the dashboard and print it, this once.
    #[command(after_help = help::TOKEN_ADD)]
    Add(AddArgs),
    /// List the tokens of the dashboard: names, permissions and ages.
    #[command(after_help = help::TOKEN_LIST)]
    List(FolderArgs),
    /// Revoke a token; its sessions end at once.
    #[command(after_help = help::TOKEN_REVOKE)]
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The token's name: 1 to 32 of a-z, 0-9, '-', '_' and '.'.
    name: TokenName,
    /// Do not allow changes with this token.
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The token's name.
    name: TokenName,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, Args)]
struct FolderArgs {
    /// The data folder of serve, or the cache folder of `serve --view`.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    // Read before the command line is parsed.
    /// The config file of serve, for its data-dir [default: /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl FolderArgs {
    fn open(&self) -> anyhow::Result<TokenAdmin> {
        TokenAdmin::open(&self.data_dir).context("--data-dir")
    }
}

/// Runs one of the verbs of `token`.
///
/// # Errors
/// The name exists already or does not exist; the folder or a file cannot be used.
pub(crate) fn run(args: TokenArgs) -> anyhow::Result<Exit> {
    let mut out = io::stdout();
    match args.verb {
        TokenVerb::Add(AddArgs { name, read_only, folder }) => {
            let rights = if read_only { Rights::ReadOnly } else { Rights::Full };
            let token = folder.open()?.add(name.clone(), rights, SystemClock.now())?;
            // The only output on standard output, for use in scripts.
            writeln!(out, "{}", token.expose()).with_context(|| {
                format!("the token could not be printed; revoke {name} and add it again")
            })?;
            writeln!(
                io::stderr(),
                "The token {name} ({rights}) logs in at /ui/. It is kept nowhere: this is the only \
                 time that it is printed."
            )?;
        }
        TokenVerb::List(folder) => {
            let tokens = folder.open()?.list()?;
            let longest = tokens.iter().map(|token| token.name.as_str().len()).max();
            let width = longest.unwrap_or(0).max("NAME".len());
            writeln!(out, "{:width$}  {:9}  CREATED", "NAME", "RIGHTS")?;
            for token in tokens {
                let (name, rights) = (token.name, token.rights);
                writeln!(out, "{name:width$}  {rights:9}  {}", token.created)?;
            }
        }
        TokenVerb::Revoke(RevokeArgs { name, folder }) => {
            folder.open()?.revoke(&name)?;
            writeln!(out, "{name} logs in no more, and its sessions have ended")?;
        }
    }
    Ok(Exit::Done)
}
