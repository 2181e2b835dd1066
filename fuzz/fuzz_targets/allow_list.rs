//! Any text as an allow-list, and a generated list: it accepts the same addresses as a simple
//! reference implementation, and reads back unchanged.
#![cfg_attr(fuzzing, no_main)]

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use log2aws_core::allow_list::AllowList;
use log2aws_core::server_name::ServerName;
use log2aws_fuzz::fuzz_target;

/// Whether a pattern matches a name. Tries every way to expand the stars.
fn stands_for(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            stands_for(rest, name) || !name.is_empty() && stands_for(pattern, &name[1..])
        }
        ([b'?', rest @ ..], [_, name @ ..]) => stands_for(rest, name),
        ([byte, rest @ ..], [first, name @ ..]) => byte == first && stands_for(rest, name),
        _ => false,
    }
}

/// The network of an entry, and the pattern before it.
fn entry(text: &str) -> (Option<&str>, IpNet) {
    let (pattern, network) = match text.rsplit_once('@') {
        Some((pattern, network)) => (Some(pattern.trim()), network.trim()),
        None => (None, text),
    };
    let single = network.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    let network = single.or_else(|_| network.parse::<IpNet>());
    (pattern, network.unwrap_or_else(|_| panic!("{text:?} was taken for an entry")))
}

fn check(text: &str, list: &AllowList, source: IpAddr) {
    assert_eq!(list.to_string().parse().as_ref(), Ok(list));
    let written: Vec<(Option<&str>, IpNet)> =
        text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(entry).collect();
    let first = |pattern: &str| pattern.replace('*', "x").replace('?', "y");
    let names = written.iter().filter_map(|(pattern, _)| pattern.map(first));
    let edges = written.iter().flat_map(|(_, network)| [network.network(), network.broadcast()]);
    let sources: Vec<IpAddr> = edges.take(8).chain([source]).collect();
    for name in names.take(4).chain(["web01".to_owned()]) {
        let Ok(server) = name.parse::<ServerName>() else { continue };
        for source in &sources {
            let address = source.to_canonical();
            let lets_in = written.iter().any(|(pattern, network)| {
                network.contains(&address)
                    && pattern.is_none_or(|p| stands_for(p.as_bytes(), name.as_bytes()))
            });
            assert_eq!(list.check(*source, &server).is_ok(), lets_in, "{text:?} {source} {name}");
            let held = written.iter().any(|(_, network)| network.contains(&address));
            assert_eq!(list.holds(*source), held, "{text:?} {source}");
            // The merged networks contain neither more nor less.
            let joined = list.networks().iter().any(|network| network.contains(&address));
            assert_eq!(joined, held, "{text:?} {source}");
        }
    }
}

fuzz_target!(|input: ([u8; 16], [(u8, u8, [u8; 16]); 3], &str)| {
    let (source, entries, text) = input;
    let address = |bytes: [u8; 16], is_v4: bool| -> IpAddr {
        let [a, b, c, d, ..] = bytes;
        if is_v4 { [a, b, c, d].into() } else { Ipv6Addr::from(bytes).into() }
    };
    let source = address(source, source[15] % 2 == 0);
    // Too many stars would take the reference implementation forever.
    if text.len() < 400
        && text.bytes().filter(|byte| *byte == b'*').count() < 6
        && let Ok(list) = text.parse()
    {
        check(text, &list, source);
    }
    let printed: Vec<String> = entries
        .iter()
        .filter_map(|(kind, length, bytes)| {
            let address = address(*bytes, kind % 2 == 0).to_canonical();
            let most = if address.is_ipv4() { 32 } else { 128 };
            let network = IpNet::new(address, length % (most + 1)).ok()?.trunc();
            let pattern = ["", "web01@", "web*@", "*-?@"][usize::from(kind >> 1) % 4];
            // A network that contains IPv4-mapped IPv6 addresses is refused with its own error.
            let mapped = log2aws_core::allow_list::mapped_network(&network).is_some();
            (!mapped).then(|| format!("{pattern}{network}"))
        })
        .collect();
    if !printed.is_empty() {
        let text = printed.join(", ");
        let list = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        check(&text, &list, source);
    }
});
