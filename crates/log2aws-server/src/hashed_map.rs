//! A map with a limited number of entries that stores hashes of its keys: clients choose the keys,
//! and a key may have a thousand bytes.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// The maximum number of entries. Beyond that all are forgotten: what they say must be found out
/// again, which costs less than to track which was used last.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// A map from hashes of texts. The hashes differ in each process, so that nobody can choose texts
/// with equal ones.
#[derive(Debug, Default)]
pub(crate) struct HashedMap<V> {
    entries: HashMap<u64, V>,
    hasher: RandomState,
}

impl<V: Default> HashedMap<V> {
    /// Whether there is an entry for `key`.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(&self.hasher.hash_one(key))
    }

    /// All values, in no particular order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }

    /// The entry of `key`, which is created if there is none.
    pub(crate) fn entry(&mut self, key: &str) -> &mut V {
        let hash = self.hasher.hash_one(key);
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&hash) {
            self.entries.clear();
        }
        self.entries.entry(hash).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_forgets_all_but_the_new_entry() {
        let mut map = HashedMap::default();
        for number in 0..MAX_ENTRIES {
            *map.entry(&number.to_string()) = number;
        }
        assert_eq!(*map.entry("7"), 7);
        assert!(map.contains("99999"));
        map.entry("one more");
        assert!(map.contains("one more") && !map.contains("7"));
        assert_eq!(map.entries.len(), 1);
    }
}
