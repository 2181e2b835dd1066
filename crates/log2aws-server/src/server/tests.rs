//! What a stop does to a request that does not end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use jiff::Timestamp;

use super::*;
use crate::audit::AUDIT_FOLDER;
use crate::test_clock::MachineClock;

/// The answer to a request for a URL: the part of it after the host.
fn url(address: SocketAddr, day: jiff::civil::Date) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let ask = format!(
        "GET /?server=web01&date={day} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, url) = answer.split_once("\r\n\r\n").unwrap();
    url.trim().strip_prefix(&format!("http://{address}")).expect(&answer).to_owned()
}

#[test]
fn a_put_that_the_stop_cuts_off_has_its_audit_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = ServeConfig::new(folder.path().to_owned(), "127.0.0.0/8".parse().unwrap());
    let mut server = Server::open(config, Arc::new(MachineClock)).unwrap();
    server.limits.drain = Duration::from_millis(100);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stopped = async { drop(stopped.await) };
        runtime.block_on(server.run(listener, || {}, stopped)).unwrap();
    });
    let day = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let url = url(address, day);
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "PUT {url} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The body is being waited for: the request is being served.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    stream.write_all(b"2026-11-30").unwrap();
    drop(stop);
    thread.join().unwrap();

    let file = folder.path().join(AUDIT_FOLDER).join(format!("{day}.jsonl"));
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.contains("\"event\":\"put\"")).expect(&text);
    assert!(line.contains("\"server\":\"web01\"") && line.contains("\"principal\":\"url\""));
    assert!(line.contains("\"reason\":\"shutdown\"") && !line.contains("status"), "{line}");
    assert!(text.trim_end().ends_with('}'), "{text}");
}
