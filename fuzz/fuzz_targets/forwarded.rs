//! Any X-Forwarded-For from a trusted proxy: the client is the right-most hop that is not a trusted
//! proxy, or the request is refused.
#![cfg_attr(fuzzing, no_main)]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::sign::HOST;
use log2aws_fuzz::world::with_trusted_proxy;

/// A hop: an address, perhaps in brackets, perhaps with a port.
fn hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(inner) => inner.parse::<Ipv6Addr>().ok()?.into(),
        None => text.parse().or_else(|_| text.parse::<SocketAddr>().map(|at| at.ip())).ok()?,
    };
    Some(address.to_canonical())
}

fn is_proxy(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if matches!(v4.octets()[0], 10 | 127))
}

/// The client; `None` if the header is invalid.
fn caller(hops: &str) -> Option<IpAddr> {
    let mut caller = None;
    for text in hops.rsplit(',') {
        let address = hop(text.trim_matches([' ', '\t']))?;
        caller = Some(address);
        if !is_proxy(address) {
            break;
        }
    }
    caller
}

fuzz_target!(|input: (bool, &[u8])| {
    let (is_split, bytes) = input;
    // A longer head is refused before it is parsed.
    let text = String::from_utf8_lossy(bytes);
    let hops: String = text.chars().filter(|c| matches!(c, ' '..='~')).take(4096).collect();
    with_trusted_proxy(|world| {
        // Several lines are one list. A head of more than 100 lines is refused.
        let most = if is_split { 64 } else { 1 };
        let lines: Vec<&str> = hops.splitn(most, ',').collect();
        let lines: String =
            lines.iter().map(|line| format!("x-forwarded-for: {line}\r\n")).collect();
        let request = format!("GET /nothing/here HTTP/1.1\r\nhost: {HOST}\r\n{lines}\r\n");
        let answers = world.send(request.as_bytes());
        assert_eq!(answers.len(), 1);
        match caller(&hops) {
            Some(caller) => {
                assert_eq!(answers[0].status, 403, "{hops:?}");
                assert_eq!(answers[0].header("log2aws-source"), Some(&*caller.to_string()));
            }
            None => assert_eq!(answers[0].status, 400, "{hops:?}"),
        }
    });
});
