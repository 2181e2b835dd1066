//! Uploads in progress, by URL.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::http::activity::now_ms;
use crate::http::timeout_body::{BodyOutcome, BodyState};

/// How many URLs are remembered before those without an upload are dropped.
const CROWD: usize = 1024;

/// Which uploads use which URL. A URL is meant for one; a second one is a retry while the first
/// attempt still hangs.
#[derive(Debug)]
pub(crate) struct OpenPuts {
    per_url: usize,
    /// By the URL's signature.
    open: Mutex<HashMap<String, Vec<Weak<BodyState>>>>,
}

impl OpenPuts {
    /// At most `per_url` concurrent uploads with each URL.
    pub(crate) fn new(per_url: usize) -> Self {
        Self { per_url: per_url.max(1), open: Mutex::default() }
    }

    /// An upload starts. If there are too many with its URL, the one that has waited longest for a
    /// byte ends.
    pub(crate) fn begin(&self, signature: String, body: &BodyOutcome) {
        let mut open = self.open();
        if open.len() >= CROWD {
            open.retain(|_, uploads| {
                uploads.retain(is_open);
                !uploads.is_empty()
            });
        }
        let uploads = open.entry(signature).or_default();
        uploads.retain(is_open);
        while uploads.len() >= self.per_url {
            let now = now_ms();
            let waiting = uploads
                .iter()
                .map(|upload| upload.upgrade().map_or(u64::MAX, |upload| upload.waiting_ms(now)));
            // Of equals the first, which is the oldest.
            let longest = waiting.enumerate().max_by_key(|(at, ms)| (*ms, std::cmp::Reverse(*at)));
            let Some((at, _)) = longest else { break };
            if let Some(upload) = uploads.remove(at).upgrade() {
                upload.replace();
            }
        }
        uploads.push(body.watch());
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Vec<Weak<BodyState>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_open(upload: &Weak<BodyState>) -> bool {
    upload.upgrade().is_some_and(|upload| upload.is_open())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::timeout_body::End;

    #[test]
    fn one_too_many_ends_the_oldest_of_its_url_alone() {
        let puts = OpenPuts::new(2);
        let bodies: Vec<BodyOutcome> = (0..3).map(|_| BodyOutcome::default()).collect();
        let other = BodyOutcome::default();
        puts.begin("b".into(), &other);
        for body in &bodies {
            puts.begin("a".into(), body);
        }
        let ends: Vec<End> = bodies.iter().chain([&other]).map(BodyOutcome::get).collect();
        assert_eq!(ends, [End::Replaced, End::None, End::None, End::None]);
    }

    #[test]
    fn uploads_that_are_over_do_not_count_and_are_forgotten() {
        let puts = OpenPuts::new(1);
        for n in 0..3 * CROWD {
            let body = BodyOutcome::default();
            puts.begin(n.to_string(), &body);
        }
        assert!(puts.open().len() <= CROWD);
        let (first, second) = (BodyOutcome::default(), BodyOutcome::default());
        puts.begin("a".into(), &first);
        drop(first);
        puts.begin("a".into(), &second);
        assert_eq!(second.get(), End::None);
    }

    /// It is still known while it is committed, but takes no upload's place.
    #[test]
    fn an_upload_that_has_arrived_whole_does_not_count() {
        let puts = OpenPuts::new(2);
        let (whole, waiting, next) =
            (BodyOutcome::default(), BodyOutcome::default(), BodyOutcome::default());
        puts.begin("a".into(), &whole);
        puts.begin("a".into(), &waiting);
        whole.watch().upgrade().unwrap().set_waiting(0, true);
        waiting.watch().upgrade().unwrap().set_waiting(1, false);
        puts.begin("a".into(), &next);
        assert_eq!([waiting.get(), next.get()], [End::None, End::None]);
    }
}
