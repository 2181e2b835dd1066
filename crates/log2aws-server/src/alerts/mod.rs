//! Alerts of `serve`: applies the rules to the index, and tells webhooks.
//!
//! What has to be told is on disk before it is sent, and removed from there after the webhook has
//! taken it: a kill in between repeats a message, with the same id, and loses none.

mod config;
mod overloads;
mod sender;
mod state_file;
mod task;
#[cfg(test)]
mod tests;

pub use config::{AlertConfig, UrlSource, Webhook, WebhookError, WebhookUrl};
pub use sender::{SendError, Sender};

pub(crate) use task::{AlertTask, SharedBoard};

use log2aws_core::alert::{Network, Overload, Past};
use log2aws_core::day::Day;
use log2aws_dashboard::store_index::StoreIndex;
use url::Url;

/// The dashboard's page of the alerts.
pub(crate) fn alerts_page(public_url: &Url) -> String {
    format!("{}/ui/alerts", public_url.as_str().trim_end_matches('/'))
}

/// What is known of the past of all servers: the days before `not_due`, as far as rules look back.
/// `None` until the store has been listed completely.
pub fn past(index: &StoreIndex, not_due: Day) -> Option<Vec<Past>> {
    let mut past = Vec::new();
    let known = index.each_server(not_due, &mut |server, days, _| {
        let network = Network::of_name(server);
        past.push(Past { server: server.clone(), network, days: days.to_vec() });
    });
    known.then(|| {
        for Past { server, network, days } in &mut past {
            if let Some(last) = days.last() {
                *network = overloads::network(index, server, last.day);
            }
        }
        past
    })
}

/// For how long the load of a day was above a limit, read from its CSV.
pub fn overload(
    index: &StoreIndex,
    server: &log2aws_core::server_name::ServerName,
    day: Day,
    limit: f64,
) -> Overload {
    overloads::read(index, server, day, limit)
}
