//! Host names of AWS services, and the partitions of AWS that their domains follow from.

/// A part of AWS with its own accounts: the name in ARNs, and the domain of its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// `AWS::Partition` of CloudFormation, e.g. `aws-cn`.
    pub name: &'static str,
    /// `AWS::URLSuffix` of CloudFormation, e.g. `amazonaws.com.cn`.
    pub domain: &'static str,
    /// The domain of its services over IPv4 and IPv6.
    dual_stack: &'static str,
    /// The region whose name the requests to IAM are signed for: IAM is one service for all regions.
    home: &'static str,
    /// How the names of its regions begin.
    regions: &'static str,
}

const fn named(
    regions: &'static str,
    name: &'static str,
    [domain, dual_stack]: [&'static str; 2],
    home: &'static str,
) -> Partition {
    Partition { name, domain, dual_stack, home, regions }
}

const USUAL: Partition = named("", "aws", ["amazonaws.com", "api.aws"], "us-east-1");

/// All but the usual one. A test compares them with botocore's `partitions.json`.
const OTHERS: [Partition; 7] = [
    named("cn-", "aws-cn", ["amazonaws.com.cn", "api.amazonwebservices.com.cn"], "cn-north-1"),
    named("eusc-", "aws-eusc", ["amazonaws.eu", "api.amazonwebservices.eu"], "eusc-de-east-1"),
    named("us-gov-", "aws-us-gov", ["amazonaws.com", "api.aws"], "us-gov-west-1"),
    named("us-iso-", "aws-iso", ["c2s.ic.gov", "api.aws.ic.gov"], "us-iso-east-1"),
    named("us-isob-", "aws-iso-b", ["sc2s.sgov.gov", "api.aws.scloud"], "us-isob-east-1"),
    named("eu-isoe-", "aws-iso-e", ["cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"], "eu-isoe-west-1"),
    named("us-isof-", "aws-iso-f", ["csp.hci.ic.gov", "api.aws.hci.ic.gov"], "us-isof-south-1"),
];

/// The partition of a region.
pub fn partition(region: &str) -> Partition {
    OTHERS.into_iter().find(|other| region.starts_with(other.regions)).unwrap_or(USUAL)
}

/// Which of a service's hosts is meant: the settings `use_fips_endpoint` and
/// `use_dualstack_endpoint` of AWS's tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// The host with cryptography validated by FIPS 140.
    pub fips: bool,
    /// The host with IPv4 and IPv6.
    pub dual_stack: bool,
}

/// The host of a service in a region.
///
/// Source: AWS General Reference, "Service endpoints and quotas".
pub fn service_host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", partition(region).domain)
}

/// The host of a service in a region, in one of its variants.
///
/// Source: the endpoint rules of AWS's services as botocore has them; a test compares them.
pub fn variant_host(service: &str, region: &str, variant: Variant) -> String {
    let partition = partition(region);
    // In GovCloud the usual hosts are validated, except those of Lambda.
    let plain = partition.name == "aws-us-gov" && !variant.dual_stack && service != "lambda";
    let fips = if variant.fips && !plain { "-fips" } else { "" };
    let domain = if variant.dual_stack { partition.dual_stack } else { partition.domain };
    format!("{service}{fips}.{region}.{domain}")
}

/// The host of IAM for a region, and the region to sign for.
///
/// Source: as [`variant_host`].
pub fn iam_host(region: &str, Variant { fips, dual_stack }: Variant) -> (String, &'static str) {
    let Partition { name, domain, dual_stack: dual, home, .. } = partition(region);
    let minus = if fips { "-fips" } else { "" };
    let host = match (name, dual_stack, fips) {
        ("aws", false, _) => format!("iam{minus}.{domain}"),
        ("aws", true, _) => format!("iam{minus}.global.{dual}"),
        ("aws-us-gov", false, _) => format!("iam.us-gov.{domain}"),
        ("aws-us-gov", true, _) => format!("iam.us-gov.{dual}"),
        ("aws-cn" | "aws-eusc", true, false) => format!("iam.global.{dual}"),
        (_, true, _) => format!("iam{minus}.{dual}"),
        ("aws-iso" | "aws-iso-b", false, true) | (_, false, false) => {
            format!("iam{minus}.{home}.{domain}")
        }
        (_, false, true) => format!("iam-fips.{domain}"),
    };
    (host, home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_a_domain_of_its_own() {
        for (region, name, host) in [
            ("ap-northeast-1", "aws", "ssm.ap-northeast-1.amazonaws.com"),
            ("us-east-1", "aws", "ssm.us-east-1.amazonaws.com"),
            ("eu-west-1", "aws", "ssm.eu-west-1.amazonaws.com"),
            ("cn-north-1", "aws-cn", "ssm.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "aws-eusc", "ssm.eusc-de-east-1.amazonaws.eu"),
            ("us-gov-west-1", "aws-us-gov", "ssm.us-gov-west-1.amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "ssm.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "ssm.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            assert_eq!(partition(region).name, name);
            assert_eq!(service_host("ssm", region), host);
        }
    }

    /// What botocore 1.44.5 asks: plain, FIPS, dual stack, both.
    #[test]
    fn the_variants_are_botocores() {
        let variants = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(fips, dual_stack)| Variant { fips, dual_stack });
        let gov = "us-gov-west-1";
        for (service, region, hosts) in [
            ("ssm", "ap-northeast-1", ["amazonaws.com", "amazonaws.com", "api.aws", "api.aws"]),
            ("ssm", "cn-north-1", ["amazonaws.com.cn", "amazonaws.com.cn", CN, CN]),
            ("sqs", "eusc-de-east-1", ["amazonaws.eu", "amazonaws.eu", EU, EU]),
            (
                "ssm",
                "us-iso-east-1",
                ["c2s.ic.gov", "c2s.ic.gov", "api.aws.ic.gov", "api.aws.ic.gov"],
            ),
        ] {
            for (variant, domain) in variants.into_iter().zip(hosts) {
                let fips = if variant.fips { "-fips" } else { "" };
                let host = format!("{service}{fips}.{region}.{domain}");
                assert_eq!(variant_host(service, region, variant), host);
            }
        }
        assert_eq!(
            variants.map(|variant| variant_host("ssm", gov, variant)),
            [
                "ssm.us-gov-west-1.amazonaws.com",
                "ssm.us-gov-west-1.amazonaws.com",
                "ssm.us-gov-west-1.api.aws",
                "ssm-fips.us-gov-west-1.api.aws",
            ]
        );
        let lambda = variant_host("lambda", gov, variants[1]);
        assert_eq!(lambda, "lambda-fips.us-gov-west-1.amazonaws.com");
    }

    const CN: &str = "api.amazonwebservices.com.cn";
    const EU: &str = "api.amazonwebservices.eu";

    /// The same, and the region in the scope of botocore's signature.
    #[test]
    fn iam_is_one_service_for_all_regions_of_a_partition() {
        for (region, signed, hosts) in [
            (
                "ap-northeast-1",
                "us-east-1",
                [
                    "iam.amazonaws.com",
                    "iam-fips.amazonaws.com",
                    "iam.global.api.aws",
                    "iam-fips.global.api.aws",
                ],
            ),
            (
                "cn-northwest-1",
                "cn-north-1",
                [
                    "iam.cn-north-1.amazonaws.com.cn",
                    "iam-fips.amazonaws.com.cn",
                    "iam.global.api.amazonwebservices.com.cn",
                    "iam-fips.api.amazonwebservices.com.cn",
                ],
            ),
            (
                "us-gov-east-1",
                "us-gov-west-1",
                [
                    "iam.us-gov.amazonaws.com",
                    "iam.us-gov.amazonaws.com",
                    "iam.us-gov.api.aws",
                    "iam.us-gov.api.aws",
                ],
            ),
            (
                "eusc-de-east-1",
                "eusc-de-east-1",
                [
                    "iam.eusc-de-east-1.amazonaws.eu",
                    "iam-fips.amazonaws.eu",
                    "iam.global.api.amazonwebservices.eu",
                    "iam-fips.api.amazonwebservices.eu",
                ],
            ),
            (
                "us-isob-east-1",
                "us-isob-east-1",
                [
                    "iam.us-isob-east-1.sc2s.sgov.gov",
                    "iam-fips.us-isob-east-1.sc2s.sgov.gov",
                    "iam.api.aws.scloud",
                    "iam-fips.api.aws.scloud",
                ],
            ),
        ] {
            let variants = [(false, false), (true, false), (false, true), (true, true)];
            for ((fips, dual_stack), host) in variants.into_iter().zip(hosts) {
                let found = iam_host(region, Variant { fips, dual_stack });
                assert_eq!(found, (host.to_owned(), signed), "{region}");
            }
        }
    }
}
