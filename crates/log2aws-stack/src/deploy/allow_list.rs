//! The allow-list of a deploy: compares the wanted list with the one in force, and updates
//! Parameter Store at the end.

use log2aws_core::allow_list::{AllowList, StoredAllowList};
use log2aws_ssm::env_name::{self, EnvName};

use super::DeployRequest;
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::hosts::{self, InForce, NETWORKS};
use crate::stack::ExistingStack;
use crate::watch::Session;

/// The list of a deploy.
#[derive(Clone, Debug)]
pub(super) struct AllowListChange {
    /// The wanted list.
    pub(super) list: AllowList,
    /// The content of Parameter Store when the deploy began.
    stored: Option<String>,
}

impl AllowListChange {
    /// Whether Parameter Store holds the list already.
    pub(super) fn is_stored(&self) -> bool {
        self.stored.as_deref().and_then(in_force).is_some_and(|list| list == self.list)
    }
}

/// The wanted list, after checking that it admits nobody new without `--widen`.
pub(super) async fn wanted<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeployRequest,
    given: Option<&AllowList>,
    existing: Option<&ExistingStack>,
) -> Result<AllowListChange, StackError> {
    let name = request.env.parameter(env_name::ALLOW_LIST);
    let text = session.cloud.parameter(&name).await?;
    let stored = match (text.as_deref().map(AllowList::read_stored).transpose(), given) {
        // The stack would get the list without these entries, which is not what was written.
        (Ok(Some(StoredAllowList { mut left_out, .. })), None) if !left_out.is_empty() => {
            return Err(StackError::StoredHosts { name, source: left_out.remove(0) });
        }
        (Ok(stored), _) => stored.map(|stored| stored.list),
        // What nobody can read lets nobody in: a list that is given mends it.
        (Err(_), Some(_)) => None,
        (Err(source), None) => return Err(StackError::StoredHosts { name, source }),
    };
    let list = given.or(stored.as_ref()).cloned().ok_or(StackError::NoHosts)?;
    let wanted = AllowListChange { list, stored: text };
    let Some(existing) = existing else { return Ok(wanted) };
    let networks = existing.parameters.get(NETWORKS);
    let networks = networks.map(|text| {
        text.split(',')
            .filter_map(|part| part.parse::<AllowList>().ok())
            .flat_map(|list| list.networks())
            .collect()
    });
    let difference = match &stored {
        Some(list) => InForce { list: list.clone(), networks }.difference(&wanted.list),
        None => hosts::Difference {
            widened: wanted.list.to_string().split(", ").map(str::to_owned).collect(),
            narrowed: Vec::new(),
        },
    };
    for entry in &difference.widened {
        session.console.line(&format!("allow-list: + {entry}"))?;
    }
    for entry in &difference.narrowed {
        session.console.line(&format!("allow-list: - {entry}"))?;
    }
    if difference.widened.is_empty() || request.widen {
        Ok(wanted)
    } else {
        let by_hand = given.is_none();
        Err(StackError::Widens { entries: difference.widened, by_hand })
    }
}

/// Checks that the list has not changed since the deploy began, and removes the narrowed entries at
/// once: CloudFormation would do it later or, if it sees no change, not at all.
pub(super) async fn narrow<C: Console>(
    session: &mut Session<'_, C>,
    env: &EnvName,
    wanted: &mut AllowListChange,
    stands: bool,
) -> Result<(), StackError> {
    let name = env.parameter(env_name::ALLOW_LIST);
    let stored = session.cloud.parameter(&name).await?;
    if stored != wanted.stored {
        return Err(StackError::Edited(name));
    }
    let list = stored.as_deref().and_then(in_force);
    let Some(list) = list.filter(|_| stands) else { return Ok(()) };
    if wanted.list.entries_beyond(&list).is_empty() && !list.entries_beyond(&wanted.list).is_empty()
    {
        let text = wanted.list.to_string();
        session.cloud.put_parameter(&name, &text).await?;
        session.console.line(&format!("{name} = {text}, from now on"))?;
        wanted.stored = Some(text);
    }
    Ok(())
}

/// After a failed deploy: removes again the entries that were narrowed by hand and that
/// CloudFormation's rollback has restored.
pub(super) async fn take_back<C: Console>(
    session: &mut Session<'_, C>,
    env: &EnvName,
    wanted: &AllowListChange,
) -> Result<(), StackError> {
    let name = env.parameter(env_name::ALLOW_LIST);
    let Some(before) = &wanted.stored else { return Ok(()) };
    let Some(now) = session.cloud.parameter(&name).await? else { return Ok(()) };
    if let (Some(before_list), Some(now_list)) = (in_force(before), in_force(&now))
        && !now_list.entries_beyond(&before_list).is_empty()
    {
        session.cloud.put_parameter(&name, before).await?;
        let line = format!("{name} = {before_list}: AWS, going back, had let in more again");
        session.console.line(&line)?;
    }
    Ok(())
}

/// Whom a stored text lets in; `None` if it is no list, which lets nobody in.
fn in_force(text: &str) -> Option<AllowList> {
    AllowList::read_stored(text).ok().map(|stored| stored.list)
}

/// Writes the wanted list to Parameter Store if CloudFormation saw nothing to change, because it
/// does not see manual edits. An edit during the deploy is kept, because it may narrow the list.
/// Returns whether anything was written.
pub(super) async fn settle<C: Console>(
    session: &mut Session<'_, C>,
    env: &EnvName,
    wanted: &AllowListChange,
) -> Result<bool, StackError> {
    let name = env.parameter(env_name::ALLOW_LIST);
    let stored = session.cloud.parameter(&name).await?;
    let same = |text: &String| text.parse::<AllowList>().is_ok_and(|list| list == wanted.list);
    if stored.as_ref().is_some_and(same) {
        return Ok(false);
    }
    if stored != wanted.stored {
        let stands = stored.as_deref().map_or_else(|| "no value".to_owned(), fault::one_line);
        session
            .console
            .line(&format!("{name} was edited during the deploy, and stays as it is: {stands}"))?;
        return Ok(false);
    }
    session.cloud.put_parameter(&name, &wanted.list.to_string()).await?;
    session.console.line(&format!("{name} = {}", wanted.list))?;
    Ok(true)
}
