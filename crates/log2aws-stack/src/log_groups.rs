//! Reads the logs of the functions from CloudWatch Logs.

use std::collections::VecDeque;
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use jiff::Timestamp;
use log2aws_ssm::env_name::EnvName;
use log2aws_ssm::{LogEvent, Logs, Place, RequestError};
use tokio::time::sleep;
use url::Url;

use crate::cloud::{Access, endpoint, reach};
use crate::error::StackError;
use crate::parameter_store::{call_error, roots};

/// The total timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The number of attempts, with delays that double between them.
const ATTEMPTS: u32 = 6;

/// The first delay.
const WAIT: Duration = Duration::from_millis(500);

/// CloudWatch Logs, with the operator's own credentials.
pub struct LogGroups {
    access: Access,
    provider: SharedCredentialsProvider,
    region: String,
    endpoint: Url,
}

impl std::fmt::Debug for LogGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogGroups").field("region", &self.region).finish_non_exhaustive()
    }
}

/// The log groups of an environment's functions.
pub fn of_functions(env: &EnvName) -> [String; 2] {
    ["generate-url", "analyze-log"].map(|name| format!("/aws/lambda/log2aws-{env}-{name}"))
}

/// One log group, read page by page.
struct Reader<'a> {
    groups: &'a LogGroups,
    name: &'a str,
    time: (Option<i64>, Option<i64>),
    events: VecDeque<LogEvent>,
    /// The token for the next page.
    next: Option<String>,
    is_over: bool,
}

impl LogGroups {
    /// Finds region and credentials. Sends no request to AWS.
    ///
    /// # Errors
    /// [`StackError`]: there is no region, or there are no credentials.
    pub async fn connect(access: &Access) -> Result<Self, StackError> {
        let (config, provider, region) = reach(access).await?;
        let endpoint = endpoint(access, &config, &region, "logs", "CloudWatch Logs")?;
        Ok(Self { access: access.clone(), provider, region, endpoint })
    }

    /// Passes the lines of several groups to `sink` in chronological order. `time` is the range, in
    /// milliseconds since the epoch. At most one page of each group is in memory.
    ///
    /// # Errors
    /// Errors of AWS and of `sink`.
    pub async fn read<E: From<StackError>>(
        &self,
        names: &[String],
        time: (Option<i64>, Option<i64>),
        mut sink: impl FnMut(&LogEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        let reader = |name| Reader {
            groups: self,
            name,
            time,
            events: VecDeque::new(),
            next: None,
            is_over: false,
        };
        let mut readers: Vec<Reader<'_>> = names.iter().map(|name| reader(name)).collect();
        loop {
            for reader in &mut readers {
                reader.fill().await?;
            }
            let first = |reader: &&mut Reader<'_>| reader.events.front().map(|e| e.timestamp);
            let waiting = readers.iter_mut().filter(|reader| !reader.events.is_empty());
            let Some(reader) = waiting.min_by_key(first) else { return Ok(()) };
            if let Some(event) = reader.events.pop_front() {
                sink(&event)?;
            }
        }
    }

    async fn logs(&self) -> Result<Logs, StackError> {
        let keys = self.provider.provide_credentials().await;
        let keys = keys.map_err(|error| self.access.without_credentials(&error))?;
        let place =
            Place { url: self.endpoint.clone(), roots: roots(), timeout: TIMEOUT, attempts: 1 };
        Ok(Logs::new(place, &self.region, keys))
    }
}

impl Reader<'_> {
    /// Fetches pages until there is an event, or no more page.
    async fn fill(&mut self) -> Result<(), StackError> {
        while self.events.is_empty() && !self.is_over {
            let part = self.ask().await?;
            // A token that leads to itself would never end.
            self.is_over = part.next_token.is_none() || part.next_token == self.next;
            self.next = part.next_token;
            self.events = part.events.into();
        }
        Ok(())
    }

    async fn ask(&self) -> Result<log2aws_ssm::LogEvents, StackError> {
        let what = format!("reading the log group {}", self.name);
        let (mut attempt, mut wait) = (1, WAIT);
        loop {
            let logs = self.groups.logs().await?;
            let (name, time, next) = (self.name.to_owned(), self.time, self.next.clone());
            // The client blocks.
            let asked = tokio::task::spawn_blocking(move || {
                logs.filter(&name, time, next.as_deref(), Timestamp::now())
            });
            match asked.await.map_err(std::io::Error::other)? {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    sleep(wait).await;
                    attempt += 1;
                    wait *= 2;
                }
                Err(RequestError::Answer { code, .. }) if code == "ResourceNotFoundException" => {
                    return Err(StackError::State(format!(
                        "there is no log group {} in {}: look at --env and --region",
                        self.name, self.groups.region
                    )));
                }
                done => return done.map_err(|error| call_error(&what, &error).into()),
            }
        }
    }
}
