//! Startup warnings about risky configurations.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use ipnet::IpNet;
use log2aws_core::allow_list::AllowList;
use log2aws_service::http::DayRules;
use url::{Host, Url};

/// The relevant settings; `serve --view` has no allow-list.
#[derive(Clone, Copy, Debug)]
pub struct Exposure<'a> {
    /// Which addresses may request URLs and upload.
    pub allow_list: Option<&'a AllowList>,
    /// Proxies whose X-Forwarded-For is trusted.
    pub trusted_proxies: &'a [IpNet],
    /// The URL under which servers and browsers reach this one.
    pub public_url: Option<&'a Url>,
    /// Whether this process uses TLS.
    pub tls: bool,
    /// The listening address.
    pub listen: SocketAddr,
}

/// One sentence for each setting that is valid but probably unintended.
pub fn start_warnings(exposure: &Exposure<'_>) -> Vec<String> {
    let open = exposure.allow_list.and_then(AllowList::open_network_warning);
    open.into_iter().chain(open_proxy(exposure)).chain(plain_http(exposure)).collect()
}

/// A warning if a final day, once its log and its results have expired, takes any log again. It
/// stays final as long as one of them is kept.
pub fn expiring_final_days(
    days: &DayRules,
    keep_raw: Option<NonZeroU32>,
    keep_analyzed: Option<NonZeroU32>,
) -> Option<String> {
    days.final_after_days?;
    let (raw, analyzed, back) = (keep_raw?.get(), keep_analyzed?.get(), days.days_back);
    (raw.max(analyzed) < back).then(|| {
        format!(
            "a final day takes any log again once its log and its results have expired: \
             --keep-raw-days {raw} and --keep-analyzed-days {analyzed} are shorter than --days-back \
             {back}; lower --days-back, or keep one of them for {back} days at least"
        )
    })
}

/// Every client could claim any address.
fn open_proxy(exposure: &Exposure<'_>) -> Option<String> {
    let all = exposure.trusted_proxies.iter().find(|network| network.prefix_len() == 0)?;
    Some(format!(
        "the trusted proxies are {all}: any caller can claim any address in X-Forwarded-For; name \
         the proxy's own address"
    ))
}

/// Plain HTTP on a network.
fn plain_http(exposure: &Exposure<'_>) -> Option<String> {
    if exposure.tls {
        return None;
    }
    let local = exposure.listen.ip().to_canonical().is_loopback();
    match exposure.public_url {
        Some(url) if url.scheme() == "https" => (!local).then(|| {
            format!(
                "{} takes plain HTTP from the network: let only the proxy of {} reach it, or listen \
                 on 127.0.0.1",
                exposure.listen,
                url.origin().ascii_serialization()
            )
        }),
        Some(url) if !is_loopback(url) => Some(unprotected(&url.origin().ascii_serialization())),
        _ => (!local).then(|| unprotected(&format!("http://{}", exposure.listen))),
    }
}

fn unprotected(at: &str) -> String {
    format!(
        "{at} is plain HTTP: anybody on the way can read presigned URLs, logs, the dashboard's \
         token and its cookie; set --tls-cert and --tls-key, or put a proxy with TLS in front"
    )
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(listen: &str, public_url: Option<&str>, tls: bool) -> Vec<String> {
        let public_url = public_url.map(|url| url.parse().unwrap());
        start_warnings(&Exposure {
            allow_list: None,
            trusted_proxies: &[],
            public_url: public_url.as_ref(),
            tls,
            listen: listen.parse().unwrap(),
        })
    }

    #[test]
    fn plain_http_on_a_network_is_warned_of_once() {
        for (listen, public_url, told) in [
            ("0.0.0.0:8750", None, "http://0.0.0.0:8750 is plain HTTP"),
            ("192.0.2.1:80", None, "http://192.0.2.1:80 is plain HTTP"),
            ("[::]:80", Some("http://localhost:80"), "http://[::]:80 is plain HTTP"),
            ("127.0.0.1:80", Some("http://logs.example.com"), "http://logs.example.com is plain"),
            ("0.0.0.0:80", Some("http://logs.example.com"), "http://logs.example.com is plain"),
            ("0.0.0.0:80", Some("https://logs.example.com"), "let only the proxy of https://logs"),
        ] {
            let warnings = warnings(listen, public_url, false);
            assert_eq!(warnings.len(), 1, "{listen} {public_url:?}: {warnings:?}");
            assert!(warnings[0].contains(told), "{warnings:?}");
        }
    }

    #[test]
    fn a_final_day_stays_final_while_its_log_or_its_results_are_kept() {
        let days = DayRules::default();
        let warned = |days: &DayRules, raw, analyzed| {
            expiring_final_days(days, NonZeroU32::new(raw), NonZeroU32::new(analyzed)).is_some()
        };
        assert!(warned(&days, 90, 399));
        for (raw, analyzed) in [(0, 90), (90, 0), (400, 90), (90, 400), (0, 0)] {
            assert!(!warned(&days, raw, analyzed), "{raw} {analyzed}");
        }
        let short = DayRules { days_back: 90, ..days };
        assert!(!warned(&short, 90, 30));
        let never = DayRules { final_after_days: None, ..days };
        assert!(!warned(&never, 90, 30));
    }

    #[test]
    fn loopback_and_tls_need_no_warning() {
        for (listen, public_url, tls) in [
            ("127.0.0.1:8750", None, false),
            ("[::1]:8750", Some("http://localhost:8750"), false),
            ("[::ffff:127.0.0.1]:8750", Some("http://127.0.0.1:8750"), false),
            ("127.0.0.1:8750", Some("https://logs.example.com"), false),
            ("0.0.0.0:443", Some("https://logs.example.com"), true),
            ("0.0.0.0:443", None, true),
        ] {
            assert_eq!(warnings(listen, public_url, tls), [""; 0], "{listen} {public_url:?}");
        }
    }

    #[test]
    fn a_list_or_a_proxy_that_is_everybody_is_warned_of() {
        let list = "0.0.0.0/0".parse().unwrap();
        let exposure = Exposure {
            allow_list: Some(&list),
            trusted_proxies: &["::/0".parse().unwrap()],
            public_url: None,
            tls: true,
            listen: "0.0.0.0:443".parse().unwrap(),
        };
        let [list, proxy] = start_warnings(&exposure).try_into().unwrap();
        assert!(list.contains("0.0.0.0/0: everybody"), "{list}");
        assert!(proxy.contains("::/0: any caller"), "{proxy}");
    }
}
