//! The AWS world of log2aws, made and unmade: what the template comes to, what it costs, and the
//! stack that CloudFormation makes of it.
//!
//! Everything that can be told or refused without AWS is told without it: [`template`], [`plan`],
//! [`cost`], [`hosts`], [`artifacts`]. The rest works over a [`Session`]: the services, the people
//! before the screen, and how patiently it waits.

pub mod artifacts;
pub mod cloud;
pub mod console;
pub mod cost;
pub mod hosts;
pub mod log_groups;
pub mod name;
pub mod plan;
pub mod template;

mod commands;
mod delete;
mod deploy;
mod error;
mod events;
mod fault;
mod parameter_store;
mod phase;
mod stack;
mod state;
mod watch;

pub use commands::Commands;
pub use delete::{DeleteOutcome, DeleteRequest, delete};
pub use deploy::{DeployOutcome, DeployRequest, Deployed, checked_parameters, deploy};
pub use error::StackError;
pub use events::events;
pub use fault::CallError;
pub use stack::{Output, StackEvent};
pub use watch::{Pace, Session};
