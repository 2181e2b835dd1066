//! `log2aws proof witness`: cosigns what continues the last checkpoint that it saw.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use log2aws_cli::exit::Exit;
use log2aws_core::error_chain::ErrorChain;
use log2aws_service::delivery_log::{Log, LogError};
use log2aws_service::ports::Clock as _;
use log2aws_tlog::checkpoint::SignedCheckpoint;
use log2aws_tlog::note::{Algorithm, SigningKey, VerifierKey, is_name};
use log2aws_tlog::receipt::Receipt;

use super::{not_proved, read_file, verifier};
use crate::clock::SystemClock;
use crate::results_bucket::ResultsBucketArgs;

/// The files of the state folder.
const KEY: &str = "witness-key";
const LAST: &str = "checkpoint";
const FORK: &str = "fork";

/// The flags of `proof witness`.
#[derive(Debug, Args)]
pub(super) struct WitnessArgs {
    /// A public key of the delivery log; can be repeated.
    #[arg(long = "key", value_name = "KEY", required = true, value_parser = verifier)]
    keys: Vec<VerifierKey>,
    /// The name of this witness, e.g. audit.example.com/log2aws; it becomes a part of its key.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// The folder with the key of the witness and the last checkpoint that it cosigned.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// A receipt or checkpoint that the delivery log must continue, too.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) { Ok(text.to_owned()) } else { Err("no spaces and no '+'".to_owned()) }
}

pub(super) fn run(args: WitnessArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let state = State::open(&args.state)?;
    let key = state.key(&args.name)?;
    let mut seen: Vec<(String, SignedCheckpoint)> = Vec::new();
    if let Some(last) = state.last()? {
        seen.push((state.folder.join(LAST).display().to_string(), last));
    }
    if let Some(file) = &args.since {
        seen.push((file.display().to_string(), checkpoint_of(file)?));
    }
    for (place, before) in &seen {
        before.verify(&args.keys).map_err(|error| anyhow!("{place}: {error}"))?;
    }
    let bucket = args.bucket.open()?;
    let place = format!("the delivery log in s3://{}", bucket.name);
    let Some(log) = Log::open(&bucket.store, &bucket.name)
        .with_context(|| format!("{place} cannot be read"))?
    else {
        if seen.is_empty() {
            bail!("{place} is empty: it begins within the hour after the first delivery");
        }
        return not_proved(format!("{place} is gone"));
    };
    if let Err(error) = log.verify(&args.keys) {
        return not_proved(format!("{place}: {}", ErrorChain(&error)));
    }
    for (from, before) in &seen {
        match log.continues(before.checkpoint()) {
            Ok(()) => {}
            Err(error @ LogError::Store(_)) => {
                return Err(error).with_context(|| format!("{place} cannot be read"));
            }
            Err(error) => {
                let both = format!("{before}\n{}", log.head());
                let kept = state.write(FORK, both.as_bytes())?;
                return not_proved(format!(
                    "{place} does not continue {from}: {}. Nothing was cosigned; both checkpoints, \
                     each signed by the log, are in {}\n\n{both}",
                    ErrorChain(&error),
                    kept.display()
                ));
            }
        }
    }
    let mut head = log.head().clone();
    head.note_mut().cosign(&key, SystemClock.now())?;
    // Written before it is shown: what was cosigned is never forgotten.
    state.write(LAST, head.to_string().as_bytes())?;
    write!(out, "{head}")?;
    writeln!(io::stderr(), "cosigned {} entries with {}", log.size(), key.verifier())?;
    Ok(Exit::Done)
}

/// The checkpoint of a receipt, or the one that the file is.
fn checkpoint_of(file: &Path) -> anyhow::Result<SignedCheckpoint> {
    let bytes = read_file(file)?;
    if let Ok(receipt) = Receipt::parse(&bytes) {
        return Ok(receipt.checkpoint);
    }
    SignedCheckpoint::parse(&bytes)
        .with_context(|| format!("{} is neither a receipt nor a checkpoint", file.display()))
}

/// The locked state folder.
struct State {
    folder: PathBuf,
    _lock: File,
}

impl State {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let failed = || format!("the folder {} cannot be used (--state)", folder.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(failed)?;
        let lock = File::open(folder).with_context(failed)?;
        lock.lock().with_context(failed)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The key of the witness, made at its first run.
    fn key(&self, name: &str) -> anyhow::Result<SigningKey> {
        let path = self.folder.join(KEY);
        if path.exists() {
            let text = String::from_utf8(read_file(&path)?).unwrap_or_default();
            let key = SigningKey::parse(text.trim());
            let key = key.map_err(|error| anyhow!("{} has no key: {error}", path.display()))?;
            if key.verifier().name() != name {
                let known = key.verifier().name();
                bail!("{} is the key of {known}: name it so by --name", path.display());
            }
            return Ok(key);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow!("no random bytes: {error}"))?;
        let key = SigningKey::new(name, Algorithm::Cosignature, seed)?;
        self.write(KEY, format!("{}\n", key.expose()).as_bytes())?;
        Ok(key)
    }

    fn last(&self) -> anyhow::Result<Option<SignedCheckpoint>> {
        let path = self.folder.join(LAST);
        if !path.exists() {
            return Ok(None);
        }
        let last = SignedCheckpoint::parse(&read_file(&path)?);
        last.map(Some).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Replaces a file that only its owner can read; on disk when it returns.
    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let (path, new) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }
}
