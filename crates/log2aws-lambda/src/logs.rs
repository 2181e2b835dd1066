//! Logging to standard error, one JSON object a line, which Lambda sends to CloudWatch.

use tracing::Span;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The log level of Lambda's logging configuration, or else `info`.
///
/// `level` is the value of `AWS_LAMBDA_LOG_LEVEL`.
fn filter(level: Option<&str>) -> Targets {
    let level = match level.map(str::to_ascii_lowercase).as_deref() {
        Some("trace" | "debug") => LevelFilter::DEBUG,
        Some("warn") => LevelFilter::WARN,
        Some("error" | "fatal") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    // Only our own crates log: others would log requests, and a signature is a secret. The span of
    // an invocation has level ERROR, so that every line contains the request id.
    let ours = ["log2aws_lambda", "log2aws_service", "log2aws_aws", "generate_url", "analyze_log"];
    Targets::new().with_targets(ours.map(|name| (name, level)))
}

/// Starts logging.
///
/// # Errors
/// The process already has a logger.
pub fn start(level: Option<&str>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter(level)).with(lines).try_init()?;
    Ok(())
}

/// The span of an invocation, which adds the request id to each line.
pub fn invocation(request_id: &str) -> Span {
    tracing::error_span!("invocation", request_id)
}
