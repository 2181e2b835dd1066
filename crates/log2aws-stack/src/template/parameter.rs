//! The parameters of the template, and CloudFormation's rules for their values.

use std::fmt;

use regex_lite::Regex;

use super::{Node, TemplateError};

/// One parameter and its rules.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its default value.
    pub default: Option<String>,
    kind: Kind,
    pattern: Option<Regex>,
    /// A description of [`Parameter::pattern`].
    constraint: Option<String>,
    values: Vec<String>,
    least: Option<i64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// A comma-separated list; each item must match the pattern.
    List,
}

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The template has no such parameter.
    #[error("the template has no parameter {name:?}{}", meant(nearest.as_deref()))]
    Unknown {
        /// The given name.
        name: String,
        /// The most similar known name.
        nearest: Option<String>,
    },
    /// The parameter exists, but the program sets it.
    #[error("parameter {name} is not given by --parameter: {instead}")]
    Ours {
        /// The name.
        name: String,
        /// Where its value comes from.
        instead: &'static str,
    },
    /// It is required.
    #[error("parameter {0} needs a value")]
    Missing(String),
    /// The value breaks the parameter's rules.
    #[error("parameter {name} is {value:?}, and should be {right}")]
    Wrong {
        /// The name.
        name: String,
        /// The value, shortened.
        value: String,
        /// The valid values.
        right: String,
    },
    /// It is too long for CloudFormation.
    #[error("parameter {name} has {length} characters; {most} are the most")]
    Long {
        /// The name.
        name: String,
        /// Its length.
        length: usize,
        /// The limit.
        most: usize,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

/// The limit for the length of a value in characters, whatever the template says.
///
/// Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas": parameter values.
const MOST: usize = 4096;

impl Parameter {
    pub(super) fn read(name: &str, rules: &Node) -> Result<Self, TemplateError> {
        let unknown = |what: &str| TemplateError::Unknown(format!("{what} of parameter {name}"));
        let text = |key: &str| rules.get(key).and_then(Node::text);
        let number = |key: &str| {
            let value = text(key).map(str::parse::<i64>).transpose();
            value.map_err(|_| unknown(key))
        };
        let length = |key: &str| {
            let length = number(key)?.map(usize::try_from).transpose();
            length.map_err(|_| unknown(key))
        };
        let kind = match text("Type") {
            Some("String") => Kind::Text,
            Some("Number") => Kind::Number,
            Some("CommaDelimitedList") => Kind::List,
            _ => return Err(unknown("the type")),
        };
        // CloudFormation matches the pattern against the whole value.
        let pattern = text("AllowedPattern").map(|p| Regex::new(&format!(r"\A(?:{p})\z")));
        let values = rules.get("AllowedValues").map(Node::items).unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            description: text("Description").unwrap_or_default().to_owned(),
            default: text("Default").map(str::to_owned),
            kind,
            pattern: pattern.transpose().map_err(|_| unknown("AllowedPattern"))?,
            constraint: text("ConstraintDescription").map(str::to_owned),
            values: values.iter().filter_map(Node::text).map(str::to_owned).collect(),
            least: number("MinValue")?,
            min_length: length("MinLength")?,
            max_length: length("MaxLength")?,
        })
    }

    /// Whether its value is a comma-separated list.
    pub(crate) fn is_list(&self) -> bool {
        self.kind == Kind::List
    }

    /// Checks a value against the rules.
    ///
    /// # Errors
    /// [`ParameterError`] says what the value should be.
    pub fn check(&self, value: &str) -> Result<(), ParameterError> {
        let length = value.chars().count();
        let most = self.max_length.unwrap_or(MOST).min(MOST);
        if length > most {
            return Err(ParameterError::Long { name: self.name.clone(), length, most });
        }
        let matches = |part: &str| self.pattern.as_ref().is_none_or(|p| p.is_match(part));
        let right = match self.kind {
            Kind::Text => matches(value),
            Kind::List => value.split(',').all(|part| matches(part.trim())),
            Kind::Number => value
                .parse::<i64>()
                .is_ok_and(|number| self.least.is_none_or(|least| number >= least)),
        };
        let listed = self.values.is_empty() || self.values.iter().any(|known| known == value);
        if right && listed && length >= self.min_length.unwrap_or(0) {
            return Ok(());
        }
        Err(ParameterError::Wrong {
            name: self.name.clone(),
            value: value.chars().take(64).collect(),
            right: self.to_string(),
        })
    }
}

/// The valid values in words.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.values.is_empty() {
            return write!(f, "one of {}", self.values.join(", "));
        }
        match (self.kind, &self.constraint, &self.pattern) {
            (Kind::Number, _, _) => match self.least {
                Some(least) => write!(f, "a whole number from {least} up"),
                None => f.write_str("a whole number"),
            },
            (_, Some(constraint), _) => f.write_str(constraint),
            (_, None, Some(_)) if self.min_length.is_none() => write!(f, "{}", self.description),
            _ if self.min_length.is_some_and(|least| least > 0) => {
                write!(
                    f,
                    "a text that is not empty and holds no other characters than the template takes ({})",
                    self.description
                )
            }
            _ => f.write_str("a text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Template;

    #[test]
    fn values_are_held_against_the_templates_rules() {
        let template = Template::embedded().unwrap();
        let check = |name: &str, value: &str| {
            template.parameter(name).unwrap().check(value).map_err(|error| error.to_string())
        };
        for (name, value) in [
            ("Env", "dev"),
            ("RawKeepDays", "400"),
            ("LogKeepDays", "14"),
            ("KeyPrefix", "spread"),
            ("LogPutAllowHosts", "203.0.113.7, web*@10.0.0.0/8"),
            ("LogPutAllowNetworks", "203.0.113.7, 10.0.0.0/8,2001:db8::/32"),
            ("KmsKeyArn", ""),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name}={value}");
        }
        for (name, value, part) in [
            ("Env", "Dev", "parameter Env is \"Dev\", and should be 1 to 20 lower-case"),
            ("RawKeepDays", "-1", "a whole number from 0 up"),
            ("RawKeepDays", "x", "a whole number from 0 up"),
            ("LogKeepDays", "15", "one of 1, 3, 5, 7, 14"),
            ("LogPutAllowNetworks", "10.0.0.0/8,,1.1.1.1", "addresses and networks"),
            ("LogPutAllowHosts", "", "a text that is not empty"),
            ("AlarmTopicArn", "operators@example.com", "An SNS topic in this region"),
        ] {
            let message = check(name, value).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
        let long = "a".repeat(4097);
        assert_eq!(
            check("LogPutAllowHosts", &long),
            Err("parameter LogPutAllowHosts has 4097 characters; 4096 are the most".to_owned())
        );
    }
}
