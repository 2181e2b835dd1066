//! Our presigned URLs compared with botocore's.
//!
//! `testdata/presign/presigned.json` was written by `generate.py` beside it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use log2aws_service::ports::{PutRequest, Signer};
use log2aws_service::signer::{Addressing, Credentials, EndpointError, SigV4Signer};
use serde::Deserialize;
use url::Url;

const GOLDEN: &str = include_str!("../../../../testdata/presign/presigned.json");

#[derive(Deserialize)]
struct Golden {
    access_key: String,
    secret_key: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    place: String,
    region: String,
    bucket: String,
    key: String,
    size: Option<u64>,
    sha256_base64: Option<String>,
    session_token: Option<String>,
    at: String,
    expires_in: u32,
    url: String,
}

/// A URL as S3 reads it: the order of the query's parameters does not matter.
fn parts(url: &str) -> (String, String, BTreeMap<String, String>) {
    let url: Url = url.parse().unwrap();
    let origin = url.origin().ascii_serialization();
    (origin, url.path().to_owned(), url.query_pairs().into_owned().collect())
}

fn signer(endpoint: &str, addressing: Addressing) -> SigV4Signer {
    let credentials = Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        Some("a-session-token"),
    );
    SigV4Signer::new(endpoint.parse().unwrap(), addressing, "us-east-1", credentials).unwrap()
}

fn request(key: &str) -> PutRequest {
    PutRequest {
        bucket: "serverlogs-local".parse().unwrap(),
        key: key.parse().unwrap(),
        expires_in: 300,
        at: "2019-08-02T00:05:07Z".parse().unwrap(),
        size: None,
        sha256: None,
    }
}

#[test]
fn urls_equal_those_of_botocore() {
    let golden: Golden = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(golden.cases.len(), 72);
    for case in &golden.cases {
        let (endpoint, addressing) = match case.place.as_str() {
            "path-style" => ("http://127.0.0.1:8750".to_owned(), Addressing::Path),
            _ => (
                format!("https://s3.dualstack.{}.amazonaws.com", case.region),
                Addressing::VirtualHost,
            ),
        };
        let credentials =
            Credentials::new(&golden.access_key, &golden.secret_key, case.session_token.as_deref());
        let endpoint = endpoint.parse().unwrap();
        let signer = SigV4Signer::new(endpoint, addressing, &case.region, credentials).unwrap();
        let sha256 = case.sha256_base64.as_ref().map(|text| BASE64.decode(text).unwrap());
        let put = signer
            .presign_put(&PutRequest {
                bucket: case.bucket.parse().unwrap(),
                key: case.key.parse().unwrap(),
                expires_in: case.expires_in,
                at: case.at.parse().unwrap(),
                size: case.size,
                sha256: sha256.map(|bytes| bytes.try_into().unwrap()),
            })
            .unwrap();
        assert_eq!(parts(put.expose_url()), parts(&case.url), "{} {}", case.place, case.key);

        let size = case.size.map(|size| ("content-length", size.to_string()));
        let sha256 = case.sha256_base64.clone().map(|sum| ("x-amz-checksum-sha256", sum));
        assert_eq!(put.headers(), size.into_iter().chain(sha256).collect::<Vec<_>>());
    }
}

#[test]
fn instants_are_signed_to_the_second() {
    let signer = signer("http://127.0.0.1:8750", Addressing::Path);
    let whole = request("web01/2019-08-01.log");
    let mut fraction = whole.clone();
    fraction.at = "2019-08-02T00:05:07.999Z".parse().unwrap();
    assert_eq!(
        signer.presign_put(&whole).unwrap().expose_url(),
        signer.presign_put(&fraction).unwrap().expose_url(),
    );
}

#[test]
fn keys_that_a_url_would_change_are_refused() {
    let signer = signer("http://127.0.0.1:8750", Addressing::Path);
    for key in ["..", "../analyzedlogs-local/x", "a/./b", "a/.."] {
        assert!(signer.presign_put(&request(key)).unwrap_err().reason.contains("no URL"), "{key}");
    }
    for expires_in in [0, 604_801] {
        let forever = PutRequest { expires_in, ..request("a") };
        assert!(signer.presign_put(&forever).is_err(), "{expires_in}");
    }
}

#[test]
fn an_endpoint_is_scheme_host_and_port() {
    let made = |endpoint: &str, addressing| {
        let credentials = Credentials::new("key", "secret", None);
        SigV4Signer::new(endpoint.parse().unwrap(), addressing, "us-east-1", credentials)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(made("https://logs.example.com", Addressing::VirtualHost), Ok(()));
    assert_eq!(made("http://[::1]:8750/", Addressing::Path), Ok(()));
    for (endpoint, part) in [
        ("ftp://logs.example.com", "not an http or https URL"),
        ("https://user:hunter2@logs.example.com", "more than scheme, host and port"),
        ("https://logs.example.com/s3", "more than scheme, host and port"),
        ("https://logs.example.com/?a=b", "more than scheme, host and port"),
    ] {
        let sentence = made(endpoint, Addressing::Path).unwrap_err();
        assert!(sentence.contains(part) && !sentence.contains("hunter2"), "{sentence}");
    }
    let on_an_address = SigV4Signer::new(
        "http://127.0.0.1:8750".parse().unwrap(),
        Addressing::VirtualHost,
        "us-east-1",
        Credentials::new("key", "secret", None),
    );
    assert!(matches!(on_an_address, Err(EndpointError::NoName(_))));
}

#[test]
fn nothing_of_a_signer_or_its_url_prints_a_secret() {
    let signer = signer("http://127.0.0.1:8750", Addressing::Path);
    let put = signer.presign_put(&request("web01/2019-08-01.log")).unwrap();
    let printed = format!("{signer:?} {put:?}");
    for secret in ["AKIAIOSFODNN7EXAMPLE", "EXAMPLEKEY", "a-session-token", "X-Amz-Signature"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
