//! `log2aws key`: which servers get their upload URLs encrypted, and to which key.

mod list;

use std::io::{self, Read as _, Write};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use log2aws_cli::agent::key::{self as server_key, ServerKeyVerb};
use log2aws_cli::config::Environment;
use log2aws_cli::exit::Exit;
use log2aws_core::encrypted_url::Fresh;
use log2aws_core::key::BucketName;
use log2aws_core::key_registry::{
    EnrolmentCode, KEY, KeyRecord, KeyRegistry, MAX_BY_BYTES, MAX_BYTES, MAX_ENROLMENT_BYTES,
    MAX_WHY_BYTES, Revocation, enrolment_key,
};
use log2aws_core::retired::check_text;
use log2aws_core::server_key::{KeyId, PublicKey, ServerKeyError};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{Clock as _, Store as _};

use crate::clock::SystemClock;
use crate::help;
use crate::results_bucket::{ResultsBucket, ResultsBucketArgs, operator};
use crate::stored_record::StoredRecord;
use crate::view::Bucket;

const RECORD: StoredRecord<KeyRegistry> = StoredRecord {
    key: KEY,
    max_bytes: MAX_BYTES,
    parse: |bytes| Ok(KeyRegistry::parse(bytes)?),
    to_json: KeyRegistry::to_json,
};

/// The verbs of `key`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// List the registered keys, and the codes that are open.
    #[command(after_help = help::KEY_LIST)]
    List(ListArgs),
    /// Register the first key of a server, or make a code by which the server enrols it.
    #[command(after_help = help::KEY_REGISTER)]
    Register(RegisterArgs),
    /// Accept the key that a server delivered with its code.
    #[command(after_help = help::KEY_ACCEPT)]
    Accept(AcceptArgs),
    /// Register the next key of a server beside its present one.
    #[command(after_help = help::KEY_ROTATE)]
    Rotate(RotateArgs),
    /// Revoke a key: nothing is encrypted to it any more.
    #[command(after_help = help::KEY_REVOKE)]
    Revoke(RevokeArgs),
    #[command(flatten)]
    Server(ServerKeyVerb),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Make an empty registry if there is none. Without a registry nobody gets a URL.
    #[arg(long)]
    init: bool,
    /// Print the registry as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

#[derive(Debug, Args)]
struct RegisterArgs {
    /// The server.
    server: ServerName,
    /// Its public key, as `log2aws-agent key new` printed it.
    #[arg(value_parser = public_key, required_unless_present = "code", conflicts_with = "code")]
    key: Option<PublicKey>,
    /// Print a code with which the server delivers its key itself: `log2aws-agent key enrol CODE`.
    #[arg(long)]
    code: bool,
    /// How long the code is good, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=720), requires = "code")]
    hours: u32,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

#[derive(Debug, Args)]
struct AcceptArgs {
    /// The server.
    server: ServerName,
    /// The bucket to which servers deliver; write `s3://` before its name.
    #[arg(long, value_name = "S3URL", default_value = "s3://serverlogs-local")]
    raw: Bucket,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// The server.
    server: ServerName,
    /// Its next public key, as `log2aws-agent key new --replace` printed it.
    #[arg(value_parser = public_key)]
    key: PublicKey,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The server.
    server: ServerName,
    /// The key, if the server has two: its id, as `log2aws key list` prints it.
    #[arg(long, value_name = "ID", value_parser = key_id)]
    key: Option<KeyId>,
    /// The reason, stored with the decision.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    why: String,
    /// Give the server plain URLs from now on, if it has no other key. Otherwise it gets none until
    /// its next key is registered.
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    text.parse().map_err(|error: ServerKeyError| error.to_string())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    text.parse().map_err(|error: ServerKeyError| error.to_string())
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    check_text(text, MAX_WHY_BYTES).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Runs a verb of `key`.
///
/// # Errors
/// The bucket cannot be read or written, there is no registry, or a decision is refused.
pub(crate) fn run(
    args: KeyArgs,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let (by, now) = (operator(MAX_BY_BYTES), SystemClock.now());
    let record = |key| KeyRecord { key, by: by.clone(), at: now, revoked: None };
    match args.verb {
        KeyVerb::Server(verb) => return server_key::run(&verb, environment, out),
        KeyVerb::List(args) => return list::run(&args.bucket.open()?, args.init, args.json, out),
        KeyVerb::Register(RegisterArgs { server, key: Some(key), bucket, .. }) => {
            change(&bucket.open()?, |keys| keys.register(&server, record(key), false))?;
            writeln!(out, "the key {} of {server} is registered; {TAKES_EFFECT}", key.id())?;
        }
        KeyVerb::Register(RegisterArgs { server, hours, bucket, .. }) => {
            print_code(&server, hours, &bucket.open()?, by.clone(), now, out)?;
        }
        KeyVerb::Rotate(RotateArgs { server, key, bucket }) => {
            change(&bucket.open()?, |keys| keys.register(&server, record(key), true))?;
            writeln!(
                out,
                "the key {} of {server} is registered beside its present one; {TAKES_EFFECT}. Once \
                 the server has delivered with it, revoke the other: log2aws key revoke",
                key.id()
            )?;
        }
        KeyVerb::Accept(AcceptArgs { server, raw, bucket }) => {
            let bucket = bucket.open()?;
            let request = enrolment_request(&bucket, &raw.0, &server)?;
            let accept = |keys: &mut KeyRegistry| keys.accept(&server, &request, now, record);
            let key = change(&bucket, accept)?;
            writeln!(out, "the key {} of {server} is registered; {TAKES_EFFECT}", key.id())?;
        }
        KeyVerb::Revoke(RevokeArgs { server, key, why, plain, bucket }) => {
            let bucket = bucket.open()?;
            let end = Revocation { by: by.clone(), at: now, why, plain };
            let id = change(&bucket, |keys| keys.revoke(&server, key, &end))?;
            writeln!(
                out,
                "the key {id} of {server} is revoked; {TAKES_EFFECT}. A URL that was given before \
                 is good for its own bytes for another 5 minutes"
            )?;
        }
    }
    Ok(Exit::Done)
}

const TAKES_EFFECT: &str = "it counts within a minute";

fn change<T>(
    bucket: &ResultsBucket,
    decide: impl Fn(&mut KeyRegistry) -> Result<T, log2aws_core::key_registry::KeyDecisionError>,
) -> anyhow::Result<T> {
    RECORD.change(bucket, || bail!(no_registry(&bucket.name)), decide)
}

fn no_registry(bucket: &BucketName) -> String {
    format!(
        "s3://{bucket}/{KEY} does not exist: if it was lost, restore it; if no server ever had a \
         key, make it: log2aws key list --init"
    )
}

fn print_code(
    server: &ServerName,
    hours: u32,
    bucket: &ResultsBucket,
    by: String,
    now: Timestamp,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the operating system gave no random bytes")?;
    let expires = now.checked_add(Duration::from_secs(u64::from(hours) * 3600))?;
    let code = EnrolmentCode::generate(server.clone(), expires, &Fresh::new(bytes));
    let enrolment = code.enrolment(by, now);
    change(bucket, |keys| keys.open_enrolment(server, enrolment.clone(), now))?;
    writeln!(
        io::stderr(),
        "note: the code is a secret, good until {}. On {server}: log2aws-agent key enrol CODE; \
         then here: log2aws key accept {server}",
        code.expires
    )?;
    writeln!(out, "{}", code.expose())?;
    Ok(())
}

/// What a server put.
fn enrolment_request(
    bucket: &ResultsBucket,
    raw: &BucketName,
    server: &ServerName,
) -> anyhow::Result<Vec<u8>> {
    let key = enrolment_key(server);
    let place = || format!("s3://{raw}/{key} cannot be read");
    let version = bucket.store.head(raw, &key).with_context(place)?.with_context(|| {
        format!(
            "{server} has delivered no key to s3://{raw} (--raw): on the server, run \
             log2aws-agent key enrol CODE"
        )
    })?;
    let mut bytes = Vec::new();
    let opened = bucket.store.open(raw, &key, &version.id).with_context(place)?;
    opened.take(MAX_ENROLMENT_BYTES).read_to_end(&mut bytes).with_context(place)?;
    Ok(bytes)
}
