//! Host names of AWS services, and the partitions of AWS that their domains follow from.

/// A part of AWS with its own accounts: the name in ARNs, and the domain of its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// `AWS::Partition` of CloudFormation, e.g. `aws-cn`.
    pub name: &'static str,
    /// `AWS::URLSuffix` of CloudFormation, e.g. `amazonaws.com.cn`.
    pub domain: &'static str,
    /// How the names of its regions begin.
    regions: &'static str,
}

/// All but the usual one. A test compares them with botocore's `partitions.json`.
const OTHERS: [Partition; 7] = [
    Partition { name: "aws-cn", domain: "amazonaws.com.cn", regions: "cn-" },
    Partition { name: "aws-eusc", domain: "amazonaws.eu", regions: "eusc-" },
    Partition { name: "aws-us-gov", domain: "amazonaws.com", regions: "us-gov-" },
    Partition { name: "aws-iso", domain: "c2s.ic.gov", regions: "us-iso-" },
    Partition { name: "aws-iso-b", domain: "sc2s.sgov.gov", regions: "us-isob-" },
    Partition { name: "aws-iso-e", domain: "cloud.adc-e.uk", regions: "eu-isoe-" },
    Partition { name: "aws-iso-f", domain: "csp.hci.ic.gov", regions: "us-isof-" },
];

/// The partition of a region.
pub fn partition(region: &str) -> Partition {
    let usual = Partition { name: "aws", domain: "amazonaws.com", regions: "" };
    OTHERS.into_iter().find(|other| region.starts_with(other.regions)).unwrap_or(usual)
}

/// The host of a service in a region.
///
/// Source: AWS General Reference, "Service endpoints and quotas".
pub fn service_host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", partition(region).domain)
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
}
