//! Why a stack cannot be planned, deployed or deleted: what, where, what to do.

use crate::artifacts::ArtifactError;
use crate::hosts::HostsError;
use crate::name::StackNameError;
use crate::template::{ParameterError, TemplateError};

/// The possible follow-up of a deploy that is no longer watched.
pub(crate) const AFTERWARDS: &str = ". If AWS rolls it back, the allow-list is that of the deploy before: \
    give the right one by --allow-hosts then";

/// An error. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// No region in flag, environment or profile.
    #[error(
        "no region is named{}; give --region, e.g. --region ap-northeast-1, or set AWS_REGION",
        profile.as_ref().map_or_else(String::new, |name| {
            format!(" (the profile {name:?} names none, or cannot be read)")
        })
    )]
    NoRegion {
        /// The profile, if given.
        profile: Option<String>,
    },
    /// No credentials.
    #[error(
        "AWS credentials cannot be loaded{}: {why}; log in (aws sso login, aws configure), name another \
         --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        profile.as_ref().map_or_else(String::new, |name| format!(" from the profile {name:?}"))
    )]
    NoCredentials {
        /// The profile, if given.
        profile: Option<String>,
        /// The reason.
        why: String,
    },
    /// The credentials are those of another account.
    #[error(
        "these credentials are those of account {account} ({identity}), and --account says \
         {wanted}; nothing was done"
    )]
    OtherAccount {
        /// The given account.
        wanted: String,
        /// The account of the credentials.
        account: String,
        /// The caller's identity.
        identity: String,
    },
    /// The stack's name is invalid.
    #[error(transparent)]
    Name(#[from] StackNameError),
    /// A parameter is unknown or has an invalid value.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The allow-list is too long.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// The zips cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The template cannot be parsed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// No allow-list was given.
    #[error(
        "nobody has said which servers may ask for a URL; give their addresses, e.g. \
         --allow-hosts '203.0.113.7, web*@198.51.100.0/24'"
    )]
    NoHosts,
    /// The parameter in Parameter Store is not a valid allow-list.
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
    /// The list admits more than the one in force.
    #[error(
        "this would let in again, or for the first time: {}; say --widen if that is meant{}",
        .entries.join(", "),
        if *by_hand { ", or give the list without them by --allow-hosts" } else { "" }
    )]
    Widens {
        /// The entries.
        entries: Vec<String>,
        /// Whether the list is the one in Parameter Store rather than a given one.
        by_hand: bool,
    },
    /// The stack's state does not allow it now.
    #[error("{0}")]
    State(String),
    /// The list in Parameter Store has changed since the deploy began.
    #[error(
        "the allow-list in {0} was edited while the deploy was prepared; nothing was changed. Run \
         the command again"
    )]
    Edited(String),
    /// CloudFormation rejected a change set.
    #[error("CloudFormation cannot plan the change of stack {stack}: {reason}")]
    ChangeSet {
        /// The stack.
        stack: String,
        /// CloudFormation's reason.
        reason: String,
    },
    /// A deploy or delete failed on AWS.
    #[error("{what} of stack {stack} ended in {status}: {first}\n{next}")]
    Ended {
        /// The operation.
        what: &'static str,
        /// The stack.
        stack: String,
        /// The stack's status.
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
    /// The stack was not made by log2aws.
    #[error(
        "stack {0} was not made by log2aws, and nothing was done to it; give another --stack-name"
    )]
    Foreign(String),
    /// The stack belongs to another environment.
    #[error(
        "stack {stack} is that of environment {own}, and --env says {wanted}; nothing was done to \
         it; say --env {own}, or give another --stack-name"
    )]
    OtherEnvironment {
        /// The stack.
        stack: String,
        /// Its environment.
        own: String,
        /// The given environment.
        wanted: String,
    },
    /// A bucket's name is taken.
    #[error("the bucket {bucket} is not to be used: {why}")]
    Bucket {
        /// The bucket.
        bucket: String,
        /// Its owner, or the missing permission.
        why: String,
    },
    /// `--yes` names another environment than `--env`.
    #[error(
        "--yes {yes} approves a change of environment {yes}, and --env is {env}; nothing was \
         changed. Give both the same name"
    )]
    YesToOther {
        /// The value of `--yes`.
        yes: String,
        /// The environment.
        env: String,
    },
    /// Nobody can be asked for approval.
    #[error(
        "nobody is there to answer (y/n): standard input is not a terminal, or has ended; nothing \
         was changed. Approve the change on the command line by --yes {env}"
    )]
    NotApproved {
        /// The environment.
        env: String,
    },
    /// `--yes` alone does not approve replacing resources.
    #[error(
        "the change replaces {resources}, which --yes {env} alone does not approve; nothing was \
         changed. Look at the change with --no-execute, and approve it by --yes {env} --replace"
    )]
    Replaces {
        /// The environment.
        env: String,
        /// Their logical IDs.
        resources: String,
    },
    /// The name that a purge requires was not typed.
    #[error("{0}")]
    NotTyped(String),
    /// Ctrl-C, or AWS became unreachable, while CloudFormation was working.
    #[error(
        "{why}; {what} of stack {stack} goes on in AWS: follow it with\n  {follow}\nand run this \
         command again when it rests{}",
        if *what == "the deploy" { AFTERWARDS } else { "" }
    )]
    Left {
        /// Why waiting ended.
        why: String,
        /// The operation in progress.
        what: &'static str,
        /// The stack.
        stack: String,
        /// The command to follow it.
        follow: String,
    },
    /// Ctrl-C before anything was started.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// A call to AWS failed.
    #[error("{0}")]
    Call(#[from] crate::fault::CallError),
    /// The terminal or pipe failed.
    #[error("the terminal or pipe cannot be written or read: {0}")]
    Console(#[from] std::io::Error),
}

impl StackError {
    /// Whether it is a usage error, and nothing was done.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Name(_)
                | Self::Parameter(_)
                | Self::Hosts(_)
                | Self::YesToOther { .. }
                | Self::NotApproved { .. }
                | Self::Replaces { .. }
        )
    }
}
