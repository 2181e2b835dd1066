//! `log2aws proof check`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use log2aws_cli::exit::Exit;
use log2aws_core::error_chain::ErrorChain;
use log2aws_service::delivery_log::{Log, LogError};
use log2aws_tlog::note::VerifierKey;
use log2aws_tlog::receipt::Receipt;
use sha2::{Digest as _, Sha256};

use super::{not_proved, read_file, verifier};
use crate::results_bucket::ResultsBucketArgs;

/// The flags of `proof check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The receipt.
    file: PathBuf,
    /// A public key of the delivery log, as `log2aws proof key` prints it; can be repeated.
    #[arg(long = "key", value_name = "KEY", required = true, value_parser = verifier)]
    keys: Vec<VerifierKey>,
    /// The public key of a witness that must have cosigned; can be repeated.
    #[arg(long = "witness", value_name = "KEY", value_parser = verifier)]
    witnesses: Vec<VerifierKey>,
    /// The day log, as it was delivered: its bytes must be those of the receipt.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Also ask the delivery log in the bucket: it must still contain the delivery, and continue
    /// the receipt's checkpoint.
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

pub(super) fn run(args: CheckArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let bytes = read_file(&args.file)?;
    let receipt = match Receipt::parse(&bytes) {
        Ok(receipt) => receipt,
        Err(error) => return not_proved(format!("{}: {error}", args.file.display())),
    };
    let times = match receipt.check(&args.keys, &args.witnesses) {
        Ok(times) => times,
        Err(error) => return not_proved(format!("{}: {error}", args.file.display())),
    };
    let delivery = &receipt.delivery;
    if let Some(file) = &args.log {
        let (sha256, size) = digest(file)?;
        if sha256 != *delivery.sha256() || size != delivery.size() {
            let (was, is) = (hex::encode(delivery.sha256()), hex::encode(sha256));
            return not_proved(format!(
                "{} is not the log that was delivered: it has {size} bytes and SHA-256 {is}, and \
                 the delivered log has {} bytes and SHA-256 {was}",
                file.display(),
                delivery.size()
            ));
        }
    }
    if args.online
        && let Some(why) = ask(&receipt, &args.keys, args.bucket)?
    {
        return not_proved(why);
    }
    let head = receipt.checkpoint.checkpoint();
    writeln!(out, "proved: the log of {} of {}", delivery.server(), delivery.day())?;
    writeln!(out, "  SHA-256   {}", hex::encode(delivery.sha256()))?;
    writeln!(out, "  bytes     {}", delivery.size())?;
    writeln!(out, "  arrived   {:.3}", delivery.arrived())?;
    writeln!(out, "  verdict   {}", delivery.verdict())?;
    writeln!(out, "  version   {}", delivery.version())?;
    writeln!(out, "  entry     {} of the {} in {}", receipt.index + 1, head.size, head.origin)?;
    for (witness, at) in args.witnesses.iter().zip(times) {
        writeln!(out, "  cosigned  {at} by {}", witness.name())?;
    }
    if let Some(file) = &args.log {
        writeln!(out, "  log       {} has these bytes", file.display())?;
    }
    if args.online {
        writeln!(out, "  online    the delivery log still contains it")?;
    }
    Ok(Exit::Done)
}

/// Why the delivery log in the bucket contradicts the receipt; `None` if it does not.
fn ask(
    receipt: &Receipt,
    keys: &[VerifierKey],
    bucket: ResultsBucketArgs,
) -> anyhow::Result<Option<String>> {
    let bucket = bucket.open()?;
    let name = &bucket.name;
    let place = || format!("the delivery log in s3://{name}");
    let asked = || -> Result<Option<String>, LogError> {
        let Some(log) = Log::open(&bucket.store, name)? else {
            return Ok(Some(format!("{} is gone", place())));
        };
        log.verify(keys)?;
        log.continues(receipt.checkpoint.checkpoint())?;
        let now = log.entry(receipt.index)?;
        Ok((now != receipt.delivery).then(|| format!("{} has another entry there", place())))
    };
    match asked() {
        Ok(why) => Ok(why),
        Err(error @ LogError::Store(_)) => {
            Err(error).with_context(|| format!("{} cannot be read", place()))
        }
        Err(error) => Ok(Some(format!("{}: {}", place(), ErrorChain(&error)))),
    }
}

/// SHA-256 and length of a file.
fn digest(path: &Path) -> anyhow::Result<([u8; 32], u64)> {
    let read = || -> io::Result<([u8; 32], u64)> {
        let mut file = File::open(path)?;
        let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            let count = io::Read::read(&mut file, &mut buffer)?;
            if count == 0 {
                return Ok((hash.finalize().into(), size));
            }
            hash.update(&buffer[..count]);
            size += count as u64;
        }
    };
    read().with_context(|| format!("{} cannot be read", path.display()))
}
