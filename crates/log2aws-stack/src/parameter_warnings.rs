//! Parameters that are valid together but probably unintended.

use crate::hosts::{IP_ADDRESS_TYPE, NETWORKS};
use crate::template::Scope;

/// One sentence for each such combination.
pub(crate) fn parameter_warnings(scope: &Scope<'_>) -> Vec<String> {
    [
        final_days_that_open(scope),
        keys_that_expire(scope),
        ipv6_that_reaches_nothing(scope),
        domain_by_half(scope),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The API has no IPv6 address for those on the list.
fn ipv6_that_reaches_nothing(scope: &Scope<'_>) -> Option<String> {
    let ipv4 = scope.value(IP_ADDRESS_TYPE) == Some("ipv4");
    (ipv4 && scope.value(NETWORKS)?.contains(':')).then(|| {
        "the allow-list holds IPv6, and with IpAddressType=ipv4 no server can come from there; set \
         IpAddressType to dualstack, or take IPv6 out of the list"
            .to_owned()
    })
}

/// AWS refuses a domain name without a certificate.
fn domain_by_half(scope: &Scope<'_>) -> Option<String> {
    let given = |name: &str| scope.value(name).is_some_and(|value| !value.is_empty());
    (given("DomainName") != given("CertificateArn")).then(|| {
        "DomainName and CertificateArn belong together: AWS takes no domain name without a \
         certificate"
            .to_owned()
    })
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

/// A lifecycle rule of S3 names what expires, and cannot except anything.
fn keys_that_expire(scope: &Scope<'_>) -> Option<String> {
    let kept = scope.value("AnalyzedKeepDays")?.parse::<u32>().ok().filter(|days| *days > 0)?;
    Some(format!(
        "the registry of keys expires with the results, {kept} days after its last change \
         (AnalyzedKeepDays={kept}), and then no server gets a URL: have it copied onto itself before \
         that, as docs/aws.md says, or set AnalyzedKeepDays to 0"
    ))
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
        assert_eq!(warned.len(), 2, "{warned:?}");
        assert!(warned[0].contains("AnalyzedKeepDays=90 is shorter than DaysBack=400"));
        let keys = "the registry of keys expires with the results, 90 days after its last change";
        assert!(warned[1].starts_with(keys), "{warned:?}");
        let domain = ("DomainName", "logs.example.com");
        assert!(warnings(&[domain])[0].contains("CertificateArn"));
        let networks = ("LogPutAllowNetworks", "203.0.113.7,2001:db8::/32");
        assert!(warnings(&[networks])[0].contains("IpAddressType"));
        for harmless in [
            &[][..],
            &[("RawKeepDays", "90")],
            &[networks, ("IpAddressType", "dualstack")],
            &[domain, ("CertificateArn", "arn:aws:acm:eu-west-1:111122223333:certificate/1")],
        ] {
            assert_eq!(warnings(harmless), [""; 0], "{harmless:?}");
        }
        for keys_alone in [
            &[("AnalyzedKeepDays", "400"), ("RawKeepDays", "400")],
            &[short, ("FinalAfterDays", "0")],
            &[short, ("DaysBack", "90")],
        ] {
            let warned = warnings(keys_alone);
            assert!(warned.len() == 1 && warned[0].contains("registry of keys"), "{warned:?}");
        }
    }
}
