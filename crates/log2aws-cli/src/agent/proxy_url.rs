//! The address of a proxy on a command line, which can contain a password.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use log2aws_agent::net::is_proxy_url;

/// The address of an HTTP proxy, or an empty text: no proxy. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ProxyUrl(String);

impl ProxyUrl {
    /// The address, for the connection only.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl")
    }
}

/// Parses a [`ProxyUrl`]. clap's own errors would repeat the value.
#[derive(Clone, Debug)]
pub(super) struct ProxyParser;

impl TypedValueParser for ProxyParser {
    type Value = ProxyUrl;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<ProxyUrl, Error> {
        let text = value.to_str().map(str::trim);
        let known = text.filter(|text| text.is_empty() || is_proxy_url(text));
        known.map(|text| ProxyUrl(text.to_owned())).ok_or_else(|| {
            let what = "--proxy (the key proxy, LOG2AWS_PROXY) is not the address of an HTTP proxy, \
                        such as http://proxy.example.com:3128\n";
            Error::raw(ErrorKind::ValueValidation, what).with_cmd(command)
        })
    }
}

/// An address without its user and password.
pub(super) fn without_login(address: &str) -> String {
    match address.split_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            let separator = if scheme.is_empty() { "" } else { "://" };
            // A password may contain further @.
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}{separator}***@{host}")
        }
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_is_refused_without_being_repeated() {
        let parse = |text: &str| ProxyParser.parse_ref(&Command::new("ship"), None, text.as_ref());
        assert_eq!(parse(" http://u:p@proxy:1 ").unwrap().expose(), "http://u:p@proxy:1");
        assert_eq!(parse("").unwrap().expose(), "");
        for wrong in ["socks5://user:secret@p:1", "http://", "http://user:secret@p:port"] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("is not the address") && !error.contains("secret"), "{error}");
        }
        assert!(!format!("{:?}", parse("u:secret@p:1").unwrap()).contains("secret"));
    }

    #[test]
    fn a_login_is_left_out() {
        assert_eq!(without_login("http://u:p@ss@proxy:1/"), "http://***@proxy:1/");
        assert_eq!(without_login("u:p@proxy:1"), "***@proxy:1");
        assert_eq!(without_login("http://proxy:1"), "http://proxy:1");
    }
}
