//! The server that targets send bytes to.

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

/// After so many inputs a new server is made: what is stored must not add up for hours.
const INPUTS: u32 = 2000;

/// Who may ask and put: most of the callers that targets make up.
const LISTED: &str = "127.0.0.0/8, 203.0.113.0/24, 2001:db8::/32";

/// A server in a folder of its own.
#[derive(Debug)]
pub struct World {
    server: InProcess,
    /// The key pair of the operator.
    pub operator: Key,
    /// The key pair that signs the URLs that are given out.
    pub signing: Key,
    /// The token of the dashboard.
    pub token: String,
    /// What a target keeps between its inputs: the value of a cookie.
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

/// Runs a target against a server, which the targets before it may have used.
///
/// # Panics
/// If no server can be started.
pub fn with_server<T>(target: impl FnOnce(&mut World) -> T) -> T {
    with(&WORLD, |_| {}, target)
}

/// The same behind a proxy on 127.0.0.0/8 and 10.0.0.0/8, which is trusted.
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
    // While the target runs there is none: one that an input broke is not used again.
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
        // Memory, where there is some: nothing here outlives a power cut.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        let mut config = ServeConfig::new(folder.path().to_owned(), LISTED.parse()?);
        // Inputs come faster than callers may.
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

    /// What a connection from a listed address is answered.
    ///
    /// # Panics
    /// If the server answers with anything but whole answers.
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
                let opened = self.store().open_object(&name(bucket), &info.key, None);
                let (_, mut reader) = opened.unwrap_or_else(|error| panic!("{error}"));
                let mut content = Vec::new();
                reader.read_to_end(&mut content).unwrap_or_else(|error| panic!("{error}"));
                found.push((bucket, info.key.to_string(), content));
            }
        }
        found
    }

    /// Puts an object past the API.
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

    /// Removes every object, past the API.
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

    /// The files that uploads under way have left in the data folder.
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
