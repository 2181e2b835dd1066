//! Which parameters of the template users may set, and which the program sets.

use std::collections::BTreeMap;

use super::FROM_HOSTS;
use crate::template::{ParameterError, Template};

/// Checks `--parameter NAME=VALUE` against the template's rules.
///
/// # Errors
/// [`ParameterError`] for the first one that is unknown, not settable, or has an invalid value.
pub fn checked_parameters(
    template: &Template,
    given: &[(String, String)],
) -> Result<BTreeMap<String, String>, ParameterError> {
    let mut checked = BTreeMap::new();
    for (name, value) in given {
        if let Some(instead) = ours(name) {
            return Err(ParameterError::Ours { name: name.clone(), instead });
        }
        let Some(parameter) = template.parameter(name) else {
            return Err(ParameterError::Unknown {
                name: name.clone(),
                nearest: nearest(template, name),
            });
        };
        parameter.check(value)?;
        checked.insert(name.clone(), value.clone());
    }
    Ok(checked)
}

/// Where the value of a parameter comes from that users cannot set.
fn ours(name: &str) -> Option<&'static str> {
    match name {
        "Env" => Some("say --env"),
        name if FROM_HOSTS.contains(&name) => Some("say --allow-hosts"),
        "ArtifactBucket" | "GenerateUrlKey" | "AnalyzeLogKey" => {
            Some("it follows from the zips; --artifacts names their folder")
        }
        _ => None,
    }
}

fn nearest(template: &Template, name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &lower);
    template
        .parameters()
        .iter()
        .filter(|parameter| ours(&parameter.name).is_none())
        .map(|parameter| (likeness(&parameter.name), &parameter.name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, value: &str) -> String {
        let template = Template::embedded().unwrap();
        match checked_parameters(&template, &[(name.to_owned(), value.to_owned())]) {
            Ok(values) => format!("{values:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn people_give_what_is_theirs() {
        assert_eq!(result("RawKeepDays", "400"), r#"{"RawKeepDays": "400"}"#);
        assert!(result("RawKeepDays", "-1").contains("a whole number from 0 up"));
        assert!(result("rawkeepday", "1").contains("did you mean \"RawKeepDays\"?"));
        assert!(result("Zzz", "1").ends_with("has no parameter \"Zzz\""));
        assert!(result("Env", "prod").contains("say --env"));
        assert!(result("LogPutAllowNetworks", "10.0.0.0/8").contains("say --allow-hosts"));
        assert!(result("AnalyzeLogKey", "a.zip").contains("--artifacts"));
        assert_eq!(result("Architecture", "arm64"), r#"{"Architecture": "arm64"}"#);
        assert!(result("Architecture", "riscv").contains("arm64"));
    }
}
