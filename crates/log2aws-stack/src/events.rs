//! `stack events`: the events of a stack.

use std::io;

use crate::console::Console;
use crate::deploy::first_failure;
use crate::error::StackError;
use crate::name::StackName;
use crate::stack::StackEvent;
use crate::state;
use crate::watch::{Session, Watch};

/// Prints every event of a stack, oldest first; with `follow`, until CloudFormation is done.
///
/// # Errors
/// [`StackError::Absent`] if there is no such stack; [`StackError::Ended`] if the followed
/// operation failed; else AWS's error.
pub async fn events<C: Console>(
    session: &mut Session<'_, C>,
    name: &StackName,
    follow: bool,
    print: &mut dyn FnMut(&mut C, &StackEvent) -> io::Result<()>,
) -> Result<(), StackError> {
    let Some(existing) = session.cloud.stack(name.as_str()).await? else {
        return Err(StackError::Absent {
            stack: name.to_string(),
            account: session.cloud.account.clone(),
            region: session.cloud.region.clone(),
        });
    };
    let mut watch = Watch::whole(&existing.id);
    if !follow {
        return watch.print_new(session, print).await;
    }
    let settled = watch.until_settled(session, print).await?;
    match &settled.stack {
        Some(stack) if !state::is_success(&stack.status) => Err(StackError::Ended {
            what: "the change",
            stack: name.to_string(),
            status: stack.status.clone(),
            first: first_failure(&settled),
            next: "`log2aws stack deploy` says what can be done with it.".to_owned(),
        }),
        _ => Ok(()),
    }
}
