//! One allow-list in three places: the functions read it from Parameter Store, and the policies of
//! the API and of the raw bucket contain its addresses.

use std::collections::BTreeMap;

use ipnet::IpNet;
use log2aws_core::allow_list::AllowList;

use crate::template::{Scope, Template, TemplateError};

/// The template parameter with the list.
pub const HOSTS: &str = "LogPutAllowHosts";

/// The template parameter with only the addresses.
pub const NETWORKS: &str = "LogPutAllowNetworks";

/// The template parameter with the IP address types of API and S3.
pub(crate) const IP_ADDRESS_TYPE: &str = "IpAddressType";

/// Its value for IPv4 and IPv6.
const DUAL_STACK: &str = "dualstack";

/// The size limit of a standard SSM parameter and of a CloudFormation parameter, in bytes.
///
/// Source: AWS Systems Manager User Guide, "Managing parameter tiers".
const MAX_PARAMETER_BYTES: usize = 4096;

/// The size limit of a bucket policy, in bytes.
///
/// Source: Amazon S3 User Guide, "Bucket policies".
const MAX_POLICY_BYTES: usize = 20 * 1024;

/// The size limit of an API's policy, in bytes.
///
/// Source: API Gateway Developer Guide, "Quotas for configuring and running a REST API".
const MAX_API_POLICY_BYTES: usize = 8192;

/// Why an allow-list cannot be deployed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// It is too long for one parameter.
    #[error(
        "the allow-list has {bytes} bytes, and Parameter Store holds {MAX_PARAMETER_BYTES}; write networks \
         instead of single addresses"
    )]
    List {
        /// Its length.
        bytes: usize,
    },
    /// Its merged addresses are too long for one parameter.
    #[error(
        "the allow-list comes to {networks} networks of {bytes} bytes, and a parameter holds \
         {MAX_PARAMETER_BYTES}; write wider networks"
    )]
    Networks {
        /// Their number after merging.
        networks: usize,
        /// Their length.
        bytes: usize,
    },
    /// The policy of the bucket or of the API would be too long.
    #[error(
        "the allow-list makes the policy of {of} {bytes} bytes long, and AWS takes {most}; write \
         wider networks"
    )]
    Policy {
        /// Whose policy it is.
        of: &'static str,
        /// The policy's length.
        bytes: usize,
        /// AWS's limit in bytes.
        most: usize,
    },
    /// The template cannot be evaluated.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The values of the template's parameters for a list.
///
/// # Errors
/// [`HostsError`] if it is too long for a parameter.
pub fn parameters(list: &AllowList) -> Result<[(&'static str, String); 2], HostsError> {
    let text = list.to_string();
    if text.len() > MAX_PARAMETER_BYTES {
        return Err(HostsError::List { bytes: text.len() });
    }
    let networks: Vec<String> = list.networks().iter().map(plain).collect();
    let joined = networks.join(",");
    if joined.len() > MAX_PARAMETER_BYTES {
        return Err(HostsError::Networks { networks: networks.len(), bytes: joined.len() });
    }
    Ok([(HOSTS, text), (NETWORKS, joined)])
}

/// Adds the parameters of a list to those that are given. With IPv6 in the list, servers reach API
/// and S3 over it, unless `IpAddressType` is given.
///
/// # Errors
/// [`HostsError`] if the list is too long for a parameter.
pub fn fill_in(values: &mut BTreeMap<String, String>, list: &AllowList) -> Result<(), HostsError> {
    values.extend(parameters(list)?.map(|(name, value)| (name.to_owned(), value)));
    if list.networks().iter().any(|network| matches!(network, IpNet::V6(_))) {
        let given = values.entry(IP_ADDRESS_TYPE.to_owned());
        given.or_insert_with(|| DUAL_STACK.to_owned());
    }
    Ok(())
}

/// The `IpAddressType` of a stack with these parameters, if its list held IPv6 already: somebody
/// knew of it, and the value stays.
pub(crate) fn address_type_beside_ipv6(parameters: &BTreeMap<String, String>) -> Option<&String> {
    let networks = parameters.get(NETWORKS)?;
    parameters.get(IP_ADDRESS_TYPE).filter(|_| networks.contains(':'))
}

/// A single address is written without its prefix length.
fn plain(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// Checks that the policies with these parameters are short enough for AWS.
///
/// # Errors
/// [`HostsError::Policy`] with the size.
pub fn check_policies(
    template: &Template,
    given: &BTreeMap<String, String>,
    account: &str,
    region: &str,
    stack: &str,
) -> Result<(), HostsError> {
    let scope = Scope::new(template, given, account, region, stack);
    for (id, property, of, most) in [
        ("RawBucketPolicy", "PolicyDocument", "the raw bucket", MAX_POLICY_BYTES),
        ("Api", "Policy", "the API", MAX_API_POLICY_BYTES),
    ] {
        let policy = template.resource(id).and_then(|r| r.properties.get(property));
        let policy =
            policy.ok_or_else(|| TemplateError::Unknown(format!("no {property} of {id}")))?;
        let bytes = scope.resolve(policy)?.map_or(0, |policy| policy.to_string().len());
        if bytes > most {
            return Err(HostsError::Policy { of, bytes, most });
        }
    }
    Ok(())
}

/// What a deployed stack currently enforces.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The list in Parameter Store, which may have been edited manually.
    pub list: AllowList,
    /// The networks in the policies of the API and the bucket; `None` if there are none.
    pub networks: Option<Vec<IpNet>>,
}

/// The difference between a wanted list and what is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Entries that admit somebody new: they need `--widen`.
    pub widened: Vec<String>,
    /// Entries that are removed or narrowed.
    pub narrowed: Vec<String>,
}

impl InForce {
    /// Compares.
    pub fn difference(&self, wanted: &AllowList) -> Difference {
        let mut widened = wanted.entries_beyond(&self.list);
        if let Some(networks) = &self.networks {
            for entry in wanted.entries_outside(networks) {
                if !widened.contains(&entry) {
                    widened.push(entry);
                }
            }
        }
        Difference { widened, narrowed: self.list.entries_beyond(wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> AllowList {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_becomes_two_parameters() {
        let made = parameters(&list("203.0.113.7, web*@10.0.0.0/25,10.0.0.128/25, 2001:db8::/32"));
        let [hosts, networks] = made.unwrap();
        assert_eq!(hosts.1, "203.0.113.7, web*@10.0.0.0/25, 10.0.0.128/25, 2001:db8::/32");
        assert_eq!(networks, (NETWORKS, "10.0.0.0/24,203.0.113.7,2001:db8::/32".to_owned()));
        let template = Template::embedded().unwrap();
        for (name, value) in [hosts, networks] {
            template.parameter(name).unwrap().check(&value).unwrap();
        }
    }

    #[test]
    fn ipv6_in_the_list_makes_the_api_listen_there_unless_somebody_decided() {
        let filled = |given: &[(&str, &str)], hosts: &str| {
            let given = given.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let mut values: BTreeMap<String, String> = given.collect();
            fill_in(&mut values, &list(hosts)).unwrap();
            values.get(IP_ADDRESS_TYPE).cloned()
        };
        assert_eq!(filled(&[], "203.0.113.7"), None);
        assert_eq!(filled(&[], "203.0.113.7, web*@2001:db8::/32").as_deref(), Some("dualstack"));
        let decided = [(IP_ADDRESS_TYPE, "ipv4")];
        assert_eq!(filled(&decided, "2001:db8::/32").as_deref(), Some("ipv4"));
    }

    #[test]
    fn what_is_too_long_is_refused_with_its_size() {
        let addresses = |n: u32| {
            let all: Vec<String> =
                (0..n).map(|i| format!("10.{}.{}.1", i / 250, i % 250)).collect();
            list(&all.join(","))
        };
        assert!(parameters(&addresses(300)).is_ok());
        let message = parameters(&addresses(600)).unwrap_err().to_string();
        assert!(message.contains("bytes, and Parameter Store holds 4096"), "{message}");
        assert!(message.contains(&addresses(600).to_string().len().to_string()), "{message}");
        // Networks are longer in the policy than in the list: they are quoted.
        let template = Template::embedded().unwrap();
        let policy = |networks: String| {
            let given = BTreeMap::from([(NETWORKS.to_owned(), networks)]);
            check_policies(&template, &given, "111122223333", "ap-northeast-1", "log2aws-dev")
        };
        policy("10.0.0.0/8,203.0.113.7".to_owned()).unwrap();
        let message = policy("10.0.0.0/8,".repeat(2000)).unwrap_err().to_string();
        assert!(
            message.contains("the raw bucket") && message.contains("AWS takes 20480"),
            "{message}"
        );
        let message = policy("10.0.0.0/8,".repeat(700)).unwrap_err().to_string();
        assert!(message.contains("the API") && message.contains("AWS takes 8192"), "{message}");
    }

    /// So no list has to be widened for the sake of a policy: Parameter Store's limit comes first.
    #[test]
    fn a_list_that_parameter_store_takes_fits_into_both_policies() {
        let template = Template::embedded().unwrap();
        // The quotes of the policy weigh the most where the entries are the shortest.
        let shortest = (1..0x1000).step_by(2).map(|n| format!("::{n:x}"));
        let usual = (0..4096_u32).map(|n| format!("10.0.{}.{}", n / 128, n % 128 * 2));
        let networks = (0..4096_u32).map(|n| format!("{}.{}.0.0/16", n / 128 + 1, n % 128 * 2));
        for entries in [shortest.collect::<Vec<_>>(), usual.collect(), networks.collect()] {
            let mut bytes = 0;
            let fits = entries.into_iter().take_while(|entry| {
                bytes += entry.len() + ", ".len();
                bytes <= MAX_PARAMETER_BYTES
            });
            let parameters = parameters(&list(&fits.collect::<Vec<_>>().join(","))).unwrap();
            assert!(parameters[0].1.len() > 4070, "{}", parameters[0].1);
            let given = parameters.map(|(name, value)| (name.to_owned(), value)).into();
            let (account, region) = ("111122223333", "ap-northeast-1");
            check_policies(&template, &given, account, region, "log2aws-dev").unwrap();
        }
    }

    #[test]
    fn giving_an_address_back_is_told_whichever_door_it_was_taken_from() {
        let in_force = |ssm: &str, policy: Option<&str>| InForce {
            list: list(ssm),
            networks: policy.map(|text| list(text).networks()),
        };
        let widened = |now: &InForce, wanted: &str| now.difference(&list(wanted)).widened;
        let none: [&str; 0] = [];
        // Narrowed by hand in Parameter Store.
        let now = in_force("10.0.0.0/8", Some("10.0.0.0/8,203.0.113.7"));
        assert_eq!(widened(&now, "10.0.0.0/8"), none);
        assert_eq!(widened(&now, "10.0.0.0/8, 203.0.113.7"), ["203.0.113.7"]);
        assert_eq!(now.difference(&list("10.1.0.0/16")).narrowed, ["10.0.0.0/8"]);
        // Widened by hand in Parameter Store: the policies still deny it.
        let now = in_force("10.0.0.0/8, 203.0.113.7", Some("10.0.0.0/8"));
        assert_eq!(widened(&now, "10.0.0.0/8, 203.0.113.7"), ["203.0.113.7"]);
        // A stack without the parameter blocks nobody.
        let now = in_force("10.0.0.0/8, 203.0.113.7", None);
        assert_eq!(widened(&now, "10.0.0.0/8, 203.0.113.7"), none);
    }
}
