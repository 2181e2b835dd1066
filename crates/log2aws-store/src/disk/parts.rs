//! Which bytes of an object belong to which part of its upload.
//!
//! The sizes are kept in the user metadata, under a name that no header can have: `5242880*9,17`
//! means nine parts of 5 MiB and one of 17 bytes.

use std::ops::Range;

use super::object_file::MAX_ATTRIBUTES;
use super::types::{Attributes, ObjectInfo};

const NAME: &str = ":part-sizes";

/// Records the sizes of the parts in order. If there are too many different sizes to fit, nothing
/// is recorded.
pub(crate) fn note(attributes: &mut Attributes, sizes: impl IntoIterator<Item = u64>) {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for size in sizes {
        match runs.last_mut() {
            Some((last, count)) if *last == size => *count += 1,
            _ => runs.push((size, 1)),
        }
    }
    let run = |(size, count): &(u64, u64)| match count {
        1 => size.to_string(),
        _ => format!("{size}*{count}"),
    };
    let text = runs.iter().map(run).collect::<Vec<_>>().join(",");
    if text.len() <= MAX_ATTRIBUTES / 4 {
        attributes.user_metadata.insert(NAME.to_owned(), text);
    }
}

impl Attributes {
    /// Copies the part sizes of another object, for a copy of its bytes.
    pub fn keep_parts(&mut self, of: &ObjectInfo) {
        self.etag = Some(of.etag.clone());
        let sizes = of.user_metadata.get_key_value(NAME);
        self.user_metadata.extend(sizes.map(|(name, sizes)| (name.clone(), sizes.clone())));
    }
}

impl ObjectInfo {
    /// The number of parts the object was put in; `None` if it was put whole.
    pub fn part_count(&self) -> Option<u32> {
        self.etag.split_once('-').and_then(|(_, count)| count.parse().ok())
    }

    /// The bytes of a part, counted from 1; `None` if the object was put whole, has no such part,
    /// or has no record of part sizes.
    pub fn part(&self, number: u32) -> Option<Range<u64>> {
        let mut left = u64::from(number.checked_sub(1)?);
        let mut start: u64 = 0;
        for run in self.user_metadata.get(NAME)?.split(',') {
            let (size, count) = run.split_once('*').unwrap_or((run, "1"));
            let (size, count) = (size.parse::<u64>().ok()?, count.parse::<u64>().ok()?);
            if left < count {
                let start = start.checked_add(size.checked_mul(left)?)?;
                let end = start.checked_add(size)?;
                return (end <= self.digests.size).then_some(start..end);
            }
            left -= count;
            start = start.checked_add(size.checked_mul(count)?)?;
        }
        None
    }

    /// Whether the object has a record of part sizes.
    pub fn knows_its_parts(&self) -> bool {
        self.user_metadata.contains_key(NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::object_file::describe;
    use crate::disk::types::Digests;

    fn of(sizes: &[u64]) -> ObjectInfo {
        let mut attributes = Attributes::default();
        note(&mut attributes, sizes.iter().copied());
        let size = sizes.iter().sum();
        let digests = Digests { size, md5: [0; 16], sha256: [0; 32] };
        let now = jiff::Timestamp::UNIX_EPOCH;
        describe("k".parse().unwrap(), "v".to_owned(), digests, attributes, now)
    }

    #[test]
    fn every_part_has_its_bytes() {
        let object = of(&[5, 5, 5, 2]);
        assert_eq!(object.user_metadata[NAME], "5*3,2");
        let parts: Vec<_> = (0..6).map(|number| object.part(number)).collect();
        assert_eq!(parts, [None, Some(0..5), Some(5..10), Some(10..15), Some(15..17), None]);
        assert_eq!(of(&[0]).part(1), Some(0..0));
        let many: Vec<u64> = (0..10_000).collect();
        assert!(!of(&many).knows_its_parts());
    }
}
