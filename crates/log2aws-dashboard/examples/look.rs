//! Serves the dashboard over a synthetic fleet for trying it out: `cargo run --example look
//! [PORT]`.
//!
//! There is no login and there are no events, and it handles one request at a time; `serve` does
//! all that.
#![expect(clippy::disallowed_types, clippy::disallowed_macros, clippy::disallowed_methods)]
#![expect(clippy::unwrap_used, reason = "a look that fails may end")]
#![allow(dead_code, reason = "the tests of the crate use all of that world")]

#[path = "../tests/it/fleet.rs"]
mod fleet;
#[path = "../tests/it/world.rs"]
mod world;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use http::Request;
use log2aws_dashboard::{Body, LoginError, login_page};

fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0_u16);
    let (full, empty) = (fleet::fleet(200, 31), world::World::new());
    empty.refresh();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    println!("http://{}/ui/", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        // A browser that disconnects must not stop the server.
        let _ = serve(&full, &empty, stream.unwrap());
    }
}

fn serve(full: &world::World, empty: &world::World, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ');
    let (method, uri) = (words.next().unwrap_or("GET"), words.next().unwrap_or("/"));
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        request = request.header(name, value);
    }
    let Ok(request) = request.body(()) else { return Ok(()) };
    let query = request.uri().query().unwrap_or_default();
    let response = match request.uri().path() {
        "/ui/login" => {
            let fault = query.contains("wrong").then_some(LoginError::WrongToken);
            login_page(&request, fault, "/ui/")
        }
        _ if query.contains("empty-fleet") => empty.dashboard.answer(&request),
        _ => full.dashboard.answer(&request),
    };
    let (parts, body) = response.into_parts();
    let mut bytes = Vec::new();
    match body {
        Body::Bytes(all) => bytes.extend_from_slice(&all),
        Body::Reader(mut reader, _) => {
            reader.read_to_end(&mut bytes)?;
        }
    }
    write!(stream, "HTTP/1.1 {}\r\nconnection: close\r\n", parts.status)?;
    for (name, value) in &parts.headers {
        write!(stream, "{name}: {}\r\n", value.to_str().unwrap_or_default())?;
    }
    if !parts.headers.contains_key("content-length") {
        write!(stream, "content-length: {}\r\n", bytes.len())?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&bytes)
}
