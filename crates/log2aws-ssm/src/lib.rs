//! A minimal client for Parameter Store, and the names of our parameters, buckets and AWS hosts.
//!
//! The SDK would cost every start of generate-url more than the request itself takes, and make
//! every build minutes longer.
//!
//! Source: AWS Systems Manager API Reference, `GetParameters`, `PutParameter`, and "Common Errors".

pub mod env_name;
pub mod service_host;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
pub use ureq::Agent;
pub use ureq::tls::{Certificate, RootCerts};
use ureq::tls::{TlsConfig, TlsProvider};
use url::Url;

/// The longest response that is read, in bytes: at most three parameters of 8 KiB.
const MAX_ANSWER: u64 = 64 << 10;

/// The service's names of the operations.
const GET: &str = "AmazonSSM.GetParameters";
const PUT: &str = "AmazonSSM.PutParameter";

/// The content type of requests and responses.
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Why a request failed. Contains no key and no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SsmError {
    /// The CA certificates are invalid.
    #[error("the certificates to trust cannot be read: {0}")]
    Roots(String),
    /// The request cannot be signed.
    #[error("the request to Parameter Store cannot be signed: {0}")]
    Sign(String),
    /// There was no response.
    #[error("Parameter Store at {host} cannot be reached: {problem}")]
    Unreachable {
        /// The host.
        host: String,
        /// The network error.
        problem: String,
    },
    /// The response is an error.
    #[error("Parameter Store answers {status} ({code}): {message}")]
    Answer {
        /// The HTTP status.
        status: u16,
        /// AWS's name of the error, e.g. `AccessDeniedException`.
        code: String,
        /// AWS's message, shortened.
        message: String,
    },
    /// The response is not from Parameter Store.
    #[error("the answer of {0} is not one of Parameter Store's")]
    Strange(String),
}

impl SsmError {
    /// Whether a retry may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Answer { status, code, .. } => {
                *status >= 500 || code.contains("Throttling") || code.contains("TooManyRequests")
            }
            Self::Roots(_) | Self::Sign(_) | Self::Strange(_) => false,
        }
    }
}

/// Where Parameter Store is, and how often to try.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its URL.
    pub url: Url,
    /// The CA certificates to trust.
    pub roots: RootCerts,
    /// The total timeout of one request.
    pub timeout: Duration,
    /// The number of attempts, without delays in between; at least one.
    pub attempts: u32,
}

/// Parameter Store of one region.
#[derive(Clone)]
pub struct Ssm {
    agent: Agent,
    url: Url,
    attempts: u32,
    region: String,
    credentials: Credentials,
}

impl fmt::Debug for Ssm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssm").field("region", &self.region).finish_non_exhaustive()
    }
}

/// The headers of a signed request. It has no `Debug`, because they contain signature and token.
struct Signed(Vec<(String, String)>);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Get<'a> {
    names: &'a [&'a str],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Put<'a> {
    name: &'a str,
    value: &'a str,
    r#type: &'a str,
    overwrite: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    value: String,
}

#[derive(Deserialize, Default)]
struct Fault {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl Ssm {
    /// A client, not connected yet. It uses the proxy in the environment.
    pub fn new(place: Place, region: &str, credentials: Credentials) -> Self {
        let Place { url, roots, timeout, attempts } = place;
        let agent = https_agent(roots, timeout);
        Self { agent, url, attempts, region: region.to_owned(), credentials }
    }

    /// The values of at most ten parameters, without those that do not exist. Blocks. `now` is the
    /// time to sign.
    ///
    /// # Errors
    /// [`SsmError`] of the last attempt, if retries could help.
    pub fn get(
        &self,
        names: &[&str],
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, SsmError> {
        let bytes = self.ask(GET, &Get { names }, now)?;
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|_| SsmError::Strange(self.host()))?;
        Ok(answer.parameters.into_iter().map(|p| (p.name, p.value)).collect())
    }

    /// Creates or overwrites a parameter of type `String`. Blocks.
    ///
    /// # Errors
    /// [`SsmError`] of the last attempt, if retries could help.
    pub fn put(&self, name: &str, value: &str, now: Timestamp) -> Result<(), SsmError> {
        let put = Put { name, value, r#type: "String", overwrite: true };
        self.ask(PUT, &put, now).map(drop)
    }

    fn ask(
        &self,
        target: &'static str,
        request: &impl Serialize,
        now: Timestamp,
    ) -> Result<Vec<u8>, SsmError> {
        let body = serde_json::to_vec(request).map_err(|e| SsmError::Sign(e.to_string()))?;
        let mut attempt = 1;
        loop {
            match self.ask_once(target, &body, now) {
                Err(error) if error.is_passing() && attempt < self.attempts => attempt += 1,
                done => return done,
            }
        }
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn ask_once(
        &self,
        target: &'static str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, SsmError> {
        let mut request = self.agent.post(self.url.as_str());
        for (name, value) in self.sign(target, body, now)?.0 {
            request = request.header(name, value);
        }
        let unreachable = |error: ureq::Error| SsmError::Unreachable {
            host: self.host(),
            problem: error.to_string(),
        };
        let mut response = request.send(body).map_err(unreachable)?;
        let status = response.status().as_u16();
        let bytes = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let bytes = bytes.map_err(unreachable)?;
        if status == 200 { Ok(bytes) } else { Err(fault(status, &bytes)) }
    }

    fn sign(&self, target: &str, body: &[u8], now: Timestamp) -> Result<Signed, SsmError> {
        let refused = |error: &dyn fmt::Display| SsmError::Sign(error.to_string());
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ssm")
            .time(SystemTime::from(now))
            .settings(SigningSettings::default())
            .build()
            .map_err(|e| refused(&e))?
            .into();
        let told = [("content-type", CONTENT_TYPE), ("x-amz-target", target)];
        let request = SignableRequest::new(
            "POST",
            self.url.as_str(),
            told.into_iter(),
            SignableBody::Bytes(body),
        )
        .map_err(|e| refused(&e))?;
        let (signed, _) = sign(request, &params).map_err(|e| refused(&e))?.into_parts();
        let (signed, _) = signed.into_parts();
        let told = told.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = signed.iter().map(|h| (h.name().to_owned(), h.value().to_owned()));
        Ok(Signed(told.into_iter().chain(headers).collect()))
    }
}

/// An HTTP client that trusts `roots`, with `timeout` for each whole request. An error status is a
/// response, not an error. It uses the proxy in the environment.
pub fn https_agent(roots: RootCerts, timeout: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .http_status_as_error(false);
    config.build().new_agent()
}

/// The CA certificates in a PEM file, as the only trusted ones.
///
/// # Errors
/// [`SsmError::Roots`]: there are no valid certificates.
pub fn roots_of(pem: &[u8]) -> Result<RootCerts, SsmError> {
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => roots.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(SsmError::Roots(error.to_string())),
        }
    }
    if roots.is_empty() {
        return Err(SsmError::Roots("the file holds no certificate".to_owned()));
    }
    Ok(RootCerts::from(roots))
}

fn fault(status: u16, bytes: &[u8]) -> SsmError {
    let fault: Fault = serde_json::from_slice(bytes).unwrap_or_default();
    // Some services write a namespace before the name.
    let code = fault.code.rsplit('#').next().unwrap_or_default();
    SsmError::Answer { status, code: shortened(code, 64), message: shortened(&fault.message, 300) }
}

fn shortened(text: &str, characters: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(characters).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn ssm(url: &str) -> Ssm {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let token = Some("IQoJb3JpZ2luX2Vj".to_owned());
        let keys = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
        let place = Place {
            url: url.parse().unwrap(),
            roots: RootCerts::WebPki,
            timeout: Duration::from_secs(10),
            attempts: 2,
        };
        Ssm::new(place, "us-east-1", keys)
    }

    /// A host that sends these responses, one per connection, and returns the requests.
    fn host(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let answer = |answer: &&str| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut block = [0; 4096];
                while !request.ends_with(b"}") {
                    let read = stream.read(&mut block).unwrap();
                    request.extend_from_slice(&block[..read]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(request).unwrap()
            };
            answers.iter().map(answer).collect()
        });
        (url, asked)
    }

    /// The expected value is computed by `SigV4Auth` of botocore 1.44.5 from the same keys, time
    /// and request.
    #[test]
    fn the_signature_is_botocores() {
        let body = br#"{"Names":["/log2aws/dev/LogPutAllowHosts"]}"#;
        let get = Get { names: &["/log2aws/dev/LogPutAllowHosts"] };
        assert_eq!(serde_json::to_vec(&get).unwrap(), body);
        let signed = ssm("https://ssm.us-east-1.amazonaws.com/")
            .sign(GET, body, Timestamp::from_second(1_564_617_600).unwrap())
            .ok()
            .unwrap();
        let header = |name: &str| {
            let found = signed.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(header("x-amz-date"), "20190801T000000Z");
        assert_eq!(header("x-amz-security-token"), "IQoJb3JpZ2luX2Vj");
        assert_eq!(
            header("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20190801/us-east-1/ssm/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
             Signature=9ffb53663fe705f348fec53b397e6ae65bd3a4dce962c946b44087a731d9f6df"
        );
    }

    #[test]
    fn values_come_by_name() {
        let (url, asked) = host(&["HTTP/1.1 200 OK\r\ncontent-length: 62\r\n\r\n\
            {\"InvalidParameters\":[],\"Parameters\":[{\"Name\":\"/a\",\"Value\":\"1\"}]}"]);
        let got = ssm(&url).get(&["/a", "/b"], Timestamp::UNIX_EPOCH);
        let asked = asked.join().unwrap();
        assert!(asked[0].contains("x-amz-target: AmazonSSM.GetParameters"), "{}", asked[0]);
        // The Content-Length above is too small on purpose: a truncated response is an error, not
        // fewer parameters.
        assert!(matches!(got, Err(SsmError::Strange(_))), "{got:?}");
        let (url, _asked) = host(&["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
            {\"InvalidParameters\":[\"/b\"],\"Parameters\":[{\"Name\":\"/a\",\"Value\":\"1\"}]}"]);
        let got = ssm(&url).get(&["/a", "/b"], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(got, BTreeMap::from([("/a".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn a_passing_fault_is_tried_twice_and_a_lasting_one_once() {
        let (url, asked) = host(&[
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n\
             {\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Parameters\":[]}",
        ]);
        assert_eq!(ssm(&url).get(&["/a"], Timestamp::UNIX_EPOCH), Ok(BTreeMap::new()));
        assert_eq!(asked.join().unwrap().len(), 2);
        let (url, asked) = host(&["HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n\
            {\"__type\":\"com.amazon#AccessDeniedException\",\"Message\":\"not\\nauthorized\"}"]);
        let told = ssm(&url).get(&["/a"], Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert_eq!(told, "Parameter Store answers 400 (AccessDeniedException): notauthorized");
        assert_eq!(asked.join().unwrap().len(), 1);
    }

    #[test]
    fn a_host_that_is_not_there_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let told = ssm(&format!("http://{free}/")).get(&["/a"], Timestamp::UNIX_EPOCH);
        let told = told.unwrap_err().to_string();
        assert!(told.starts_with("Parameter Store at 127.0.0.1 cannot be reached: "), "{told}");
    }

    #[test]
    fn a_value_is_put_whether_or_not_there_is_one() {
        let (url, asked) = host(&["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Version\":2}"]);
        ssm(&url)
            .put("/log2aws/dev/LogPutAllowHosts", "10.0.0.0/8", Timestamp::UNIX_EPOCH)
            .unwrap();
        let asked = asked.join().unwrap();
        assert!(asked[0].contains("x-amz-target: AmazonSSM.PutParameter"), "{}", asked[0]);
        assert!(
            asked[0].ends_with(
                r#"{"Name":"/log2aws/dev/LogPutAllowHosts","Value":"10.0.0.0/8","Type":"String","Overwrite":true}"#
            ),
            "{}",
            asked[0]
        );
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        for pem in [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA", b"no certificate"] {
            assert!(matches!(roots_of(pem), Err(SsmError::Roots(_))));
        }
    }
}
