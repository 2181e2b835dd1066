//! analyze-log on AWS Lambda: analyzes a log when S3 reports its arrival.

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use log2aws_aws::{Keys, S3Place, S3Store, client};
use log2aws_core::event::Event;
use log2aws_core::reject::DEFAULT_MAX_GZIP_RATIO;
use log2aws_lambda::function::{Function, end};
use log2aws_lambda::logs::invocation;
use log2aws_lambda::metrics::Counts;
use log2aws_service::analyze::{AnalyzeApp, AnalyzeError, Outcome, analyze};
use serde_json::value::RawValue;
use tracing::Instrument as _;

fn main() -> ExitCode {
    end(run())
}

fn run() -> Result<(), Error> {
    let function = Function::begin()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let environment = &function.environment;
    let place = S3Place {
        region: environment.region.clone(),
        endpoint: environment.s3_endpoint.as_ref().map(ToString::to_string),
        roots: function.roots.clone(),
    };
    let client = client(&place, environment.keys.give(Keys::new))?;
    let app = AnalyzeApp {
        store: Arc::new(S3Store::new(client, runtime.handle().clone())),
        settings: Arc::clone(&function.settings) as _,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        charts: environment.charts,
        rasterizer: log2aws_raster::rasterize,
        max_gzip_ratio: DEFAULT_MAX_GZIP_RATIO,
        // Lambda names a function's session after the function.
        url_session: Some(format!("log2aws-{}-generate-url", environment.env)),
    };
    runtime.block_on(lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        let span = invocation(&event.context.request_id);
        handle(function.clone(), app.clone(), event.payload).instrument(span)
    })))
}

/// Handles one event. After an error Lambda retries, and finally sends it to the on-failure
/// destination.
async fn handle(function: Function, app: AnalyzeApp, event: Box<RawValue>) -> Result<(), Error> {
    let event = Event::parse(event.get().as_bytes())?;
    function.refresh().await;
    // Analysis is CPU work that also waits for the store, so it must not block the thread that
    // serves the store's client.
    let span = tracing::Span::current();
    let work = move || span.in_scope(|| analyze(&app, &event));
    let (done, failed) = match tokio::task::spawn_blocking(work).await? {
        Ok(done) => (done, None),
        Err(AnalyzeError { failed, done }) => (done, Some(failed)),
    };
    for outcome in &done {
        tell(outcome);
    }
    function.count(Counts::of(&done))?;
    match failed {
        None => Ok(()),
        Some(failed) => {
            let error = AnalyzeError { failed, done };
            tracing::error!("{error}");
            Err(error.into())
        }
    }
}

/// Logs an outcome.
fn tell(outcome: &Outcome) {
    match outcome {
        Outcome::Analyzed(done) => tracing::info!(
            key = %done.key.object_key(),
            version = %done.version,
            source = done.source.map(tracing::field::display),
            bytes = done.bytes,
            rows = done.rows,
            rejects = done.rejects,
            replaced = done.replaced,
            "analyzed a log"
        ),
        Outcome::Current { key } => {
            tracing::info!(key = %key.object_key(), "the results of this log stand already");
        }
        Outcome::Refused { key, source, reason, .. } => {
            let source = source.map(tracing::field::display);
            tracing::warn!(key = %key.object_key(), source, reason, "refused a log");
        }
        Outcome::Ignored { what, reason } => tracing::info!(what, reason, "nothing to do"),
        Outcome::Gone { key } => {
            tracing::info!(key = %key.object_key(), "the log was removed before it was read");
        }
    }
}
