//! The server under test.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use log2aws_core::key::BucketName;
use log2aws_server::in_process::InProcess;
use log2aws_server::{ANALYZED_BUCKET, RAW_BUCKET, ServeConfig, Server};
use log2aws_service::http::DayRules;
use log2aws_service::ports::Clock;
use log2aws_store::DiskStore;
use log2aws_store::disk::{Attributes, Condition, Entry, ListQuery};
use tempfile::TempDir;

use crate::http::{Answer, answers};
use crate::sign::{HOST, Key};

/// The number of inputs after which a new server is created, so that stored data does not pile up.
const INPUTS: u32 = 2000;

/// The allow-list. It includes most of the client addresses that targets generate.
const LISTED: &str = "127.0.0.0/8, 203.0.113.0/24, 2001:db8::/32";

/// A server with its own data folder.
#[derive(Debug)]
pub struct World {
    server: InProcess,
    /// The operator's key pair.
    pub operator: Key,
    /// The key pair that signs URLs.
    pub signing: Key,
    /// The dashboard token.
    pub token: String,
    /// State that a target keeps between inputs: the value of a cookie.
    pub kept: Option<String>,
    left: u32,
    folder: TempDir,
}

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Runs a target against a server, which may have been used for earlier inputs.
///
/// # Panics
/// If no server can be started.
pub fn with_server<T>(target: impl FnOnce(&mut World) -> T) -> T {
    with(&WORLD, |_| {}, target)
}

/// The same with 127.0.0.0/8 and 10.0.0.0/8 as trusted proxies.
///
/// # Panics
/// As [`with_server`].
pub fn with_trusted_proxy<T>(target: impl FnOnce(&mut World) -> T) -> T {
    let proxied = |config: &mut ServeConfig| {
        for network in ["127.0.0.0/8", "10.0.0.0/8"] {
            config.trusted_proxies.extend(network.parse::<ipnet::IpNet>());
        }
    };
    with(&PROXIED, proxied, target)
}

static WORLD: Mutex<Option<World>> = Mutex::new(None);
static PROXIED: Mutex<Option<World>> = Mutex::new(None);

fn with<T>(
    world: &Mutex<Option<World>>,
    change: impl FnOnce(&mut ServeConfig),
    target: impl FnOnce(&mut World) -> T,
) -> T {
    let mut place = world.lock().unwrap_or_else(PoisonError::into_inner);
    // It is taken out while the target runs, so a server is not reused after a panic.
    let mut current = place
        .take()
        .filter(|world| world.left > 0)
        .unwrap_or_else(|| World::new(change).unwrap_or_else(|error| panic!("no server: {error}")));
    current.left -= 1;
    let done = target(&mut current);
    *place = Some(current);
    done
}

impl World {
    fn new(change: impl FnOnce(&mut ServeConfig)) -> Result<Self, Box<dyn std::error::Error>> {
        // In memory if possible: nothing here needs to survive a power cut.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        let mut config = ServeConfig::new(folder.path().to_owned(), LISTED.parse()?);
        // Inputs come faster than the default limits allow.
        config.requests_per_second = NonZeroU32::MAX;
        config.door.max_new_servers = NonZeroU32::MAX;
        config.days = DayRules { days_back: 36_500, days_ahead: 1, final_after_days: None };
        change(&mut config);
        let server = Server::open(config, Arc::new(Now))?;
        let address: SocketAddr = HOST.parse()?;
        let token = std::fs::read_to_string(server.dashboard_token_file())?.trim().to_owned();
        let pair = server.credentials();
        let operator =
            Key { access: pair.access_key.clone(), secret: pair.expose_secret().to_owned() };
        let signing = Key::read(&folder.path().join("signing-key"))?;
        let server = InProcess::new(&server, address)?;
        Ok(Self { server, operator, signing, token, kept: None, left: INPUTS, folder })
    }

    /// The responses to a connection from a listed address.
    ///
    /// # Panics
    /// If the server sends anything but complete responses.
    pub fn send(&self, bytes: &[u8]) -> Vec<Answer> {
        self.send_from([127, 0, 0, 1].into(), bytes, usize::MAX)
    }

    /// The same from `peer`, in pieces of at most `at_once` bytes.
    ///
    /// # Panics
    /// As [`World::send`].
    pub fn send_from(&self, peer: IpAddr, bytes: &[u8], at_once: usize) -> Vec<Answer> {
        answers(&self.server.exchange((peer, 40_000).into(), bytes, at_once))
    }

    /// Every object of both buckets: bucket, key, content.
    ///
    /// # Panics
    /// If the store cannot be read.
    pub fn stored(&self) -> Vec<(&'static str, String, Vec<u8>)> {
        let mut found = Vec::new();
        for bucket in [RAW_BUCKET, ANALYZED_BUCKET] {
            let query = ListQuery { max: 1000, ..ListQuery::default() };
            let page = self.store().list(&name(bucket), &query);
            let page = page.unwrap_or_else(|error| panic!("{bucket}: {error}"));
            assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
            for entry in page.entries {
                let Entry::Object(info) = entry else { continue };
                // Made with the data folder.
                if info.key.as_str() == log2aws_core::key_registry::KEY {
                    continue;
                }
                let opened = self.store().open_object(&name(bucket), &info.key, None);
                let (_, mut reader) = opened.unwrap_or_else(|error| panic!("{error}"));
                let mut content = Vec::new();
                reader.read_to_end(&mut content).unwrap_or_else(|error| panic!("{error}"));
                found.push((bucket, info.key.to_string(), content));
            }
        }
        found
    }

    /// Stores an object without the API.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        let key = key.parse().unwrap_or_else(|error| panic!("{key}: {error}"));
        let put = || {
            let mut staged = self.store().stage(&name(bucket), &key)?;
            staged.write_all(content).unwrap_or_else(|error| panic!("{error}"));
            staged.commit(Attributes::default(), &Condition::Always)
        };
        put().unwrap_or_else(|error| panic!("{error}"));
    }

    /// Removes every object without the API.
    ///
    /// # Panics
    /// If one cannot be removed.
    pub fn clear(&self) {
        for (bucket, key, _) in self.stored() {
            let key = key.parse().unwrap_or_else(|error| panic!("{key}: {error}"));
            let gone = self.store().delete(&name(bucket), &key, &Condition::Always);
            gone.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// The number of files of unfinished uploads in the data folder.
    pub fn staged_files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("staging")).map_or(0, Iterator::count)
    }

    fn store(&self) -> &DiskStore {
        self.server.store()
    }
}

fn name(bucket: &str) -> BucketName {
    bucket.parse().unwrap_or_else(|error| panic!("{bucket}: {error}"))
}
