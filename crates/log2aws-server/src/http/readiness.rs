//! Whether deliveries can be taken: the store can be written to, and has room.

use std::sync::Arc;
use std::time::Duration;

use log2aws_store::DiskStore;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::s3::uploads::Uploads;

/// For how long an answer is good: each costs a file made and removed, and anybody may ask.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and how to find the next.
pub(crate) struct Readiness {
    store: DiskStore,
    uploads: Arc<Uploads>,
    last: Mutex<Option<(Instant, Answer)>>,
}

/// Why no delivery can be taken, in one sentence, or that one can.
type Answer = Result<(), &'static str>;

impl Readiness {
    /// Of a store on the disk of `uploads`.
    pub(crate) fn new(store: DiskStore, uploads: Arc<Uploads>) -> Self {
        Self { store, uploads, last: Mutex::default() }
    }

    /// The answer, at most a second old. Who asks at the same time waits for the same one.
    ///
    /// # Errors
    /// Why no delivery can be taken.
    pub(crate) async fn check(&self) -> Answer {
        const FAILED: &str = "the store cannot be written to";
        let mut last = self.last.lock().await;
        if let Some((_, answer)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return answer;
        }
        let (store, uploads) = (self.store.clone(), self.uploads.clone());
        let probed = tokio::task::spawn_blocking(move || {
            probe(&store)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(uploads.space.has(1)?)
        });
        let answer = match probed.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the disk is nearly full: no uploads are taken"),
            Ok(Err(error)) => {
                tracing::error!(error = &*error, "{FAILED}");
                Err(FAILED)
            }
            Err(_) => Err(FAILED),
        };
        *last = Some((Instant::now(), answer));
        answer
    }
}

/// Writes a few bytes that are never committed.
fn probe(store: &DiskStore) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let bucket = store.buckets().first().ok_or("the store has no bucket")?.name.clone();
    let mut staged = store.stage(&bucket, &"readyz".parse()?)?;
    std::io::Write::write_all(&mut staged, b"readyz")?;
    std::io::Write::flush(&mut staged)?;
    Ok(())
}
