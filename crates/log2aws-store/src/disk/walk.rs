//! Walks a bucket's folders in key order.
//!
//! It never keeps more names of a folder than a page has entries: a folder with a million names is
//! read again for every page.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use super::error::Unreadable;
use super::fs::{DirEntry, FileSystem};
use super::key_path::{Name, folder};

/// A kind of step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The current body of the key.
    Current,
    /// An older body of the key, by version id; newest first.
    Older(Reverse<String>),
    /// A folder; its key ends with a slash. The walk enters it only through [`Walk::enter`].
    Folder,
}

/// One name that a walk found.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
}

/// An entry of one folder, in key order: with a slash after a folder's name, bytes sort as whole
/// keys do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Child {
    name: String,
    kind: Kind,
    on_disk: std::ffi::OsString,
}

struct Frame {
    path: PathBuf,
    key: String,
    batch: vec::IntoIter<Child>,
    last: Option<Child>,
    more: bool,
}

/// Where to begin.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) key: String,
    /// Whether the key itself is included.
    pub(crate) inclusive: bool,
}

pub(crate) struct Walk {
    fs: Arc<dyn FileSystem>,
    bucket: PathBuf,
    frames: Vec<Frame>,
    prefix: String,
    start: Option<Start>,
    /// Whether older bodies are included.
    older: bool,
    batch: usize,
}

impl Walk {
    /// Begins a walk over the keys that begin with `prefix`, reading `batch` names at a time.
    pub(crate) fn new(
        fs: &Arc<dyn FileSystem>,
        bucket: &Path,
        prefix: &str,
        start: Option<Start>,
        older: bool,
        batch: usize,
    ) -> Self {
        let (folders, base) = match prefix.rsplit_once('/') {
            None => ("", Some(bucket.to_owned())),
            Some((folders, _)) => (&prefix[..=folders.len()], folder(bucket, folders)),
        };
        let mut walk = Self {
            fs: Arc::clone(fs),
            bucket: bucket.to_owned(),
            frames: Vec::new(),
            prefix: prefix.to_owned(),
            start,
            older,
            batch: batch.max(2),
        };
        if let Some(path) = base {
            walk.enter(path, folders.to_owned());
        }
        walk
    }

    /// Enters a folder; the next steps come from it.
    pub(crate) fn enter(&mut self, path: PathBuf, key: String) {
        self.frames.push(Frame {
            path,
            key,
            batch: Vec::new().into_iter(),
            last: None,
            more: true,
        });
    }

    /// The next name, or the folder that cannot be read; `None` at the end.
    ///
    /// # Errors
    /// The bucket's own folder cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<Step, Unreadable>>> {
        while let Some(frame) = self.frames.last_mut() {
            if let Some(child) = frame.batch.next() {
                let key = format!("{}{}", frame.key, child.name);
                let path = frame.path.join(&child.on_disk);
                let kind = child.kind.clone();
                frame.last = Some(child);
                return Ok(Some(Ok(Step { key, kind, path })));
            }
            if frame.more {
                if let Some(unreadable) = self.read()? {
                    return Ok(Some(Err(unreadable)));
                }
            } else {
                self.frames.pop();
            }
        }
        Ok(None)
    }

    /// Reads the next names of the innermost folder. If reading fails in the middle, the names read
    /// so far are kept.
    fn read(&mut self) -> io::Result<Option<Unreadable>> {
        let Some(mut frame) = self.frames.pop() else { return Ok(None) };
        let mut failure = None;
        let mut smallest: BinaryHeap<Child> = BinaryHeap::with_capacity(self.batch + 1);
        frame.more = false;
        match self.fs.read_dir(&frame.path) {
            // Pruned in the meantime, or never there.
            Err(e)
                if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => {
            }
            Err(e) => failure = Some(e),
            Ok(entries) => {
                for entry in entries {
                    let entry = match entry {
                        Ok(entry) => entry,
                        Err(e) => {
                            failure = Some(e);
                            break;
                        }
                    };
                    let Some(child) = self.child(&frame, entry) else { continue };
                    smallest.push(child);
                    if smallest.len() > self.batch {
                        smallest.pop();
                        frame.more = true;
                    }
                }
            }
        }
        frame.batch = smallest.into_sorted_vec().into_iter();
        let is_bucket = frame.path == self.bucket;
        let unreadable = failure.map(|e| Unreadable::new("listing", &frame.path, e));
        self.frames.push(frame);
        match unreadable {
            Some(unreadable) if is_bucket => Err(unreadable.source),
            other => Ok(other),
        }
    }

    /// The entry as a child, if it is ours, not yet visited, and wanted.
    fn child(&self, frame: &Frame, entry: DirEntry) -> Option<Child> {
        let on_disk = entry.name;
        let (name, kind) = match on_disk.to_str().and_then(Name::parse) {
            Some(Name::Current(name)) => (name, Kind::Current),
            Some(Name::Older(name, id)) if self.older => (name, Kind::Older(Reverse(id))),
            Some(Name::Folder(name)) if entry.is_dir => (name + "/", Kind::Folder),
            _ => return None,
        };
        let child = Child { name, kind, on_disk };
        let met = frame.last.as_ref().is_some_and(|last| child <= *last);
        (!met && self.wanted(&frame.key, &child)).then_some(child)
    }

    fn wanted(&self, above: &str, child: &Child) -> bool {
        let is_folder = child.kind == Kind::Folder;
        let key = (above, child.name.as_str());
        let begins = starts_with(key, &self.prefix) || (is_folder && within(&self.prefix, key));
        begins
            && self.start.as_ref().is_none_or(|start| {
                let order = compare(key, &start.key);
                order.is_gt()
                    || (order.is_eq() && start.inclusive)
                    || (is_folder && within(&start.key, key))
            })
    }
}

/// Whether the key made of two pieces begins with `text`.
fn starts_with((above, name): (&str, &str), text: &str) -> bool {
    match text.strip_prefix(above) {
        Some(rest) => name.starts_with(rest),
        None => above.starts_with(text),
    }
}

/// Whether `text` begins with the key made of two pieces.
fn within(text: &str, (above, name): (&str, &str)) -> bool {
    text.strip_prefix(above).is_some_and(|rest| rest.starts_with(name))
}

/// Compares the key made of two pieces with `text`.
fn compare((above, name): (&str, &str), text: &str) -> std::cmp::Ordering {
    above.bytes().chain(name.bytes()).cmp(text.bytes())
}

/// Whether the folder contains any key: a current body or, with `older`, any body.
pub(crate) fn holds_a_body(fs: &dyn FileSystem, path: &Path, older: bool) -> io::Result<bool> {
    let mut folders = vec![path.to_owned()];
    while let Some(path) = folders.pop() {
        let entries = match fs.read_dir(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.name.to_str().and_then(Name::parse) {
                Some(Name::Current(_)) => return Ok(true),
                Some(Name::Older(..)) if older => return Ok(true),
                Some(Name::Folder(_)) if entry.is_dir => folders.push(path.join(&entry.name)),
                _ => {}
            }
        }
    }
    Ok(false)
}
