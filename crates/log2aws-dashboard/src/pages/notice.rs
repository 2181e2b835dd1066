//! Pages that say one thing: a fault, or who are you.

use askama::Template;

use super::frame::Frame;
use crate::words::Words;

/// Why nobody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFault {
    /// Another token was shown than the one that is good.
    WrongToken,
    /// The link was used before, is too old, or of an earlier start.
    SpentLink,
    /// Too many tries from this address.
    TooMany,
    /// The form was sent from another site's page.
    Foreign,
    /// The token's file cannot be used.
    NoToken,
}

impl LoginFault {
    fn words(self, w: &Words) -> &'static str {
        match self {
            Self::WrongToken => w.login_wrong_token,
            Self::SpentLink => w.login_spent_link,
            Self::TooMany => w.login_too_many,
            Self::Foreign => w.login_foreign,
            Self::NoToken => w.login_no_token,
        }
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    f: &'a Frame<'a>,
    fault: Option<&'static str>,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    f: &'a Frame<'a>,
    sentence: &'a str,
    detail: Option<&'a str>,
}

/// The login page.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn login(
    frame: &Frame<'_>,
    fault: Option<LoginFault>,
    next: &str,
) -> Result<String, askama::Error> {
    LoginPage { f: frame, fault: fault.map(|fault| fault.words(frame.w)), next }.render()
}

/// A page that says what is wrong with a request, or here.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn fault(
    frame: &Frame<'_>,
    sentence: &str,
    detail: Option<&str>,
) -> Result<String, askama::Error> {
    FaultPage { f: frame, sentence, detail }.render()
}
