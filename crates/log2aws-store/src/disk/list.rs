//! Lists with pages.

use std::cmp::Reverse;
use std::path::Path;

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;

use super::DiskStore;
use super::error::{DiskError, Unreadable};
use super::fs::FileSystem;
use super::id::ID_LEN;
use super::inner::Bucket;
use super::object_file;
use super::types::{
    Entry, ListQuery, Listing, MAX_PAGE, ObjectInfo, VersionEntry, VersionListing, VersionMarker,
    VersionQuery,
};
use super::walk::{Kind, Start, Step, Walk, holds_a_body};

impl DiskStore {
    /// Lists one page of a bucket's objects. For a prefix that ends within a folder only that
    /// folder is read; with the delimiter `/`, subfolders are only checked for any object; folders
    /// before `after` are not read.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Io`].
    pub fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<Listing, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let max = query.max.min(MAX_PAGE);
        let start = query.after.clone().map(|key| Start { key, inclusive: false });
        let mut listing = Listing::default();
        if max == 0 {
            return Ok(listing);
        }
        let walk = Walk::new(&bucket.fs, &bucket.folder, &query.prefix, start, false, max + 1);
        let groups = Groups::new(&query.prefix, query.delimiter.as_deref(), query.after.as_deref());
        let mut lines = Lines { walk, groups, bucket: &bucket, older: false };
        let (mut last, mut count) = (None, 0);
        while let Some((step, line)) = lines.next(&mut listing.unreadable)? {
            if count == max {
                listing.next = last;
                break;
            }
            last = Some(match &line {
                Line::Prefix(prefix) => prefix.clone(),
                Line::Body(_) | Line::Unreadable(_) => step.key,
            });
            count += 1;
            match line {
                Line::Prefix(prefix) => listing.entries.push(Entry::CommonPrefix(prefix)),
                Line::Body(info) => listing.entries.push(Entry::Object(info)),
                Line::Unreadable(unreadable) => listing.unreadable.push(unreadable),
            }
        }
        Ok(listing)
    }

    /// Lists one page of a bucket's versions.
    ///
    /// # Errors
    /// As [`DiskStore::list`].
    pub fn list_versions(
        &self,
        bucket: &BucketName,
        query: &VersionQuery,
    ) -> Result<VersionListing, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let max = query.max.min(MAX_PAGE);
        let mut listing = VersionListing::default();
        if max == 0 {
            return Ok(listing);
        }
        let after = query.after.as_ref();
        let start =
            after.map(|after| Start { key: after.key.clone(), inclusive: after.version.is_some() });
        let older = bucket.versioned;
        let walk = Walk::new(&bucket.fs, &bucket.folder, &query.prefix, start, older, max + 2);
        let after_key = after.map(|after| after.key.as_str());
        let groups = Groups::new(&query.prefix, query.delimiter.as_deref(), after_key);
        let mut lines = Lines { walk, groups, bucket: &bucket, older };
        let (mut last, mut count): (Option<VersionMarker>, _) = (None, 0);
        while let Some((step, line)) = lines.next(&mut listing.unreadable)? {
            let marker = marker(&step, &line);
            // The object was on the page before, or is found under both names: a put was
            // interrupted between adding the second name and removing the first.
            let listed = after.is_some_and(|after| !is_after(after, &marker));
            if listed || last.as_ref() == Some(&marker) {
                continue;
            }
            if count == max {
                listing.next = last;
                break;
            }
            last = Some(marker);
            count += 1;
            match line {
                Line::Prefix(prefix) => listing.entries.push(VersionEntry::CommonPrefix(prefix)),
                Line::Body(info) => {
                    let latest = step.kind == Kind::Current;
                    listing.entries.push(VersionEntry::Version { info, latest });
                }
                Line::Unreadable(unreadable) => listing.unreadable.push(unreadable),
            }
        }
        Ok(listing)
    }
}

enum Line {
    Prefix(String),
    Body(Box<ObjectInfo>),
    Unreadable(Unreadable),
}

/// The lines of a list in order, before it is divided into pages.
struct Lines<'a> {
    walk: Walk,
    groups: Groups<'a>,
    bucket: &'a Bucket,
    /// Whether older bodies are included.
    older: bool,
}

impl Lines<'_> {
    /// The next line and the step that it comes from; `None` at the end. Folders that cannot be
    /// read are added to `unreadable`.
    fn next(
        &mut self,
        unreadable: &mut Vec<Unreadable>,
    ) -> Result<Option<(Step, Line)>, DiskError> {
        let fs = &*self.bucket.fs;
        while let Some(step) = self.walk.next().map_err(|e| failed(self.bucket, e))? {
            let step = match step {
                Ok(step) => step,
                Err(folder) => {
                    unreadable.push(folder);
                    continue;
                }
            };
            match self.groups.of(fs, &step, self.older, unreadable) {
                Group::Skip => {}
                Group::Enter => self.walk.enter(step.path, step.key),
                Group::Prefix(prefix) => return Ok(Some((step, Line::Prefix(prefix)))),
                Group::Single => {
                    if let Some(line) = read(fs, &step) {
                        return Ok(Some((step, line)));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// What a list with a delimiter does with a step of the walk.
enum Group {
    /// Nothing: it belongs to a prefix that is already listed, or is before the page.
    Skip,
    /// Walk into this folder.
    Enter,
    /// Add a new common prefix.
    Prefix(String),
    /// Add an entry of its own.
    Single,
}

/// Groups keys into common prefixes.
struct Groups<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    after: Option<&'a str>,
    seen: Option<String>,
}

impl<'a> Groups<'a> {
    fn new(prefix: &'a str, delimiter: Option<&'a str>, after: Option<&'a str>) -> Self {
        let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
        Self { prefix, delimiter, after, seen: None }
    }

    fn of(
        &mut self,
        fs: &dyn FileSystem,
        step: &Step,
        older: bool,
        unreadable: &mut Vec<Unreadable>,
    ) -> Group {
        let is_folder = step.kind == Kind::Folder;
        let otherwise = if is_folder { Group::Enter } else { Group::Single };
        let Some(delimiter) = self.delimiter else { return otherwise };
        if self.seen.as_ref().is_some_and(|seen| step.key.starts_with(seen.as_str())) {
            return Group::Skip;
        }
        let rest = step.key.strip_prefix(self.prefix).unwrap_or_default();
        let Some(at) = rest.find(delimiter) else { return otherwise };
        let prefix = &step.key[..self.prefix.len() + at + delimiter.len()];
        if self.after.is_some_and(|after| prefix <= after) {
            self.seen = Some(prefix.to_owned());
            return Group::Skip;
        }
        if is_folder {
            match holds_a_body(fs, &step.path, older) {
                Ok(true) => {}
                Ok(false) => return Group::Skip,
                // It may contain objects, so it must be reported.
                Err(e) => unreadable.push(Unreadable::new("listing", &step.path, e)),
            }
        }
        self.seen = Some(prefix.to_owned());
        Group::Prefix(prefix.to_owned())
    }
}

/// Reads the body at a step; `None` if it is gone, or is not a key of ours.
fn read(fs: &dyn FileSystem, step: &Step) -> Option<Line> {
    let key = step.key.parse::<ObjectKey>().ok()?;
    match object_file::open(fs, &step.path, &key) {
        Ok(found) => found.map(|(_, info)| Line::Body(Box::new(info))),
        Err(error) => Some(Line::Unreadable(Unreadable::of(error, &step.path))),
    }
}

fn marker(step: &Step, line: &Line) -> VersionMarker {
    let version = match (line, &step.kind) {
        (Line::Body(info), _) => Some(info.version.clone()),
        (Line::Unreadable(_), Kind::Older(Reverse(id))) => Some(VersionId::new(id)),
        // Its id is unknown, but it is newer than the older bodies, which follow it.
        (Line::Unreadable(_), _) => Some(VersionId::new("v".repeat(ID_LEN))),
        (Line::Prefix(_), _) => None,
    };
    let key = match line {
        Line::Prefix(prefix) => prefix.clone(),
        Line::Body(_) | Line::Unreadable(_) => step.key.clone(),
    };
    VersionMarker { key, version }
}

/// Whether `marker` comes after `after`. Ids grow with time, so an older body has a smaller id.
fn is_after(after: &VersionMarker, marker: &VersionMarker) -> bool {
    match (&after.version, &marker.version) {
        (Some(after_version), Some(version)) if after.key == marker.key => {
            version.as_str() < after_version.as_str()
        }
        _ => true,
    }
}

fn failed(bucket: &Bucket, source: std::io::Error) -> DiskError {
    let path: &Path = &bucket.folder;
    DiskError::Io { what: "listing", path: path.to_owned(), source }
}
