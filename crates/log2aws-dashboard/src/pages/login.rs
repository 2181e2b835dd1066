//! The login page.

use askama::Template;

use super::layout::PageLayout;
use crate::i18n::Words;

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The token is wrong.
    WrongToken,
    /// The link was already used, has expired, or is from an earlier start.
    SpentLink,
    /// Too many attempts from this address.
    TooMany,
    /// The form was sent from a page of another site.
    Foreign,
    /// The token file cannot be used.
    NoToken,
}

impl LoginError {
    fn text(self, w: &Words) -> &'static str {
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
    f: &'a PageLayout<'a>,
    error: Option<&'static str>,
    next: &'a str,
}

/// Renders the login page.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    error: Option<LoginError>,
    next: &str,
) -> Result<String, askama::Error> {
    LoginPage { f: layout, error: error.map(|error| error.text(layout.w)), next }.render()
}
