//! A local server in the roles of API and store, correct or faulty.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use sha2::{Digest, Sha256};

/// Must never appear in an error.
pub(crate) const SECRET: &str = "5ec3e7";

/// A request's head.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
    /// The number of earlier requests with this method.
    pub(crate) before: usize,
}

impl Request {
    pub(crate) fn is_put(&self) -> bool {
        self.method == "PUT"
    }

    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> String {
        let query = self.target.split_once('?').unwrap().1;
        let pair = query.split('&').filter_map(|pair| pair.split_once('='));
        pair.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next().unwrap()
    }
}

/// The server's reaction to a request.
pub(crate) enum Does {
    /// The correct one.
    Right,
    /// Reads the body and sends this response.
    Says(String),
    /// Stores the log and closes without an answer.
    StoresSilently,
    /// Closes with unread bytes, so that the client sees a reset.
    Resets,
    /// Reads that many bytes of the body, then resets.
    ResetsAfter(usize),
    /// Sends nothing for that long.
    Stalls(Duration),
    /// Reads the body in pieces of that many bytes, with that pause before each, then does right.
    ReadsSlowly(usize, Duration),
    /// Sends this byte by byte, with that pause after each.
    Drips(&'static str, Duration),
}

/// A response with its length.
pub(crate) fn says(status: &str, headers: &str, body: &str) -> Does {
    let length = body.len();
    Does::Says(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

type Behaviour = dyn Fn(&Request) -> Does + Send + Sync;

/// The server; stops when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    address: SocketAddr,
    /// The origin of upload URLs, if it is not this server.
    origin: Option<String>,
    behaviour: Box<Behaviour>,
    heads: Mutex<Vec<Request>>,
    stored: Mutex<Vec<(String, Vec<u8>)>>,
    store: Mutex<Option<String>>,
    ended: AtomicBool,
}

impl Server {
    pub(crate) fn start(behaviour: impl Fn(&Request) -> Does + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1:0", behaviour)
    }

    /// A proxy that answers correctly in the place of `origin`.
    pub(crate) fn in_place_of(origin: &str) -> Self {
        Self::start_as("127.0.0.1:0", Some(origin.to_owned()), |_| Does::Right)
    }

    /// On another address of this machine.
    pub(crate) fn start_on(
        address: &str,
        behaviour: impl Fn(&Request) -> Does + Send + Sync + 'static,
    ) -> Self {
        Self::start_as(address, None, behaviour)
    }

    fn start_as(
        address: &str,
        origin: Option<String>,
        behaviour: impl Fn(&Request) -> Does + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        // What waits here unread counts as sent: a line has no such buffer.
        set_socket_recv_buffer_size(&listener, 16 << 10).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            address,
            origin,
            behaviour: Box::new(behaviour),
            heads: Mutex::default(),
            stored: Mutex::default(),
            store: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || state.serve(&stream.unwrap()));
            }
        });
        Self { address, state }
    }

    /// A correct server.
    pub(crate) fn right() -> Self {
        Self::start(|_| Does::Right)
    }

    /// From now on, answers name this store.
    pub(crate) fn name_store(&self, name: Option<&str>) {
        *self.state.store.lock().unwrap() = name.map(str::to_owned);
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.heads.lock().unwrap().clone()
    }

    /// Path and bytes of everything stored, in order.
    pub(crate) fn stored(&self) -> Vec<(String, Vec<u8>)> {
        self.state.stored.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    /// One request per connection; the response says `Connection: close`.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::with_capacity(512, stream);
        let Some(request) = self.head(&mut reader) else { return };
        let length = request.headers.get("content-length").map_or(0, |n| n.parse().unwrap());
        let answer = match (self.behaviour)(&request) {
            Does::Right if request.is_put() => {
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_err() {
                    return;
                }
                self.store(&request, body)
            }
            Does::StoresSilently => {
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_ok() {
                    self.store(&request, body);
                }
                return;
            }
            Does::Right => self.url(&request),
            Does::ReadsSlowly(size, pause) => {
                let mut body = vec![0; length];
                for piece in body.chunks_mut(size) {
                    thread::sleep(pause);
                    if reader.read_exact(piece).is_err() {
                        return;
                    }
                }
                self.store(&request, body)
            }
            Does::Says(answer) => {
                let _ = reader.read_exact(&mut vec![0; length]);
                answer
            }
            Does::Resets => return,
            Does::ResetsAfter(bytes) => {
                let _ = reader.read_exact(&mut vec![0; bytes]);
                return;
            }
            Does::Stalls(time) => {
                thread::sleep(time);
                return;
            }
            Does::Drips(text, pause) => {
                for byte in text.as_bytes() {
                    if (&mut &*stream).write_all(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(pause);
                }
                return;
            }
        };
        let answer = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let _ = (&mut &*stream).write_all(answer.as_bytes());
    }

    fn head(&self, reader: &mut impl BufRead) -> Option<Request> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut words = lines[0].split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let header = |line: &String| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        let headers = lines[1..].iter().map(header).collect();
        let mut heads = self.heads.lock().unwrap();
        let before = heads.iter().filter(|head| head.method == method).count();
        heads.push(Request { method, target, headers, before });
        heads.last().cloned()
    }

    fn url(&self, request: &Request) -> String {
        let hex = request.parameter("sha256");
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let sha256: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
        let key = format!("{}/{}.log", request.parameter("server"), request.parameter("date"));
        let here = format!("http://{}", self.address);
        let origin = self.origin.as_ref().unwrap_or(&here);
        let body = serde_json::json!({
            "url": format!("{origin}/raw/{key}?X-Amz-Signature={SECRET}{}", request.before),
            "method": "PUT",
            "headers": {
                "content-length": request.parameter("size"),
                "x-amz-checksum-sha256": BASE64.encode(sha256),
            },
            "key": key,
            "expires_at": "2026-11-22T00:05:00Z",
        })
        .to_string();
        let store = self.store.lock().unwrap();
        let store = store.as_ref().map_or_else(String::new, |s| format!("log2aws-store: {s}\r\n"));
        format!("HTTP/1.1 200 OK\r\n{store}content-length: {}\r\n\r\n{body}", body.len())
    }

    fn store(&self, request: &Request, body: Vec<u8>) -> String {
        let sum = BASE64.encode(Sha256::digest(&body));
        if request.headers.get("x-amz-checksum-sha256") != Some(&sum) {
            let error = "<Error><Code>BadDigest</Code></Error>";
            let length = error.len();
            return format!("HTTP/1.1 400 Bad\r\ncontent-length: {length}\r\n\r\n{error}");
        }
        let path = request.target.split('?').next().unwrap().to_owned();
        let is_there = self.stored.lock().unwrap().iter().any(|(stored, _)| *stored == path);
        if is_there && request.headers.get("if-none-match").is_some_and(|value| value == "*") {
            let error = "<Error><Code>PreconditionFailed</Code></Error>";
            let length = error.len();
            return format!("HTTP/1.1 412 No\r\ncontent-length: {length}\r\n\r\n{error}");
        }
        self.stored.lock().unwrap().push((path, body));
        "HTTP/1.1 200 OK\r\netag: \"e1\"\r\nx-amz-version-id: v1\r\ncontent-length: 0\r\n\r\n"
            .into()
    }
}
