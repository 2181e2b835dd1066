//! Delivers a small log of the reserved server as a server does, and puts what must be refused.

use std::time::Duration;

use aws_sdk_s3::primitives::AggregatedBytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use log2aws_core::server_name::CHECK;
use log2aws_ssm::{Agent, https_agent};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use super::{CheckRequest, Finding, Outcome, told};
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::parameter_store::roots;
use crate::stack::ExistingStack;
use crate::watch::Session;

/// The total timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A URL lives 300 s.
const LIFE: Duration = Duration::from_secs(301);

/// The API's answer.
#[derive(Clone, Debug, Deserialize)]
struct Issued {
    url: String,
    headers: std::collections::BTreeMap<String, String>,
    key: String,
}

/// The answer to a request: its status, the header that is of interest, and the body.
struct Answer {
    status: u16,
    header: Option<String>,
    body: Vec<u8>,
}

/// The findings of the delivery, in its order.
pub(super) async fn deliver<C: Console>(
    session: &mut Session<'_, C>,
    request: &CheckRequest,
    existing: &ExistingStack,
) -> Result<Vec<Finding>, StackError> {
    let output = |key: &str| existing.outputs.iter().find(|o| o.key == key).map(|o| &o.value);
    let (Some(api), Some(results)) = (output("GenerateSignedUrl"), output("AnalyzedlogBucket"))
    else {
        let why = "the stack has no outputs GenerateSignedUrl and AnalyzedlogBucket";
        return Ok(vec![told(session, Finding::new("delivery", Outcome::Unproved, why))?]);
    };
    let mut findings = Vec::new();
    let body = log(request);
    let issued = match ask(api, request, &body).await? {
        Ok(issued) => issued,
        Err(finding) => return Ok(vec![told(session, finding)?]),
    };
    let detail = format!("{} for {}", api, issued.key);
    findings.push(told(session, Finding::new("URL from the API", Outcome::Proved, detail))?);
    for (subject, attempt) in forbidden(&issued, &body) {
        let finding = refused(subject, &put(attempt).await?);
        findings.push(told(session, finding)?);
    }
    let answer = put(attempt(&issued, &body)).await?;
    let version = match (answer.as_ref().map(|a| (a.status, a.header.clone())), &answer) {
        (Ok((200, Some(version))), _) => version,
        (_, answer) => {
            let detail = format!("was not accepted: {}", words(answer));
            findings.push(told(session, Finding::new("PUT", Outcome::Wrong, detail))?);
            return Ok(findings);
        }
    };
    let detail = format!("accepted as version {version}");
    findings.push(told(session, Finding::new("PUT", Outcome::Proved, detail))?);
    findings.push(result(session, results, &issued.key, &version).await?);
    if request.late {
        session.console.line("waiting 301 s until the URL has expired")?;
        sleep(LIFE).await;
        let finding = refused("PUT after 300 s", &put(attempt(&issued, &body)).await?);
        findings.push(told(session, finding)?);
    } else {
        let detail = "--late waits 301 s and puts again";
        findings.push(told(session, Finding::new("PUT after 300 s", Outcome::Unproved, detail))?);
    }
    Ok(findings)
}

/// Two lines of the current day, different in each check.
fn log(request: &CheckRequest) -> Vec<u8> {
    let now = request.now.to_zoned(TimeZone::UTC);
    let load = "up 1 day, 0:00, 1 user, load average: 0.01, 0.02, 0.03 \
                1 0 0 1000000 0 1000000 0 0 1 1 10 10 1 1 98 0 0";
    format!("{} {load}\n", now.strftime("%Y-%m-%d %H:%M:%S")).into_bytes()
}

/// Requests a URL for exactly this log.
async fn ask(
    api: &str,
    request: &CheckRequest,
    body: &[u8],
) -> Result<Result<Issued, Finding>, StackError> {
    let date = request.now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
    let (size, sha256) = (body.len(), hex::encode(Sha256::digest(body)));
    let url = format!("{api}?server={CHECK}&date={date}&size={size}&sha256={sha256}");
    let get = move |agent: &Agent| {
        agent.get(&url).header("accept", "application/json").call().and_then(|mut response| {
            Ok(Answer {
                status: response.status().as_u16(),
                header: header(&response, "log2aws-source"),
                body: response.body_mut().read_to_vec()?,
            })
        })
    };
    let answer = blocking(move |agent| get(agent).map_err(|error| error.to_string())).await?;
    let subject = "URL from the API";
    Ok(match &answer {
        Ok(Answer { status: 200, body, .. }) => serde_json::from_slice(body).map_err(|_| {
            Finding::new(subject, Outcome::Wrong, "the answer is not one of generate-url")
        }),
        Ok(Answer { status: 403, body, .. }) if code(body).as_deref() == Some(KEY_REQUIRED) => {
            let why = format!(
                "the stack gives URLs only to servers with a key (RequireKeys), and {CHECK} has none, \
                 so nothing could be delivered"
            );
            Err(Finding::new(subject, Outcome::Unproved, why))
        }
        Ok(Answer { status: 403, header, .. }) => {
            let address = header.as_deref().unwrap_or("this machine's address");
            let why = format!(
                "{} is not on the allow-list, so nothing could be delivered from here; run the check on a \
                 machine that is, or add the address by stack deploy --widen --allow-hosts",
                fault::one_line(address)
            );
            Err(Finding::new(subject, Outcome::Unproved, why))
        }
        other => Err(Finding::new(subject, Outcome::Wrong, words(other))),
    })
}

/// generate-url's code for a server that has no key and needs one.
const KEY_REQUIRED: &str = "key-required";

/// The code of generate-url's problem.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    serde_json::from_slice::<Problem>(body).ok().map(|problem| problem.code)
}

/// A PUT: URL, headers and body.
struct Attempt {
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The PUT that the URL was issued for.
fn attempt(issued: &Issued, body: &[u8]) -> Attempt {
    // The client sets the length itself.
    let headers = issued.headers.iter().filter(|(name, _)| *name != "content-length");
    Attempt {
        url: issued.url.clone(),
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: body.to_vec(),
    }
}

/// PUTs that differ from the signed one.
fn forbidden(issued: &Issued, body: &[u8]) -> [(&'static str, Attempt); 4] {
    let usual = || attempt(issued, body);
    let mut short = usual();
    short.body.pop();
    let mut other_bytes = usual();
    if let Some(last) = other_bytes.body.last_mut() {
        *last = b' ';
    }
    let checksum = STANDARD.encode(Sha256::digest(&other_bytes.body));
    for (name, value) in &mut other_bytes.headers {
        if name == "x-amz-checksum-sha256" {
            value.clone_from(&checksum);
        }
    }
    let mut unsigned = usual();
    unsigned.headers.push(("x-amz-meta-log2aws".to_owned(), "check".to_owned()));
    let mut other_key = usual();
    other_key.url = other_key.url.replacen(CHECK, "log2aws-check-other", 1);
    [
        ("PUT of another length", short),
        ("PUT of other bytes", other_bytes),
        ("PUT with an unsigned header", unsigned),
        ("PUT to another key", other_key),
    ]
}

async fn put(attempt: Attempt) -> Result<Result<Answer, String>, StackError> {
    blocking(move |agent| {
        let mut request = agent.put(&attempt.url);
        for (name, value) in &attempt.headers {
            request = request.header(name, value);
        }
        let answer = request.send(attempt.body.as_slice()).and_then(|mut response| {
            Ok(Answer {
                status: response.status().as_u16(),
                header: header(&response, "x-amz-version-id"),
                body: response.body_mut().read_to_vec()?,
            })
        });
        // The error of the client may contain the URL, which is a secret.
        answer.map_err(|error| error.to_string().replace(&attempt.url, "the URL"))
    })
    .await
}

/// Whether S3 has refused a PUT.
fn refused(subject: &str, answer: &Result<Answer, String>) -> Finding {
    match answer {
        Ok(Answer { status: 400 | 403, .. }) => {
            Finding::new(subject, Outcome::Proved, format!("refused: {}", words(answer)))
        }
        Ok(Answer { status: 200, .. }) => {
            Finding::new(subject, Outcome::Wrong, "was accepted, and must be refused")
        }
        _ => Finding::new(subject, Outcome::Unproved, words(answer)),
    }
}

/// Waits for the results of this version.
async fn result<C: Console>(
    session: &mut Session<'_, C>,
    bucket: &str,
    key: &str,
    version: &str,
) -> Result<Finding, StackError> {
    let summary = key.strip_suffix(".log").map_or_else(|| key.to_owned(), |k| format!("{k}.json"));
    let (begun, patience) = (Instant::now(), session.pace.patience);
    loop {
        let get = session.cloud.s3.get_object().bucket(bucket).key(&summary);
        let problem = match get.send().await {
            Ok(object) => {
                let bytes = object.body.collect().await.map(AggregatedBytes::into_bytes);
                if bytes.is_ok_and(|bytes| is_of(&bytes, version)) {
                    let detail = format!(
                        "{bucket}/{summary}, {} s after the PUT",
                        begun.elapsed().as_secs()
                    );
                    return told(session, Finding::new("results", Outcome::Proved, detail));
                }
                None
            }
            Err(error) if error.raw_response().is_some_and(|r| r.status().as_u16() == 404) => None,
            Err(error) => Some(fault::call("reading the results", &error)),
        };
        if let Some(fault) = problem.filter(|fault| !fault.passing) {
            return told(session, Finding::new("results", Outcome::Unproved, fault.to_string()));
        }
        if begun.elapsed() >= patience {
            let detail = format!(
                "none after {} s: look at the log group of analyze-log and at the queue",
                patience.as_secs()
            );
            return told(session, Finding::new("results", Outcome::Wrong, detail));
        }
        session.console.status("waiting for the results");
        sleep(session.pace.poll).await;
    }
}

/// Whether a summary is that of this version.
fn is_of(summary: &[u8], version: &str) -> bool {
    let read = serde_json::from_slice::<serde_json::Value>(summary);
    read.is_ok_and(|summary| summary["raw"]["version"] == version)
}

/// An answer in words: status and S3's code, or why there was none.
fn words(answer: &Result<Answer, String>) -> String {
    match answer {
        Err(problem) => fault::one_line(problem),
        Ok(Answer { status, body, .. }) => {
            let text = String::from_utf8_lossy(body);
            let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
            match code {
                Some((code, _)) => format!("{status} {}", fault::one_line(code)),
                None => status.to_string(),
            }
        }
    }
}

fn header<B>(response: &http::Response<B>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// The client blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Agent) -> T + Send + 'static,
) -> Result<T, StackError> {
    let done = tokio::task::spawn_blocking(move || work(&https_agent(roots(), TIMEOUT))).await;
    Ok(done.map_err(std::io::Error::other)?)
}
