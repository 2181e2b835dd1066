//! To which key a server's URL is encrypted, and whether it gets one at all.

use std::fmt;
use std::io;
use std::sync::Arc;

use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use log2aws_core::encrypted_url::Fresh;
use log2aws_core::key::{BucketName, KeyError, ObjectKey};
use log2aws_core::key_registry::{self, KeyRegistry, UrlForm};
use log2aws_core::server_key::KeyId;
use log2aws_core::server_name::ServerName;

use super::Problem;
use crate::ports::{Clock, ObjectReader};

/// How long the registry is kept at most.
pub const REGISTRY_HOLD: SignedDuration = SignedDuration::from_secs(60);

/// After how long a failed read of the registry is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(1);

/// Fills 32 bytes with randomness of the operating system.
pub type Random = fn() -> io::Result<[u8; 32]>;

/// The registered keys, and the rule for servers without one.
pub struct UrlKeys {
    objects: Arc<dyn ObjectReader>,
    clock: Arc<dyn Clock>,
    random: Random,
    require: bool,
    hold: SignedDuration,
    /// Asynchronous: while one request reads the registry, others wait for it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<(Arc<KeyRegistry>, Timestamp)>,
    failed: Option<(String, Timestamp)>,
}

impl fmt::Debug for UrlKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlKeys").field("require", &self.require).finish_non_exhaustive()
    }
}

impl UrlKeys {
    /// `require`: a server without a key gets no URL. `hold`: how long the registry is kept, at most
    /// [`REGISTRY_HOLD`].
    pub fn new(
        objects: Arc<dyn ObjectReader>,
        clock: Arc<dyn Clock>,
        random: Random,
        require: bool,
        hold: SignedDuration,
    ) -> Self {
        let hold = hold.min(REGISTRY_HOLD);
        Self { objects, clock, random, require, hold, state: Mutex::default() }
    }

    /// Random bytes that are used once.
    ///
    /// # Errors
    /// [`Problem::Random`].
    pub(super) fn fresh(&self) -> Result<Fresh, Problem> {
        (self.random)().map(Fresh::new).map_err(Problem::Random)
    }

    /// The form in which `server`, which says that it has the key `known`, gets its URL.
    ///
    /// # Errors
    /// [`Problem::Registry`] if it is unknown whether the server has a key: it could have one, so a
    /// plain URL is not given. [`Problem::KeyRevoked`], [`Problem::KeyRequired`].
    pub(super) async fn form(
        &self,
        bucket: &BucketName,
        server: &ServerName,
        known: Option<KeyId>,
    ) -> Result<UrlForm, Problem> {
        match self.registry(bucket).await?.url_form(server, known) {
            UrlForm::Refused => Err(Problem::KeyRevoked(server.clone())),
            UrlForm::Plain if self.require => Err(Problem::KeyRequired(server.clone())),
            form => Ok(form),
        }
    }

    /// The registry, read at most [`UrlKeys::new`]'s `hold` ago.
    ///
    /// # Errors
    /// [`Problem::Registry`] if it cannot be read, is damaged, or does not exist.
    pub(super) async fn registry(&self, bucket: &BucketName) -> Result<Arc<KeyRegistry>, Problem> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let within = |since: &Timestamp, hold| now.duration_since(*since).abs() < hold;
        if let Some((registry, since)) = &state.held
            && within(since, self.hold)
        {
            return Ok(Arc::clone(registry));
        }
        if let Some((reason, since)) = &state.failed
            && within(since, RETRY)
        {
            return Err(Problem::Registry(reason.clone()));
        }
        match self.read(bucket).await {
            Ok(registry) => {
                let registry = Arc::new(registry);
                *state = State { held: Some((Arc::clone(&registry), now)), failed: None };
                Ok(registry)
            }
            Err(reason) => {
                *state = State { held: None, failed: Some((reason.clone(), now)) };
                Err(Problem::Registry(reason))
            }
        }
    }

    async fn read(&self, bucket: &BucketName) -> Result<KeyRegistry, String> {
        let key: ObjectKey = key_registry::KEY.parse().map_err(|e: KeyError| e.to_string())?;
        let bytes = self.objects.read(bucket, &key, key_registry::MAX_BYTES).await;
        let place = format!("s3://{bucket}/{key}");
        let bytes = bytes.map_err(|error| chain(&place, &error))?.ok_or_else(|| {
            format!(
                "{place} does not exist, so nobody knows which servers have a key; make it: \
                 log2aws key list --init"
            )
        })?;
        KeyRegistry::parse(&bytes).map_err(|error| chain(&place, &error))
    }
}

fn chain(place: &str, error: &dyn std::error::Error) -> String {
    format!("{place}: {}", log2aws_core::error_chain::ErrorChain(error))
}
