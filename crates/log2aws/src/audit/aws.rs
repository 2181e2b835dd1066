//! The same on AWS, from the logs of the two functions.

use std::borrow::Cow;
use std::io::Write;
use std::net::IpAddr;

use clap::Args;
use jiff::Timestamp;
use log2aws_core::key::RawKey;
use log2aws_server::AuditEvent;
use log2aws_stack::StackError;
use log2aws_stack::cloud::Access;
use log2aws_stack::env_name::EnvName;
use log2aws_stack::log_groups::{LogGroups, of_functions};
use serde::Deserialize;
use url::Url;

use super::files::Sink;
use super::filter::Filter;

/// What the logs of the functions do not contain.
const UNKNOWN: &str = "\
note: this is what generate-url and analyze-log saw. Who read, listed or deleted objects, and which \
PUTs S3 refused, only CloudTrail data events of the two buckets know; what API Gateway refused by its \
policy, only an access log of its stage.";

/// Where the functions' logs are.
#[derive(Debug, Args)]
pub(super) struct AwsArgs {
    /// Read the logs of the functions of a stack on AWS, in place of a data folder.
    #[arg(long)]
    aws: bool,
    /// The environment, which names everything in the stack.
    #[arg(long, value_name = "NAME", default_value = "dev")]
    env: EnvName,
    /// The region [default: that of the environment or the profile].
    #[arg(long, value_name = "REGION", value_parser = crate::flag::region)]
    region: Option<String>,
    /// The profile of the AWS config files.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// An AWS that is not AWS's own.
    #[arg(long, value_name = "URL", value_parser = crate::flag::endpoint)]
    endpoint_url: Option<Url>,
}

impl AwsArgs {
    /// Whether AWS is meant.
    pub(super) fn is_meant(&self) -> bool {
        self.aws
    }
}

/// Why reading failed.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Sink(#[from] std::io::Error),
}

/// Passes the selected events of both functions to `sink`, in chronological order.
///
/// # Errors
/// Errors of AWS and of `sink`.
pub(super) fn read(
    args: &AwsArgs,
    filter: &Filter,
    sink: &mut Sink<'_>,
    stderr: &mut dyn Write,
) -> anyhow::Result<()> {
    let access = Access {
        region: args.region.clone(),
        profile: args.profile.clone(),
        endpoint_url: args
            .endpoint_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned()),
        ..Access::default()
    };
    writeln!(stderr, "{UNKNOWN}")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let groups = LogGroups::connect(&access).await?;
        let names = of_functions(&args.env);
        let read = groups.read(&names, filter.milliseconds(), |line| {
            let Some(event) = event_of(&line.message, line.timestamp) else { return Ok(()) };
            if filter.wants(&event) {
                let json = event.to_line().map_err(std::io::Error::other)?;
                sink(&event, &json)?;
            }
            Ok::<_, ReadError>(())
        });
        read.await
    });
    match done {
        Err(ReadError::Sink(error)) => Err(error.into()),
        done => Ok(done?),
    }
}

/// A line that one of the functions logged.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    timestamp: Option<Timestamp>,
    source: Option<IpAddr>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    bytes: Option<u64>,
    status: Option<u16>,
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    server: Option<Cow<'a, str>>,
    #[serde(borrow)]
    date: Option<Cow<'a, str>>,
}

/// The event in a line, if there is one. `timestamp` is CloudWatch's, in milliseconds.
fn event_of(line: &str, timestamp: i64) -> Option<AuditEvent> {
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let (event, status) = match (&*line.message, &line.code) {
        ("gave a URL", _) => ("url", Some(200)),
        ("analyzed a log", _) => ("put", Some(200)),
        ("refused a log", _) => ("put", None),
        (_, Some(_)) if line.status.is_some() => ("url", line.status),
        _ => return None,
    };
    let time = line.timestamp.or_else(|| Timestamp::from_millisecond(timestamp).ok())?;
    let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let key = text(line.key);
    let log = key.as_deref().and_then(RawKey::parse);
    Some(AuditEvent {
        client_ip: line.source,
        server: log.as_ref().map(|log| log.server.to_string()).or(text(line.server)),
        date: log.as_ref().map(|log| log.day.to_string()).or(text(line.date)),
        key,
        version: text(line.version),
        bytes: line.bytes,
        status,
        reason: text(line.code).or(text(line.reason)),
        ..AuditEvent::new(time, event)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the functions of a stack wrote them.
    #[test]
    fn lines_of_the_functions_become_events() {
        let url = r#"{"timestamp":"2026-11-30T09:00:00.123456Z","level":"INFO","message":"gave a URL","source":"203.0.113.7","key":"web01/2026-11-29.log","bound":true,"bytes":311,"target":"log2aws_service::http","span":{"request_id":"1","name":"invocation"}}"#;
        let event = event_of(url, 0).unwrap();
        assert_eq!(
            event.to_line().unwrap(),
            "{\"time\":\"2026-11-30T09:00:00.123Z\",\"event\":\"url\",\
             \"client_ip\":\"203.0.113.7\",\"server\":\"web01\",\"date\":\"2026-11-29\",\
             \"key\":\"web01/2026-11-29.log\",\"bytes\":311,\"status\":200}\n"
        );
        let refused = r#"{"timestamp":"2026-11-30T09:00:00Z","level":"WARN","source":"198.51.100.9","status":403,"code":"not-allowed","server":"web01","date":"2026-11-29","message":"refused \"198.51.100.9\" for server web01","target":"log2aws_service::http::problem"}"#;
        let event = event_of(refused, 0).unwrap();
        assert_eq!((&*event.event, event.status), ("url", Some(403)));
        assert_eq!(event.reason.as_deref(), Some("not-allowed"));
        assert_eq!(
            (event.server.as_deref(), event.date.as_deref()),
            (Some("web01"), Some("2026-11-29"))
        );
        let put = r#"{"timestamp":"2026-11-30T09:00:01Z","level":"INFO","message":"analyzed a log","key":"web01/2026-11-29.log","version":"v1","source":"203.0.113.7","bytes":311,"rows":2,"rejects":1,"replaced":0,"target":"analyze_log"}"#;
        let event = event_of(put, 0).unwrap();
        assert_eq!((&*event.event, event.version.as_deref()), ("put", Some("v1")));
        assert_eq!(event.client_ip, "203.0.113.7".parse().ok());
        let refused = r#"{"level":"WARN","message":"refused a log","key":"web01/2026-11-29.log","source":"198.51.100.9","reason":"put from 198.51.100.9: not on the list"}"#;
        let event = event_of(refused, 1_564_617_600_020).unwrap();
        assert_eq!((&*event.event, event.status), ("put", None));
        assert!(event.reason.unwrap().starts_with("put from"));
        assert_eq!(event.time.as_millisecond(), 1_564_617_600_020);
    }

    #[test]
    fn other_lines_are_no_events() {
        for line in [
            "START RequestId: 1 Version: $LATEST",
            "{",
            "[]",
            r#"{"_aws":{"Timestamp":1},"Deliveries":1}"#,
            r#"{"time":"2026-11-30T09:00:00Z","type":"platform.report","record":{}}"#,
            r#"{"timestamp":"2026-11-30T09:00:00Z","message":"the results of this log stand already","key":"web01/2026-11-29.log"}"#,
        ] {
            assert_eq!(event_of(line, 0), None, "{line}");
        }
    }
}
