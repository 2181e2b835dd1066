//! The settings of existing resources that a new stack takes over: taking them over changes none of
//! them.
//!
//! Source: AWS CloudFormation User Guide, "Import AWS resources into a CloudFormation stack
//! automatically" and "Using drift-aware change sets".

use std::collections::HashSet;

use super::change_set::{self, ChangeSet, Planned};
use super::{DeployRequest, Found, Work};
use crate::console::Console;
use crate::error::StackError;
use crate::phase::Phase;
use crate::state;
use crate::watch::{Session, Watch};

/// The most pages of events of a stack that was not updated yet: 100 a page, and few for a resource.
const PAGES: usize = 20;

impl DeployRequest {
    /// Whether the change also sets back what differs from the template of the last deploy: on
    /// request, and in the first update of a stack that took resources over. Perhaps nobody was
    /// there any more to put them right.
    pub(super) async fn reverts_drift<C>(
        &self,
        session: &Session<'_, C>,
        found: &Found,
    ) -> Result<bool, StackError> {
        let Some(existing) = found.existing() else { return Ok(false) };
        if self.revert_drift || existing.status != "CREATE_COMPLETE" {
            return Ok(self.revert_drift);
        }
        let events = session.cloud.new_events(&existing.id, &mut HashSet::new(), PAGES).await?;
        Ok(events.iter().any(|event| event.status == "IMPORT_COMPLETE"))
    }
}

impl Work<'_> {
    /// The buckets that the change set takes over.
    pub(super) fn kept_buckets<C>(
        &self,
        session: &Session<'_, C>,
        planned: &ChangeSet,
    ) -> Vec<String> {
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let env = &self.request.env;
        let all = [
            ("RawBucket", env.raw_bucket(account, region)),
            ("AnalyzedBucket", env.analyzed_bucket(account, region)),
        ];
        let taken = |id: &str| planned.imported.iter().any(|imported| imported == id);
        all.into_iter().filter(|(id, _)| taken(id)).map(|(_, name)| name).collect()
    }

    /// Gives the resources that were taken over the settings of the template. It was approved
    /// together with taking them over.
    pub(super) async fn put_right<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        created: &ChangeSet,
        watch: &mut Watch,
    ) -> Result<(), StackError> {
        self.phase.set(Phase::After("the resources that were taken over were put right"));
        let (request, names) = (self.request, created.imported.join(", "));
        session
            .console
            .line(&format!("comparing what was taken over with the template: {names}"))?;
        let id = &created.stack_id;
        let planned = change_set::create_for_drift(session, self.template, request, id).await?;
        let Planned::Changes(planned) = planned else { return Ok(()) };
        let token = format!("{}-settings", change_set::name(request));
        self.start(session, &planned, token).await?;
        let zone = session.zone.clone();
        let mut print = |console: &mut C, event: &crate::stack::StackEvent| {
            console.line(&event.line(&zone).to_string())
        };
        let settled = watch.until_settled(session, &mut print).await?;
        self.phase.set(Phase::After("the allow-list was compared"));
        match &settled.stack {
            Some(stack) if state::is_success(&stack.status) => Ok(()),
            _ => Err(request.ended(
                &settled,
                &format!(" What was taken over has its own settings until then: {names}."),
            )),
        }
    }
}

/// Says what is left to do after a deploy that is not waited for.
pub(super) fn print_left_as_they_are<C: Console>(
    session: &mut Session<'_, C>,
    planned: &ChangeSet,
) -> Result<(), StackError> {
    if !planned.imported.is_empty() {
        session.console.line(&format!(
            "What is taken over keeps its own settings ({}): when AWS has finished, deploy again, \
             which gives it those of the template",
            planned.imported.join(", ")
        ))?;
    }
    Ok(())
}
