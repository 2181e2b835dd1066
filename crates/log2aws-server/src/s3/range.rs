//! The `Range` header of a GET or HEAD (RFC 9110 §14).

use std::ops::Range;

/// Which bytes of an object are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: 200.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// The range is outside the object: 416.
    Unsatisfiable,
}

/// The selection of a `Range` for an object of `size` bytes. A field that is invalid, has another
/// unit or several ranges is ignored: a server need not support ranges at all.
pub(crate) fn select(range: &str, size: u64) -> Selection {
    match parse(range) {
        None => Selection::Whole,
        // An empty object has no last bytes, which Content-Range cannot express.
        Some(Spec::Last(1..)) if size == 0 => Selection::Whole,
        Some(Spec::Last(0)) => Selection::Unsatisfiable,
        Some(Spec::Last(length)) => Selection::Part(size.saturating_sub(length)..size),
        Some(Spec::From(first, _)) if first >= size => Selection::Unsatisfiable,
        Some(Spec::From(first, last)) => {
            let end = last.map_or(size, |last| size.min(last.saturating_add(1)));
            Selection::Part(first..end)
        }
    }
}

/// A requested range.
enum Spec {
    /// From this byte, up to and including the other.
    From(u64, Option<u64>),
    /// The last bytes.
    Last(u64),
}

fn parse(range: &str) -> Option<Spec> {
    let (unit, spec) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let spec = match (first, last) {
        ("", last) => Spec::Last(number(last)?),
        (first, "") => Spec::From(number(first)?, None),
        (first, last) => Spec::From(number(first)?, Some(number(last)?)),
    };
    match spec {
        Spec::From(first, Some(last)) if first > last => None,
        spec => Some(spec),
    }
}

/// A number of any length: one beyond any object saturates.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_select_as_http_says() {
        for (range, size, selection) in [
            ("bytes=0-1", 5, Selection::Part(0..2)),
            ("BYTES = 0-1 ", 5, Selection::Part(0..2)),
            ("bytes=4-", 5, Selection::Part(4..5)),
            ("bytes=0-99999999999999999999999", 5, Selection::Part(0..5)),
            ("bytes=99999999999999999999999-", 5, Selection::Unsatisfiable),
            ("bytes=-2", 5, Selection::Part(3..5)),
            ("bytes=-9", 5, Selection::Part(0..5)),
            ("bytes=-0", 5, Selection::Unsatisfiable),
            ("bytes=5-", 5, Selection::Unsatisfiable),
            ("bytes=0-", 0, Selection::Unsatisfiable),
            ("bytes=-1", 0, Selection::Whole),
            ("bytes=2-1", 5, Selection::Whole),
            ("bytes=0-1,3-4", 5, Selection::Whole),
            ("bytes=+1-2", 5, Selection::Whole),
            ("bytes=-", 5, Selection::Whole),
            ("bytes=a-b", 5, Selection::Whole),
            ("items=0-1", 5, Selection::Whole),
            ("bytes", 5, Selection::Whole),
            ("", 5, Selection::Whole),
        ] {
            assert_eq!(select(range, size), selection, "{range} of {size}");
        }
    }
}
