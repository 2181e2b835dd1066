//! The store that an API leads to, as far as earlier answers named it (`Log2aws-Store`).
//!
//! A delivery is known by the store, not by the spelling of the API's address. An API that does not
//! name its store counts as one store per address.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Delivery, read_json, replace};

/// The most addresses that are remembered for one store.
const MAX_ENDPOINTS: usize = 16;

/// The file of what is known: `store.json` in the state folder. If it is lost, the next `ship`
/// learns it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KnownStore {
    /// The store of the last delivery.
    store: String,
    /// The addresses that led to it, the newest last.
    endpoints: Vec<String>,
    /// Whether deliveries through these addresses whose record names no store are in it: those of
    /// an earlier release. False if the addresses led to another store before.
    has_unnamed: bool,
}

/// Where deliveries through an API go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    endpoint: String,
    /// `None` if it is unknown.
    known: Option<KnownStore>,
}

impl Destination {
    /// The store of an API, if an earlier answer named it.
    pub(crate) fn load(state_dir: &Path, api: &str) -> Self {
        let endpoint = endpoint(api).to_owned();
        let known = load(state_dir).filter(|known| known.endpoints.contains(&endpoint));
        Self { endpoint, known }
    }

    /// The store of a delivery.
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let endpoint = endpoint(&delivery.api).to_owned();
        let known = delivery.store.clone().map(|store| KnownStore {
            store,
            endpoints: vec![endpoint.clone()],
            has_unnamed: true,
        });
        Self { endpoint, known }
    }

    /// The name of the store.
    pub(crate) fn store(&self) -> Option<&str> {
        self.known.as_ref().map(|known| known.store.as_str())
    }

    /// Whether the delivery is in this store.
    pub(crate) fn has(&self, delivery: &Delivery) -> bool {
        let endpoint = endpoint(&delivery.api);
        match (&delivery.store, &self.known) {
            (Some(store), Some(known)) => *store == known.store,
            (None, Some(known)) => {
                known.has_unnamed && known.endpoints.iter().any(|other| other == endpoint)
            }
            (_, None) => endpoint == self.endpoint,
        }
    }

    /// Takes over what an answer of the API says; returns whether that is new.
    ///
    /// # Errors
    /// It cannot be saved. It is known for the rest of this run all the same.
    pub(crate) fn learn(&mut self, state_dir: &Path, store: Option<&str>) -> io::Result<bool> {
        if self.store() == store {
            return Ok(false);
        }
        let saved = load(state_dir);
        let Some(store) = store else {
            self.known = None;
            let mut other = saved.unwrap_or_default();
            other.endpoints.retain(|endpoint| *endpoint != self.endpoint);
            return save(state_dir, &other).map(|()| true);
        };
        let had_another = self.known.is_some();
        let mut known = saved.filter(|saved| saved.store == store).unwrap_or(KnownStore {
            store: store.to_owned(),
            endpoints: Vec::new(),
            has_unnamed: !had_another,
        });
        known.endpoints.retain(|endpoint| *endpoint != self.endpoint);
        known.endpoints.push(self.endpoint.clone());
        let surplus = known.endpoints.len().saturating_sub(MAX_ENDPOINTS);
        known.endpoints.drain(..surplus);
        self.known = Some(known.clone());
        save(state_dir, &known).map(|()| true)
    }
}

/// The address without the slashes at its end, which mean nothing.
fn endpoint(api: &str) -> &str {
    api.trim_end_matches('/')
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("store.json")
}

fn load(state_dir: &Path) -> Option<KnownStore> {
    read_json(&path(state_dir)).ok().flatten()
}

/// Not synced: a loss costs one request.
fn save(state_dir: &Path, known: &KnownStore) -> io::Result<()> {
    let mut text = serde_json::to_vec(known)?;
    text.push(b'\n');
    replace(&path(state_dir), &text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://log2aws.example:8750/";
    const B: &str = "https://logs.example/prod";

    fn delivery(api: &str, store: Option<&str>) -> Delivery {
        Delivery {
            sha256: "ab".into(),
            size: 7,
            delivered_at: "2026-11-22T00:05:00Z".parse().unwrap(),
            api: api.into(),
            store: store.map(str::to_owned),
            etag: None,
            version_id: None,
            modified: None,
        }
    }

    #[test]
    fn a_store_is_known_again_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let load = |api| Destination::load(folder.path(), api);
        let (old, new) = (delivery(A, None), delivery(A, Some("bucket/1")));
        // Nothing is known: the addresses are compared, but for a slash at the end.
        assert!(load(A).has(&old) && load(A.trim_end_matches('/')).has(&new));
        assert!(!load(B).has(&old) && !load(B).has(&new));

        assert!(load(A).learn(folder.path(), Some("bucket/1")).unwrap());
        assert!(!load(A).learn(folder.path(), Some("bucket/1")).unwrap(), "nothing new");
        assert!(load(A).has(&old) && load(A).has(&new));
        // Another address is unknown until it answers.
        assert!(!load(B).has(&new));
        load(B).learn(folder.path(), Some("bucket/1")).unwrap();
        assert!(load(B).has(&old) && load(B).has(&new) && load(A).has(&new));
        assert!(!load(A).has(&delivery(A, Some("bucket/2"))));

        // The address leads to another store now.
        load(A).learn(folder.path(), Some("bucket/2")).unwrap();
        assert!(!load(A).has(&old) && !load(A).has(&new));
        assert!(load(A).has(&delivery(B, Some("bucket/2"))));
        assert_eq!(load(A).store(), Some("bucket/2"));
    }

    #[test]
    fn an_api_that_does_not_name_its_store_is_one_store_per_address() {
        let folder = tempfile::tempdir().unwrap();
        let load = |api| Destination::load(folder.path(), api);
        load(A).learn(folder.path(), Some("bucket/1")).unwrap();
        load(B).learn(folder.path(), Some("bucket/1")).unwrap();
        load(A).learn(folder.path(), None).unwrap();
        assert!(load(A).has(&delivery(A, None)) && !load(A).has(&delivery(B, Some("bucket/1"))));
        assert_eq!((load(A).store(), load(B).store()), (None, Some("bucket/1")));
        std::fs::write(path(folder.path()), "{").unwrap();
        assert_eq!(load(B).store(), None);
    }

    #[test]
    fn a_fleet_of_addresses_is_not_remembered_without_end() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..40 {
            let api = format!("https://{n}.example/");
            Destination::load(folder.path(), &api).learn(folder.path(), Some("s")).unwrap();
        }
        assert_eq!(super::load(folder.path()).unwrap().endpoints.len(), MAX_ENDPOINTS);
        assert_eq!(Destination::load(folder.path(), "https://39.example").store(), Some("s"));
    }
}
