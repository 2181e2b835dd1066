//! Which rules there are, and which webhooks are told.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use log2aws_core::alert::{Format, QuietHours, Rule, default_rules};
use log2aws_core::chart::Language;
use url::Url;

use crate::config::ServeError;
use crate::credentials::{FileOwner, read_secret_of};

/// Rules and webhooks.
#[derive(Clone, Debug)]
pub struct AlertConfig {
    /// The rules, each with a name of its own.
    pub rules: Vec<Rule>,
    /// The webhooks, each with a name of its own.
    pub webhooks: Vec<Webhook>,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self { rules: default_rules(), webhooks: Vec::new() }
    }
}

impl AlertConfig {
    /// Whether the URL of each webhook can be read.
    ///
    /// # Errors
    /// [`WebhookError`] for the first that cannot.
    pub fn check(&self) -> Result<(), WebhookError> {
        self.webhooks.iter().try_for_each(|webhook| webhook.url.read(&webhook.name).map(drop))
    }
}

/// Where alerts are told.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its name in logs and on the page.
    pub name: String,
    /// The form of the messages.
    pub format: Format,
    /// The language of the messages.
    pub language: Language,
    /// Where its URL is.
    pub url: UrlSource,
    /// When nothing is told, and the time zone of these hours.
    pub quiet: Option<(QuietHours, TimeZone)>,
}

/// Where the URL of a webhook is. It is not in the config file, because it is a secret.
#[derive(Clone, Debug)]
pub enum UrlSource {
    /// In a file that only this user can read. It is read before each message, so that it can be
    /// replaced.
    File(PathBuf),
    /// Given by the environment.
    Given(WebhookUrl),
}

/// The URL of a webhook. Whoever has it can write there, so it does not print.
#[derive(Clone)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// A URL; `source` says where it is from, for the error.
    ///
    /// # Errors
    /// [`WebhookError::NotUrl`].
    pub fn new(text: &str, source: &str) -> Result<Self, WebhookError> {
        let text = text.trim();
        // The parser would join two lines to one URL.
        let is_one = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let url = is_one.then(|| text.parse::<Url>().ok()).flatten();
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .map(Self)
            .ok_or_else(|| WebhookError::NotUrl(source.to_owned()))
    }

    /// The URL, for sending.
    pub(super) fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl")
    }
}

/// Why the URL of a webhook cannot be used. Contains no URL.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such file.
    #[error(
        "{} does not exist: write the URL of the webhook {name:?} into it, and run: chmod 600 {}",
        path.display(), path.display()
    )]
    Missing {
        /// The webhook.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// It is no URL.
    #[error("{0} has no URL of a webhook: write one URL, which begins with https:// or http://")]
    NotUrl(String),
    /// The file cannot be read, or others can read it.
    #[error("{0}")]
    File(String),
}

impl UrlSource {
    /// The URL of the webhook with this name.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub(super) fn read(&self, name: &str) -> Result<WebhookUrl, WebhookError> {
        let path = match self {
            Self::Given(url) => return Ok(url.clone()),
            Self::File(path) => path,
        };
        // Root reads the file of the user of serve, too.
        let mut owner = FileOwner::of_process();
        if owner.uid == 0
            && let Ok(meta) = path.symlink_metadata()
        {
            owner.uid = meta.uid();
        }
        let text = read_secret_of(path, owner).map_err(|error| match error {
            ServeError::KeyFileOwner { path } => WebhookError::File(format!(
                "{} is a link or belongs to another user: chown it to the user of serve",
                path.display()
            )),
            other => WebhookError::File(other.to_string()),
        })?;
        let Some(text) = text else {
            return Err(WebhookError::Missing { name: name.to_owned(), path: path.clone() });
        };
        WebhookUrl::new(&text, &path.display().to_string())
    }
}
