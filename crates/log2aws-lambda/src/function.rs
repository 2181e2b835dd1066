//! Setup that both functions share.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Error;
use log2aws_service::ports::Clock;
use log2aws_ssm::{Credentials, Place, RequestError, RootCerts, Ssm, roots_of};

use crate::environment::Environment;
use crate::metrics::Counts;
use crate::settings::{HeldSettings, ParameterNames};

/// The total timeout of one request to Parameter Store.
const SSM_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How many attempts a request to Parameter Store gets.
const SSM_ATTEMPTS: u32 = 2;

/// The system clock: the only place where these programs read the time.
#[derive(Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The exit code of a function; a fatal error becomes the last line of its log.
pub fn end(outcome: Result<(), Error>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the function cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A started function: its environment, and its settings.
#[derive(Clone)]
pub struct Function {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The settings of the handlers.
    pub settings: Arc<HeldSettings>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The CA certificates to trust, as PEM, if the environment names a file.
    pub roots: Option<Vec<u8>>,
    names: ParameterNames,
    ssm: Ssm,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl Function {
    /// Reads the environment, starts logging, and fetches the settings.
    ///
    /// A failure to fetch the settings is not an error: the function answers that they are
    /// unavailable, and retries.
    ///
    /// # Errors
    /// The environment is unusable.
    pub fn begin() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var(name).ok();
        crate::logs::start(variable("AWS_LAMBDA_LOG_LEVEL").as_deref())?;
        let environment = Environment::read(variable)?;
        let roots = environment.ca_bundle.as_ref().map(|path| {
            std::fs::read(path).map_err(|error| format!("AWS_CA_BUNDLE: {path}: {error}"))
        });
        let roots = roots.transpose()?;
        let url = environment.ssm_url()?;
        let keys = environment.keys.give(|access_key, secret_key, token| {
            let token = token.map(str::to_owned);
            Credentials::new(access_key, secret_key, token, None, "environment")
        });
        let place = Place {
            url,
            roots: trusted_roots(roots.as_deref())?,
            timeout: SSM_TIMEOUT,
            attempts: SSM_ATTEMPTS,
        };
        let ssm = Ssm::new(place, &environment.region, keys);
        let clock: Arc<dyn Clock> = Arc::new(MachineClock);
        let function = Self {
            settings: Arc::new(HeldSettings::new(Arc::clone(&clock))),
            names: ParameterNames::of(&environment.env),
            environment: Arc::new(environment),
            clock,
            roots,
            ssm,
        };
        function.fetch();
        Ok(function)
    }

    /// The CA certificates to trust.
    ///
    /// # Errors
    /// `AWS_CA_BUNDLE` contains none.
    pub fn roots(&self) -> Result<RootCerts, RequestError> {
        trusted_roots(self.roots.as_deref())
    }

    /// Refreshes the settings if that is due. Until then, and after a failure, the current ones
    /// stay in use, so this never fails.
    pub async fn refresh(&self) {
        if !self.settings.is_due() {
            return;
        }
        let function = self.clone();
        let span = tracing::Span::current();
        let fetched = tokio::task::spawn_blocking(move || span.in_scope(|| function.fetch()));
        if let Err(error) = fetched.await {
            self.settings.take(Err(format!("asking for them broke off: {error}")));
        }
    }

    /// Blocks.
    fn fetch(&self) {
        let values = self.ssm.get(&self.names.all(), self.clock.now());
        let fetched = values.map_err(|error| error.to_string()).and_then(|values| {
            let settings = self.names.settings(&values, self.environment.key_prefix);
            let (settings, left_out) = settings.map_err(|error| error.to_string())?;
            for entry in left_out {
                let parameter = &self.names.allow_list;
                tracing::warn!(parameter, %entry, "an entry of the allow-list lets nobody in");
            }
            Ok(settings)
        });
        if let Err(reason) = &fetched {
            tracing::error!(reason, "the settings could not be fetched; the last ones hold");
        }
        self.settings.take(fetched);
    }

    /// Prints metrics for CloudWatch.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn count(&self, counts: Counts) -> Result<(), Error> {
        if let Some(line) = counts.line(&self.environment.env, self.clock.now()) {
            writeln!(std::io::stdout().lock(), "{line}")?;
        }
        Ok(())
    }
}

/// Mozilla's certificates, compiled in, unless the environment names others: reading the machine's
/// own would take longer than everything else.
fn trusted_roots(pem: Option<&[u8]>) -> Result<RootCerts, RequestError> {
    pem.map_or(Ok(RootCerts::WebPki), roots_of)
}
