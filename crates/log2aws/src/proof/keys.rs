//! `log2aws proof key` and `log2aws proof rotate`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use log2aws_cli::exit::Exit;
use log2aws_server::LogKeyAdmin;
use log2aws_service::delivery_log::published_keys;

use crate::results_bucket::ResultsBucketArgs;

/// The flags of `proof key`.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

/// The flags of `proof rotate`.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The data folder of serve.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    // Read before the command line is parsed.
    /// The config file of serve, for its data-dir [default: /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: KeyArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let bucket = args.bucket.open()?;
    let name = &bucket.name;
    let keys = published_keys(&bucket.store, name)
        .with_context(|| format!("the keys of the delivery log in s3://{name} cannot be read"))?;
    if keys.is_empty() {
        writeln!(io::stderr(), "there is no delivery log in s3://{name} yet")?;
        return Ok(Exit::Missing);
    }
    for key in keys {
        writeln!(out, "{key}")?;
    }
    Ok(Exit::Done)
}

pub(super) fn rotate(args: &RotateArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let keys = LogKeyAdmin::open(&args.data_dir)?.rotate()?;
    for key in &keys {
        writeln!(out, "{key}")?;
    }
    writeln!(
        io::stderr(),
        "The next checkpoints are signed with both keys. Give the second to those who check; the \
         next rotation ends the first one. Receipts that were signed with it check with it forever."
    )?;
    Ok(Exit::Done)
}
