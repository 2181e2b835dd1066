//! Commands that messages suggest to run next: complete for pasting, with the same target as this
//! one.

use std::fmt::Write as _;

use log2aws_ssm::env_name::EnvName;

use crate::cloud::Access;
use crate::name::StackName;

/// The flags of commands for one stack.
#[derive(Clone, Debug)]
pub struct Commands {
    /// For our own verbs.
    own: String,
    /// For the AWS command line.
    aws: String,
}

impl Commands {
    /// The flags that name this stack and this way to AWS.
    pub fn new(env: &EnvName, stack: &StackName, region: &str, access: &Access) -> Self {
        let mut reach = String::new();
        let named = [("profile", &access.profile), ("endpoint-url", &access.endpoint_url)];
        for (flag, value) in named {
            if let Some(value) = value {
                // Writing to a text does not fail.
                let _ = write!(reach, " --{flag} {}", quoted(value));
            }
        }
        let account =
            access.account.as_ref().map_or_else(String::new, |a| format!(" --account {a}"));
        Self {
            own: format!("--env {env} --region {region} --stack-name {stack}{reach}{account}"),
            aws: format!("--region {region}{reach}"),
        }
    }

    /// Follows the events of the stack.
    pub fn follow(&self) -> String {
        format!("log2aws stack events --follow {}", self.own)
    }

    /// Deletes the stack.
    pub(crate) fn delete(&self) -> String {
        format!("log2aws stack delete {}", self.own)
    }

    /// Has failed events analyzed again.
    pub(crate) fn replay(&self) -> String {
        format!("log2aws stack replay {}", self.own)
    }

    /// Executes a change set that was kept.
    pub(crate) fn execute(&self, change_set: &str, widen: bool) -> String {
        let widen = if widen { " --widen" } else { "" };
        format!("log2aws stack deploy --change-set {change_set}{widen} {}", self.own)
    }

    /// A command of the AWS command line, with the flags that it needs.
    pub fn aws(&self, command: &str) -> String {
        format!("aws {command} {}", self.aws)
    }
}

/// A value as a shell takes it.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/@%+=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_act_where_this_one_did() {
        let access = Access {
            profile: Some("our logs".to_owned()),
            account: Some("123456789012".to_owned()),
            ..Access::default()
        };
        let stack = "log2aws-dev".parse().unwrap();
        let commands = Commands::new(&"dev".parse().unwrap(), &stack, "us-east-1", &access);
        assert_eq!(
            commands.follow(),
            "log2aws stack events --follow --env dev --region us-east-1 --stack-name log2aws-dev \
             --profile 'our logs' --account 123456789012"
        );
        assert_eq!(
            commands.execute("log2aws-1", true),
            "log2aws stack deploy --change-set log2aws-1 --widen --env dev --region us-east-1 \
             --stack-name log2aws-dev --profile 'our logs' --account 123456789012"
        );
        assert_eq!(commands.aws("s3 ls"), "aws s3 ls --region us-east-1 --profile 'our logs'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
