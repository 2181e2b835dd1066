//! Any query and any form: the server gives out a URL exactly if one server and one day are named,
//! and the URL puts the log of that server and day.
#![cfg_attr(fuzzing, no_main)]

use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::sign::HOST;
use log2aws_fuzz::world::with_server;
use log2aws_server::RAW_BUCKET;

/// The only value of this name; an error if there are several.
fn one(pairs: &[(String, String)], name: &str) -> Result<Option<String>, ()> {
    let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.cloned()),
        _ => Err(()),
    }
}

/// What a URL is expected for, if for anything; an inner `None` means for any bytes.
fn asked(pairs: &[(String, String)]) -> Option<(String, Option<u64>)> {
    let server: ServerName = one(pairs, "server").ok()??.parse().ok()?;
    let day: Day = one(pairs, "date").ok()??.parse().ok()?;
    let size = match (one(pairs, "size").ok()?, one(pairs, "sha256").ok()?) {
        (None, None) => None,
        (Some(size), Some(hash)) => {
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
            Some(size.parse::<u64>().ok().filter(|_| is_hash && is_number)?)
        }
        _ => return None,
    };
    let fits = size.is_none_or(|size| size <= 1 << 30);
    let year: i16 = day.to_string()[..4].parse().ok()?;
    // The accepted days begin a hundred years ago and end today: years at both ends are left out.
    fits.then_some(()).filter(|()| (1950..2026).contains(&year))?;
    Some((format!("{server}/{day}.log"), size))
}

fuzz_target!(|input: (bool, &[u8])| {
    let (is_form, bytes) = input;
    let mut query = bytes.to_vec();
    if !is_form {
        query.retain(|byte| byte.is_ascii_graphic() && *byte != b'#');
    }
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&query).into_owned().collect();
    let signed = pairs
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("X-Amz-Signature") || name == "AWSAccessKeyId");
    // A body that begins like JSON is parsed as JSON; a signed query goes to the S3 API.
    if query.len() > 4096 || signed || is_form && query.trim_ascii_start().starts_with(b"{") {
        return;
    }
    with_server(|world| {
        world.clear();
        let request = if is_form {
            let head = format!(
                "POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: {}\r\n\
                 content-type: application/x-www-form-urlencoded\r\n\r\n",
                query.len()
            );
            [head.as_bytes(), &query].concat()
        } else {
            let query = String::from_utf8_lossy(&query);
            format!("GET /?{query} HTTP/1.1\r\nhost: {HOST}\r\n\r\n").into_bytes()
        };
        let answers = world.send(&request);
        assert_eq!(answers.len(), 1);
        let (status, text) = (answers[0].status, String::from_utf8_lossy(&answers[0].body));
        assert!(status < 500, "{text}");
        let Some((key, bound)) = asked(&pairs) else {
            let year = |pair: &(String, String)| pair.0 == "date" && !pair.1.starts_with("19");
            assert!(status != 200 || pairs.iter().any(year), "{text}");
            return;
        };
        // A URL with characters that are invalid in a head is refused earlier.
        if status == 400 && !is_form {
            return;
        }
        assert_eq!(status, 200, "{text}");
        let target = text.trim().strip_prefix(&format!("http://{HOST}"));
        let target = target.unwrap_or_else(|| panic!("{text}"));
        assert!(target.starts_with(&format!("/{RAW_BUCKET}/{key}?")), "{text}");
        if bound.is_some() {
            return;
        }
        let put = format!("PUT {target} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 3\r\n\r\nlog");
        let put = world.send(put.as_bytes());
        assert_eq!((put.len(), put[0].status), (1, 200));
        assert_eq!(world.stored(), [(RAW_BUCKET, key, b"log".to_vec())]);
    });
});
