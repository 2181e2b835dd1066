//! `serve` as a value: opened on a data folder, run on a listener.

#[cfg(feature = "fuzzing")]
pub mod in_process;
mod tasks;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use log2aws_core::key::BucketName;
use log2aws_dashboard::store_index::StoreIndex;
use log2aws_dashboard::{Feed, TroubleSource};
use log2aws_service::http::{RefusalLog, StoreId, UrlApp, UrlKeys, UrlLimits};
use log2aws_service::ports::{Clock, ObjectReader, Settings, SettingsSource, SettingsUnavailable};
use log2aws_service::signer::{Addressing, Credentials as SigningKeys, SigV4Signer};
use log2aws_store::{BucketSpec, DiskStore};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::sync::watch;
use url::{Host, Url};

use crate::alerts::SharedBoard;
use crate::analysis::analyzer::StoreAnalyzer;
use crate::analysis::{Queue, Work, Workers, default_threads};
use crate::audit::AuditLog;
use crate::audit::layer::AuditLayer;
use crate::background::unreadable_objects::UnreadableObjects;
use crate::background::wiring::JOIN_WITHIN;
use crate::background::{Supervisor, TaskBoard, index_refresh};
use crate::config::{ServeConfig, ServeError};
use crate::credentials::{Credentials, KeyPair, REGION, fill};
use crate::dashboard;
use crate::endpoint::{endpoint, warn_of_plain_http};
use crate::http::accept::{Limits, Service, serve};
use crate::http::client_ip_layer::ClientIpLayer;
use crate::http::new_servers::NewServerQuota;
use crate::http::rate_limit::RateLimit;
use crate::http::readiness::Readiness;
use crate::http::router::{App, router};
use crate::http::tls::Tls;
use crate::key_registry;
use crate::metrics::Metrics;
use crate::object_reader::StoreReader;
use crate::s3::Disk;
use crate::s3::access::Access;
use crate::s3::final_days::FinalDays;
use crate::s3::open_puts::OpenPuts;
use crate::s3::put_checks::PutChecks;
use crate::s3::route::ObjectReads;
use crate::s3::uploads::Uploads;
use crate::s3::version_quota::VersionQuota;
use crate::ui::{AuthenticatedUi, LoginKeys, SecretUrl, UiConfig};

/// The bucket for raw logs.
pub const RAW_BUCKET: &str = "serverlogs-local";

/// The bucket for results.
pub const ANALYZED_BUCKET: &str = "analyzedlogs-local";

/// How long the shutdown waits for running analyses, from its start. Requests have 30 seconds, and
/// the service manager should not need to kill the process.
const ANALYSES_END_WITHIN: Duration = Duration::from_secs(40);

/// `serve` on its data folder, not listening yet.
pub struct Server {
    config: ServeConfig,
    clock: Arc<dyn Clock>,
    store: DiskStore,
    credentials: Credentials,
    store_id: StoreId,
    settings: Arc<Settings>,
    tls: Option<Arc<Tls>>,
    door: LoginKeys,
    store_index: StoreIndex,
    changes: watch::Receiver<u64>,
    limits: Limits,
    board: SharedBoard,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Settings for the life of the process.
struct Fixed(Arc<Settings>);

impl SettingsSource for Fixed {
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
        Ok(self.0.clone())
    }
}

impl Server {
    /// Opens the data folder, and creates or reads its keys.
    ///
    /// # Errors
    /// [`ServeError`]: the folder is in use, of a newer version, or not ours; a key file cannot be
    /// read or written, has no key, or can be read by others; the certificate is unusable; the
    /// public URL is invalid.
    pub fn open(config: ServeConfig, clock: Arc<dyn Clock>) -> Result<Self, ServeError> {
        let (raw_bucket, analyzed_bucket) = (bucket(RAW_BUCKET), bucket(ANALYZED_BUCKET));
        let buckets = [
            BucketSpec { name: raw_bucket.clone(), versioned: true },
            BucketSpec { name: analyzed_bucket.clone(), versioned: false },
        ];
        let store = DiskStore::open(&config.data_dir, &buckets, clock.clone())?;
        key_registry::make_once(&store, &analyzed_bucket, &config.data_dir)?;
        let credentials = Credentials::read_or_make(&config.data_dir, &mut fill)?;
        let store_id = credentials.store_id(&mut fill)?;
        if let Some(url) = &config.public_url {
            signer(url.clone(), &credentials.signing)?;
        }
        let tls = config.tls.clone().map(|files| Tls::open(files, clock.clone())).transpose()?;
        let settings = Arc::new(Settings {
            allow_list: config.allow_list.clone(),
            raw_bucket,
            analyzed_bucket,
            key_prefix: config.key_prefix,
        });
        let door = LoginKeys::open(&config.data_dir, &*clock, &mut fill)?;
        config.alerts.check()?;
        let (tls, limits) = (tls.map(Arc::new), Limits::new(&config.door));
        let (store_index, changes) = dashboard::store_index(&config, &store, &settings, &clock)?;
        Ok(Self {
            config,
            clock,
            store,
            credentials,
            store_id,
            settings,
            tls,
            door,
            store_index,
            changes,
            limits,
            board: SharedBoard::default(),
        })
    }

    /// The file with the operator's key pair and the endpoint, for a shell's `source`. Written by
    /// [`Server::run`].
    pub fn environment_file(&self) -> PathBuf {
        self.credentials.environment_file()
    }

    /// The operator's key pair.
    pub fn credentials(&self) -> &KeyPair {
        &self.credentials.operator
    }

    /// The bucket for raw logs.
    pub fn raw_bucket(&self) -> &BucketName {
        &self.settings.raw_bucket
    }

    /// The bucket for results.
    pub fn analyzed_bucket(&self) -> &BucketName {
        &self.settings.analyzed_bucket
    }

    /// The store of the running server, not a copy.
    pub fn store(&self) -> &DiskStore {
        &self.store
    }

    /// The file with the dashboard's token.
    pub fn dashboard_token_file(&self) -> &Path {
        self.door.token_file()
    }

    /// The link that logs in to the dashboard once, within ten minutes of [`Server::open`].
    ///
    /// # Errors
    /// As for [`Server::endpoint`].
    pub fn login_link(&self, address: SocketAddr) -> Result<SecretUrl, ServeError> {
        self.door.link(&self.endpoint(address)?).ok_or(ServeError::PublicUrlNeeded(address))
    }

    /// The base of presigned URLs when listening on `address`.
    ///
    /// # Errors
    /// [`ServeError::PublicUrlNeeded`] if it is `0.0.0.0` or `[::]` and no public URL is set.
    pub fn endpoint(&self, address: SocketAddr) -> Result<Url, ServeError> {
        endpoint(self.config.public_url.as_ref(), self.tls.is_some(), address)
    }

    /// Serves on `listener` until `shutdown` is ready. Calls `on_start` when startup has succeeded:
    /// the key files are written, the threads run. On shutdown it waits for running requests (for
    /// at most 30 seconds), lets each analyzer thread finish its current log (until 40 seconds
    /// after the stop began), and returns. Must be called on a tokio runtime with time and I/O
    /// enabled.
    ///
    /// # Errors
    /// [`ServeError`]: an unusable listener, an endpoint that nobody could reach, a file that
    /// cannot be written, a thread that cannot be started.
    pub async fn run(
        self,
        listener: TcpListener,
        on_start: impl FnOnce() + Send,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let address = listener.local_addr().map_err(ServeError::Listen)?;
        listener.set_nonblocking(true).map_err(ServeError::Listen)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Listen)?;
        let endpoint = self.endpoint(address)?;
        self.refuse_open_proxy(address)?;
        warn_of_plain_http(&endpoint);
        self.credentials.write_environment(&endpoint)?;

        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), self.clock.now()));
        let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
        let config = &self.config;
        let audit =
            AuditLog::start(&config.data_dir, config.audit, self.clock.clone(), metrics.clone())?;
        audit.record_server("start", &config.allow_list);
        let app = Arc::new(self.app(endpoint, &queue, &metrics, &audit)?);
        index_refresh::load(&self.store_index).await;
        let workers = self.workers(&queue, &metrics)?;
        let supervisor = Supervisor::new(app.tasks.clone(), self.clock.clone());
        self.start_tasks(&supervisor, &app, &queue)?;

        let (stopping, stop) = (app.clone(), supervisor.stop());
        let stopped_at = Arc::new(OnceLock::new());
        let noted = stopped_at.clone();
        let shutdown = async move {
            shutdown.await;
            noted.get_or_init(Instant::now);
            stop.set();
            queue.stop();
            stopping.client_ip_layer.stop();
            stopping.ui.stop();
        };
        on_start();
        let mut running = serve(listener, self.service(app, metrics), shutdown).await;
        audit.cut_off();
        running.shutdown().await;
        audit.record_server("stop", &self.config.allow_list);
        let joined = tokio::task::spawn_blocking(move || {
            workers.stop(*stopped_at.get_or_init(Instant::now) + ANALYSES_END_WITHIN);
            supervisor.join(JOIN_WITHIN);
            audit.close();
        })
        .await;
        if joined.is_err() {
            tracing::error!("the server's threads could not be waited for");
        }
        Ok(())
    }

    fn service(&self, app: Arc<App>, metrics: Arc<Metrics>) -> Service {
        Service {
            router: router(app),
            limits: self.limits,
            tls: self.tls.clone(),
            trusted_proxies: self.config.trusted_proxies.clone().into(),
            metrics,
        }
    }

    /// A server that listens only on loopback and has another public name is behind a proxy on this
    /// machine, through which every client comes from loopback.
    fn refuse_open_proxy(&self, address: SocketAddr) -> Result<(), ServeError> {
        let ip = address.ip();
        let elsewhere = self.config.public_url.as_ref().is_some_and(|url| match url.host() {
            Some(Host::Domain(name)) => name != "localhost",
            Some(Host::Ipv4(host)) => !host.is_loopback(),
            Some(Host::Ipv6(host)) => !host.is_loopback(),
            None => false,
        });
        let open = ip.is_loopback()
            && elsewhere
            && self.config.trusted_proxies.is_empty()
            && self.config.allow_list.holds(ip);
        if open { Err(ServeError::OpenProxy(ip)) } else { Ok(()) }
    }

    fn app(
        &self,
        endpoint: Url,
        queue: &Arc<Queue>,
        metrics: &Arc<Metrics>,
        audit: &Arc<AuditLog>,
    ) -> Result<App, ServeError> {
        let (operator, signing) = (&self.credentials.operator, &self.credentials.signing);
        let door = &self.config.door;
        let settings: Arc<dyn SettingsSource> = Arc::new(Fixed(self.settings.clone()));
        let refusals = Arc::new(RefusalLog::new(self.clock.clone()));
        let raw_bucket = &self.settings.raw_bucket;
        let new_servers = NewServerQuota::new(
            self.store.clone(),
            raw_bucket.clone(),
            self.clock.clone(),
            door.max_new_servers,
        );
        let objects: Arc<dyn ObjectReader> = Arc::new(StoreReader(Arc::new(self.store.clone())));
        let urls = log2aws_service::http::router(UrlApp {
            signer: Arc::new(signer(endpoint.clone(), signing)?),
            settings: settings.clone(),
            clock: self.clock.clone(),
            days: self.config.days,
            objects: objects.clone(),
            keys: Arc::new(UrlKeys::new(
                objects.clone(),
                self.clock.clone(),
                key_registry::random,
                self.config.require_keys,
                key_registry::HOLD,
            )),
            limits: UrlLimits {
                max_log_size: door.max_log_size,
                new_servers: Some(Arc::new(new_servers.clone())),
                refusals: Some(refusals.clone()),
            },
            store_id: self.store_id.clone(),
        });
        let uploads = Arc::new(Uploads::new(door, self.config.data_dir.clone(), metrics));

        let unreadable = UnreadableObjects::new(metrics.clone());
        let disk = Disk::new(
            self.store.clone(),
            self.settings.raw_bucket.clone(),
            queue.clone(),
            metrics.clone(),
            uploads.clone(),
            unreadable.clone(),
            self.clock.now(),
        )
        .on_record(dashboard::index_record(self.store_index.clone()));
        let access = Access {
            puts: Arc::new(PutChecks {
                max_log_size: door.max_log_size,
                open: OpenPuts::new(door.puts_per_url.get()),
                days: FinalDays {
                    rules: self.config.days,
                    objects,
                    settings: self.settings.clone(),
                    clock: self.clock.clone(),
                    store: self.store.clone(),
                },
                new_servers,
                versions: VersionQuota::new(
                    self.store.clone(),
                    raw_bucket.clone(),
                    door.max_versions_per_day,
                    door.max_bytes_per_day,
                ),
                uploads: uploads.clone(),
                metrics: metrics.clone(),
            }),
            operator: operator.access_key.clone(),
            signing: signing.access_key.clone(),
            raw_bucket: self.settings.raw_bucket.clone(),
        };
        let mut s3 = S3ServiceBuilder::new(disk.clone());
        let mut auth =
            SimpleAuth::from_single(operator.access_key.as_str(), operator.expose_secret());
        auth.register(signing.access_key.clone(), signing.expose_secret().into());
        s3.set_auth(auth);
        s3.set_access(access.clone());
        s3.set_route(ObjectReads { disk, access });
        let counted = metrics.clone();
        let count = move |status| counted.count_http(status);
        let trouble = dashboard::trouble(unreadable.clone(), metrics.clone());
        Ok(App {
            urls,
            s3: s3.build(),
            readiness: Readiness::new(self.store.clone(), uploads.clone()),
            limit: RateLimit::new(self.config.requests_per_second),
            metrics: metrics.clone(),
            tasks: TaskBoard::new(metrics.tasks.clone()),
            unreadable,
            token: self.credentials.metrics.clone(),
            client_ip_layer: ClientIpLayer::new(
                self.config.trusted_proxies.clone(),
                Box::new(count),
                refusals.clone(),
            ),
            audit: AuditLayer::new(audit.clone(), &operator.access_key, &signing.access_key),
            ui: self.ui(endpoint, trouble)?,
            settings,
            store_id: self.store_id.clone(),
            signing: signing.access_key.clone(),
            refusals,
        })
    }

    fn ui(
        &self,
        endpoint: Url,
        trouble: TroubleSource,
    ) -> Result<Arc<AuthenticatedUi>, ServeError> {
        let pages = dashboard::dashboard(&self.store_index, &self.clock, Feed::ThisMachine);
        AuthenticatedUi::new(UiConfig {
            door: self.door.clone(),
            pages: Arc::new(pages.with_trouble(trouble).with_alerts(self.board.source())),
            endpoint,
            clock: self.clock.clone(),
            random: fill,
            changes: self.changes.clone(),
            connections: self.limits.connections,
        })
    }

    fn workers(&self, queue: &Arc<Queue>, metrics: &Arc<Metrics>) -> Result<Workers, ServeError> {
        let threads = self.config.analyzer_threads.map_or_else(default_threads, NonZeroUsize::get);
        let work = Work {
            queue: queue.clone(),
            analyzer: self.analyzer(),
            metrics: metrics.clone(),
            on_analyzed: Arc::new(dashboard::index_analyzed_day(self.store_index.clone())),
        };
        Workers::start(&work, threads)
    }

    fn analyzer(&self) -> Arc<StoreAnalyzer> {
        let settings = Arc::new(Fixed(self.settings.clone()));
        let ratio = self.config.door.max_gzip_ratio;
        Arc::new(StoreAnalyzer::new(self.store.clone(), settings, self.config.charts, ratio))
    }
}

/// Signs with the key pair that may only put day logs.
fn signer(endpoint: Url, pair: &KeyPair) -> Result<SigV4Signer, ServeError> {
    let keys = SigningKeys::new(&pair.access_key, pair.expose_secret(), None);
    Ok(SigV4Signer::new(endpoint, Addressing::Path, REGION, keys)?)
}

/// Parses a bucket name that is a constant of this program.
fn bucket(name: &'static str) -> BucketName {
    match name.parse() {
        Ok(bucket) => bucket,
        Err(_) => unreachable!("the names of the local buckets are bucket names"),
    }
}

#[cfg(test)]
mod tests;
