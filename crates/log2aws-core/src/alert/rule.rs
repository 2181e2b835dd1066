//! A rule: what is looked for, on which servers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::allow_list::Pattern;
use crate::server_name::ServerName;

/// The keys of a rule's table in a config file.
pub const RULE_KEYS: [&str; 7] =
    ["above", "days", "minutes", "name", "rule", "servers", "severity"];

/// The keys of a webhook's table in a config file.
pub const WEBHOOK_KEYS: [&str; 6] =
    ["format", "language", "name", "quiet-hours", "time-zone", "url-file"];

/// The longest name of a rule, in characters.
const MAX_NAME: usize = 64;

/// The kinds of rules, as they are written.
const KINDS: [&str; 4] = ["silent", "load", "memory", "rejects"];

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// The logs of at least so many days that were due have not arrived, and none since.
    Silent {
        /// From 1 to 400.
        days: u32,
    },
    /// The 1-minute load average of a delivered day was above so much per core for so long.
    Load {
        /// Load ÷ cores, above 0 and at most 1000.
        above: f64,
        /// Minutes without interruption, from 1 to 1440.
        minutes: u32,
    },
    /// Free memory falls so that there is none left within so many days.
    Memory {
        /// From 1 to 365.
        days: u32,
    },
    /// More than this share of the lines of a delivered day could not be read.
    Rejects {
        /// Percent, from 0 to below 100.
        above: f64,
    },
}

/// How urgent an alert is; for people and receivers to filter by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// To be looked at in working hours.
    #[default]
    Warning,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name in messages and metrics: a lower-case letter, then letters, digits and `-`.
    pub name: String,
    /// What is looked for.
    pub condition: Condition,
    /// How urgent its alerts are.
    pub severity: Severity,
    /// Patterns of the names of the servers; empty: all.
    servers: Vec<Pattern>,
}

/// What is wrong with a rule. One sentence: what, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not a table.
    #[error("write a table of keys and values, e.g. {{\"rule\":\"silent\",\"days\":2}}")]
    Shape,
    /// A key that rules do not have.
    #[error("unknown key {0:?}; the keys are {keys}", keys = RULE_KEYS.join(", "))]
    UnknownKey(String),
    /// No kind, or an unknown one.
    #[error("set rule to silent, load, memory or rejects, not {0:?}")]
    Kind(String),
    /// The name is invalid.
    #[error(
        "name {0:?} cannot be used: write a lower-case letter, then letters, digits and '-', \
         {MAX_NAME} at most"
    )]
    Name(String),
    /// Two rules have one name.
    #[error("two rules have the name {0:?}: set a different name for one of them")]
    SameName(String),
    /// A key that this kind of rule needs.
    #[error("the rule {kind} needs {key}: {range}")]
    Missing {
        /// The kind of the rule.
        kind: &'static str,
        /// The key.
        key: &'static str,
        /// The values that it can have.
        range: &'static str,
    },
    /// A key that this kind of rule does not have.
    #[error("the rule {kind} has no {key}; remove it")]
    NotHere {
        /// The kind of the rule.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A value out of range.
    #[error("{key} must be {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// The values that it can have.
        range: &'static str,
    },
    /// A pattern that no server name matches.
    #[error("servers: {0:?} is no pattern of server names; write e.g. [\"web*\", \"db01\"]")]
    Servers(String),
}

/// The rules without any in the config: a server is silent once a log that was due is missing.
pub fn default_rules() -> Vec<Rule> {
    vec![Rule {
        name: "silent".to_owned(),
        condition: Condition::Silent { days: 1 },
        severity: Severity::Warning,
        servers: Vec::new(),
    }]
}

impl Rule {
    /// Reads a rule from its table, written as JSON.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn from_json(text: &str) -> Result<Self, RuleError> {
        let table: Map<String, Value> = serde_json::from_str(text).map_err(|_| RuleError::Shape)?;
        if let Some(key) = table.keys().find(|key| !RULE_KEYS.contains(&key.as_str())) {
            return Err(RuleError::UnknownKey(key.clone()));
        }
        let table = Table(&table);
        let kind = table.text("rule", "silent, load, memory or rejects")?.unwrap_or_default();
        let kind = *KINDS
            .iter()
            .find(|known| **known == kind)
            .ok_or_else(|| RuleError::Kind(kind.to_owned()))?;
        let condition = table.condition(kind)?;
        let name = table.text("name", "a text")?.unwrap_or(kind);
        if !is_name(name) {
            return Err(RuleError::Name(name.chars().take(2 * MAX_NAME).collect()));
        }
        let severity = match table.text("severity", SEVERITIES)? {
            None | Some("warning") => Severity::Warning,
            Some("critical") => Severity::Critical,
            Some(_) => return Err(RuleError::Range { key: "severity", range: SEVERITIES }),
        };
        let servers = table.servers()?;
        Ok(Self { name: name.to_owned(), condition, severity, servers })
    }

    /// Refuses rules of which two have one name.
    ///
    /// # Errors
    /// [`RuleError::SameName`].
    pub fn check_names(rules: &[Self]) -> Result<(), RuleError> {
        let mut names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(RuleError::SameName(pair[0].to_owned())),
            None => Ok(()),
        }
    }

    /// Whether the rule is for this server.
    pub fn is_for(&self, server: &ServerName) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|p| p.matches(server.as_str()))
    }
}

const SEVERITIES: &str = "warning or critical";
const DAYS: &str = "a whole number of days from 1 to 400";
const MEMORY_DAYS: &str = "a whole number of days from 1 to 365";
const MINUTES: &str = "a whole number of minutes from 1 to 1440";
const LOAD: &str = "a load per core above 0, at most 1000";
const PERCENT: &str = "a percentage from 0 to below 100";

fn is_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= MAX_NAME
        && name.bytes().all(known)
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

/// The table of a rule.
struct Table<'a>(&'a Map<String, Value>);

impl<'a> Table<'a> {
    fn text(&self, key: &'static str, range: &'static str) -> Result<Option<&'a str>, RuleError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or(RuleError::Range { key, range })
    }

    fn whole(
        &self,
        key: &'static str,
        most: u32,
        range: &'static str,
    ) -> Result<Option<u32>, RuleError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| (1..=most).contains(number));
        number.map(Some).ok_or(RuleError::Range { key, range })
    }

    fn decimal(
        &self,
        key: &'static str,
        is_right: impl Fn(f64) -> bool,
        range: &'static str,
    ) -> Result<Option<f64>, RuleError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let number = value.as_f64().filter(|number| is_right(*number));
        number.map(Some).ok_or(RuleError::Range { key, range })
    }

    fn condition(&self, kind: &'static str) -> Result<Condition, RuleError> {
        let keys: &[&str] = match kind {
            "load" => &["above", "minutes"],
            "rejects" => &["above"],
            _ => &["days"],
        };
        for key in ["above", "days", "minutes"] {
            if self.0.contains_key(key) && !keys.contains(&key) {
                return Err(RuleError::NotHere { kind, key });
            }
        }
        let missing = |key, range| RuleError::Missing { kind, key, range };
        Ok(match kind {
            "load" => Condition::Load {
                above: self
                    .decimal("above", |load| load > 0.0 && load <= 1000.0, LOAD)?
                    .ok_or_else(|| missing("above", LOAD))?,
                minutes: self
                    .whole("minutes", 1440, MINUTES)?
                    .ok_or_else(|| missing("minutes", MINUTES))?,
            },
            "rejects" => Condition::Rejects {
                above: self
                    .decimal("above", |percent| (0.0..100.0).contains(&percent), PERCENT)?
                    .ok_or_else(|| missing("above", PERCENT))?,
            },
            "memory" => Condition::Memory {
                days: self
                    .whole("days", 365, MEMORY_DAYS)?
                    .ok_or_else(|| missing("days", MEMORY_DAYS))?,
            },
            _ => Condition::Silent { days: self.whole("days", 400, DAYS)?.unwrap_or(1) },
        })
    }

    fn servers(&self) -> Result<Vec<Pattern>, RuleError> {
        let items = match self.0.get("servers") {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        if items.is_empty() {
            return Err(RuleError::Servers(String::new()));
        }
        let pattern = |item: &Value| {
            let text = item.as_str().ok_or_else(|| RuleError::Servers(item.to_string()))?;
            Pattern::new(text).ok_or_else(|| RuleError::Servers(text.to_owned()))
        };
        items.iter().map(pattern).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Rule::from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn each_kind_of_rule_is_read() {
        let condition = |text: &str| Rule::from_json(text).unwrap().condition;
        assert_eq!(condition(r#"{"rule":"silent"}"#), Condition::Silent { days: 1 });
        assert_eq!(
            condition(r#"{"rule":"load","above":2,"minutes":30}"#),
            Condition::Load { above: 2.0, minutes: 30 }
        );
        assert_eq!(condition(r#"{"rule":"memory","days":14}"#), Condition::Memory { days: 14 });
        assert_eq!(condition(r#"{"rule":"rejects","above":0}"#), Condition::Rejects { above: 0.0 });
        let rule = r#"{"rule":"silent","name":"db","severity":"critical","servers":["db*","x1"]}"#;
        let rule = Rule::from_json(rule).unwrap();
        assert_eq!((rule.name.as_str(), rule.severity), ("db", Severity::Critical));
        let is_for = |name: &str| rule.is_for(&name.parse().unwrap());
        assert!(is_for("db01") && is_for("x1") && !is_for("web01"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_to_write() {
        for (text, part) in [
            ("[]", "write a table"),
            (r#"{"rule":"silence"}"#, "set rule to silent, load, memory or rejects"),
            ("{}", "set rule to"),
            (
                r#"{"rule":"load","above":2,"minute":3}"#,
                "unknown key \"minute\"; the keys are above",
            ),
            (r#"{"rule":"load","above":2}"#, "needs minutes: a whole number of minutes"),
            (r#"{"rule":"load","above":-1,"minutes":3}"#, "above must be a load per core"),
            (r#"{"rule":"load","above":1,"minutes":1441}"#, "minutes must be"),
            (r#"{"rule":"load","above":1,"minutes":2.5}"#, "minutes must be"),
            (r#"{"rule":"silent","days":0}"#, "from 1 to 400"),
            (r#"{"rule":"silent","days":"2"}"#, "from 1 to 400"),
            (r#"{"rule":"silent","minutes":2}"#, "the rule silent has no minutes"),
            (r#"{"rule":"rejects","above":100}"#, "below 100"),
            (r#"{"rule":"memory"}"#, "needs days"),
            (r#"{"rule":"silent","name":"Web 1"}"#, "cannot be used"),
            (r#"{"rule":"silent","severity":"page"}"#, "warning or critical"),
            (r#"{"rule":"silent","servers":["web 1"]}"#, "no pattern of server names"),
            (r#"{"rule":"silent","servers":[]}"#, "no pattern of server names"),
            (r#"{"rule":"silent","servers":[1]}"#, "no pattern of server names"),
        ] {
            let told = refused(text);
            assert!(told.contains(part), "{text}: {told}");
        }
    }

    #[test]
    fn names_are_unique() {
        let silent = Rule::from_json(r#"{"rule":"silent"}"#).unwrap();
        let mut two = [silent.clone(), silent];
        assert!(Rule::check_names(&two).unwrap_err().to_string().contains("\"silent\""));
        two[1].name = "other".to_owned();
        assert_eq!(Rule::check_names(&two), Ok(()));
    }
}
