//! Where the objects of the log are, in the bucket of the results.

use jiff::civil::Date;

use crate::tile::Tile;

/// The prefix of the log: the `<prefix>` of tlog-tiles.
pub const PREFIX: &str = "tlog/";

/// The newest checkpoint.
pub const CHECKPOINT: &str = "tlog/checkpoint";

/// The entries that are being appended. Who finds them finishes that work first.
pub const PENDING: &str = "tlog/pending";

/// The public keys of the log, one a line, the oldest first. Whoever trusts the bucket needs no
/// receipts, so this list is a convenience: a key becomes trusted by how it reached the auditor.
pub const KEYS: &str = "tlog/keys";

/// The key of a tile or bundle.
pub fn tile_key(tile: Tile) -> String {
    format!("{PREFIX}{tile}")
}

/// The prefix of the partial forms of a tile.
pub fn partial_prefix(tile: Tile) -> String {
    format!("{PREFIX}{}.p/", tile.full())
}

/// The checkpoint after the end of a UTC day.
///
/// The name does not begin with the date: of such names `serve` believes that another machine's
/// clock wrote them.
pub fn day_key(day: Date) -> String {
    format!("{PREFIX}days/checkpoint-{day}")
}

/// Whether a key belongs to the log. A server may be called `tlog`, and its results do not.
pub fn is_of_log(key: &str) -> bool {
    let Some(rest) = key.strip_prefix(PREFIX) else { return false };
    rest.starts_with("tile/")
        || rest.starts_with("days/")
        || [CHECKPOINT, PENDING, KEYS].contains(&key)
}
