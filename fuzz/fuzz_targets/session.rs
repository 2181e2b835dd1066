//! Any Cookie header: the dashboard accepts exactly the cookie that it has set, and nothing else.
#![cfg_attr(fuzzing, no_main)]

use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::sign::HOST;
use log2aws_fuzz::world::{World, with_server};

/// `name=value` of a session cookie.
fn log_in(world: &World) -> String {
    let form = format!("token={}", world.token);
    let login = format!(
        "POST /ui/login HTTP/1.1\r\nhost: {HOST}\r\norigin: http://{HOST}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answers = world.send(login.as_bytes());
    let cookie = answers.first().and_then(|answer| answer.header("set-cookie"));
    let pair = cookie.and_then(|cookie| cookie.split(';').next());
    pair.unwrap_or_else(|| panic!("no login: {answers:?}")).to_owned()
}

fuzz_target!(|input: (u8, [(u8, u8, u8); 3], &[u8])| {
    let (count, edits, other) = input;
    with_server(|world| {
        let own = world.kept.get_or_insert_default();
        if own.is_empty() {
            let cookie = log_in(world);
            world.kept = Some(cookie);
        }
        let own = world.kept.clone().unwrap_or_default();
        let mut cookie = own.clone().into_bytes();
        for &(at, how, byte) in &edits[..usize::from(count % 4)] {
            let at = usize::from(at) % cookie.len().max(1);
            match how % 4 {
                0 if at < cookie.len() => cookie[at] = byte,
                1 => cookie.insert(at, byte),
                2 if at < cookie.len() => drop(cookie.remove(at)),
                _ => cookie.truncate(at),
            }
        }
        // Other cookies before or after it. A longer head is refused before it is parsed.
        let other = &other[..other.len().min(4096)];
        let (before, behind) = other.split_at(other.len() / 2);
        let mut header = [before, b"; ", &cookie, b"; ", behind].concat();
        header.retain(|byte| matches!(byte, b' '..=b'~'));
        let text = String::from_utf8_lossy(&header).into_owned();
        let request = format!("GET /ui/ HTTP/1.1\r\nhost: {HOST}\r\ncookie: {text}\r\n\r\n");
        let answers = world.send(request.as_bytes());
        assert_eq!(answers.len(), 1);
        let is_own = |pair: &str| {
            let pair = pair.trim().split_once('=');
            pair == own.split_once('=')
        };
        let expected = if text.split(';').any(is_own) { 200 } else { 303 };
        assert_eq!(answers[0].status, expected, "{text}");
    });
});
