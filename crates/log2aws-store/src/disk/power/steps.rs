//! Races: what other threads do at one particular step of a call.

use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use log2aws_core::key::{BucketName, ObjectKey};

use super::super::{Attributes, Condition, DiskError, DiskStore, UploadId, UploadQuery};
use super::sim_disk::SimDisk;
use super::sim_fs::{Observer, SimFs};
use super::workload::{Ticking, specs};

/// Runs `act` once, after the first operation that `is_it` selects.
struct At {
    is_it: fn(&str) -> bool,
    act: Box<dyn Fn() + Send + Sync>,
    done: Mutex<bool>,
}

impl Observer for At {
    fn changed(&self, fs: &SimFs) {
        let is_it = fs.log.lock().unwrap().last().is_some_and(|last| (self.is_it)(last));
        if is_it && !std::mem::replace(&mut *self.done.lock().unwrap(), true) {
            (self.act)();
        }
    }
}

/// A store that runs `act` at that operation, once it is armed.
fn store_with(
    is_it: fn(&str) -> bool,
    act: impl Fn(&DiskStore) + Send + Sync + 'static,
) -> (DiskStore, Arc<SimFs>, Arc<At>) {
    let store: Arc<OnceLock<DiskStore>> = Arc::default();
    let later = Arc::clone(&store);
    let act = Box::new(move || act(later.get().unwrap()));
    let at = Arc::new(At { is_it, act, done: Mutex::new(true) });
    let fs = SimFs::new(SimDisk::new(), Some(Arc::<At>::clone(&at)));
    let disk = Arc::<SimFs>::clone(&fs);
    let opened = DiskStore::open_on(disk, Path::new("/data"), &specs(), Ticking::new()).unwrap();
    store.set(opened.clone()).unwrap();
    (opened, fs, at)
}

fn results() -> BucketName {
    "results".parse().unwrap()
}

fn key() -> ObjectKey {
    "k".parse().unwrap()
}

fn put_part(store: &DiskStore, upload: &UploadId, bytes: &[u8]) -> Result<String, DiskError> {
    let mut part = store.stage_part(upload, 1)?;
    part.write_all(bytes).unwrap();
    Ok(part.commit()?.etag)
}

/// An upload, and the parts to complete it with.
type Begun = (UploadId, Vec<(u16, String)>);

fn begin(store: &DiskStore) -> Begun {
    let upload = store.create_upload(&results(), &key(), &Attributes::default()).unwrap();
    let etag = put_part(store, &upload, b"first").unwrap();
    (upload, vec![(1, etag)])
}

fn uploads(store: &DiskStore) -> usize {
    let all = UploadQuery { max: 10, ..UploadQuery::default() };
    store.list_uploads(&results(), &all).unwrap().uploads.len()
}

fn an_object_is_put(operation: &str) -> bool {
    operation.starts_with("rename") && operation.ends_with("/results/k@")
}

/// Aborts the upload, completes it and replaces its part from other threads while the object is
/// being assembled. Each of them either waits until the end and finds no upload, or finished
/// before.
#[test]
fn of_complete_and_abort_one_succeeds() {
    type Outcome = (&'static str, Result<(), DiskError>);
    let (outcomes, others) = mpsc::channel::<Outcome>();
    let begun: Arc<OnceLock<Begun>> = Arc::default();
    let arguments = Arc::clone(&begun);
    let (store, _, at) = store_with(an_object_is_put, move |store| {
        let (finished, any_finished) = mpsc::channel();
        for name in ["abort", "complete", "part"] {
            let (store, outcomes, finished) = (store.clone(), outcomes.clone(), finished.clone());
            let (upload, parts) = arguments.get().unwrap().clone();
            thread::spawn(move || {
                let outcome = match name {
                    "abort" => store.abort_upload(&upload),
                    "complete" => store
                        .assemble_upload(&upload, &parts)
                        .and_then(|whole| whole.commit(&Condition::Always).map(drop)),
                    _ => put_part(&store, &upload, b"late").map(drop),
                };
                outcomes.send((name, outcome)).unwrap();
                let _nobody_waits_any_more = finished.send(());
            });
        }
        drop(finished);
        // Enough time for all three to do what they must not do. They wait for the lock, if there
        // is one.
        let wait = Duration::from_millis(300);
        while any_finished.recv_timeout(wait).is_ok() {}
    });
    let (upload, parts) = begin(&store);
    begun.set((upload.clone(), parts.clone())).unwrap();
    *at.done.lock().unwrap() = false;
    let whole = store.assemble_upload(&upload, &parts).unwrap();
    whole.commit(&Condition::Always).unwrap();
    for _ in 0..3 {
        let (name, outcome) = others.recv_timeout(Duration::from_mins(1)).unwrap();
        match outcome {
            Err(DiskError::NoSuchUpload { .. }) => {}
            // The part was committed before the upload ended, and was removed with it.
            Ok(()) if name == "part" => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(uploads(&store), 0);
    assert_eq!(store.head(&results(), &key(), None).unwrap().digests.size, 5);
}

/// A part that is replaced after the list of parts was compared and before its bytes are copied is
/// not the part that the caller meant.
#[test]
fn a_part_that_is_replaced_while_the_parts_are_copied_is_refused() {
    let begun: Arc<OnceLock<UploadId>> = Arc::default();
    let upload_of = Arc::clone(&begun);
    let (store, _, at) = store_with(
        |operation| operation.starts_with("create /data/staging"),
        move |store| drop(put_part(store, upload_of.get().unwrap(), b"other").unwrap()),
    );
    let (upload, parts) = begin(&store);
    begun.set(upload.clone()).unwrap();
    *at.done.lock().unwrap() = false;
    let refused = store.assemble_upload(&upload, &parts).map(drop).unwrap_err();
    assert!(matches!(refused, DiskError::InvalidPart { number: 1, .. }), "{refused:?}");
    assert!(*at.done.lock().unwrap(), "the part was not replaced");
    assert_eq!(uploads(&store), 1);
    assert!(store.head(&results(), &key(), None).is_err());
}

/// The analyzer deletes results that a log does not have: this must need no sync.
#[test]
fn deleting_what_is_absent_syncs_a_folder_once() {
    let (store, fs, _) = store_with(|_| false, |_| {});
    let syncs = || fs.log.lock().unwrap().iter().filter(|line| line.starts_with("sync")).count();
    let absent = |name: &str| {
        let key = name.parse().unwrap();
        store.delete(&results(), &key, &Condition::Always).unwrap();
    };
    let before = syncs();
    absent("web01/none");
    assert_eq!(syncs(), before + 1, "the process before may have removed it and not synced");
    absent("web01/none");
    absent("web01/neither");
    assert_eq!(syncs(), before + 1);
    // A delivery: some results are put, others are deleted.
    let staged = store.stage(&results(), &"web02/csv".parse().unwrap()).unwrap();
    staged.commit(Attributes::default(), &Condition::Always).unwrap();
    let before = syncs();
    absent("web02/rejects");
    assert_eq!(syncs(), before);
    // Retention does not sync its removals; a later delete has to.
    store
        .expire(&results(), &super::super::RetentionRule::everything_before(jiff::Timestamp::MAX))
        .unwrap();
    absent("web02/csv");
    assert_eq!(syncs(), before + 1);
}
