//! The host name as a server name.

use log2aws_core::server_name::{ServerName, ServerNameError};

/// The names that installers give, and that many machines therefore have.
const DEFAULT_NAMES: [&str; 6] =
    ["localhost", "localhost4", "localhost6", "ip6-localhost", "debian", "ubuntu"];

/// Why the host name cannot name logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    /// It cannot be part of a key.
    #[error(transparent)]
    Invalid(#[from] ServerNameError),
    /// With a trailing dot it is the same host as without.
    #[error("the host name {0} ends with a dot, which others leave out")]
    TrailingDot(ServerName),
}

/// This machine's host name as a server name.
///
/// # Errors
/// It cannot name logs; `--server` is needed then.
pub fn host_name() -> Result<ServerName, HostNameError> {
    checked(&rustix::system::uname().nodename().to_string_lossy())
}

fn checked(name: &str) -> Result<ServerName, HostNameError> {
    let name: ServerName = name.parse()?;
    if name.as_str().ends_with('.') { Err(HostNameError::TrailingDot(name)) } else { Ok(name) }
}

/// Whether many machines have this host name, so that their logs would have the same keys.
pub fn is_default_host_name(server: &ServerName) -> bool {
    let name = server.as_str().to_ascii_lowercase();
    let name = name.strip_suffix(".localdomain").unwrap_or(&name);
    // localhost is nobody's name in any domain.
    let label = name.split('.').next().unwrap_or_default();
    DEFAULT_NAMES.contains(&name)
        || label.starts_with("localhost") && DEFAULT_NAMES.contains(&label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_many_machines_have() {
        for name in [
            "localhost",
            "Localhost.localdomain",
            "localhost6",
            "localhost.example.com",
            "debian",
            "ubuntu.localdomain",
            "ip6-localhost",
        ] {
            assert!(is_default_host_name(&name.parse().unwrap()), "{name}");
        }
        for name in ["web01", "localhost-7", "db.localhost", "debian.example.com", "debian12"] {
            assert!(!is_default_host_name(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn a_host_name_must_name_one_host() {
        assert_eq!(checked("web01").unwrap().as_str(), "web01");
        assert!(matches!(checked("web01."), Err(HostNameError::TrailingDot(_))));
        assert!(matches!(checked("web 01"), Err(HostNameError::Invalid(_))));
    }
}
