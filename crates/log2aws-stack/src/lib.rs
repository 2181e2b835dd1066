//! Deployment to AWS: evaluating the template, its cost, and the stack that CloudFormation makes of
//! it.
//!
//! Everything that can be checked without AWS is: [`template`], [`plan`], [`cost`], [`hosts`],
//! [`artifacts`]. The rest works over a [`Session`]: the services, the console, and how long it
//! waits.

pub mod architecture;
pub mod artifacts;
pub mod cloud;
pub mod console;
pub mod cost;
pub mod hosts;
pub mod log_groups;
pub mod name;
pub mod plan;
pub mod template;

mod approval;
mod check;
mod commands;
mod delete;
mod deploy;
mod error;
mod events;
mod fault;
mod kept_policy;
mod mfa;
mod parameter_store;
mod parameter_warnings;
mod phase;
mod replay;
mod stack;
mod state;
mod watch;

pub use approval::Approval;
pub use check::{CheckRequest, Checked, Finding, Outcome, check};
pub use commands::Commands;
pub use delete::{DeleteOutcome, DeleteRequest, delete};
pub use deploy::{
    ChangeSource, DeployOutcome, DeployRequest, Deployed, Execution, Rails, checked_parameters,
    deploy,
};
pub use error::StackError;
pub use events::events;
pub use fault::CallError;
pub use log2aws_ssm::env_name;
pub use mfa::AskCode;
pub use replay::{Replayed, replay};
pub use stack::{Output, StackEvent};
pub use watch::{Pace, Session};
