//! Parameters that are valid together but probably unintended.

use crate::template::Scope;

/// One sentence for each such combination.
pub(crate) fn parameter_warnings(scope: &Scope<'_>) -> Vec<String> {
    final_days_that_open(scope).into_iter().collect()
}

/// Whether a day is final is read from its summary, which expires with the other results.
fn final_days_that_open(scope: &Scope<'_>) -> Option<String> {
    let days = |name: &str| scope.value(name)?.parse::<u32>().ok();
    let (final_after, kept) = (days("FinalAfterDays")?, days("AnalyzedKeepDays")?);
    let back = days("DaysBack")?;
    (final_after > 0 && kept > 0 && kept < back).then(|| {
        format!(
            "a final day takes any log again once its results have expired: AnalyzedKeepDays={kept} \
             is shorter than DaysBack={back}; set AnalyzedKeepDays to 0 or to {back} at least"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::template::Template;

    fn warnings(given: &[(&str, &str)]) -> Vec<String> {
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let template = Template::embedded().unwrap();
        parameter_warnings(&Scope::new(&template, &given, "1", "eu-west-1", "log2aws-dev"))
    }

    #[test]
    fn results_that_expire_within_the_window_open_final_days() {
        let short = ("AnalyzedKeepDays", "90");
        let warned = warnings(&[short, ("RawKeepDays", "200")]);
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].contains("AnalyzedKeepDays=90 is shorter than DaysBack=400"));
        for harmless in [
            &[][..],
            &[("RawKeepDays", "90")],
            &[("AnalyzedKeepDays", "400"), ("RawKeepDays", "400")],
            &[short, ("FinalAfterDays", "0")],
            &[short, ("DaysBack", "90")],
        ] {
            assert_eq!(warnings(harmless), [""; 0], "{harmless:?}");
        }
    }
}
