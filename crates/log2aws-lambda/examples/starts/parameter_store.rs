//! A stand-in for Parameter Store over TLS, with a certificate of its own CA.
//!
//! It measures its own time, which must not be charged to the function.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::{Fault, wire};

/// The stand-in.
pub(crate) struct ParameterStore {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The certificate to trust, as PEM.
    pub(crate) roots: String,
    own_nanoseconds: Arc<AtomicU64>,
    values: Arc<RwLock<Vec<(String, String)>>>,
}

impl ParameterStore {
    /// Starts listening.
    pub(crate) fn open() -> Result<Self, Fault> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL treats a certificate with its issuer's name as self-signed.
        authority.distinguished_name.push(DnType::CommonName, "roots of a stand-in");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let own = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)?;
        let tls = Arc::new(tls);

        let listener = TcpListener::bind("127.0.0.1:0")?;
        let store = Self {
            address: listener.local_addr()?,
            roots: authority.pem(),
            own_nanoseconds: Arc::default(),
            values: Arc::default(),
        };
        let (own, values) = (Arc::clone(&store.own_nanoseconds), Arc::clone(&store.values));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, own, values) = (Arc::clone(&tls), Arc::clone(&own), Arc::clone(&values));
                // The function reports any error here.
                std::thread::spawn(move || converse(stream, tls, &own, &values));
            }
        });
        Ok(store)
    }

    /// Sets the parameters, by the last segment of their names.
    pub(crate) fn set(&self, values: &[(&str, &str)]) {
        let values = values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        *self.values.write().unwrap_or_else(PoisonError::into_inner) = values;
    }

    /// The time it spent working since the last call.
    pub(crate) fn own_time(&self) -> Duration {
        Duration::from_nanos(self.own_nanoseconds.swap(0, Ordering::Relaxed))
    }
}

/// A stream that measures how long reads wait.
struct Waited {
    stream: TcpStream,
    waited: Duration,
}

impl Read for Waited {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let begin = Instant::now();
        let read = self.stream.read(buffer);
        self.waited += begin.elapsed();
        read
    }
}

impl Write for Waited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn converse(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    own: &AtomicU64,
    values: &RwLock<Vec<(String, String)>>,
) -> Result<(), Fault> {
    stream.set_nodelay(true)?;
    let mut begin = Instant::now();
    let stream = Waited { stream, waited: Duration::ZERO };
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(tls)?, stream));
    while let Some(request) = wire::read(&mut stream)? {
        let values = values.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = serde_json::to_vec(&answer(&request, &values)?)?;
        let kind = "Content-Type: application/x-amz-json-1.1\r\n";
        wire::answer(stream.get_mut(), "200 OK", kind, &answer)?;
        let waited = std::mem::take(&mut stream.get_mut().sock.waited);
        let time = begin.elapsed().saturating_sub(waited).as_nanos();
        own.fetch_add(u64::try_from(time)?, Ordering::Relaxed);
        begin = Instant::now();
    }
    Ok(())
}

fn answer(request: &wire::Request, values: &[(String, String)]) -> Result<Value, Fault> {
    let asked: Value = serde_json::from_slice(&request.body)?;
    let parameter = |name: &Value| {
        let name = name.as_str()?;
        let (_, value) = values.iter().find(|(known, _)| name.rsplit('/').next() == Some(known))?;
        Some(json!({"Name": name, "Value": value, "Type": "String", "Version": 1}))
    };
    if request.target.ends_with(".GetParameter") {
        return Ok(json!({ "Parameter": parameter(&asked["Name"]) }));
    }
    let names = asked["Names"].as_array().ok_or("neither GetParameter nor GetParameters")?;
    let found: Vec<Value> = names.iter().filter_map(parameter).collect();
    Ok(json!({ "Parameters": found, "InvalidParameters": [] }))
}
