//! Parsers of flag values with better error messages.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use log2aws_core::allow_list::mapped_network;
use log2aws_core::day::{Day, DayError, DayText};
use log2aws_service::signer::{Addressing, check_endpoint};
use url::Url;

/// An address and port to listen on.
///
/// # Errors
/// One sentence with an example. A name is refused, because it can have several addresses.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write an IP address and a port, e.g. 127.0.0.1:8750 or [::1]:8750")
}

/// A network, or a single address as a network.
///
/// # Errors
/// One sentence with an example.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    // In a list, a blank may follow the comma.
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet =
        text.parse().map_err(|_| "write an address or a network, e.g. 127.0.0.1 or 10.0.0.0/8")?;
    if let Some(v4) = mapped_network(&network) {
        return Err(format!(
            "that is an IPv4 network written as IPv6, which matches no address; write {v4}"
        ));
    }
    let whole = network.trunc();
    if network != whole {
        return Err(format!("that is a host in a network; write {whole} or {}", network.addr()));
    }
    Ok(network)
}

/// A time zone by its name in the IANA database.
///
/// # Errors
/// One sentence with an example.
pub(crate) fn time_zone(text: &str) -> Result<TimeZone, &'static str> {
    let named = jiff::tz::TimeZoneDatabase::bundled().get(text);
    named.map_err(|_| "write a zone's name from the IANA database, e.g. Asia/Tokyo")
}

/// A number that must not be zero.
///
/// # Errors
/// One sentence.
pub(crate) fn at_least_one<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "write a whole number of at least 1")
}

/// A number of days to keep something.
///
/// # Errors
/// One sentence with what to do to keep everything.
pub(crate) fn days(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "write a whole number of days from 1 up; to keep all, leave it out")
}

/// A number of bytes, with or without a unit.
///
/// # Errors
/// One sentence with an example.
pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number = number.trim_end().parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or("write a number of bytes, KiB, MiB or GiB, e.g. 64MiB")
}

/// The largest size of the audit log, in bytes.
///
/// # Errors
/// One sentence with an example, or the least size.
pub(crate) fn audit_size(text: &str) -> Result<u64, &'static str> {
    let size = size(text)?;
    if size < 1 << 20 { Err("write at least 1MiB: that is some 3,000 lines") } else { Ok(size) }
}

/// The URL of an HTTP server without a path.
///
/// # Errors
/// One sentence with an example.
pub(crate) fn public_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|fault| format!("write a URL, e.g. https://logs.example.com ({fault})"))?;
    check_endpoint(&url, Addressing::Path).map_err(|error| error.to_string())?;
    Ok(url)
}

/// A day of this machine's calendar, as people write it: see [`DayText`].
///
/// # Errors
/// One sentence.
pub(crate) fn day(text: &str) -> Result<Day, String> {
    let given: DayText = text.parse().map_err(|error: DayError| error.to_string())?;
    let today = crate::clock::today().map_err(|error| error.to_string())?;
    given.on(today).ok_or_else(|| "that is before the year 0000".to_owned())
}

/// A region, as AWS writes it.
///
/// # Errors
/// One sentence with an example.
pub(crate) fn region(text: &str) -> Result<String, &'static str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let right = !text.is_empty() && text.len() <= 32 && text.bytes().all(plain);
    if right { Ok(text.to_owned()) } else { Err("write a region, e.g. ap-northeast-1") }
}

/// The endpoint of a service other than AWS's.
///
/// # Errors
/// One sentence with an example.
pub(crate) fn endpoint(text: &str) -> Result<Url, &'static str> {
    let url = text.parse::<Url>().ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("write a URL, e.g. http://127.0.0.1:5000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_a_network() {
        assert_eq!(network("127.0.0.1").unwrap().to_string(), "127.0.0.1/32");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert_eq!(network(" 10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::ffff:10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        let mapped = network("::ffff:10.0.0.0/104").unwrap_err();
        assert!(mapped.ends_with("matches no address; write 10.0.0.0/8"), "{mapped}");
        for wrong in ["proxy.example.com", "127.0.0.1/33", "", "127.0.0.1:80"] {
            assert!(network(wrong).unwrap_err().starts_with("write an address"), "{wrong}");
        }
        let host = network("10.1.2.3/8").unwrap_err();
        assert_eq!(host, "that is a host in a network; write 10.0.0.0/8 or 10.1.2.3");
    }

    #[test]
    fn a_size_has_a_binary_unit_or_none() {
        for (text, bytes) in [("0", 0), ("1000", 1000), ("64MiB", 64 << 20), ("1 GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MiB", "1MB", "-1", "1.5GiB", "99999999999TiB"] {
            assert!(size(wrong).unwrap_err().contains("64MiB"), "{wrong}");
        }
    }

    #[test]
    fn an_audit_log_has_room_for_some_lines() {
        assert_eq!(audit_size("1MiB"), Ok(1 << 20));
        assert!(audit_size("1023KiB").unwrap_err().contains("1MiB"));
        assert!(audit_size("much").unwrap_err().contains("64MiB"));
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        assert!(address("localhost:8750").unwrap_err().contains("[::1]:8750"));
        assert!(address("127.0.0.1").is_err());
        assert_eq!(address("[::1]:0").unwrap().port(), 0);
        for wrong in ["0", "-1", "x", "1.5"] {
            assert!(days(wrong).unwrap_err().contains("leave it out"));
        }
        for wrong in ["logs.example.com", "ftp://logs.example.com", "https://example.com/sub", ""] {
            assert!(public_url(wrong).unwrap_err().contains("e.g. https://logs.example.com"));
        }
        assert!(public_url("https://logs.example.com:8443").is_ok());
    }
}
