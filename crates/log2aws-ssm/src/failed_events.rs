//! Failed events: the queue that they wait in, and the function that they are for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::service::{Kind, Place, RequestError, Service};
use aws_credential_types::Credentials;

/// A message has at most 1 MiB, and as JSON it is longer.
const QUEUE: Kind = Kind {
    scope: "sqs",
    name: "SQS",
    content_type: "application/x-amz-json-1.0",
    max_answer: 32 << 20,
};

/// A response of a function has at most 6 MB.
const FUNCTIONS: Kind =
    Kind { scope: "lambda", name: "Lambda", content_type: "application/json", max_answer: 8 << 20 };

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    service: Service,
    url: String,
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FailedEvent {
    /// Its ID, which stays the same.
    pub message_id: String,
    /// The handle to delete it by.
    pub receipt_handle: String,
    /// Lambda's record: the event is in `requestPayload`.
    pub body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Receive<'a> {
    queue_url: &'a str,
    max_number_of_messages: u8,
    visibility_timeout: u32,
    wait_time_seconds: u8,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Vec<FailedEvent>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessage<'a> {
    queue_url: &'a str,
    receipt_handle: &'a str,
}

/// How many messages a queue has. SQS counts approximately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that somebody has received and not deleted yet.
    pub in_flight: u64,
}

/// The names of the attributes that are asked for.
const VISIBLE: &str = "ApproximateNumberOfMessages";
const IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetAttributes<'a> {
    queue_url: &'a str,
    attribute_names: [&'a str; 2],
}

/// The values are texts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl Queue {
    /// A client of the queue with this URL. It opens no connection yet.
    pub fn new(place: Place, region: &str, credentials: Credentials, url: &str) -> Self {
        Self { service: Service::new(QUEUE, place, region, credentials), url: url.to_owned() }
    }

    /// Up to ten messages, which nobody else receives for `hidden_seconds`. Blocks.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn receive(
        &self,
        hidden_seconds: u32,
        now: Timestamp,
    ) -> Result<Vec<FailedEvent>, RequestError> {
        let receive = Receive {
            queue_url: &self.url,
            max_number_of_messages: 10,
            visibility_timeout: hidden_seconds,
            // Asks all servers of the queue, and not only some of them.
            wait_time_seconds: 2,
        };
        self.service.ask::<Received>("AmazonSQS.ReceiveMessage", &receive, now).map(|r| r.messages)
    }

    /// How many messages wait. Blocks.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn waiting(&self, now: Timestamp) -> Result<Waiting, RequestError> {
        let get = GetAttributes { queue_url: &self.url, attribute_names: [VISIBLE, IN_FLIGHT] };
        let answer: Attributes = self.service.ask("AmazonSQS.GetQueueAttributes", &get, now)?;
        let count = |name: &str| {
            answer.attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        Ok(Waiting { visible: count(VISIBLE), in_flight: count(IN_FLIGHT) })
    }

    /// Deletes a message. Blocks.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn delete(&self, event: &FailedEvent, now: Timestamp) -> Result<(), RequestError> {
        let delete = DeleteMessage { queue_url: &self.url, receipt_handle: &event.receipt_handle };
        self.service.send("AmazonSQS.DeleteMessage", &delete, now).map(drop)
    }
}

/// The functions of a region.
#[derive(Clone, Debug)]
pub struct Functions(Service);

/// What a function has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// It was successful.
    Done,
    /// It failed, with Lambda's JSON of the error.
    Failed(String),
}

impl Functions {
    /// A client. It opens no connection yet.
    pub fn new(place: Place, region: &str, credentials: Credentials) -> Self {
        Self(Service::new(FUNCTIONS, place, region, credentials))
    }

    /// Invokes a function once and waits for its answer. Blocks.
    ///
    /// # Errors
    /// [`RequestError`]: it was not invoked, or there was no answer.
    pub fn invoke(
        &self,
        function: &str,
        event: &[u8],
        now: Timestamp,
    ) -> Result<Invoked, RequestError> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.0.post_to(&path, event, now)?;
        Ok(if answer.function_failed {
            Invoked::Failed(String::from_utf8_lossy(&answer.body).chars().take(300).collect())
        } else {
            Invoked::Done
        })
    }
}
