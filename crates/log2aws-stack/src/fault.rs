//! Error messages for failed AWS calls: the caller, the operation, and what to do.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};

/// A failed AWS call, after all retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {message}")]
pub struct CallError {
    /// The operation.
    pub what: String,
    /// AWS's code, if it answered.
    pub code: Option<String>,
    /// Its message and advice, or why it could not be reached.
    pub message: String,
    /// Whether it is temporary: no response, or throttling.
    pub passing: bool,
}

impl CallError {
    /// The same, with advice if AWS refuses because the stack is being changed, or was changed since
    /// the change was planned: both have passed the check of the stack's state.
    pub(crate) fn with_other_operator(mut self) -> Self {
        let was_overtaken =
            matches!(self.code.as_deref(), Some("ChangeSetNotFound" | "InvalidChangeSetStatus"));
        if was_overtaken || self.message.contains("_IN_PROGRESS state") {
            self.message.push_str(
                "; somebody else is changing the stack, or has changed it since this change was \
                 planned: when it rests, deploy again",
            );
        }
        self
    }
}

/// Advice by AWS's error code.
pub(crate) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError" => {
            "give your identity that permission; docs/aws.md has the policy that a deploy needs"
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "your credentials have expired: log in again, e.g. aws sso login"
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure" => {
            "AWS does not know these credentials in this region: look at the profile or the keys; the \
             answer is the same in an opt-in region that the account has not enabled"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "the secret key does not fit the access key, or this machine's clock is wrong"
        }
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => {
            "AWS holds back this account's calls: wait a minute and run the command again"
        }
        "InsufficientCapabilitiesException" | "InsufficientCapabilities" => {
            "CloudFormation wants a capability that this program does not give it: the template \
             makes roles with names"
        }
        "OptInRequired" | "SubscriptionRequiredException" => {
            "the account has not been opened for this service or region"
        }
        _ => return None,
    })
}

/// Whether AWS refuses a name because what had it was deleted a moment ago.
///
/// Source: Amazon S3 API Reference, "Error responses" (`OperationAborted`: "A conflicting
/// conditional operation is currently in progress against this resource. Try again."); Amazon SQS
/// API Reference, `CreateQueue` (`QueueDeletedRecently`: "You must wait 60 seconds after deleting a
/// queue before you can create another queue with the same name.").
pub(crate) fn is_name_not_free(text: &str) -> bool {
    [
        "OperationAborted",
        "conflicting conditional operation",
        "QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Why a call was not even sent, if the credentials could not be renewed for it.
fn lost_credentials(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(found) = cause {
        if let Some(lost) = found.downcast_ref::<CredentialsError>() {
            return Some(format!(
                "the credentials cannot be renewed ({}); log in again, e.g. aws sso login",
                credentials(&innermost(lost), None)
            ));
        }
        cause = found.source();
    }
    None
}

/// The innermost cause: the one that people can act on.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    one_line(&cause.to_string())
}

/// Why there are no credentials, in words that people can act on.
///
/// The SDK prints an error of a service as a Rust structure (`Error { code: …, message: … }`), and
/// tells people of its own build options.
pub(crate) fn credentials(why: &str, profile: Option<&str>) -> String {
    let export = format!(
        "run  eval \"$(aws configure export-credentials{} --format env)\"  before this command",
        profile.map_or_else(String::new, |name| format!(" --profile {name}"))
    );
    if why.contains("credentials-login") {
        return format!("the profile logs in by `aws login`, which this program cannot; {export}");
    }
    let field = |name: &str| {
        let (_, rest) = why.split_once(&format!("{name}: \""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let plain = match (why.starts_with("Error {"), field("code"), field("message")) {
        (true, Some(code), Some(message)) => format!("{code}: {message}"),
        (true, Some(code), None) => code,
        _ => why.to_owned(),
    };
    if plain.contains("sts:AssumeRole") {
        return format!(
            "{plain}; if the role wants MFA (mfa_serial), this program asks for the code only on a \
             terminal: {export}"
        );
    }
    plain
}

/// A text from AWS as one line without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a later call may succeed without anybody doing anything.
fn is_passing(status: Option<u16>, code: Option<&str>) -> bool {
    code.is_some_and(is_throttling) || status.is_none_or(|status| status >= 500)
}

fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
    )
}

/// The error of a failed HEAD, whose response has no body and so no code. `right` is the permission
/// that the call needs.
pub(crate) fn head<E>(what: impl Into<String>, right: &str, error: &SdkError<E>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut fault = call(what, error);
    let message = match error.raw_response().map(|response| response.status().as_u16()) {
        Some(403) => format!("AWS answers 403: your identity lacks {right} on it"),
        Some(400) => {
            "AWS answers 400: your credentials have expired, or this machine's clock is wrong"
                .to_owned()
        }
        Some(status @ (429 | 500..)) => {
            format!("AWS answers {status}: wait a minute and run the command again")
        }
        _ => return fault,
    };
    fault.message = message;
    fault
}

/// The error of a failed call. `what` names the operation and its target.
pub(crate) fn call<E>(what: impl Into<String>, error: &SdkError<E>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let what = what.into();
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().map(str::to_owned);
    if let Some(message) = lost_credentials(error) {
        return CallError { what, code, message, passing: false };
    }
    let message = match (status, error.message()) {
        (Some(status), _) if code.is_none() => format!(
            "the answer (HTTP {status}) is not one of AWS's; look at the proxy (HTTPS_PROXY) and at \
             --endpoint-url"
        ),
        (Some(status), message) => {
            let name = code.as_deref().unwrap_or_default();
            let message =
                message.map_or_else(String::new, |message| format!(": {}", one_line(message)));
            let message = format!("AWS answers {status} ({name}){message}");
            match code.as_deref().and_then(advice) {
                Some(advice) => format!("{message}; {advice}"),
                None => message,
            }
        }
        (None, _) => unreachable_host(error),
    };
    let passing = is_passing(status, code.as_deref());
    CallError { what, code, message, passing }
}

fn unreachable_host<E>(error: &SdkError<E>) -> String
where
    E: Error + 'static,
{
    let cause = match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        _ => innermost(error),
    };
    format!(
        "AWS cannot be reached ({cause}); look at the network, HTTPS_PROXY and --region, and run \
         the command again: it goes on where it stopped"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        assert!(is_passing(None, None));
        assert!(is_passing(Some(503), None));
        assert!(is_passing(Some(400), Some("Throttling")));
        assert!(!is_passing(Some(400), Some("ValidationError")));
        assert!(!is_passing(Some(403), Some("AccessDenied")));
    }

    #[test]
    fn what_aws_says_is_one_line() {
        assert_eq!(one_line("no\n  such\u{9b}31m\tbucket\r\n"), "no such 31m bucket");
    }

    #[test]
    fn missing_credentials_are_told_in_words() {
        let denied = r#"Error { code: "AccessDenied", message: "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on resource: y", aws_request_id: "1" }"#;
        let told = credentials(denied, Some("mfa"));
        assert!(told.starts_with("AccessDenied: User: arn:aws:iam::1:user/x is not"), "{told}");
        assert!(
            told.contains("MFA") && told.contains("export-credentials --profile mfa"),
            "{told}"
        );
        assert!(!told.contains("Error {"), "{told}");
        let login = "This behavior requires following cargo feature(s) enabled: credentials-login";
        let told = credentials(login, None);
        assert!(told.contains("aws login") && !told.contains("cargo"), "{told}");
        assert_eq!(credentials("there are none", None), "there are none");
    }

    #[test]
    fn a_known_fault_has_its_advice() {
        assert!(advice("AccessDenied").is_some_and(|advice| advice.contains("docs/aws.md")));
        assert!(advice("ExpiredToken").is_some_and(|advice| advice.contains("log in again")));
        assert_eq!(advice("ValidationError"), None);
    }
}
