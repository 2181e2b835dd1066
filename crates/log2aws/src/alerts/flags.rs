//! The flags with rules and webhooks. In a config file they are tables.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue};
use jiff::tz::TimeZone;
use log2aws_cli::HIDDEN_VALUE;
use log2aws_core::alert::{Format, QuietHours, Rule, WEBHOOK_KEYS, default_rules};
use log2aws_core::chart::Language;
use log2aws_server::{AlertConfig, UrlSource, Webhook, WebhookUrl};
use serde_json::{Map, Value};

/// The variable with the URL of a webhook. There is no such flag, because a command line is visible
/// to all users of the machine.
pub(super) const URL_VARIABLE: &str = "LOG2AWS_WEBHOOK_URL";

/// The longest name of a webhook, in bytes.
const MAX_NAME: usize = 64;

/// Rules and webhooks.
#[derive(Debug, Args)]
pub(crate) struct AlertArgs {
    /// An alert rule as JSON, e.g. '{"rule":"load","above":2,"minutes":30}'; a table `[[alert]]` in the
    /// config file. Can be repeated [default: '{"rule":"silent"}'].
    #[arg(long, value_name = "JSON", value_parser = rule, help_heading = "Alerts")]
    alert: Vec<Rule>,
    /// A webhook that is told, as JSON, e.g. '{"format":"slack","url-file":"/etc/log2aws/slack-url"}';
    /// a table `[[webhook]]` in the config file. Can be repeated. One without url-file has its URL from
    /// `LOG2AWS_WEBHOOK_URL`.
    #[arg(long, value_name = "JSON", value_parser = WebhookParser, help_heading = "Alerts")]
    webhook: Vec<WebhookArg>,
}

/// A webhook as it is written.
#[derive(Clone, Debug)]
struct WebhookArg {
    name: String,
    format: Format,
    language: Language,
    url_file: Option<PathBuf>,
    quiet: Option<QuietHours>,
    zone: Option<TimeZone>,
}

/// Rules or webhooks that do not go together.
#[derive(Debug, thiserror::Error)]
pub(super) enum AlertFlagsError {
    /// Two rules have one name.
    #[error("--alert: {0}")]
    Rules(#[from] log2aws_core::alert::RuleError),
    /// Two webhooks have one name.
    #[error("--webhook: two have the name {0:?}: set a different name for one of them")]
    SameName(String),
    /// A webhook has no URL.
    #[error(
        "--webhook: the webhook {0:?} has no URL: set url-file to a file that has it, or \
         {URL_VARIABLE} in the environment of serve"
    )]
    NoUrl(String),
    /// Two webhooks take their URL from the environment.
    #[error("--webhook: only one webhook can have its URL from {URL_VARIABLE}; set url-file")]
    TwoVariables,
}

/// Whether it is a usage error.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<AlertFlagsError>()
}

impl AlertArgs {
    /// The quiet hours of the first webhook, and their time zone.
    pub(super) fn quiet(&self, zone: &TimeZone) -> Option<(QuietHours, TimeZone)> {
        let first = self.webhook.first()?;
        Some((first.quiet?, first.zone.clone().unwrap_or_else(|| zone.clone())))
    }

    /// The rules alone.
    ///
    /// # Errors
    /// Two have one name.
    pub(super) fn rules(self) -> anyhow::Result<Vec<Rule>> {
        let rules = if self.alert.is_empty() { default_rules() } else { self.alert };
        Rule::check_names(&rules).map_err(AlertFlagsError::from)?;
        Ok(rules)
    }

    /// The rules and webhooks. `zone` is that of quiet hours without a zone of their own, and `url`
    /// the value of [`URL_VARIABLE`].
    ///
    /// # Errors
    /// Two have one name, or a webhook has no URL.
    pub(super) fn config(self, zone: &TimeZone, url: Option<&str>) -> anyhow::Result<AlertConfig> {
        let mut webhooks = self.webhook.clone();
        let rules = self.rules()?;
        if webhooks.is_empty() && url.is_some() {
            webhooks.push(webhook("{}").map_err(anyhow::Error::msg)?);
        }
        let (mut names, mut of_environment) = (BTreeSet::new(), 0);
        let mut ready = Vec::new();
        for WebhookArg { name, format, language, url_file, quiet, zone: own } in webhooks {
            if !names.insert(name.clone()) {
                return Err(AlertFlagsError::SameName(name).into());
            }
            let url = match (url_file, url) {
                (Some(path), _) => UrlSource::File(path),
                (None, Some(url)) => {
                    of_environment += 1;
                    UrlSource::Given(WebhookUrl::new(url, URL_VARIABLE)?)
                }
                (None, None) => return Err(AlertFlagsError::NoUrl(name).into()),
            };
            let quiet = quiet.map(|hours| (hours, own.unwrap_or_else(|| zone.clone())));
            ready.push(Webhook { name, format, language, url, quiet });
        }
        if of_environment > 1 {
            return Err(AlertFlagsError::TwoVariables.into());
        }
        Ok(AlertConfig { rules, webhooks: ready })
    }

    /// The same with the variable of this process.
    ///
    /// # Errors
    /// As [`AlertArgs::config`]; the variable is not text.
    pub(crate) fn config_here(self, zone: &TimeZone) -> anyhow::Result<AlertConfig> {
        let url = std::env::var_os(URL_VARIABLE).filter(|url| !url.is_empty());
        let url = url.map(|url| url.to_string_lossy().into_owned());
        self.config(zone, url.as_deref())
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    Rule::from_json(text).map_err(|error| error.to_string())
}

/// [`webhook`] with errors that do not repeat the value: it can have a URL where none belongs.
#[derive(Clone)]
struct WebhookParser;

impl TypedValueParser for WebhookParser {
    type Value = WebhookArg;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<WebhookArg, clap::Error> {
        webhook.parse_ref(command, arg, value).map_err(|mut error| {
            let hidden = ContextValue::String(HIDDEN_VALUE.to_owned());
            error.insert(ContextKind::InvalidValue, hidden);
            error
        })
    }
}

fn webhook(text: &str) -> Result<WebhookArg, String> {
    let table: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| "write a table of keys and values, e.g. {\"format\":\"slack\"}")?;
    if let Some(key) = table.keys().find(|key| !WEBHOOK_KEYS.contains(&key.as_str())) {
        let known = WEBHOOK_KEYS.join(", ");
        // A key can be a URL that was written without one.
        return Err(if key.contains('/') {
            format!("unknown key; the keys are {known}")
        } else {
            format!("unknown key {key:?}; the keys are {known}")
        });
    }
    let text = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("{key} must be a text")),
    };
    let format: Format = text("format")?.unwrap_or("json").parse()?;
    let name = text("name")?.unwrap_or(format.as_str());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        return Err(format!(
            "name must be of letters, digits, '-', '_' and '.', {MAX_NAME} at most"
        ));
    }
    let url_file = text("url-file")?.map(PathBuf::from);
    if url_file.as_deref().is_some_and(Path::is_relative) {
        return Err("url-file must be a path from the root, e.g. /etc/log2aws/slack-url".to_owned());
    }
    let language = match text("language")? {
        None | Some("en") => Language::En,
        Some("ja") => Language::Ja,
        Some(_) => return Err("language must be en or ja".to_owned()),
    };
    let quiet = text("quiet-hours")?
        .map(|text| text.parse::<QuietHours>().map_err(|error| format!("quiet-hours: {error}")));
    let zone = text("time-zone")?
        .map(|text| crate::flag::time_zone(text).map_err(|error| format!("time-zone: {error}")));
    Ok(WebhookArg {
        name: name.to_owned(),
        format,
        language,
        url_file,
        quiet: quiet.transpose()?,
        zone: zone.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        alerts: AlertArgs,
    }

    fn config(args: &[&str], url: Option<&str>) -> Result<AlertConfig, String> {
        let args = std::iter::once("serve").chain(args.iter().copied());
        let parsed = Program::try_parse_from(args).map_err(|error| error.to_string())?;
        parsed.alerts.config(&TimeZone::UTC, url).map_err(|error| error.to_string())
    }

    #[test]
    fn without_any_flag_silence_is_an_alert_and_nobody_is_told() {
        let config = config(&[], None).unwrap();
        assert_eq!(config.rules, default_rules());
        assert!(config.webhooks.is_empty());
    }

    #[test]
    fn the_variable_alone_is_a_webhook() {
        let config = config(&[], Some("https://ops.example/hook")).unwrap();
        assert_eq!((config.webhooks.len(), config.webhooks[0].format), (1, Format::Json));
    }

    #[test]
    fn a_webhook_has_a_name_a_form_and_its_quiet_hours() {
        let hook = r#"{"format":"teams","language":"ja","url-file":"/etc/teams","quiet-hours":"22:00-07:00","time-zone":"Asia/Tokyo"}"#;
        let config = config(&["--webhook", hook], None).unwrap();
        let hook = &config.webhooks[0];
        assert_eq!(
            (hook.name.as_str(), hook.format, hook.language),
            ("teams", Format::Teams, Language::Ja)
        );
        let (hours, zone) = hook.quiet.clone().unwrap();
        assert_eq!(
            (hours.to_string().as_str(), zone.iana_name()),
            ("22:00-07:00", Some("Asia/Tokyo"))
        );
        assert!(matches!(&hook.url, UrlSource::File(path) if path == Path::new("/etc/teams")));
    }

    #[test]
    fn what_does_not_work_is_refused_with_what_to_write() {
        let url = Some("https://ops.example/hook");
        for (args, url, part) in [
            (&["--alert", r#"{"rule":"load"}"#][..], None, "needs above"),
            (
                &["--alert", r#"{"rule":"silent"}"#, "--alert", r#"{"rule":"silent"}"#],
                None,
                "two rules have the name",
            ),
            (&["--webhook", "{}"], None, "LOG2AWS_WEBHOOK_URL in the environment"),
            (&["--webhook", r#"{"url":"https://x"}"#], None, "the keys are format"),
            (&["--webhook", r#"{"format":"discord"}"#], url, "json, slack or teams"),
            (&["--webhook", r#"{"quiet-hours":"22-7"}"#], url, "e.g. 22:00-07:00"),
            (&["--webhook", r#"{"time-zone":"Tokyo"}"#], url, "Asia/Tokyo"),
            (&["--webhook", r#"{"language":"de"}"#], url, "en or ja"),
            (&["--webhook", r#"{"url-file":"slack"}"#], None, "from the root"),
            (&["--webhook", r#"{"name":"a b"}"#], url, "name must be"),
            (&["--webhook", "{}", "--webhook", "{}"], url, "two have the name"),
            (&["--webhook", "{}", "--webhook", r#"{"format":"slack"}"#], url, "only one webhook"),
            (&["--webhook", "{}"], Some("hooks.example/x"), "LOG2AWS_WEBHOOK_URL has no URL"),
        ] {
            let told = config(args, url).unwrap_err();
            assert!(told.contains(part), "{args:?}: {told}");
        }
    }

    #[test]
    fn a_url_in_the_wrong_place_is_not_printed() {
        const SECRET: &str = "T0SECRET";
        for hook in [
            format!("https://hooks.example/{SECRET}"),
            format!(r#"{{"url":"https://hooks.example/{SECRET}"}}"#),
            format!(r#"{{"url-file":"https://hooks.example/{SECRET}"}}"#),
            format!(r#"{{"name":"https://hooks.example/{SECRET}"}}"#),
            format!(r#"{{"format":"https://hooks.example/{SECRET}"}}"#),
            format!(r#"{{"https://hooks.example/{SECRET}":1}}"#),
        ] {
            let told = config(&["--webhook", &hook], None).unwrap_err();
            assert!(!told.contains(SECRET), "{told}");
            assert!(told.contains("--webhook <JSON>"), "{told}");
        }
    }
}
