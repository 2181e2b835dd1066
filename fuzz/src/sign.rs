//! Signature Version 4, implemented from AWS's documentation, independently of the server that
//! verifies it.

use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// The host of every signed request.
pub const HOST: &str = "127.0.0.1:8750";

/// The key pair of a server that exists for one run.
#[derive(Clone, Debug)]
pub struct Key {
    /// The access key.
    pub access: String,
    /// The secret key.
    pub secret: String,
}

impl Key {
    /// Reads a key pair from a file of a data folder.
    ///
    /// # Errors
    /// The file cannot be read or contains no key pair.
    pub fn read(file: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(file)?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no {name} in it")))
        };
        Ok(Self { access: value("aws_access_key_id")?, secret: value("aws_secret_access_key")? })
    }
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: &'static str,
    /// Its path, encoded.
    pub path: String,
    /// The query parameters, encoded names and values.
    pub query: Vec<(String, String)>,
    /// Its headers except `host`, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A signed head, with everything needed to sign chunks.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The head, including the empty line.
    pub head: Vec<u8>,
    /// The signature in hex.
    pub signature: String,
    /// The signing key derived for the day.
    pub key: Vec<u8>,
    /// The time, as in `X-Amz-Date`.
    pub moment: String,
}

impl Signed {
    /// Head and body as sent.
    pub fn with(&self, body: &[u8]) -> Vec<u8> {
        [&self.head, body].concat()
    }
}

impl Request {
    /// A request without query, headers or body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        let (path, query, headers) = (path.into(), Vec::new(), Vec::new());
        Self { method, path, query, headers, body: Vec::new() }
    }

    /// Adds a query parameter; name and value must be encoded already.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Signs with the `Authorization` header. `content` is the `x-amz-content-sha256`; by default
    /// it is that of the body.
    pub fn sign(mut self, key: &Key, content: Option<&str>) -> Signed {
        let moment = moment();
        let content =
            content.map_or_else(|| hex::encode(Sha256::digest(&self.body)), str::to_owned);
        let unsigned = ["content-length", "user-agent", "transfer-encoding"];
        self = self.header("x-amz-content-sha256", content.clone()).header("x-amz-date", &*moment);
        let mut covered: Vec<(String, String)> = self.headers.clone();
        covered.retain(|(name, _)| !unsigned.contains(&name.as_str()));
        covered.push(("host".to_owned(), HOST.to_owned()));
        covered.sort();
        let (names, canonical) = self.canonical(&covered, &content);
        let (signature, derived) = signature(&canonical, &moment, &key.secret);
        let scope = format!("{}/{}", key.access, scope(&moment));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
        );
        let head = self.header("authorization", authorization).head();
        Signed { head, signature, key: derived, moment }
    }

    /// Signs host and headers in the query, valid for `seconds`. The body is not signed.
    pub fn presign(mut self, key: &Key, seconds: u32) -> Signed {
        let moment = moment();
        let mut covered: Vec<(String, String)> = self.headers.clone();
        covered.retain(|(name, _)| name != "content-length");
        covered.push(("host".to_owned(), HOST.to_owned()));
        covered.sort();
        let names: Vec<&str> = covered.iter().map(|(name, _)| name.as_str()).collect();
        let scope = format!("{}/{}", key.access, scope(&moment)).replace('/', "%2F");
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &scope),
            ("X-Amz-Date", &moment),
            ("X-Amz-Expires", &seconds.to_string()),
            ("X-Amz-SignedHeaders", &names.join("%3B")),
        ] {
            self = self.query(name, value);
        }
        let (_, canonical) = self.canonical(&covered, "UNSIGNED-PAYLOAD");
        let (signature, derived) = signature(&canonical, &moment, &key.secret);
        let head = self.query("X-Amz-Signature", &signature).head();
        Signed { head, signature, key: derived, moment }
    }

    /// The names of the signed headers, and the canonical request.
    fn canonical(&self, covered: &[(String, String)], content: &str) -> (String, String) {
        let mut query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        query.sort();
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, query.join("&"));
        for (name, value) in covered {
            text += &format!("{name}:{value}\n");
        }
        let names: Vec<&str> = covered.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        text += &format!("\n{names}\n{content}");
        (names, text)
    }

    /// The head as sent, with a `content-length` unless a header determines the length.
    fn head(&self) -> Vec<u8> {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head =
            format!("{} {}{mark}{} HTTP/1.1\r\n", self.method, self.path, query.join("&"));
        head += &format!("host: {HOST}\r\n");
        let framed = ["content-length", "transfer-encoding"];
        if !self.headers.iter().any(|(name, _)| framed.contains(&name.as_str())) {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        (head + "\r\n").into_bytes()
    }
}

/// The signature of a chunk of an aws-chunked body; `before` is that of the previous chunk.
pub fn sign_chunk(signed: &Signed, before: &str, chunk: &[u8]) -> String {
    let (empty, hash) = (hex::encode(Sha256::digest(b"")), hex::encode(Sha256::digest(chunk)));
    let text = format!(
        "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{before}\n{empty}\n{hash}",
        signed.moment,
        scope(&signed.moment)
    );
    hex::encode(hmac(&signed.key, &text))
}

/// The current time, as in `X-Amz-Date`.
fn moment() -> String {
    Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn scope(moment: &str) -> String {
    format!("{}/us-east-1/s3/aws4_request", &moment[..8])
}

fn signature(canonical: &str, moment: &str, secret: &str) -> (String, Vec<u8>) {
    let hash = hex::encode(Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{}\n{hash}", scope(moment));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [&moment[..8], "us-east-1", "s3", "aws4_request"] {
        key = hmac(&key, part);
    }
    (hex::encode(hmac(&key, &text)), key)
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut out = Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    );
    out.shrink_to_fit();
    out
}
