//! Measures how many small durable puts a second a disk takes: `put_rate FOLDER [THREADS [PUTS
//! [BYTES]]]`.
//!
//! As with deliveries, every put writes a different day log into the versioned bucket.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::Clock;
use log2aws_store::disk::{Attributes, Condition};
use log2aws_store::{BucketSpec, DiskStore};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| -> Outcome<usize> {
        Ok(arguments.get(i).map(|text| text.parse()).transpose()?.unwrap_or(default))
    };
    let folder = arguments.first().ok_or("usage: put_rate FOLDER [THREADS [PUTS [BYTES]]]")?;
    let (threads, puts, size) = (number(1, 32)?, number(2, 20_000)?, number(3, 14_000)?);

    let bucket: BucketName = "serverlogs-local".parse()?;
    let spec = BucketSpec { name: bucket.clone(), versioned: true };
    let store = DiskStore::open(Path::new(folder), &[spec], Arc::new(SystemClock))?;
    let begin = Instant::now();
    std::thread::scope(|scope| -> Outcome<()> {
        let (store, bucket) = (&store, &bucket);
        let put_some = move |thread: usize| -> Outcome<()> {
            for i in 0..puts / threads {
                let (server, day) = (thread * 8 + i % 8, i / 8);
                let key: ObjectKey = format!("web{server:03}/{day:06}.log").parse()?;
                let mut staged = store.stage(bucket, &key)?;
                staged.write_all(&vec![b'0' + u8::try_from(i % 10)?; size])?;
                staged.commit(Attributes::default(), &Condition::Always)?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..threads).map(|t| scope.spawn(move || put_some(t))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a put panicked")?)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let done = puts / threads * threads;
    writeln!(
        std::io::stdout(),
        "{done} puts of {size} bytes from {threads} threads in {seconds:.2} s: {:.0} a second",
        f64::from(u32::try_from(done)?) / seconds
    )?;
    Ok(())
}
