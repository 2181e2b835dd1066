//! A webhook: an HTTP server that records requests, and answers as it is told.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A secret in each URL, which must not be printed.
pub(super) const SECRET: &str = "T0SECRET-B0SECRET";

/// A request that arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) head: String,
    pub(super) body: serde_json::Value,
}

impl Arrived {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn title(&self) -> &str {
        self.body["title"].as_str().unwrap()
    }
}

type OnRequest = Arc<dyn Fn() + Send + Sync>;

/// A webhook on a port of its own.
pub(super) struct Peer {
    port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
    on_request: Arc<Mutex<Option<OnRequest>>>,
}

/// The answer that keeps the connection open and says nothing.
pub(super) const HANG: &str = "hang";

/// An answer without a body.
pub(super) fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n")
}

impl Peer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self {
            port: listener.local_addr().unwrap().port(),
            arrived: Arc::default(),
            answers: Arc::default(),
            on_request: Arc::default(),
        };
        let (arrived, answers) = (peer.arrived.clone(), peer.answers.clone());
        let on_request = peer.on_request.clone();
        std::thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read(&mut stream) else { continue };
                arrived.lock().unwrap().push(request);
                if let Some(call) = on_request.lock().unwrap().clone() {
                    call();
                }
                let answer = answers.lock().unwrap().pop_front();
                match answer.as_deref() {
                    Some(HANG) => hanging.push(stream),
                    Some(text) => drop(stream.write_all(text.as_bytes())),
                    None => drop(stream.write_all(super::peer::answer("200 OK", "").as_bytes())),
                }
            }
        });
        peer
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/services/{SECRET}", self.port)
    }

    /// Answers the next requests so, and the others with 200.
    pub(super) fn answers(&self, next: &[&str]) {
        self.answers.lock().unwrap().extend(next.iter().map(|text| (*text).to_owned()));
    }

    /// Calls this for each request before it is answered.
    pub(super) fn on_request(&self, call: impl Fn() + Send + Sync + 'static) {
        *self.on_request.lock().unwrap() = Some(Arc::new(call));
    }

    /// What arrived since the last call.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.arrived.lock().unwrap())
    }
}

fn read(stream: &mut TcpStream) -> Option<Arrived> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(end) = head {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let arrived = Arrived { head, body: serde_json::Value::Null };
            let length: usize = arrived.header("content-length")?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                let body = serde_json::from_slice(&bytes[end + 4..]).unwrap();
                return Some(Arrived { body, ..arrived });
            }
        }
        let read = stream.read(&mut block).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&block[..read]);
    }
}
