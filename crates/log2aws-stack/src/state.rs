//! The states of a stack, and what each allows.
//!
//! Source: AWS CloudFormation User Guide, "Understand CloudFormation stack creation events" and
//! "Stack status codes".

/// The state of a stack before a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none: a deploy creates it.
    Absent,
    /// It is at rest: a deploy updates it.
    AtRest,
    /// CloudFormation is at work.
    AtWork,
    /// Its creation failed and only the name is left, or a delete did not complete. Only a delete
    /// helps.
    Dead,
    /// An update and its rollback failed, or neither completed.
    Stuck,
}

/// The state for a status of CloudFormation.
pub(crate) fn of(status: &str) -> State {
    match status {
        // A change set was planned for a stack that does not exist yet.
        "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE" => State::Absent,
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => State::Dead,
        "UPDATE_ROLLBACK_FAILED" | "IMPORT_ROLLBACK_FAILED" | "UPDATE_FAILED" => State::Stuck,
        status if status.ends_with("_IN_PROGRESS") => State::AtWork,
        _ => State::AtRest,
    }
}

/// The AWS CLI command that recovers a stuck stack, if there is one.
pub(crate) fn recovery_command(status: &str) -> Option<&'static str> {
    match status {
        "UPDATE_ROLLBACK_FAILED" => Some("cloudformation continue-update-rollback"),
        "UPDATE_FAILED" => Some("cloudformation rollback-stack"),
        _ => None,
    }
}

/// Whether this status means success.
pub(crate) fn is_success(status: &str) -> bool {
    matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_state() {
        for (status, state) in [
            ("CREATE_IN_PROGRESS", State::AtWork),
            ("CREATE_FAILED", State::Dead),
            ("CREATE_COMPLETE", State::AtRest),
            ("ROLLBACK_IN_PROGRESS", State::AtWork),
            ("ROLLBACK_FAILED", State::Dead),
            ("ROLLBACK_COMPLETE", State::Dead),
            ("DELETE_IN_PROGRESS", State::AtWork),
            ("DELETE_FAILED", State::Dead),
            ("DELETE_COMPLETE", State::Absent),
            ("UPDATE_IN_PROGRESS", State::AtWork),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", State::AtWork),
            ("UPDATE_COMPLETE", State::AtRest),
            ("UPDATE_FAILED", State::Stuck),
            ("UPDATE_ROLLBACK_IN_PROGRESS", State::AtWork),
            ("UPDATE_ROLLBACK_FAILED", State::Stuck),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", State::AtWork),
            ("UPDATE_ROLLBACK_COMPLETE", State::AtRest),
            ("REVIEW_IN_PROGRESS", State::Absent),
            ("IMPORT_ROLLBACK_COMPLETE", State::AtRest),
        ] {
            assert_eq!(of(status), state, "{status}");
        }
        assert!(is_success("UPDATE_COMPLETE") && !is_success("UPDATE_ROLLBACK_COMPLETE"));
    }
}
