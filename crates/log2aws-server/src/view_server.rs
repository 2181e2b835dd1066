//! `serve --view`: the read-only dashboard of a bucket that somebody else fills.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use log2aws_core::key::{BucketName, KeyPrefix};
use log2aws_dashboard::Feed;
use log2aws_dashboard::store_index::{DEFAULT_PARALLEL, FULL_EVERY, StoreIndex, StoreIndexConfig};
use log2aws_service::http::RefusalLog;
use log2aws_service::ports::{Clock, ListQuery, ObjectLister, StoreError};
use tokio::sync::watch;
use url::Url;

use crate::alerts::{AlertConfig, AlertTask, SharedBoard, alerts_page};
use crate::background::wiring::{JOIN_WITHIN, start_common};
use crate::background::{Supervisor, TaskBoard, index_refresh};
use crate::config::{DoorLimits, ServeError};
use crate::credentials::fill;
use crate::dashboard;
use crate::endpoint::endpoint;
use crate::folder_cache::FolderCache;
use crate::http::accept::{Limits, Service, serve};
use crate::http::client_ip_layer::{ClientIpLayer, healthz};
use crate::http::tls::{Tls, TlsFiles};
use crate::metrics::Metrics;
use crate::ui::{AuthenticatedUi, HOME, LoginKeys, SecretUrl, UiConfig, see_other};

/// The subfolder with the index cache; beside it is the dashboard's token.
const CACHE_FOLDER: &str = "index";

/// The configuration of a view.
pub struct ViewConfig {
    /// Access to the buckets. Nothing is written.
    pub lister: Arc<dyn ObjectLister>,
    /// The bucket with the results.
    pub analyzed: BucketName,
    /// The bucket with the logs, if they should be downloadable too.
    pub raw: Option<BucketName>,
    /// The displayed name of the bucket, e.g. `s3://analyzedlogs-…`.
    pub place: String,
    /// The folder of the dashboard's token and the cache; created if needed.
    pub folder: PathBuf,
    /// The URL for browsers; `None`: the listening address.
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The TLS files; `None` means plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The interval between two refreshes of the index.
    pub refresh: Duration,
    /// The time zone that defines days and noon: that of most servers.
    pub zone: TimeZone,
    /// What is alerted to, and who is told.
    pub alerts: AlertConfig,
}

impl std::fmt::Debug for ViewConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ViewConfig").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A view of a bucket, not listening yet.
#[derive(Debug)]
pub struct ViewServer {
    clock: Shown,
    store_index: StoreIndex,
    changes: watch::Receiver<u64>,
    door: LoginKeys,
    tls: Option<Arc<Tls>>,
    public_url: Option<Url>,
    trusted_proxies: Vec<IpNet>,
    refresh: Duration,
    limits: Limits,
    alerts: AlertConfig,
    folder: PathBuf,
}

/// A clock is not worth printing.
struct Shown(Arc<dyn Clock>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl ViewServer {
    /// Checks that the bucket exists. If it cannot be reached now, that is not an error: the cache
    /// is shown with a message. Blocks.
    ///
    /// # Errors
    /// [`ServeError::NoBucket`]; an unusable folder, key file or certificate.
    pub fn open(config: ViewConfig, clock: Arc<dyn Clock>) -> Result<Self, ServeError> {
        let folder = config.folder.join(CACHE_FOLDER);
        let cache = FolderCache::open(&folder)
            .map_err(|source| ServeError::Cache { path: folder, source })?;
        let first = ListQuery { folders: true, ..ListQuery::default() };
        match config.lister.list(&config.analyzed, &first) {
            Err(StoreError::NotFound { .. }) => return Err(ServeError::NoBucket(config.place)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the bucket cannot be reached; it is tried again");
            }
            Ok(_) => {}
        }
        config.alerts.check()?;
        let door = LoginKeys::open(&config.folder, &*clock, &mut fill)?;
        let tls = config.tls.map(|files| Tls::open(files, clock.clone())).transpose()?;
        let (change, changes) = watch::channel(0);
        let store_index = StoreIndex::new(StoreIndexConfig {
            lister: config.lister,
            analyzed: config.analyzed,
            raw: config.raw,
            place: config.place,
            cache: Arc::new(cache),
            clock: clock.clone(),
            zone: config.zone,
            on_change: Box::new(move |revision| {
                change.send_replace(revision);
            }),
            key_prefix: KeyPrefix::Off,
            parallel: DEFAULT_PARALLEL,
            full_every: FULL_EVERY,
        });
        Ok(Self {
            clock: Shown(clock),
            store_index,
            changes,
            door,
            tls: tls.map(Arc::new),
            public_url: config.public_url,
            trusted_proxies: config.trusted_proxies,
            refresh: config.refresh,
            limits: Limits::new(&DoorLimits::default()),
            alerts: config.alerts,
            folder: config.folder,
        })
    }

    /// The file with the dashboard's token.
    pub fn dashboard_token_file(&self) -> &Path {
        self.door.token_file()
    }

    /// The link that logs in to the dashboard once, within ten minutes of [`ViewServer::open`].
    ///
    /// # Errors
    /// [`ServeError::PublicUrlNeeded`] if it listens on `0.0.0.0` or `[::]` and no public URL is
    /// set.
    pub fn login_link(&self, address: SocketAddr) -> Result<SecretUrl, ServeError> {
        self.door.link(&self.endpoint(address)?).ok_or(ServeError::PublicUrlNeeded(address))
    }

    fn endpoint(&self, address: SocketAddr) -> Result<Url, ServeError> {
        endpoint(self.public_url.as_ref(), self.tls.is_some(), address)
    }

    /// Serves on `listener` until `shutdown` is ready; calls `on_start` when startup has succeeded.
    /// Must be called on a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// [`ServeError`]: an unusable listener, an endpoint that nobody could reach, a thread that
    /// cannot be started.
    pub async fn run(
        self,
        listener: TcpListener,
        on_start: impl FnOnce() + Send,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let address = listener.local_addr().map_err(ServeError::Listen)?;
        listener.set_nonblocking(true).map_err(ServeError::Listen)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Listen)?;
        let feed = Feed::Place(self.store_index.place().to_owned());
        let board = SharedBoard::default();
        let pages = dashboard::dashboard(&self.store_index, &self.clock.0, feed);
        let ui = AuthenticatedUi::new(UiConfig {
            endpoint: self.endpoint(address)?,
            door: self.door,
            pages: Arc::new(pages.with_alerts(board.source())),
            clock: self.clock.0.clone(),
            random: fill,
            changes: self.changes,
            connections: self.limits.connections,
        })?;
        let refusals = Arc::new(RefusalLog::new(self.clock.0.clone()));
        let trusted_proxies = self.trusted_proxies.clone().into();
        let client_ip_layer =
            ClientIpLayer::new(self.trusted_proxies, Box::new(|_| {}), refusals.clone());
        let routes = Router::new()
            .route("/", get(async || see_other(HOME)))
            .route("/-/healthz", get(healthz))
            .merge(ui.clone().router());
        let app = client_ip_layer.before(routes);
        index_refresh::load(&self.store_index).await;
        let supervisor = Supervisor::new(TaskBoard::default(), self.clock.0.clone());
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), self.clock.0.now()));
        supervisor.start(AlertTask::new(
            self.alerts,
            &self.folder,
            self.store_index.clone(),
            self.clock.0.clone(),
            metrics.clone(),
            (board, self.public_url.as_ref().map(alerts_page)),
        ))?;
        let pruned = ui.clone();
        let prune = move || {
            pruned.prune();
            refusals.flush();
        };
        start_common(&supervisor, self.store_index, self.refresh, self.tls.clone(), prune)?;
        let stop = supervisor.stop();
        let shutdown = async move {
            shutdown.await;
            stop.set();
            client_ip_layer.stop();
            ui.stop();
        };
        on_start();
        let service = Service {
            router: app,
            limits: self.limits,
            tls: self.tls.clone(),
            trusted_proxies,
            metrics,
        };
        drop(serve(listener, service, shutdown).await);
        if tokio::task::spawn_blocking(move || supervisor.join(JOIN_WITHIN)).await.is_err() {
            tracing::error!("the background tasks could not be waited for");
        }
        Ok(())
    }
}
