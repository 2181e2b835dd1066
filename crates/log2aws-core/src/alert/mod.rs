//! Alerts: rules over the delivered days of each server, what they find, and what is told about it.
//!
//! [`evaluate`] applies the [`Rule`]s to the [`ServerFacts`] of one server. A [`Book`] remembers the
//! alerts, and what each webhook still has to be told: it groups alerts with one cause, holds them
//! back in quiet hours, and forms [`Message`]s. Sending them is up to the caller, as is the clock.

mod book;
mod evaluate;
mod figure;
mod found;
mod group;
mod load;
mod message;
mod outbox;
mod payload;
mod quiet;
mod rule;
mod simulate;
#[cfg(test)]
mod tests;
mod text;

pub use book::{Book, KEEP_RESOLVED, MAX_ALERTS, Told};
pub use evaluate::{
    AsOf, DayFacts, HISTORY_DAYS, LOOK_BACK_DAYS, Overload, ServerFacts, Verdict, evaluate,
    load_limit,
};
pub use figure::Figure;
pub use found::Alert;
pub use group::Network;
pub use load::{Stretch, longest_stretch};
pub use message::{Change, Item, Message, Section};
pub use outbox::{GROUP_INTERVAL, GROUP_WAIT, MAX_MESSAGES, Outbox};
pub use payload::{Format, MAX_LISTED, payload};
pub use quiet::{QuietHours, QuietHoursError};
pub use rule::{Condition, RULE_KEYS, Rule, RuleError, Severity, WEBHOOK_KEYS, default_rules};
pub use simulate::{Asks, Past, simulate};
pub use text::{describe, describe_figure, describe_rule, title};
