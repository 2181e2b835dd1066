//! Judges a request, and answers it with a URL: plain, as JSON, or encrypted to the server's key.

use std::collections::BTreeMap;

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use log2aws_core::allow_list::Refusal;
use log2aws_core::encrypted_url::{Binding, EncryptedUrl, MEDIA_TYPE};
use log2aws_core::key::{ObjectKey, RawKey};
use log2aws_core::key_registry::{UrlForm, enrolment_key};
use serde::Serialize;

use super::request::{UrlRequest, UrlRequestHead};
use super::{
    ClientIp, DayCheck, Problem, URL_LIFE_SECONDS, UrlApp, UrlSubject, accept, tell_source,
};
use crate::ports::{PresignedPut, PutRequest, Settings, SignError};

/// An issued URL, and its recipient.
pub(super) struct IssuedUrl {
    caller: ClientIp,
    key: ObjectKey,
    put: PresignedPut,
    expires_at: Timestamp,
    /// The encrypted answer, for a server that has a key.
    encrypted: Option<Vec<u8>>,
}

/// Judges a request, and signs a URL for it. What is read of it is told in `subject`.
pub(super) async fn issue_url(
    app: &UrlApp,
    caller: Option<ClientIp>,
    request: Request<Body>,
    subject: &mut UrlSubject,
) -> Result<IssuedUrl, Problem> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Problem::Method);
    }
    let caller = caller.ok_or(Problem::NoCaller)?;
    let settings = app.settings.current()?;
    let (parts, body) = request.into_parts();
    let head = UrlRequestHead::read(&parts);
    subject.server = head.as_ref().ok().and_then(UrlRequestHead::server);
    subject.day = head.as_ref().ok().and_then(UrlRequestHead::day);
    // If no entry of the list contains the caller's address, nothing more is read.
    if !settings.allow_list.holds(caller.0) {
        let server = subject.server.clone();
        return Err(Problem::Refused { caller, server, refusal: Refusal::Address });
    }
    let asked = head?.read_body(body).await?;
    subject.server = Some(asked.server.clone());
    subject.day = Some(asked.day);
    subject.bytes = asked.body.as_ref().map(|body| body.size);
    settings.allow_list.check(caller.0, &asked.server).map_err(|refusal| Problem::Refused {
        caller,
        server: Some(asked.server.clone()),
        refusal,
    })?;
    let now = app.clock.now();
    let (key, form) = if asked.is_enrolment {
        (check_enrolment(app, &settings, &asked, now).await?, UrlForm::Plain)
    } else {
        check_log(app, &settings, &asked, now).await?
    };
    // SigV4 counts whole seconds, so `expires_at` must not include a fraction.
    let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let expires_at = at
        .checked_add(SignedDuration::from_secs(URL_LIFE_SECONDS.into()))
        .map_err(|error| SignError { reason: format!("the clock is at {at}: {error}") })?;
    let put = app.signer.presign_put(&PutRequest {
        bucket: settings.raw_bucket.clone(),
        key: key.clone(),
        expires_in: URL_LIFE_SECONDS,
        at,
        size: asked.body.as_ref().map(|body| body.size),
        sha256: asked.body.as_ref().map(|body| body.sha256),
    })?;
    let mut issued = IssuedUrl { caller, key, put, expires_at, encrypted: None };
    if let UrlForm::Encrypted(to) = form {
        let binding = binding(&asked)?;
        let answer = EncryptedUrl::encrypt(&issued.json()?, &to, binding, &app.keys.fresh()?)?;
        issued.encrypted = Some(write_json(&answer)?);
    }
    subject.bucket = Some(settings.raw_bucket.clone());
    subject.key = Some(issued.key.clone());
    tracing::info!(
        source = %caller.0.to_canonical(),
        key = %issued.key,
        bound = asked.body.is_some(),
        bytes = subject.bytes,
        encrypted = issued.encrypted.is_some(),
        "gave a URL"
    );
    Ok(issued)
}

/// Whether a URL for a day log is given, and in which form.
async fn check_log(
    app: &UrlApp,
    settings: &Settings,
    asked: &UrlRequest,
    now: Timestamp,
) -> Result<(ObjectKey, UrlForm), Problem> {
    let max = app.limits.max_log_size;
    if asked.body.as_ref().is_some_and(|body| body.size > max) {
        return Err(Problem::LongLog { max });
    }
    let form = app.keys.form(&settings.analyzed_bucket, &asked.server, asked.key_id).await?;
    if form != UrlForm::Plain {
        binding(asked)?;
    }
    let key = RawKey::new(asked.server.clone(), asked.day, settings.key_prefix);
    let days = DayCheck {
        rules: &app.days,
        objects: &*app.objects,
        analyzed_bucket: &settings.analyzed_bucket,
    };
    days.check(&key, asked.body.as_ref(), now).await?;
    if let Some(new_servers) = &app.limits.new_servers {
        let checked = new_servers.check(&key).await;
        checked.map_err(|retry_after_seconds| Problem::TooManyNewServers {
            server: key.server.clone(),
            retry_after_seconds,
        })?;
    }
    Ok((key.object_key(), form))
}

/// Whether a URL for a public key is given.
async fn check_enrolment(
    app: &UrlApp,
    settings: &Settings,
    asked: &UrlRequest,
    now: Timestamp,
) -> Result<ObjectKey, Problem> {
    let registry = app.keys.registry(&settings.analyzed_bucket).await?;
    registry.check_enrolment(&asked.server, now)?;
    Ok(enrolment_key(&asked.server))
}

/// What an encrypted answer is bound to.
fn binding(asked: &UrlRequest) -> Result<Binding<'_>, Problem> {
    let (Some(body), Some(request_id)) = (&asked.body, &asked.request_id) else {
        return Err(Problem::KeyNeedsBinding(asked.server.clone()));
    };
    Ok(Binding {
        server: &asked.server,
        day: asked.day,
        size: body.size,
        sha256: body.sha256,
        request_id,
    })
}

/// The JSON form of the response. Contains the URL, so it has no `Debug`.
#[derive(Serialize)]
struct IssuedUrlJson<'a> {
    url: &'a str,
    method: &'static str,
    headers: BTreeMap<&'a str, &'a str>,
    key: &'a str,
    expires_at: String,
}

fn write_json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| {
        let reason = format!("the answer cannot be written as JSON: {error}");
        Problem::from(SignError { reason })
    })
}

impl IssuedUrl {
    fn json(&self) -> Result<Vec<u8>, Problem> {
        let signed = self.put.headers().iter().map(|(name, value)| (*name, value.as_str()));
        write_json(&IssuedUrlJson {
            url: self.put.expose_url(),
            method: "PUT",
            headers: signed.collect(),
            key: self.key.as_str(),
            expires_at: self.expires_at.to_string(),
        })
    }

    /// The response to a request with these headers. What was encrypted is given in no other form.
    pub(super) fn answer(self, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
        let (content_type, body) = if accept::json(headers) && self.encrypted.is_none() {
            ("application/json", self.json()?)
        } else {
            match self.encrypted {
                Some(encrypted) => (MEDIA_TYPE, encrypted),
                None => ("text/plain", self.put.expose_url().as_bytes().to_vec()),
            }
        };
        let mut response = Response::new(Body::from(body));
        let out = response.headers_mut();
        out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        tell_source(out, self.caller);
        Ok(response)
    }
}
