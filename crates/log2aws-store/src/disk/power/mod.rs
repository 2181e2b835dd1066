//! Power cuts: the store on a disk that loses what was not synced.
//!
//! After every operation that changes the disk, the power is cut: a copy of the disk is made that
//! has what was synced and a random part of the rest. The store is opened on the copy and compared
//! with what was acknowledged until then. `LOG2AWS_POWER_CUTS` sets the number of cuts, and
//! `LOG2AWS_POWER_SEED` the first seed.

mod fuse;
mod model;
mod sim_disk;
mod sim_fs;
mod steps;
mod workload;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use fastrand::Rng;
use model::Model;
use sim_disk::{SimDisk, Survival};
use sim_fs::{Observer, SimFs};
use workload::{Ticking, Worker, specs};

use super::DiskStore;

/// How often the power fails for good in one history; in between, the store continues on what the
/// previous cut has left.
const GENERATIONS: usize = 4;
const STEPS: usize = 10;

/// Cuts the power after each operation.
struct PowerCuts {
    model: Arc<Mutex<Model>>,
    rng: Mutex<Rng>,
    seed: u64,
    cuts: AtomicU64,
    /// One of the cuts, with which the next generation begins.
    kept: Mutex<Option<(SimDisk, Model)>>,
    clock: Arc<Ticking>,
}

impl Observer for PowerCuts {
    fn changed(&self, fs: &SimFs) {
        // A panicking check removes its staged file, which is a change of the disk too.
        if thread::panicking() {
            return;
        }
        // Keeps other workers from starting or acknowledging anything between the copy and the
        // comparison.
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let survival = any_survival(&mut rng);
        let left = fs.disk().after_power_cut(survival, &mut rng);
        let cut = self.cuts.fetch_add(1, Ordering::Relaxed) + 1;
        if rng.u64(..cut.min(20)) == 0 {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((left.clone(), model.clone()));
        }
        if let Err(why) = open(&SimFs::new(left, None), &self.clock).and_then(|s| model.check(&s)) {
            let log = fs.log.lock().unwrap_or_else(PoisonError::into_inner);
            let last = log[log.len().saturating_sub(25)..].join("\n  ");
            panic!("seed {}, cut {cut}, {survival:?}: {why}\nat last:\n  {last}", self.seed);
        }
    }
}

fn any_survival(rng: &mut Rng) -> Survival {
    match rng.u64(..8) {
        0 => Survival::None,
        1 => Survival::All,
        2 => Survival::Names,
        _ => Survival::Some(20 + 20 * rng.u64(..4)),
    }
}

fn open(fs: &Arc<SimFs>, clock: &Arc<Ticking>) -> Result<DiskStore, String> {
    let (fs, clock) = (Arc::clone(fs), Arc::clone(clock));
    DiskStore::open_on(fs, Path::new("/data"), &specs(), clock)
        .map_err(|e| format!("the store cannot be opened: {e:?}"))
}

/// One history of a store; returns the number of power cuts.
fn history(seed: u64, workers: usize) -> u64 {
    let mut rng = Rng::with_seed(seed);
    let (mut disk, mut before) = (SimDisk::new(), Model::default());
    let mut cuts = 0;
    let clock = Ticking::new();
    for _ in 0..GENERATIONS {
        let model = Arc::new(Mutex::new(before));
        let observer = Arc::new(PowerCuts {
            model: Arc::clone(&model),
            rng: Mutex::new(Rng::with_seed(rng.u64(..))),
            seed,
            cuts: AtomicU64::new(0),
            kept: Mutex::default(),
            clock: Arc::clone(&clock),
        });
        let fs = SimFs::new(disk, Some(Arc::<PowerCuts>::clone(&observer)));
        let store = open(&fs, &clock).unwrap();
        {
            let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
            *model = model.check(&store).unwrap();
        }
        thread::scope(|scope| {
            for number in 0..workers {
                let (store, model) = (&store, &*model);
                let rng = Rng::with_seed(rng.u64(..));
                let mut worker = Worker { store, model, rng, number, alone: workers == 1 };
                let mut work = move || (0..STEPS).for_each(|_| worker.step());
                if workers == 1 {
                    work();
                } else {
                    scope.spawn(work);
                }
            }
        });
        cuts += observer.cuts.load(Ordering::Relaxed);
        let kept = observer.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((left, at_the_cut)) = kept else { break };
        (disk, before) = (left, at_the_cut);
    }
    cuts
}

/// A number from the environment.
fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// Runs histories until there were `otherwise` power cuts, or as many as the environment says.
fn cut_the_power(otherwise: u64, workers: usize) {
    let wanted = number("LOG2AWS_POWER_CUTS", otherwise);
    let mut cuts = 0;
    for seed in number("LOG2AWS_POWER_SEED", 20_190_801).. {
        cuts += history(seed, workers);
        if cuts >= wanted {
            break;
        }
    }
    println!("the power was cut {cuts} times");
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut() {
    cut_the_power(20_000, 1);
}

/// Folders that several workers create, find and remove concurrently are where a sync is forgotten
/// most easily.
#[test]
fn what_was_acknowledged_beside_others_outlives_a_power_cut() {
    cut_the_power(5_000, 3);
}
