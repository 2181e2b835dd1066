//! The doctor's findings, one per check, for people (`Display`) and programs (`Serialize`).

use std::fmt;

use serde::Serialize;

/// A check. In JSON its name is in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Whether there is a config file.
    Config,
    /// The name of this server.
    Server,
    /// The time zone of the lines and of midnight.
    Zone,
    /// The folder of the day logs.
    LogFolder,
    /// The state folder.
    StateFolder,
    /// What the running service says of itself.
    Service,
    /// Whether samples are taken.
    Samples,
    /// Whether exactly one sampler takes them.
    Samplers,
    /// Whether the lines are readable.
    Lines,
    /// The key of this server, to which its URLs are encrypted.
    Key,
    /// What was delivered, and what is pending.
    Deliveries,
    /// The address of the API.
    Api,
    /// The proxy for it.
    Proxy,
    /// The address of a name.
    Name,
    /// The TCP connection.
    Connection,
    /// Certificates.
    Tls,
    /// The API's response.
    Answer,
    /// Whether the API allows this machine.
    AllowList,
    /// The clock, compared with the API's.
    Clock,
    /// The connection to the store.
    Store,
}

impl Check {
    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Server => "server",
            Self::Zone => "zone",
            Self::LogFolder => "log folder",
            Self::StateFolder => "state folder",
            Self::Service => "service",
            Self::Samples => "samples",
            Self::Samplers => "samplers",
            Self::Lines => "lines",
            Self::Key => "key",
            Self::Deliveries => "deliveries",
            Self::Api => "api",
            Self::Proxy => "proxy",
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Answer => "answer",
            Self::AllowList => "allow-list",
            Self::Clock => "clock",
            Self::Store => "store",
        }
    }
}

/// The widest label.
const LABEL_WIDTH: usize = 12;

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to do.
    Ok,
    /// Logs are delivered, but somebody should look at it.
    Warn,
    /// This prevents samples or deliveries, or will.
    Fail,
}

impl Verdict {
    /// At most four letters.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
    /// What to do, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: Check, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, message: message.into(), hint: None }
    }

    pub(crate) fn warn(check: Check, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn fail(check: Check, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Finding {
    /// One line, without its end: verdict, check, what was found -> what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, check) = (self.verdict.label(), self.check.label());
        write!(f, "{verdict:<4}  {check:<LABEL_WIDTH$}  {}", one_line(&self.message))?;
        self.hint.iter().try_for_each(|hint| write!(f, " -> {}", one_line(hint)))
    }
}

/// Other programs' messages can contain line ends and control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// All findings, in the order that a log takes: the first fault causes the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One entry per check; checks that could not be made have none.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The number of findings with a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// The last line: the overall result.
    pub fn summary(&self) -> String {
        let (fails, warns) = (self.count(Verdict::Fail), self.count(Verdict::Warn));
        let look = match warns {
            0 => String::new(),
            1 => ", 1 thing to look at".to_owned(),
            n => format!(", {n} things to look at"),
        };
        match fails {
            0 => format!("nothing is wrong{look}"),
            1 => format!("1 thing is wrong{look}"),
            n => format!("{n} things are wrong{look}; begin with the first"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_each_and_aligned() {
        let findings = vec![
            Finding::ok(Check::Server, "web01"),
            Finding::warn(Check::StateFolder, "odd", "look"),
            Finding::fail(Check::Name, "a\nb\u{1b}[31m", "mend"),
        ];
        let report = Report { findings };
        let lines: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert_eq!(lines[0], "ok    server        web01");
        assert_eq!(lines[1], "warn  state folder  odd -> look");
        assert_eq!(lines[2], "fail  name          a b [31m -> mend");
        assert_eq!(report.summary(), "1 thing is wrong, 1 thing to look at");
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            json.contains(
                r#"{"check":"state-folder","verdict":"warn","message":"odd","hint":"look"}"#
            ),
            "{json}"
        );
        assert!(json.contains(r#"{"check":"server","verdict":"ok","message":"web01"}"#), "{json}");
    }
}
