//! Why a stack cannot be planned, deployed or deleted: what, where, what to do.

use crate::artifacts::ArtifactError;
use crate::hosts::HostsError;
use crate::name::StackNameError;
use crate::template::{ParameterError, TemplateError};

/// What a deploy that nobody waits for can leave to do.
const AFTERWARDS: &str = ". If AWS takes the deploy back, the allow-list is that of the deploy \
    before: say by --allow-hosts then what it is to be";

/// What went wrong. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Neither flag, environment nor profile names one.
    #[error(
        "no region is named{}; give --region, e.g. --region ap-northeast-1, or set AWS_REGION",
        profile.as_ref().map_or_else(String::new, |name| {
            format!(" (the profile {name:?} names none, or cannot be read)")
        })
    )]
    NoRegion {
        /// The profile that was named.
        profile: Option<String>,
    },
    /// No credentials are to be had.
    #[error(
        "AWS credentials cannot be had{}: {why}; log in (aws sso login, aws configure), name another \
         --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        profile.as_ref().map_or_else(String::new, |name| format!(" from the profile {name:?}"))
    )]
    NoCredentials {
        /// The profile that was named.
        profile: Option<String>,
        /// Why not.
        why: String,
    },
    /// The credentials are those of another account.
    #[error(
        "these credentials are those of account {account} ({identity}), and --account says \
         {wanted}; nothing was done"
    )]
    OtherAccount {
        /// The account that was named.
        wanted: String,
        /// The account of the credentials.
        account: String,
        /// Whose they are.
        identity: String,
    },
    /// The stack's name is none.
    #[error(transparent)]
    Name(#[from] StackNameError),
    /// A parameter is none of the template's, or its value is not to be.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The allow-list is too long.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// The zips cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The template is not understood.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Nobody has said who may ask.
    #[error(
        "nobody has said which servers may ask for a URL; give their addresses, e.g. \
         --allow-hosts '203.0.113.7, web*@198.51.100.0/24'"
    )]
    NoHosts,
    /// What stands in Parameter Store is no allow-list.
    #[error(
        "the parameter {name} holds no allow-list in plain text; give the right one by \
         --allow-hosts, with --widen"
    )]
    StoredHosts {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        source: log2aws_core::allow_list::AllowListError,
    },
    /// The list lets in more than is let in now.
    #[error(
        "this would let in again, or for the first time: {}; say --widen if that is meant{}",
        .entries.join(", "),
        if *by_hand { ", or give the list without them by --allow-hosts" } else { "" }
    )]
    Widens {
        /// The entries.
        entries: Vec<String>,
        /// The list is the one in Parameter Store, not one that was given.
        by_hand: bool,
    },
    /// The stack is in a state in which nothing can be done with it now.
    #[error("{0}")]
    State(String),
    /// The list in Parameter Store is another than when the deploy began.
    #[error(
        "the allow-list in {0} was edited while the deploy was prepared; nothing was changed. Run \
         the command again"
    )]
    Edited(String),
    /// What AWS said of a change set.
    #[error("CloudFormation cannot plan the change of stack {stack}: {reason}")]
    ChangeSet {
        /// The stack.
        stack: String,
        /// CloudFormation's reason.
        reason: String,
    },
    /// A deploy or delete went wrong in AWS.
    #[error("{what} of stack {stack} ended in {status}: {first}\n{next}")]
    Ended {
        /// What was being done.
        what: &'static str,
        /// The stack.
        stack: String,
        /// How it stands now.
        status: String,
        /// The first resource that failed, and why.
        first: String,
        /// What to do.
        next: String,
    },
    /// There is no such stack.
    #[error(
        "there is no stack {stack} in account {account}, region {region}; --stack-name, --env and --region choose another"
    )]
    Absent {
        /// The stack.
        stack: String,
        /// The account.
        account: String,
        /// The region.
        region: String,
    },
    /// The stack is somebody else's.
    #[error(
        "stack {0} was not made by log2aws, and nothing was done to it; give another --stack-name"
    )]
    Foreign(String),
    /// The stack is another environment's.
    #[error(
        "stack {stack} is that of environment {own}, and --env says {wanted}; nothing was done to \
         it; say --env {own}, or give another --stack-name"
    )]
    OtherEnvironment {
        /// The stack.
        stack: String,
        /// Its environment.
        own: String,
        /// The one that was named.
        wanted: String,
    },
    /// A bucket's name is taken.
    #[error("the bucket {bucket} is not to be used: {why}")]
    Bucket {
        /// The bucket.
        bucket: String,
        /// Who has it, or what is missing.
        why: String,
    },
    /// The question was answered by nobody.
    #[error("{0}")]
    Unanswered(String),
    /// Ctrl-C, or AWS out of reach, while CloudFormation was at work.
    #[error(
        "{why}; {what} of stack {stack} goes on in AWS: follow it with\n  {follow}\nand run this \
         command again when it rests{}",
        if *what == "the deploy" { AFTERWARDS } else { "" }
    )]
    Left {
        /// Why nobody waits any longer.
        why: String,
        /// What goes on.
        what: &'static str,
        /// The stack.
        stack: String,
        /// The command that follows it.
        follow: String,
    },
    /// Ctrl-C before anything was begun.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// A call to AWS failed.
    #[error("{0}")]
    Call(#[from] crate::fault::CallError),
    /// The terminal or pipe does not take or give anything.
    #[error("what was to be said or asked here could not be: {0}")]
    Console(#[from] std::io::Error),
}

impl StackError {
    /// Whether the command line is at fault, and nothing was done at all.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Parameter(_) | Self::Hosts(_))
    }
}
