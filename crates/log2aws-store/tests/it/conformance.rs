//! The suite fails a store that breaks a guarantee and passes one that keeps it.

use std::io::{self, Cursor, Read, Write};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{
    Condition, ListPage, ListQuery, ObjectLister, Store, StoreError, Upload, Version, VersionId,
};
use log2aws_store::{BucketSpec, MemoryStore, conformance};

use crate::common::{analyzed, key, raw, specs};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    LosesTheLastByte,
    ShowsTheKeyAtOnce,
    CommitsWhatIsDropped,
    NamesAllBodiesAlike,
    ReadsTheNewestAlways,
    ForgetsToDelete,
    TakesKeysForPaths,
    IgnoresCase,
    KeepsNoVersions,
    HasEveryBucket,
    ListsWhatIsBeside,
    ListsInTheOrderOfPuts,
    TellsAFolderOften,
    TellsTheFolderAgain,
    BeginsAtTheKey,
    ForgetsTheNextPage,
    TagsAllAlike,
    ListsEveryBucket,
    IgnoresConditions,
}

/// A store in memory with one defect.
struct Flawed {
    store: MemoryStore,
    flaw: Flaw,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        let versioned = |spec: &BucketSpec| spec.versioned && flaw != Flaw::KeepsNoVersions;
        let specs = specs().map(|spec| BucketSpec { versioned: versioned(&spec), ..spec });
        Self { store: MemoryStore::new(&specs), flaw }
    }

    fn key(&self, name: &ObjectKey) -> ObjectKey {
        match self.flaw {
            Flaw::TakesKeysForPaths => {
                let mut path = Vec::new();
                for segment in name.as_str().split('/').filter(|s| !s.is_empty() && *s != ".") {
                    if segment == ".." { path.truncate(path.len() - 1) } else { path.push(segment) }
                }
                key(&path.join("/"))
            }
            Flaw::IgnoresCase => key(&name.as_str().to_lowercase()),
            _ => name.clone(),
        }
    }

    fn bucket(&self, name: &BucketName) -> BucketName {
        if self.flaw == Flaw::HasEveryBucket && *name != analyzed() { raw() } else { name.clone() }
    }

    fn named(&self, version: Version) -> Version {
        match self.flaw {
            Flaw::NamesAllBodiesAlike => Version { id: VersionId::new("null"), ..version },
            _ => version,
        }
    }
}

impl Store for Flawed {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        let newest = self.store.head(&self.bucket(bucket), &self.key(key))?;
        Ok(newest.map(|version| self.named(version)))
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let (bucket, key) = (self.bucket(bucket), self.key(key));
        let by_name = matches!(self.flaw, Flaw::NamesAllBodiesAlike) && version.as_str() == "null";
        match self.store.contents(&bucket, &key) {
            Some((bytes, _)) if by_name || self.flaw == Flaw::ReadsTheNewestAlways => {
                Ok(Box::new(Cursor::new(bytes)))
            }
            _ => self.store.open(&bucket, &key, version),
        }
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        let (bucket, key) = (self.bucket(bucket), self.key(key));
        if self.flaw == Flaw::ShowsTheKeyAtOnce {
            self.store.create(&bucket, &key, content_type)?.commit()?;
        }
        let upload = Some(self.store.create(&bucket, &key, content_type)?);
        let alike = Self { store: self.store.clone(), flaw: self.flaw };
        Ok(Box::new(FlawedUpload { store: alike, upload, held: None }))
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        let bucket = self.bucket(bucket);
        if self.flaw == Flaw::ForgetsToDelete {
            return self.store.head(&bucket, key).map(drop);
        }
        self.store.delete(&bucket, &self.key(key))
    }
}

impl ObjectLister for Flawed {
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        let mut query = query.clone();
        let after = query.after.clone();
        match (self.flaw, &after) {
            (Flaw::ListsWhatIsBeside, _) => {
                query.prefix.pop();
            }
            (Flaw::BeginsAtTheKey, Some(after)) => {
                query.after = Some(after[..after.len() - 1].to_owned());
            }
            // As an S3 would that takes `start-after` literally.
            (Flaw::TellsTheFolderAgain, Some(after)) if query.folders && after.ends_with('/') => {
                query.after = Some(after.trim_end_matches('/').to_owned());
            }
            (Flaw::ListsEveryBucket, _) if *bucket != raw() && *bucket != analyzed() => {
                return Ok(ListPage::default());
            }
            _ => {}
        }
        let mut page = self.store.list(bucket, &query)?;
        match self.flaw {
            Flaw::ListsInTheOrderOfPuts => page.objects.sort_by(|a, b| a.e_tag.cmp(&b.e_tag)),
            Flaw::TellsAFolderOften => page.folders.extend(page.folders.first().cloned()),
            Flaw::ForgetsTheNextPage => page.next = None,
            Flaw::TagsAllAlike => {
                page.objects.iter_mut().for_each(|object| object.e_tag.truncate(0));
            }
            _ => {}
        }
        Ok(page)
    }
}

struct FlawedUpload {
    store: Flawed,
    upload: Option<Box<dyn Upload>>,
    /// The last byte written, held back because more may follow.
    held: Option<u8>,
}

impl Write for FlawedUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let upload = self.upload.as_mut().unwrap();
        if let Some((last, rest)) = bytes.split_last() {
            upload.write_all(self.held.replace(*last).as_slice())?;
            upload.write_all(rest)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for FlawedUpload {
    fn commit_if(mut self: Box<Self>, condition: &Condition) -> Result<Version, StoreError> {
        let mut upload = self.upload.take().unwrap();
        if self.store.flaw != Flaw::LosesTheLastByte {
            upload.write_all(self.held.as_slice()).unwrap();
        }
        let ignored = self.store.flaw == Flaw::IgnoresConditions;
        let condition = if ignored { &Condition::None } else { condition };
        let version = upload.commit_if(condition)?;
        Ok(self.store.named(version))
    }
}

impl Drop for FlawedUpload {
    fn drop(&mut self) {
        if let Some(upload) =
            self.upload.take().filter(|_| self.store.flaw == Flaw::CommitsWhatIsDropped)
        {
            upload.commit().unwrap();
        }
    }
}

#[test]
fn every_flaw_is_found_and_named() {
    let run = |flaw| conformance::run_all(&Flawed::new(flaw), &raw(), &analyzed());
    run(Flaw::None).unwrap();
    for (flaw, promise) in [
        (Flaw::LosesTheLastByte, "what was committed reads back whole"),
        (Flaw::ShowsTheKeyAtOnce, "nothing is seen before the commit"),
        (Flaw::CommitsWhatIsDropped, "a dropped upload leaves no trace"),
        (Flaw::NamesAllBodiesAlike, "different bodies have different names"),
        (Flaw::ReadsTheNewestAlways, "an unknown version is not found"),
        (Flaw::ForgetsToDelete, "a delete removes, twice too"),
        (Flaw::TakesKeysForPaths, "keys do not touch each other"),
        (Flaw::IgnoresCase, "keys do not touch each other"),
        (Flaw::IgnoresConditions, "a conditional write changes only what was seen"),
        (Flaw::KeepsNoVersions, "older versions stay"),
        (Flaw::HasEveryBucket, "an unknown bucket is not found"),
        (Flaw::ListsWhatIsBeside, "a list has every key in order"),
        (Flaw::ListsInTheOrderOfPuts, "a list has every key in order"),
        (Flaw::TellsAFolderOften, "folders are rolled up"),
        (Flaw::TellsTheFolderAgain, "a list goes on behind any key"),
        (Flaw::BeginsAtTheKey, "a list goes on behind any key"),
        (Flaw::ForgetsTheNextPage, "a long list comes in pages"),
        (Flaw::TagsAllAlike, "a tag changes with the body"),
        (Flaw::ListsEveryBucket, "a list of an unknown bucket is not found"),
    ] {
        let told = run(flaw).expect_err(&format!("{flaw:?} is not found")).to_string();
        assert!(told.contains(promise), "{flaw:?}: {told}");
    }
}
