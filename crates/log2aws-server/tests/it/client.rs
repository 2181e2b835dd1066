//! A client that sends exactly what a test says, and signs like S3's clients.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// S3's error code.
    pub(crate) fn code(&self) -> String {
        let text = self.text();
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map_or_else(String::new, |(code, _)| code.to_owned())
    }
}

/// A request as sent over the network.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes before the body.
    pub(crate) fn head(&self, address: SocketAddr) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        if !has("host") {
            let _ = write!(head, "host: {address}\r\n");
        }
        if !has("content-length") && !has("transfer-encoding") {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    /// Sends it on a connection of its own.
    pub(crate) fn send(&self, address: SocketAddr) -> Answer {
        let mut stream = connect(address);
        stream.write_all(self.head(address).as_bytes()).unwrap();
        // An early response may end the connection before the whole body is sent.
        let _ = stream.write_all(&self.body);
        read_answer(&mut BufReader::new(stream), self.method)
    }

    /// Signs with the `Authorization` header: all headers so far and the body's hash.
    pub(crate) fn sign(mut self, address: SocketAddr, key: &str, secret: &str) -> Self {
        if !self.headers.iter().any(|(name, _)| name == "x-amz-content-sha256") {
            self = {
                let hash = hex::encode(Sha256::digest(&self.body));
                self.header("x-amz-content-sha256", hash)
            };
        }
        let at = Timestamp::now();
        let now = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        // A test with an empty `date` header has the time there, and nowhere else.
        match self.headers.iter_mut().find(|(name, _)| name == "date") {
            Some((_, date)) => *date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            None => self = self.header("x-amz-date", now.clone()),
        }
        self = self.header("host", address.to_string());
        self.headers.sort();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut query: Vec<String> = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| if part.contains('=') { part.to_owned() } else { format!("{part}=") })
            .collect();
        query.sort();
        let mut canonical = format!("{}\n{path}\n{}\n", self.method, query.join("&"));
        for (name, value) in &self.headers {
            let _ = writeln!(canonical, "{name}:{}", value.trim());
        }
        let hash = self.headers.iter().find(|(name, _)| name == "x-amz-content-sha256");
        let _ = write!(canonical, "\n{names}\n{}", hash.unwrap().1);

        let scope = format!("{}/us-east-1/s3/aws4_request", &now[..8]);
        let signature = signature(&canonical, &now, secret);
        self.header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, \
                 Signature={signature}"
            ),
        )
    }
}

impl Request {
    /// Signs in the query, as a presigned URL: the host and the headers so far. The existing query
    /// is signed with it.
    pub(crate) fn presign(
        mut self,
        address: SocketAddr,
        key: &str,
        secret: &str,
        seconds: u32,
    ) -> Self {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.clone()).collect();
        names.push("host".to_owned());
        names.sort();
        let headers: Vec<_> = names
            .iter()
            .map(|name| {
                let own = self.headers.iter().find(|(known, _)| known == name);
                (name.clone(), own.map_or_else(|| address.to_string(), |(_, v)| v.clone()))
            })
            .collect();
        self.target =
            presigned_target(self.method, &self.target, &headers, &now, key, secret, seconds);
        self
    }
}

/// A target with a signature in its query. `headers` are the names and values that it covers: a
/// test may sign one that it then sends differently.
pub(crate) fn presigned_target(
    method: &str,
    target: &str,
    headers: &[(String, String)],
    now: &str,
    key: &str,
    secret: &str,
    seconds: u32,
) -> String {
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let scope = format!("{key}/{}/us-east-1/s3/aws4_request", &now[..8]);
    let mut query: Vec<String> =
        query.split('&').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    query.extend([
        "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
        format!("X-Amz-Credential={}", scope.replace('/', "%2F")),
        format!("X-Amz-Date={now}"),
        format!("X-Amz-Expires={seconds}"),
        format!("X-Amz-SignedHeaders={}", names.join("%3B")),
    ]);
    query.sort();
    let query = query.join("&");
    let mut canonical = format!("{method}\n{path}\n{query}\n");
    for (name, value) in headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{}\nUNSIGNED-PAYLOAD", names.join(";"));
    format!("{path}?{query}&X-Amz-Signature={}", signature(&canonical, now, secret))
}

/// The signature of a canonical request.
fn signature(canonical: &str, now: &str, secret: &str) -> String {
    let scope = format!("{}/us-east-1/s3/aws4_request", &now[..8]);
    let hashed = hex::encode(Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashed}");
    let mut signing = format!("AWS4{secret}").into_bytes();
    for part in [&now[..8], "us-east-1", "s3", "aws4_request"] {
        signing = hmac(&signing, part);
    }
    hex::encode(hmac(&signing, &to_sign))
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads one response. Panics if the connection ends before it.
pub(crate) fn read_answer(stream: &mut impl BufRead, method: &str) -> Answer {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if status == 100 {
            continue;
        }
        let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        if chunked && method != "HEAD" {
            return Answer { status, headers, body: read_chunks(stream) };
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; if method == "HEAD" || status == 304 { 0 } else { length }];
        stream.read_exact(&mut body).unwrap();
        return Answer { status, headers, body };
    }
}

fn read_chunks(stream: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

pub(crate) fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
