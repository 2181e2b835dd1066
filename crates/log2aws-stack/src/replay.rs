//! `stack replay`: has failed events analyzed again, from the queue in which they wait.

use std::time::Duration;

use jiff::Timestamp;
use log2aws_ssm::env_name::EnvName;
use log2aws_ssm::{FailedEvent, Functions, Invoked, Place, Queue, RequestError};
use serde_json::Value;

use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::name::StackName;
use crate::parameter_store::{call_error, roots};
use crate::watch::Session;

/// analyze-log may take 300 s, and the answer some time more.
const TIMEOUT: Duration = Duration::from_secs(320);

/// How long a received message is hidden from others: ten analyses one after another.
const HIDDEN_SECONDS: u32 = 10 * 330;

/// What a replay has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events that were analyzed, and removed from the queue.
    pub done: usize,
    /// Events that failed again and stay in the queue.
    pub failed: usize,
}

/// Analyzes every event in the queue of failed events, and removes those that succeed.
///
/// # Errors
/// [`StackError::Absent`] if there is no such stack; AWS's error if queue or function cannot be
/// reached. Events that were not removed stay in the queue.
pub async fn replay<C: Console>(
    session: &mut Session<'_, C>,
    env: &EnvName,
    stack: &StackName,
) -> Result<Replayed, StackError> {
    let existing = session.cloud.stack(stack.as_str()).await?;
    let Some(existing) = existing else {
        return Err(StackError::Absent {
            stack: stack.to_string(),
            account: session.cloud.account.clone(),
            region: session.cloud.region.clone(),
        });
    };
    existing.belongs_to(stack, env)?;
    let queue = existing.outputs.iter().find(|output| output.key == "FailedEventsUrl");
    let queue = queue.map(|output| output.value.clone()).ok_or_else(|| {
        StackError::State(format!("stack {stack} has no output FailedEventsUrl; deploy it again"))
    })?;
    let function = format!("log2aws-{env}-analyze-log");
    let mut replayed = Replayed::default();
    loop {
        let url = queue.clone();
        let received =
            ask(session, "sqs", "SQS", "receiving failed events", move |place, region, keys| {
                Queue::new(place, region, keys, &url).receive(HIDDEN_SECONDS, Timestamp::now())
            });
        let events = received.await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            one(session, &queue, &function, event, &mut replayed).await?;
        }
    }
    session.console.line(&format!(
        "analyzed: {}; failed again, and still in the queue: {}",
        replayed.done, replayed.failed
    ))?;
    Ok(replayed)
}

/// Analyzes one event.
async fn one<C: Console>(
    session: &mut Session<'_, C>,
    queue: &str,
    function: &str,
    event: FailedEvent,
    replayed: &mut Replayed,
) -> Result<(), StackError> {
    let Some((payload, keys)) = payload(&event.body) else {
        replayed.failed += 1;
        let line = format!("{}: is not an event of Lambda; it stays", event.message_id);
        session.console.line(&line)?;
        return Ok(());
    };
    session.console.status(&format!("analyzing {keys}"));
    let name = function.to_owned();
    let invoked =
        ask(session, "lambda", "Lambda", "invoking analyze-log", move |place, region, keys| {
            Functions::new(place, region, keys).invoke(&name, &payload, Timestamp::now())
        });
    match invoked.await? {
        Invoked::Failed(why) => {
            replayed.failed += 1;
            session.console.line(&format!("{keys}: failed again: {}", fault::one_line(&why)))?;
        }
        Invoked::Done => {
            let url = queue.to_owned();
            let deleted = ask(
                session,
                "sqs",
                "SQS",
                "removing a failed event",
                move |place, region, keys| {
                    Queue::new(place, region, keys, &url).delete(&event, Timestamp::now())
                },
            );
            deleted.await?;
            replayed.done += 1;
            session.console.line(&format!("{keys}: analyzed"))?;
        }
    }
    Ok(())
}

/// The event in Lambda's record of a failure, and the keys in it.
///
/// Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".
fn payload(body: &str) -> Option<(Vec<u8>, String)> {
    let record: Value = serde_json::from_str(body).ok()?;
    let payload = record.get("requestPayload")?;
    let records = payload.get("Records").and_then(Value::as_array);
    let keys = records.into_iter().flatten().filter_map(|r| r["s3"]["object"]["key"].as_str());
    let keys: Vec<String> = keys.map(fault::one_line).collect();
    Some((serde_json::to_vec(payload).ok()?, keys.join(", ")))
}

/// Sends one request with fresh credentials; the client blocks.
async fn ask<C, T, F>(
    session: &Session<'_, C>,
    host: &'static str,
    id: &'static str,
    what: &str,
    send: F,
) -> Result<T, StackError>
where
    T: Send + 'static,
    F: FnOnce(Place, &str, log2aws_ssm::Credentials) -> Result<T, RequestError> + Send + 'static,
{
    let cloud = session.cloud;
    let keys = cloud.keys().await?;
    let place =
        Place { url: cloud.endpoint(host, id)?, roots: roots(), timeout: TIMEOUT, attempts: 3 };
    let region = cloud.region.clone();
    let answer = tokio::task::spawn_blocking(move || send(place, &region, keys)).await;
    answer.map_err(std::io::Error::other)?.map_err(|error| call_error(what, &error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_taken_out_of_lambdas_record() {
        let event = r#"{"Records":[{"s3":{"object":{"key":"web01/2019-08-01.log"}}}]}"#;
        let record =
            format!(r#"{{"version":"1.0","requestPayload":{event},"responsePayload":null}}"#);
        let (bytes, keys) = payload(&record).unwrap();
        assert_eq!((bytes.as_slice(), keys.as_str()), (event.as_bytes(), "web01/2019-08-01.log"));
        assert_eq!(payload("hello"), None);
    }
}
