//! A model of what the store has acknowledged and what is in progress, and so of what may be found
//! after a power cut.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::IpAddr;

use log2aws_core::key::{BucketName, ObjectKey};

use super::super::{
    Attributes, DiskError, DiskStore, MAX_PAGE, ObjectInfo, UploadId, UploadQuery, VersionEntry,
    VersionQuery,
};

/// An object as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) user_metadata: BTreeMap<String, String>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) by_operator: bool,
}

impl Object {
    pub(crate) fn attributes(&self) -> Attributes {
        Attributes {
            content_type: self.content_type.clone(),
            user_metadata: self.user_metadata.clone(),
            source: self.source,
            by_operator: self.by_operator,
            etag: None,
        }
    }

    pub(crate) fn of(info: &ObjectInfo, body: Vec<u8>) -> Self {
        // The record of part sizes is added by the store itself.
        let put = info.user_metadata.iter().filter(|(name, _)| !name.starts_with(':'));
        Self {
            body,
            content_type: info.content_type.clone(),
            user_metadata: put.map(|(name, value)| (name.clone(), value.clone())).collect(),
            source: info.source,
            by_operator: info.by_operator,
        }
    }
}

/// An object and its version id.
pub(crate) type Stored = (String, Object);

/// A change of a key that was started and not acknowledged.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(Object),
    Delete,
}

#[derive(Clone, Debug)]
pub(crate) struct KeyState {
    /// What may be found under the key: more than one possibility only after retention.
    pub(crate) now: Vec<Option<Stored>>,
    /// The acknowledged versions, and whether retention has left them alone.
    pub(crate) versions: BTreeMap<String, (Object, bool)>,
    pub(crate) change: Option<Change>,
}

impl Default for KeyState {
    fn default() -> Self {
        Self { now: vec![None], versions: BTreeMap::new(), change: None }
    }
}

/// An upload in one part.
#[derive(Clone, Debug)]
pub(crate) struct UploadState {
    pub(crate) key: KeyId,
    pub(crate) object: Object,
    pub(crate) part: Option<Vec<u8>>,
    /// A part that was started and not acknowledged.
    pub(crate) new_part: Option<Vec<u8>>,
    /// A complete or an abort that was started and not acknowledged.
    pub(crate) ending: Option<Ending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Complete,
    Abort,
}

pub(crate) type KeyId = (BucketName, ObjectKey);

/// Everything that was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<KeyId, KeyState>,
    pub(crate) uploads: BTreeMap<UploadId, UploadState>,
    /// The number of uploads that were started and not acknowledged.
    pub(crate) creating: usize,
}

impl Model {
    pub(crate) fn key(&mut self, id: &KeyId) -> &mut KeyState {
        self.keys.entry(id.clone()).or_default()
    }

    /// Compares the store with what was acknowledged; returns its content as the new model.
    pub(crate) fn check(&self, store: &DiskStore) -> Result<Self, String> {
        let found = Self::read(store).map_err(|e| format!("the store cannot be read: {e:?}"))?;
        let nothing = KeyState::default();
        for (id, is) in &found.keys {
            let was = self.keys.get(id).unwrap_or(&nothing);
            was.check(is, id)?;
        }
        for (id, was) in &self.keys {
            was.check(found.keys.get(id).unwrap_or(&nothing), id)?;
        }
        for (id, is) in &found.uploads {
            match self.uploads.get(id) {
                Some(was) if is.part == was.part => {}
                Some(was) if was.new_part.is_some() && is.part == was.new_part => {}
                Some(_) => return Err(format!("upload {id} has another part: {is:?}")),
                None if self.creating > 0 && is.part.is_none() => {}
                None => return Err(format!("upload {id} came back")),
            }
        }
        for (id, was) in &self.uploads {
            if found.uploads.contains_key(id) {
                continue;
            }
            let now = found.keys.get(&was.key).unwrap_or(&nothing).now[0].as_ref();
            let is_complete = now.is_some_and(|(_, object)| *object == was.object());
            match was.ending {
                Some(Ending::Abort) => {}
                Some(Ending::Complete) if is_complete => {}
                _ => return Err(format!("upload {id} is gone: {was:?}, {now:?}")),
            }
        }
        Ok(found)
    }

    /// The whole content of a store.
    fn read(store: &DiskStore) -> Result<Self, DiskError> {
        let mut model = Self::default();
        for spec in store.buckets() {
            let all = VersionQuery { max: MAX_PAGE, ..VersionQuery::default() };
            let listing = store.list_versions(&spec.name, &all)?;
            if let Some(unreadable) = listing.unreadable.into_iter().next() {
                let (what, path, source) = (unreadable.what, unreadable.path, unreadable.source);
                return Err(DiskError::Io { what, path, source });
            }
            for entry in listing.entries {
                let VersionEntry::Version { info, latest } = entry else { continue };
                let version = info.version.clone();
                let (info, mut reader) =
                    store.open_object(&spec.name, &info.key, Some(&version))?;
                let mut body = Vec::new();
                reader.read_to_end(&mut body).map_err(|source| DiskError::Io {
                    what: "reading",
                    path: info.key.as_str().into(),
                    source,
                })?;
                let object = Object::of(&info, body);
                let key = model.key(&(spec.name.clone(), info.key));
                if latest {
                    key.now = vec![Some((version.to_string(), object.clone()))];
                }
                if spec.versioned {
                    key.versions.insert(version.to_string(), (object, true));
                }
            }
            let all = UploadQuery { max: MAX_PAGE, ..UploadQuery::default() };
            for upload in store.list_uploads(&spec.name, &all)?.uploads {
                let parts = store.list_parts(&upload.id, 0, MAX_PAGE)?.parts;
                // The bytes become readable when the upload is completed; here the hash identifies
                // them.
                let part = parts.first().map(|part| part.digests.md5.to_vec());
                let Attributes { content_type, user_metadata, source, by_operator, .. } =
                    upload.attributes;
                let object =
                    Object { body: Vec::new(), content_type, user_metadata, source, by_operator };
                let key = (spec.name.clone(), upload.key);
                let state = UploadState { key, object, part, new_part: None, ending: None };
                model.uploads.insert(upload.id, state);
            }
        }
        Ok(model)
    }
}

impl KeyState {
    fn check(&self, is: &Self, id: &KeyId) -> Result<(), String> {
        let name = || format!("{}/{}", id.0, id.1);
        let now = &is.now[0];
        let new = match &self.change {
            Some(Change::Put(object)) => Some(object),
            _ => None,
        };
        let is_new = |object: &Object| new == Some(object);
        let expected = self.now.contains(now)
            || match (&self.change, now) {
                (Some(Change::Put(_)), Some((_, object))) => is_new(object),
                (Some(Change::Delete), None) => true,
                _ => false,
            };
        if !expected {
            return Err(format!("{} is {now:?}\nand not {self:?}", name()));
        }
        for (version, (object, _)) in &is.versions {
            let known = self.versions.get(version).is_some_and(|(was, _)| was == object);
            if !known && !is_new(object) {
                return Err(format!("{}@{version} is {object:?}\nand not {self:?}", name()));
            }
        }
        for (version, (_, stays)) in &self.versions {
            if *stays && !is.versions.contains_key(version) {
                return Err(format!("{}@{version} is gone\n{self:?}", name()));
            }
        }
        Ok(())
    }
}

impl UploadState {
    /// The resulting object.
    pub(crate) fn object(&self) -> Object {
        self.object.clone()
    }
}
