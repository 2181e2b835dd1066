//! The operations of the store while the power may fail.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use log2aws_core::key::BucketName;
use log2aws_service::ports::Clock;
use md5::{Digest as _, Md5};

use super::super::{Condition, DiskStore, ObjectInfo, RetentionRule, UploadId};
use super::model::{Change, Ending, KeyId, Model, Object, UploadState};
use crate::BucketSpec;
use fastrand::Rng;

/// A clock that advances by a millisecond at each reading.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicI64);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_305_600_000)))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
}

fn raw() -> BucketName {
    "raw-logs".parse().unwrap()
}

fn results() -> BucketName {
    "results".parse().unwrap()
}

pub(crate) fn specs() -> [BucketSpec; 2] {
    [BucketSpec { name: raw(), versioned: true }, BucketSpec { name: results(), versioned: false }]
}

/// A thread that changes the store. Each has its own keys, in folders that all share.
pub(crate) struct Worker<'a> {
    pub(crate) store: &'a DiskStore,
    pub(crate) model: &'a Mutex<Model>,
    pub(crate) rng: Rng,
    pub(crate) number: usize,
    /// Whether it is the only one: retention would remove the objects of others.
    pub(crate) alone: bool,
}

impl Worker<'_> {
    pub(crate) fn step(&mut self) {
        match self.rng.u64(..100) {
            0..50 => self.put(),
            50..67 => self.delete(),
            67..75 => self.create_upload(),
            75..83 => self.put_part(),
            83..92 => self.complete(),
            92..96 => self.abort(),
            _ if self.alone => self.expire(),
            _ => self.put(),
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pick(&mut self) -> KeyId {
        let bucket = if self.rng.u64(..2) == 0 { raw() } else { results() };
        let name = ["k", "a/k", "a/b/k"][self.rng.usize(..3)];
        (bucket, format!("{name}{}", self.number).parse().unwrap())
    }

    /// Often the same bytes, sometimes more than a single write holds.
    fn body(&mut self) -> Vec<u8> {
        let text = match self.rng.u64(..4) {
            0 => "the same bytes".to_owned(),
            _ => format!("{:x} ", self.rng.u64(..)),
        };
        let times = if self.rng.u64(..40) == 0 { 2_000 } else { 1 + self.rng.usize(..5) };
        text.repeat(times).into_bytes()
    }

    fn object(&mut self) -> Object {
        let note = ("note".to_owned(), self.rng.u64(..3).to_string());
        Object {
            body: self.body(),
            content_type: "text/plain".to_owned(),
            user_metadata: BTreeMap::from([note]),
            source: Some([192, 0, 2, u8::try_from(self.rng.u64(..2)).unwrap()].into()),
            by_operator: self.rng.u64(..4) == 0,
        }
    }

    fn put(&mut self) {
        let (id, object) = (self.pick(), self.object());
        self.model().key(&id).change = Some(Change::Put(object.clone()));
        let mut staged = self.store.stage(&id.0, &id.1).unwrap();
        staged.write_all(&object.body).unwrap();
        let info = staged.commit(object.attributes(), &Condition::Always).unwrap();
        self.acknowledge(&id, &info, object.body);
    }

    fn acknowledge(&self, id: &KeyId, info: &ObjectInfo, body: Vec<u8>) {
        let mut model = self.model();
        let key = model.key(id);
        let object = Object::of(info, body);
        key.now = vec![Some((info.version.to_string(), object.clone()))];
        if id.0 == raw() {
            key.versions.insert(info.version.to_string(), (object, true));
        }
        key.change = None;
    }

    fn delete(&mut self) {
        let id = self.pick();
        self.model().key(&id).change = Some(Change::Delete);
        self.store.delete(&id.0, &id.1, &Condition::Always).unwrap();
        let mut model = self.model();
        let key = model.key(&id);
        key.now = vec![None];
        key.change = None;
    }

    fn create_upload(&mut self) {
        let (id, object) = (self.pick(), self.object());
        self.model().creating += 1;
        let upload = self.store.create_upload(&id.0, &id.1, &object.attributes()).unwrap();
        let mut model = self.model();
        model.creating -= 1;
        let state = UploadState { key: id, object, part: None, new_part: None, ending: None };
        model.uploads.insert(upload, state);
    }

    /// An upload of this worker.
    fn upload(&mut self) -> Option<(UploadId, UploadState)> {
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |state: &UploadState| state.key.1.as_str().ends_with(&self.number.to_string());
        let own: Vec<_> = model.uploads.iter().filter(|(_, state)| own(state)).collect();
        let (upload, state) = own.get(self.rng.usize(..own.len().max(1)))?;
        Some(((*upload).clone(), (*state).clone()))
    }

    fn put_part(&mut self) {
        let Some((upload, _)) = self.upload() else { return };
        let body = self.body();
        let md5 = Md5::digest(&body).to_vec();
        self.model().uploads.entry(upload.clone()).and_modify(|state| {
            state.new_part = Some(md5.clone());
        });
        let mut part = self.store.stage_part(&upload, 1).unwrap();
        part.write_all(&body).unwrap();
        part.commit().unwrap();
        self.model().uploads.entry(upload).and_modify(|state| {
            state.part = state.new_part.take();
            state.object.body = body;
        });
    }

    fn complete(&mut self) {
        let Some((upload, state)) = self.upload() else { return };
        let Some(md5) = &state.part else { return };
        // After a restart only the part's hash is known.
        if Md5::digest(&state.object.body)[..] != md5[..] {
            return;
        }
        self.end(&upload, Ending::Complete);
        self.model().key(&state.key).change = Some(Change::Put(state.object()));
        let parts = [(1, hex::encode(md5))];
        let whole = self.store.assemble_upload(&upload, &parts).unwrap();
        let info = whole.commit(&Condition::Always).unwrap();
        self.acknowledge(&state.key, &info, state.object.body);
        self.model().uploads.remove(&upload);
    }

    fn abort(&mut self) {
        let Some((upload, _)) = self.upload() else { return };
        self.end(&upload, Ending::Abort);
        self.store.abort_upload(&upload).unwrap();
        self.model().uploads.remove(&upload);
    }

    fn end(&self, upload: &UploadId, ending: Ending) {
        self.model().uploads.entry(upload.clone()).and_modify(|state| state.ending = Some(ending));
    }

    /// What retention removes may come back after a power cut, until it runs again.
    fn expire(&mut self) {
        let bucket = if self.rng.u64(..2) == 0 { raw() } else { results() };
        for (_, key) in self.model().keys.iter_mut().filter(|(id, _)| id.0 == bucket) {
            key.now.push(None);
            key.versions.values_mut().for_each(|(_, stays)| *stays = false);
        }
        self.store.expire(&bucket, &RetentionRule::everything_before(Timestamp::MAX)).unwrap();
    }
}
