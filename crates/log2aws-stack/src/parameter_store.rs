//! Reads and writes the allow-list in Parameter Store with the operator's credentials.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials as _;
use jiff::Timestamp;
use log2aws_ssm::{Certificate, Credentials, Place, RequestError, RootCerts, Ssm};
use tokio::time::sleep;
use url::Url;

use crate::cloud::Cloud;
use crate::error::StackError;
use crate::fault::{self, CallError};

/// The total timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How many attempts a request gets, with delays that double.
const ATTEMPTS: u32 = 6;

/// The first delay.
const WAIT: Duration = Duration::from_millis(500);

impl Cloud {
    /// The value of a parameter; `None` if there is no such parameter.
    pub(crate) async fn parameter(&self, name: &str) -> Result<Option<String>, StackError> {
        let requested = name.to_owned();
        let get = move |ssm: &Ssm| ssm.get(&[&requested], Timestamp::now());
        let mut values = self.patiently(&format!("reading the parameter {name}"), get).await?;
        Ok(values.remove(name))
    }

    /// Writes a parameter.
    pub(crate) async fn put_parameter(&self, name: &str, value: &str) -> Result<(), StackError> {
        let (requested, value) = (name.to_owned(), value.to_owned());
        let put = move |ssm: &Ssm| ssm.put(&requested, &value, Timestamp::now());
        self.patiently(&format!("writing the parameter {name}"), put).await
    }

    async fn patiently<T, F>(&self, what: &str, ask: F) -> Result<T, StackError>
    where
        T: Send + 'static,
        F: Fn(&Ssm) -> Result<T, RequestError> + Clone + Send + 'static,
    {
        patiently(what, async || self.store().await, ask).await
    }

    async fn store(&self) -> Result<Ssm, StackError> {
        let keys = self.keys().await?;
        Ok(Ssm::new(place(self.endpoint("ssm", "SSM")?), &self.region, keys))
    }

    /// The operator's keys, fresh enough for a request.
    pub(crate) async fn keys(&self) -> Result<Credentials, StackError> {
        let keys = self.credentials.provide_credentials().await;
        keys.map_err(|error| self.access.without_credentials(&error))
    }
}

/// A service that is asked [`patiently`].
pub(crate) fn place(url: Url) -> Place {
    Place { url, roots: roots(), timeout: TIMEOUT, attempts: 1 }
}

/// Asks a service until it answers, with a client made anew for each attempt: keys can expire.
pub(crate) async fn patiently<S, T, F>(
    what: &str,
    client: impl AsyncFn() -> Result<S, StackError>,
    ask: F,
) -> Result<T, StackError>
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(&S) -> Result<T, RequestError> + Clone + Send + 'static,
{
    let (mut attempt, mut wait) = (1, WAIT);
    loop {
        let (client, ask) = (client().await?, ask.clone());
        // The client blocks.
        let requested = tokio::task::spawn_blocking(move || ask(&client)).await;
        match requested.map_err(std::io::Error::other)? {
            Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                sleep(wait).await;
                attempt += 1;
                wait *= 2;
            }
            done => return done.map_err(|error| call_error(what, &error).into()),
        }
    }
}

/// The certificates of `AWS_CA_BUNDLE`, else the machine's own CA certificates, which may include a company's own CA.
pub(crate) fn roots() -> RootCerts {
    // A bundle that cannot be read was an error when the connection to AWS was prepared.
    let bundle = crate::cloud::ca_bundle().ok().flatten();
    if let Some(Ok(roots)) = bundle.map(|pem| log2aws_ssm::roots_of(&pem)) {
        return roots;
    }
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect::<Vec<_>>().into()
}

/// A fault of a request, and what to do about it.
pub(crate) fn call_error(what: &str, error: &RequestError) -> CallError {
    let code = match error {
        RequestError::Answer { code, .. } => Some(code.clone()),
        _ => None,
    };
    let advice = match (&code, error.is_passing()) {
        (Some(code), _) => fault::advice(code),
        (None, true) => Some(
            "look at the network, HTTPS_PROXY and --region, and run the command again: it goes on \
             where it stopped",
        ),
        (None, false) => None,
    };
    let message = match advice {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    };
    CallError { what: what.to_owned(), code, message, passing: error.is_passing() }
}
