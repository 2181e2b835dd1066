//! The bucket with the results, for the verbs of operators: that of a running `serve`, or one on AWS.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use log2aws_aws::S3Store;
use log2aws_core::key::BucketName;
use log2aws_core::plain_text::visible;
use log2aws_server::ANALYZED_BUCKET;
use log2aws_stack::cloud::{self, Access};
use tokio::runtime::Runtime;
use url::Url;

use crate::view::Bucket;

/// The variable with the endpoint of S3, which the credentials file of `serve` sets.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The flags that say which bucket it is, and with which credentials it is opened.
#[derive(Debug, Args)]
pub(crate) struct ResultsBucketArgs {
    /// The bucket with the results; write `s3://` before its name.
    #[arg(long, value_name = "S3URL", default_value = "s3://analyzedlogs-local")]
    results: Bucket,
    /// The data folder of serve, which contains the credentials.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    /// The profile of the AWS config files.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The bucket's region [default: that of the environment or the profile].
    #[arg(long, value_name = "REGION", value_parser = crate::flag::region)]
    region: Option<String>,
    /// An S3 endpoint other than AWS's, e.g. that of `log2aws serve` [default: `AWS_ENDPOINT_URL`].
    #[arg(long, value_name = "URL", value_parser = crate::flag::endpoint)]
    endpoint_url: Option<Url>,
    // Read before the command line is parsed.
    /// The config file of serve, for the flags here that serve has, too [default:
    /// /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// An open bucket.
pub(crate) struct ResultsBucket {
    /// The store that has it.
    pub(crate) store: S3Store,
    /// Its name.
    pub(crate) name: BucketName,
    /// The store's requests run on it.
    _runtime: Runtime,
}

impl ResultsBucketArgs {
    /// Opens the bucket. Sends no request to it yet.
    ///
    /// # Errors
    /// There are no credentials for a local bucket, or the AWS config cannot be read.
    pub(crate) fn open(self) -> anyhow::Result<ResultsBucket> {
        self.require_credentials()?;
        let endpoint = self.endpoint_url.as_ref().map(|url| url.as_str().trim_end_matches('/'));
        let access = Access {
            region: self.region,
            profile: self.profile,
            endpoint_url: endpoint.map(str::to_owned),
            ..Access::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let s3 = runtime.block_on(cloud::s3(&access))?;
        let store = S3Store::new(s3, runtime.handle().clone());
        Ok(ResultsBucket { store, name: self.results.0, _runtime: runtime })
    }

    /// Explains where the credentials of a local bucket are. Otherwise the request would go to AWS,
    /// whose error speaks of other things.
    fn require_credentials(&self) -> anyhow::Result<()> {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_local = self.results.0.as_str() == ANALYZED_BUCKET;
        if !is_local || self.endpoint_url.is_some() || is_set(ENDPOINT_VARIABLE) {
            return Ok(());
        }
        let (bucket, file) = (&self.results.0, self.data_dir.join("credentials.env"));
        let shown = file.display();
        match file.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "s3://{bucket} is the bucket of a log2aws serve, and {shown} with its credentials \
                 does not exist: name the data folder of serve by --data-dir, or a bucket on AWS \
                 by --results"
            ),
            _ => bail!(
                "s3://{bucket} is the bucket of a log2aws serve, and no credentials for it are in \
                 the environment: as root, run `source {shown}` first (or name a bucket on AWS by \
                 --results)"
            ),
        }
    }
}

/// The name of the person at the keyboard, as far as this machine knows it: at most `max` bytes.
pub(crate) fn operator(max: usize) -> String {
    let user = |name| std::env::var(name).ok().filter(|user| !user.trim().is_empty());
    let user = user("SUDO_USER").or_else(|| user("USER"));
    let name = user.map(|user| {
        let user = visible(&user);
        user[..user.floor_char_boundary(max)].to_owned()
    });
    let name = name.filter(|name| !name.trim().is_empty());
    name.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
