//! A minimal client for Parameter Store, CloudWatch Logs, failed events and IAM's simulation, and the names of our
//! parameters, buckets and AWS hosts.
//!
//! The SDK would cost every start of generate-url more than the request itself takes, and make
//! every build minutes longer.
//!
//! Source: AWS Systems Manager API Reference, `GetParameters`, `PutParameter`, and "Common Errors";
//! Amazon CloudWatch Logs API Reference, `FilterLogEvents`; Amazon SQS API Reference, `ReceiveMessage`,
//! `DeleteMessage`; AWS Lambda API Reference, `Invoke`; IAM API Reference, `SimulatePrincipalPolicy`.

mod failed_events;
mod iam;
mod logs;
mod service;

pub mod env_name;
pub mod service_host;

use std::collections::BTreeMap;

pub use aws_credential_types::Credentials;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
pub use ureq::Agent;
pub use ureq::tls::{Certificate, RootCerts};

pub use failed_events::{FailedEvent, Functions, Invoked, Queue};
pub use iam::{Iam, Simulation};
pub use logs::{LogEvent, LogEvents, Logs};
use service::{JSON_1_1, Kind, Service};
pub use service::{Place, RequestError, https_agent, roots_of};

/// Responses have at most three parameters of 8 KiB.
const KIND: Kind =
    Kind { scope: "ssm", name: "Parameter Store", content_type: JSON_1_1, max_answer: 64 << 10 };

/// The service's names of the operations.
const GET: &str = "AmazonSSM.GetParameters";
const PUT: &str = "AmazonSSM.PutParameter";

/// Parameter Store of one region.
#[derive(Clone, Debug)]
pub struct Ssm(Service);

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

impl Ssm {
    /// A client, not connected yet. It uses the proxy in the environment.
    pub fn new(place: Place, region: &str, credentials: Credentials) -> Self {
        Self(Service::new(KIND, place, region, credentials))
    }

    /// The values of at most ten parameters, without those that do not exist. Blocks. `now` is the
    /// time to sign.
    ///
    /// # Errors
    /// [`RequestError`] of the last attempt, if retries could help.
    pub fn get(
        &self,
        names: &[&str],
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, RequestError> {
        let answer: Answer = self.0.ask(GET, &Get { names }, now)?;
        Ok(answer.parameters.into_iter().map(|p| (p.name, p.value)).collect())
    }

    /// Creates or overwrites a parameter of type `String`. Blocks.
    ///
    /// # Errors
    /// [`RequestError`] of the last attempt, if retries could help.
    pub fn put(&self, name: &str, value: &str, now: Timestamp) -> Result<(), RequestError> {
        let put = Put { name, value, r#type: "String", overwrite: true };
        self.0.send(PUT, &put, now).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

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
            .0
            .sign(
                &"https://ssm.us-east-1.amazonaws.com/".parse().unwrap(),
                Some(GET),
                body,
                Timestamp::from_second(1_564_617_600).unwrap(),
            )
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
        assert!(matches!(got, Err(RequestError::Strange { .. })), "{got:?}");
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
            assert!(matches!(roots_of(pem), Err(RequestError::Roots(_))));
        }
    }
}
