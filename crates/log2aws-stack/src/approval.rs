//! The approval of a change: an answer on the terminal, or `--yes ENV` on the command line.

use log2aws_ssm::env_name::EnvName;

use crate::console::Console;
use crate::error::StackError;
use crate::watch::Session;

/// How a change is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// The question is asked on the terminal.
    Ask,
    /// `--yes` has named the environment.
    Given,
}

impl Approval {
    /// The approval of a change of `env`; `yes` is the value of `--yes`, `terminal` whether standard
    /// input is one.
    ///
    /// # Errors
    /// [`StackError::YesToOther`] if `--yes` names another environment, [`StackError::NotApproved`]
    /// if nobody can be asked.
    pub fn of(yes: Option<&EnvName>, env: &EnvName, terminal: bool) -> Result<Self, StackError> {
        match yes {
            Some(yes) if yes == env => Ok(Self::Given),
            Some(yes) => Err(StackError::YesToOther { yes: yes.to_string(), env: env.to_string() }),
            None if terminal => Ok(Self::Ask),
            None => Err(StackError::NotApproved { env: env.to_string() }),
        }
    }

    /// Asks, unless the approval was given. Only `y` and `yes` mean yes.
    ///
    /// # Errors
    /// [`StackError::NotApproved`] if the input has ended; [`StackError::Console`]
    pub(crate) async fn agreed<C: Console>(
        self,
        session: &mut Session<'_, C>,
        env: &EnvName,
        question: &str,
    ) -> Result<bool, StackError> {
        if self == Self::Given {
            return Ok(true);
        }
        match session.console.ask(question).await? {
            Some(answer) => Ok(matches!(answer.trim(), "y" | "Y" | "yes")),
            None => Err(StackError::NotApproved { env: env.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_approved_for_one_environment() {
        let env = |name: &str| -> EnvName { name.parse().unwrap() };
        let approval = |yes: Option<&str>, terminal| {
            Approval::of(yes.map(env).as_ref(), &env("dev"), terminal).map_err(|e| e.to_string())
        };
        for terminal in [false, true] {
            assert_eq!(approval(Some("dev"), terminal), Ok(Approval::Given));
            let refused = approval(Some("prod"), terminal).unwrap_err();
            assert!(refused.contains("--yes prod") && refused.contains("dev"), "{refused}");
        }
        assert_eq!(approval(None, true), Ok(Approval::Ask));
        assert!(approval(None, false).unwrap_err().contains("--yes dev"));
    }
}
