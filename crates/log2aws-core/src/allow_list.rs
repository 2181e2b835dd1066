//! Which addresses may request a URL and upload a log.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use crate::server_name::ServerName;

/// Addresses and networks, each optionally bound to a server name or pattern:
/// `203.0.113.7, 10.0.0.0/8, web*@198.51.100.0/24`.
///
/// Invariant: there is at least one entry. An IPv4-mapped address (`::ffff:203.0.113.7`) is
/// compared as the IPv4 address it contains, so no entry is an IPv4-mapped network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// `None`: the network may use any server name.
    servers: Option<Pattern>,
    network: IpNet,
}

/// A stored list, as [`AllowList::read_stored`] returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAllowList {
    /// The valid entries.
    pub list: AllowList,
    /// Entries that match no address, each as the error that a new list would get.
    pub left_out: Vec<AllowListError>,
}

/// A server name in which `*` matches any run of characters and `?` matches one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

/// Why an allow-list is invalid. Each variant names the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// The list is empty.
    #[error("the allow-list is empty; write addresses or networks, e.g. 203.0.113.7, 10.0.0.0/8")]
    Empty,
    /// Neither an address nor a network.
    #[error("allow-list entry {0:?} is neither an IP address nor a network such as 10.0.0.0/8")]
    Network(String),
    /// A network with host bits set: either the address or the prefix length is a typo.
    #[error("allow-list entry {entry:?} names a host in a network; write {network} or {host}")]
    HostBits {
        /// The entry as written.
        entry: String,
        /// The network that was probably meant.
        network: String,
        /// The single address that was probably meant.
        host: String,
    },
    /// An IPv4-mapped IPv6 network, which would match no address.
    #[error(
        "allow-list entry {entry:?} is an IPv4 network written as IPv6, and would match no address; \
         write {network}"
    )]
    Mapped {
        /// The entry as written.
        entry: String,
        /// The IPv4 network.
        network: String,
    },
    /// The part before `@` cannot match any server name.
    #[error(
        "allow-list entry {0:?}: before '@' there must be a server name, in which * and ? are wildcards"
    )]
    Pattern(String),
}

/// Why a caller is refused. The reason is written to the log; the caller only learns that it was
/// refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No entry contains the address.
    #[error("the address is not on the allow-list")]
    Address,
    /// The address is listed, but not for this server.
    #[error("the address is not listed for this server")]
    Server,
}

impl AllowList {
    /// Parses a stored list, which an earlier version may have accepted with an IPv4-mapped
    /// network. Such an entry has never matched an address: it is left out, and the others stay in
    /// force.
    ///
    /// # Errors
    /// [`AllowListError`] of any other kind, or if no entry is left.
    pub fn read_stored(text: &str) -> Result<StoredAllowList, AllowListError> {
        let (mut entries, mut left_out) = (Vec::new(), Vec::new());
        for entry in entries_of(text) {
            match entry.parse::<Entry>() {
                Ok(entry) => entries.push(entry),
                Err(mapped @ AllowListError::Mapped { .. }) => left_out.push(mapped),
                Err(other) => return Err(other),
            }
        }
        if entries.is_empty() {
            return Err(left_out.pop().unwrap_or(AllowListError::Empty));
        }
        Ok(StoredAllowList { list: Self { entries }, left_out })
    }

    /// Checks that `address` may act for `server`.
    ///
    /// # Errors
    /// [`Refusal`] with the reason.
    pub fn check(&self, address: IpAddr, server: &ServerName) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let mut refusal = Refusal::Address;
        for entry in self.entries.iter().filter(|entry| entry.network.contains(&address)) {
            match &entry.servers {
                Some(pattern) if !pattern.matches(server.as_str()) => refusal = Refusal::Server,
                _ => return Ok(()),
            }
        }
        Err(refusal)
    }

    /// All addresses and networks without their server names, merged where they touch or overlap.
    pub fn networks(&self) -> Vec<IpNet> {
        IpNet::aggregate(&self.entries.iter().map(|entry| entry.network).collect())
    }

    /// The entries, as text, that admit a caller that `other` does not.
    ///
    /// Two patterns are only compared for equality or against a plain name. An entry that cannot be
    /// compared is included.
    pub fn entries_beyond(&self, other: &Self) -> Vec<String> {
        let new = |entry: &&Entry| {
            let for_it = other.entries.iter().filter(|known| {
                known.servers.as_ref().is_none_or(|known| known.covers(entry.servers.as_ref()))
            });
            let networks = IpNet::aggregate(&for_it.map(|known| known.network).collect());
            !networks.iter().any(|network| network.contains(&entry.network))
        };
        self.entries.iter().filter(new).map(ToString::to_string).collect()
    }

    /// The entries, as text, that admit an address outside `networks`.
    pub fn entries_outside(&self, networks: &[IpNet]) -> Vec<String> {
        let networks = IpNet::aggregate(&networks.to_vec());
        let entries_outside =
            |entry: &&Entry| !networks.iter().any(|network| network.contains(&entry.network));
        self.entries.iter().filter(entries_outside).map(ToString::to_string).collect()
    }

    /// A one-sentence warning if the list admits every IPv4 or every IPv6 address.
    pub fn open_network_warning(&self) -> Option<String> {
        let all: Vec<String> = self
            .networks()
            .iter()
            .filter(|network| network.prefix_len() == 0)
            .map(ToString::to_string)
            .collect();
        (!all.is_empty()).then(|| {
            format!(
                "the allow-list covers {}: everybody on the network can ask for a URL and put logs; \
                 list the addresses of your servers instead",
                all.join(" and ")
            )
        })
    }

    /// Whether `address` may act for at least one server.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.entries.iter().any(|entry| entry.network.contains(&address))
    }
}

impl FromStr for AllowList {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, AllowListError> {
        let entries = entries_of(text).map(str::parse).collect::<Result<Vec<Entry>, _>>()?;
        if entries.is_empty() { Err(AllowListError::Empty) } else { Ok(Self { entries }) }
    }
}

fn entries_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

impl FromStr for Entry {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, AllowListError> {
        let (servers, network) = match text.rsplit_once('@') {
            None => (None, text),
            Some((pattern, network)) => {
                let pattern = Pattern::new(pattern.trim())
                    .ok_or_else(|| AllowListError::Pattern(text.to_owned()))?;
                (Some(pattern), network.trim())
            }
        };
        let not_a_network = || AllowListError::Network(text.to_owned());
        let network = match network.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => network.parse::<IpNet>().map_err(|_| not_a_network())?,
        };
        if let Some(network) = mapped_network(&network) {
            return Err(AllowListError::Mapped { entry: text.to_owned(), network });
        }
        if network.addr() != network.network() {
            return Err(AllowListError::HostBits {
                entry: text.to_owned(),
                network: network.trunc().to_string(),
                host: network.addr().to_string(),
            });
        }
        Ok(Self { servers, network })
    }
}

/// The IPv4 network, as text, inside an IPv4-mapped IPv6 network. Addresses are compared as IPv4,
/// so the mapped form would match none.
pub fn mapped_network(network: &IpNet) -> Option<String> {
    let IpNet::V6(v6) = network else { return None };
    let length = v6.prefix_len().checked_sub(96)?;
    let v4 = Ipv4Net::new(v6.addr().to_ipv4_mapped()?, length).ok()?;
    Some(v4.trunc().to_string())
}

impl Pattern {
    /// A pattern; `None` if no server name can match it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._*?".contains(&b);
        (!text.is_empty() && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// Whether this pattern matches every name that `other` matches (`None` matches all names).
    fn covers(&self, other: Option<&Self>) -> bool {
        let plain = |pattern: &Self| !pattern.0.contains(['*', '?']);
        self.0 == "*"
            || other.is_some_and(|other| self == other || plain(other) && self.matches(&other.0))
    }

    /// Greedy match with one backtracking point: linear in practice, never exponential.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if *c == b'?' || *c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => match star {
                    Some((at, from)) => {
                        star = Some((at, from + 1));
                        p = at + 1;
                        n = from + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == b'*')
    }
}

impl fmt::Display for AllowList {
    /// The list as text; parsing it gives the same list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, entry) in self.entries.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            entry.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Pattern(pattern)) = &self.servers {
            write!(f, "{pattern}@")?;
        }
        if self.network.prefix_len() == self.network.max_prefix_len() {
            write!(f, "{}", self.network.addr())
        } else {
            write!(f, "{}", self.network)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, address: &str, server: &str) -> Result<(), Refusal> {
        let list: AllowList = list.parse().unwrap();
        list.check(address.parse().unwrap(), &server.parse().unwrap())
    }

    #[test]
    fn addresses_and_networks_of_both_families() {
        let list = "203.0.113.7, 10.0.0.0/8, 2001:db8::/32";
        for address in ["203.0.113.7", "10.255.0.1", "2001:db8::1", "::ffff:203.0.113.7"] {
            assert_eq!(check(list, address, "web01"), Ok(()), "{address}");
        }
        for address in ["203.0.113.8", "11.0.0.1", "2001:db9::1"] {
            assert_eq!(check(list, address, "web01"), Err(Refusal::Address), "{address}");
        }
    }

    #[test]
    fn a_bound_entry_serves_its_names_alone() {
        let list = "web*@198.51.100.0/24, db?@198.51.100.7";
        assert_eq!(check(list, "198.51.100.7", "web01"), Ok(()));
        assert_eq!(check(list, "198.51.100.7", "db1"), Ok(()));
        assert_eq!(check(list, "198.51.100.7", "db12"), Err(Refusal::Server));
        assert_eq!(check(list, "198.51.100.8", "db1"), Err(Refusal::Server));
        let list: AllowList = list.parse().unwrap();
        assert!(list.holds("::ffff:198.51.100.8".parse().unwrap()));
        assert!(!list.holds("198.51.101.8".parse().unwrap()));
    }

    #[test]
    fn patterns_backtrack() {
        assert!(Pattern("*a*b".into()).matches("xaab"));
        assert!(!Pattern("*a*b".into()).matches("xaabc"));
        assert!(Pattern("*".into()).matches("anything"));
    }

    #[test]
    fn each_typo_is_named() {
        let refused = |text: &str| text.parse::<AllowList>().unwrap_err().to_string();
        assert!(refused("10.0.0.0/8, 203.0.113.777").contains("\"203.0.113.777\""));
        assert!(refused("10.0.0.0/33").contains("\"10.0.0.0/33\""));
        assert!(refused("10.0.0.1/8").contains("write 10.0.0.0/8 or 10.0.0.1"));
        assert!(refused("we b@10.0.0.1").contains("\"we b@10.0.0.1\""));
        assert!(refused("xxx.xxx.xxx.xxx").contains("neither an IP address"));
        assert!(refused(" , ").contains("empty"));
        // Addresses are compared as IPv4, so a mapped network would match nothing.
        let mapped = "web*@::ffff:10.0.0.0/104";
        assert!(refused(mapped).contains(mapped), "{}", refused(mapped));
        assert!(refused(mapped).ends_with("write 10.0.0.0/8"));
        assert!(refused("::ffff:10.0.0.1/104").ends_with("write 10.0.0.0/8"));
        assert!(refused("::ffff:0:0/96").ends_with("write 0.0.0.0/0"));
        assert!("::ffff:10.0.0.1, ::/0, ::/64".parse::<AllowList>().is_ok());
    }

    #[test]
    fn a_stored_list_goes_on_without_entries_that_match_no_address() {
        let stored = AllowList::read_stored("203.0.113.7, web*@::ffff:10.0.0.0/104,").unwrap();
        assert_eq!(stored.list, "203.0.113.7".parse().unwrap());
        let told: Vec<String> = stored.left_out.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].ends_with("write 10.0.0.0/8"), "{told:?}");
        assert_eq!(AllowList::read_stored("10.0.0.0/8").unwrap().left_out, []);
        let refused = |text: &str| AllowList::read_stored(text).unwrap_err().to_string();
        assert!(refused("::ffff:10.0.0.0/104").ends_with("write 10.0.0.0/8"));
        assert!(refused("::ffff:10.0.0.0/104, 10.0.0.1/8").contains("or 10.0.0.1"));
        assert!(refused(" , ").contains("empty"));
    }

    #[test]
    fn a_list_that_is_open_to_everybody_says_so() {
        let open = |text: &str| text.parse::<AllowList>().unwrap().open_network_warning();
        for text in ["0.0.0.0/0", "10.0.0.0/8, 0.0.0.0/0", "0.0.0.0/1, web*@128.0.0.0/1"] {
            assert!(open(text).unwrap().contains("covers 0.0.0.0/0: everybody"), "{text}");
        }
        assert!(open("::/0, 0.0.0.0/0").unwrap().contains("0.0.0.0/0 and ::/0"));
        assert_eq!(open("0.0.0.0/1, ::1, 128.0.0.0/2"), None);
    }

    #[test]
    fn prints_as_it_reads() {
        let text = "203.0.113.7, 10.0.0.0/8, web*@2001:db8::/32";
        assert_eq!(text.parse::<AllowList>().unwrap().to_string(), text);
    }

    #[test]
    fn networks_are_joined_where_they_touch() {
        let list: AllowList =
            "10.0.0.0/25, web*@10.0.0.128/25, 10.0.0.7, 2001:db8::1, 203.0.113.7".parse().unwrap();
        let joined: Vec<String> = list.networks().iter().map(ToString::to_string).collect();
        assert_eq!(joined, ["10.0.0.0/24", "203.0.113.7/32", "2001:db8::1/128"]);
    }

    #[test]
    fn what_a_list_lets_in_beyond_another_is_told() {
        let entries_beyond = |list: &str, other: &str| {
            list.parse::<AllowList>().unwrap().entries_beyond(&other.parse().unwrap())
        };
        let none: [&str; 0] = [];
        assert_eq!(entries_beyond("10.1.0.0/16, db@10.2.0.1", "10.0.0.0/8"), none);
        assert_eq!(entries_beyond("10.0.0.0/24", "10.0.0.0/25, 10.0.0.128/25"), none);
        assert_eq!(entries_beyond("web01@10.0.0.1", "web*@10.0.0.0/8"), none);
        assert_eq!(entries_beyond("web*@10.0.0.1", "web*@10.0.0.0/8"), none);
        assert_eq!(entries_beyond("10.0.0.1", "*@10.0.0.0/8"), none);
        assert_eq!(entries_beyond("10.0.0.0/8, 203.0.113.7", "10.0.0.0/8"), ["203.0.113.7"]);
        assert_eq!(entries_beyond("10.0.0.0/7", "10.0.0.0/8"), ["10.0.0.0/7"]);
        // The server name is removed, or is a different one.
        assert_eq!(entries_beyond("10.0.0.1", "web*@10.0.0.0/8"), ["10.0.0.1"]);
        assert_eq!(entries_beyond("db@10.0.0.1", "web*@10.0.0.0/8"), ["db@10.0.0.1"]);
        assert_eq!(entries_beyond("w*@10.0.0.1", "web*@10.0.0.0/8"), ["w*@10.0.0.1"]);
    }

    #[test]
    fn what_networks_do_not_hold_is_told() {
        let list: AllowList = "10.0.0.0/24, web*@203.0.113.7, 2001:db8::1".parse().unwrap();
        let networks = ["10.0.0.0/25", "10.0.0.128/25", "2001:db8::/32"];
        let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(list.entries_outside(&networks), ["web*@203.0.113.7"]);
    }
}
