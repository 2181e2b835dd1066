//! The logged-in user.

/// The logged-in user, for the page's footer: an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The name of the token that they logged in with.
    pub token: String,
    /// Whether they may change nothing.
    pub read_only: bool,
}
