//! `stack events`: what happened to a stack, and what is happening.

use std::io;

use crate::console::Console;
use crate::error::StackError;
use crate::name::StackName;
use crate::stack::StackEvent;
use crate::watch::{Session, Watch};

/// Tells every event of a stack, oldest first; with `follow`, until CloudFormation rests.
///
/// # Errors
/// [`StackError::Absent`] if there is no such stack; else what AWS said.
pub async fn events<C: Console>(
    session: &mut Session<'_, C>,
    stack: &StackName,
    follow: bool,
    tell: &mut dyn FnMut(&mut C, &StackEvent) -> io::Result<()>,
) -> Result<(), StackError> {
    let Some(standing) = session.cloud.stack(stack.as_str()).await? else {
        return Err(StackError::Absent {
            stack: stack.to_string(),
            account: session.cloud.account.clone(),
            region: session.cloud.region.clone(),
        });
    };
    let mut watch = Watch::whole(&standing.id);
    if follow {
        watch.until_rest(session, tell).await?;
    } else {
        watch.tell(session, tell).await?;
    }
    Ok(())
}
