//! Where log lines go: standard error, one JSON object each, which Lambda passes to CloudWatch.

use tracing::Span;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How much is logged: what Lambda's logging configuration says, else `info`.
///
/// `level` is the value of `AWS_LAMBDA_LOG_LEVEL`.
fn filter(level: Option<&str>) -> Targets {
    let level = match level.map(str::to_ascii_lowercase).as_deref() {
        Some("trace" | "debug") => LevelFilter::DEBUG,
        Some("warn") => LevelFilter::WARN,
        Some("error" | "fatal") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    // Only our own crates speak: others log requests, and a signature is a secret. The span of an
    // invocation is of level ERROR, so that every line, however few, names its request.
    let ours = ["log2aws_lambda", "log2aws_service", "log2aws_aws", "generate_url", "analyze_log"];
    Targets::new().with_targets(ours.map(|name| (name, level)))
}

/// Begins to log.
///
/// # Errors
/// When the process logs already.
pub fn start(level: Option<&str>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter(level)).with(lines).try_init()?;
    Ok(())
}

/// The span in which an invocation is handled: each of its lines names the request.
pub fn invocation(request_id: &str) -> Span {
    tracing::error_span!("invocation", request_id)
}
