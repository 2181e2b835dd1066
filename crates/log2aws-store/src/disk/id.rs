//! Ids of stored bodies and uploads: ordered by time, unique, of fixed width.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// The length of every id. With the longest name of a segment and the `@` between them it fills the
/// 255 bytes of a file name.
pub(crate) const ID_LEN: usize = 24;

/// RFC 4648's extended hex alphabet, which sorts as its values do.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

const SEQUENCE_BITS: u32 = 16;
const RUN_BITS: u32 = 56;

/// Whether `text` has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b))
}

/// Creates ids: 48 bits of milliseconds, 16 of a sequence, 56 random bits drawn at every start.
///
/// Within one run each id is greater than the one before, whatever the clock does.
#[derive(Debug)]
pub(crate) struct Ids {
    run: u128,
    last: Mutex<u128>,
}

impl Ids {
    /// `random` distinguishes the ids of this run from those of others.
    pub(crate) fn new(random: u64) -> Self {
        Self { run: u128::from(random) & ((1 << RUN_BITS) - 1), last: Mutex::new(0) }
    }

    /// An id greater than all ids of this run, and than `above`.
    pub(crate) fn next(&self, now: Timestamp, above: Option<&str>) -> String {
        let millis = u128::try_from(now.as_millisecond()).unwrap_or(0) & ((1 << 48) - 1);
        let above = above.and_then(decode).map_or(0, |id| id >> RUN_BITS);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = (millis << SEQUENCE_BITS).max(*last + 1).max(above + 1);
        *last = moment;
        encode((moment << RUN_BITS) | self.run)
    }
}

fn encode(value: u128) -> String {
    let digit = |i: usize| {
        let five = (value >> (5 * (ID_LEN - 1 - i))) & 31;
        char::from(ALPHABET[usize::try_from(five).unwrap_or(0)])
    };
    (0..ID_LEN).map(digit).collect()
}

fn decode(text: &str) -> Option<u128> {
    is_id(text).then(|| {
        text.bytes().fold(0, |value, b| {
            let five = if b.is_ascii_digit() { b - b'0' } else { b - b'a' + 10 };
            (value << 5) | u128::from(five)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn ids_grow_even_when_the_clock_falls_back() {
        let ids = Ids::new(7);
        let made: Vec<String> =
            [5, 5, 9, 3, 3, 1_800_000_000_000].map(|ms| ids.next(at(ms), None)).into();
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        assert!(made.iter().all(|id| is_id(id)), "{made:?}");
    }

    #[test]
    fn an_id_is_greater_than_the_one_it_follows() {
        let before = Ids::new(u64::MAX).next(at(1_900_000_000_000), None);
        let after = Ids::new(0).next(at(1_800_000_000_000), Some(&before));
        assert!(after > before, "{after} {before}");
    }

    #[test]
    fn two_runs_at_one_instant_differ() {
        assert_ne!(Ids::new(1).next(at(5), None), Ids::new(2).next(at(5), None));
    }
}
