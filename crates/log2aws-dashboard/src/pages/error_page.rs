//! The page of an error.

use askama::Template;

use super::layout::PageLayout;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    f: &'a PageLayout<'a>,
    sentence: &'a str,
    detail: Option<&'a str>,
}

/// Renders the page of an error.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    sentence: &str,
    detail: Option<&str>,
) -> Result<String, askama::Error> {
    ErrorPage { f: layout, sentence, detail }.render()
}
