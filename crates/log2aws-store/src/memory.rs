//! A store that forgets.

/// Bodies follow in the next commit.
#[derive(Debug)]
pub struct MemoryStore;
