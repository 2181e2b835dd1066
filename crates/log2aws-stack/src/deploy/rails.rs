//! What organisations demand of a stack beside its template: tags, a service role, notifications, and
//! protection from deletion.

use aws_sdk_cloudformation::operation::create_change_set::builders::CreateChangeSetFluentBuilder;
use aws_sdk_cloudformation::types::Tag;

use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::stack::ExistingStack;
use crate::watch::Session;

/// The demands of a deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rails {
    /// Tags of the stack, which CloudFormation gives its resources, too. Others of the stack stay.
    pub tags: Vec<(String, String)>,
    /// The role that CloudFormation acts as; that of an earlier deploy stays.
    pub role_arn: Option<String>,
    /// SNS topics that get the stack's events; empty keeps those of an earlier deploy.
    pub notification_arns: Vec<String>,
    /// Protects the stack from deletion.
    pub termination_protection: bool,
}

impl Rails {
    /// Puts the demands into a change set. Tags and topics are those of the whole stack, so what it
    /// has already is sent again.
    pub(super) fn put_into(
        &self,
        change_set: CreateChangeSetFluentBuilder,
        existing: Option<&ExistingStack>,
    ) -> CreateChangeSetFluentBuilder {
        let mut tags = existing.map(|stack| stack.tags.clone()).unwrap_or_default();
        tags.extend(self.tags.iter().cloned());
        let tags: Vec<Tag> = tags
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let mut topics = self.notification_arns.clone();
        if let Some(existing) = existing.filter(|_| topics.is_empty()) {
            topics.clone_from(&existing.notification_arns);
        }
        change_set
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_role_arn(self.role_arn.clone())
            .set_notification_arns((!topics.is_empty()).then_some(topics))
    }

    /// Protects the stack, if that was demanded.
    pub(super) async fn protect<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        stack: &str,
    ) -> Result<(), StackError> {
        if self.termination_protection {
            let api = &session.cloud.cloudformation;
            let protect = api.update_termination_protection().stack_name(stack);
            let done = protect.enable_termination_protection(true).send().await;
            done.map_err(|error| fault::call("protecting the stack from deletion", &error))?;
            session.console.line("the stack is protected from deletion")?;
        }
        Ok(())
    }
}
