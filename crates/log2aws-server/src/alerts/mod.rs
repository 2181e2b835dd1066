//! Alerts of `serve`: applies the rules to the index, and tells webhooks.
//!
//! What has to be told is on disk before it is sent, and removed from there after the webhook has
//! taken it: a kill in between repeats a message, with the same id, and loses none.

mod config;
mod overloads;
mod past;
mod sender;
mod state_file;
mod task;
#[cfg(test)]
mod tests;

pub use config::{AlertConfig, UrlSource, Webhook, WebhookError, WebhookUrl};
pub use past::PastAlerts;
pub use sender::{SendError, Sender, TellError};

pub(crate) use task::{AlertTask, SharedBoard};

use url::Url;

/// The dashboard's page of the alerts.
pub(crate) fn alerts_page(public_url: &Url) -> String {
    format!("{}/ui/alerts", public_url.as_str().trim_end_matches('/'))
}
