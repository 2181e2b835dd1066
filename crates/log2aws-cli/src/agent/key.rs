//! `log2aws-agent key`: the server's own key pair.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use log2aws_agent::enrol::{self, EnrolConfig};
use log2aws_agent::server_keys::ServerKeys;
use log2aws_agent::world::SystemTime;
use log2aws_core::key_registry::EnrolmentCode;
use log2aws_core::server_key::PublicKey;
use log2aws_core::server_name::ServerName;

use super::flags::{ReachFlags, own_name};
use crate::config::Environment;
use crate::examples;
use crate::exit::{self, Exit};

/// What a server does with its own key pair.
#[derive(Debug, Subcommand)]
pub enum ServerKeyVerb {
    /// Make this server's key pair; the private part never leaves the server.
    #[command(after_help = examples::KEY_NEW)]
    New(NewArgs),
    /// Print this server's public key.
    #[command(after_help = examples::KEY_SHOW)]
    Show(ShowArgs),
    /// Deliver this server's public key with the code of an operator.
    #[command(after_help = examples::KEY_ENROL)]
    Enrol(Box<EnrolArgs>),
}

/// The verbs of `key` on a server.
#[derive(Debug, Args)]
pub struct ServerKeyArgs {
    #[command(subcommand)]
    /// Which.
    pub verb: ServerKeyVerb,
}

/// Whose key it is, and where.
#[derive(Debug, Args)]
struct KeyFlags {
    /// The folder with the key; created if missing.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_STATE_DIR)]
    state_dir: PathBuf,
    /// The name under which this machine's logs are stored [default: the host name].
    #[arg(long, value_name = "NAME")]
    server: Option<ServerName>,
    // Read before the command line is parsed; it stands here for the help. See config.rs.
    /// The config file [default: /etc/log2aws/agent.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The flags of `key new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Make the next key beside the present one, which stays until the one after.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    of: KeyFlags,
}

/// The flags of `key show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    of: KeyFlags,
}

/// The flags of `key enrol`.
#[derive(Debug, Args)]
pub struct EnrolArgs {
    /// The code that `log2aws key register SERVER --code` printed.
    #[arg(value_name = "CODE", value_parser = code)]
    code: EnrolmentCode,
    #[command(flatten)]
    of: KeyFlags,
    #[command(flatten)]
    reach: ReachFlags,
}

fn code(text: &str) -> Result<EnrolmentCode, String> {
    text.parse().map_err(|error: log2aws_core::key_registry::EnrolmentCodeError| error.to_string())
}

/// Runs a verb.
///
/// # Errors
/// The key cannot be made, read or delivered.
pub fn run(
    verb: &ServerKeyVerb,
    environment: &Environment,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    match verb {
        ServerKeyVerb::New(args) => {
            let server = own_name(args.of.server.as_ref())?;
            let key = ServerKeys::add(&args.of.state_dir, args.replace, &SystemTime::new())?;
            writeln!(out, "{key}")?;
            let verb = if args.replace { "rotate" } else { "register" };
            writeln!(
                std::io::stderr(),
                "note: the key {} is in {}; an operator registers it, and until then nothing is \
                 delivered: log2aws key {verb} {server} {key}",
                key.id(),
                args.of.state_dir.display(),
            )?;
            Ok(Exit::Done)
        }
        ServerKeyVerb::Show(args) => {
            let keys: Vec<PublicKey> = ServerKeys::load(&args.of.state_dir)?.public().collect();
            if keys.is_empty() {
                let folder = args.of.state_dir.display();
                anyhow::bail!("there is no key in {folder}; make one: key new");
            }
            for key in keys.iter().rev() {
                writeln!(out, "{key} {}", key.id())?;
            }
            Ok(Exit::Done)
        }
        ServerKeyVerb::Enrol(args) => enrol(args, environment, out),
    }
}

fn enrol(args: &EnrolArgs, environment: &Environment, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let Some(api) = args.reach.api.clone() else {
        let error = anyhow::anyhow!(
            "no endpoint is set: give --api, LOG2AWS_API, or the key api in the config file"
        );
        exit::report(&mut std::io::stderr(), &error);
        return Ok(Exit::Usage);
    };
    let config = EnrolConfig {
        api,
        server: own_name(args.of.server.as_ref())?,
        upload_hosts: args.reach.upload_host.clone(),
        network: args.reach.network(environment),
    };
    let time = SystemTime::new();
    // A pair that exists is delivered again: the first attempt may have failed on the way.
    let key = match ServerKeys::load(&args.of.state_dir)?.newest() {
        Some(key) => key,
        None => ServerKeys::add(&args.of.state_dir, false, &time)?,
    };
    match enrol::run(&config, &args.code, &key, &time) {
        Ok(()) => {
            let server = &config.server;
            writeln!(
                out,
                "the key {} of {server} is delivered; an operator accepts it: log2aws key accept \
                 {server}",
                key.id()
            )?;
            Ok(Exit::Done)
        }
        Err(error @ enrol::EnrolError::Refused(_)) => {
            exit::report(&mut std::io::stderr(), &error.into());
            Ok(Exit::Refused)
        }
        Err(error) => Err(error.into()),
    }
}
