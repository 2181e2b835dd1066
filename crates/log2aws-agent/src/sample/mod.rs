//! `sample`: appends one line about this machine to the day's log.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::line::{ComposeError, compose};
use log2aws_core::metadata::{Metadata, Mode, Note};
use log2aws_core::sample::Sample;
use log2aws_core::server_name::ServerName;

use crate::spool::{self, Spool, SpoolError, is_full, with_hint};
use crate::world::{ProcRoot, World};

use self::proc::{Counters, Memory, Processes};
use self::state::LastSample;
use self::vmstat::{Columns, Units};

mod day_log;
pub(crate) mod log_lines;
mod proc;
mod state;
mod users;
mod vmstat;

pub use self::day_log::AppendError;
pub use self::proc::ProcError;

/// How long a first sample measures by default.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(1);

/// The most that is read of one file of /proc. `stat` has about 100 bytes a core and 2 an
/// interrupt.
const MAX_PROC: u64 = 4 << 20;

/// The settings of `sample`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleConfig {
    /// The folder of the day logs; created if needed.
    pub log_dir: PathBuf,
    /// The folder with the counters of the last sample, where the next interval begins; with `None`
    /// every sample measures over the window.
    pub state_dir: Option<PathBuf>,
    /// The name in the metadata line.
    pub server: ServerName,
    /// The machine's usual name, if it has one.
    pub note: Option<Note>,
    /// The time over which rates are averaged.
    pub mode: SampleMode,
    /// The sampling interval in seconds, if the caller keeps to one.
    pub interval: Option<NonZeroU32>,
    /// Whether [`run`] syncs the line to disk. Without it, a power cut loses the lines of about 30
    /// seconds.
    pub sync: bool,
}

impl SampleConfig {
    /// The spool of the line; `None` if there are no records of deliveries.
    fn spool(&self) -> Option<Spool> {
        let state_dir = self.state_dir.clone()?;
        Some(Spool { log_dir: self.log_dir.clone(), state_dir, server: self.server.clone() })
    }
}

/// The time over which si so bi bo in cs us sy id wa st are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleMode {
    /// Since the last sample; if there is none of this boot, over this window from now.
    Interval {
        /// How long to measure if there is no last sample.
        window: Duration,
    },
    /// Since boot, like `vmstat | tail -1`.
    SinceBoot,
}

/// The result of a sample.
#[derive(Debug)]
#[non_exhaustive]
pub struct SampleReport {
    /// The file of the line.
    pub file: PathBuf,
    /// The line's own day.
    pub day: Day,
    /// The line, without its end.
    pub line: String,
    /// The time that the rates cover; `None` is since boot.
    pub interval: Option<Duration>,
    /// Days whose delivered logs were removed because the disk was full.
    pub removed: Vec<Day>,
    /// A problem besides the line, which was written: the counters could not be saved, so that the
    /// next sample measures over the window; or the log was locked by somebody else.
    pub state_error: Option<SampleError>,
}

/// Why no line was written, or (in [`SampleReport::state_error`]) what else went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file of the kernel cannot be read.
    #[error("{path} cannot be read: {source}; is /proc mounted?")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file of the kernel has an unexpected format.
    #[error(transparent)]
    Proc(#[from] ProcError),
    /// The clock is outside the years that a line can have.
    #[error("the clock says {0}; a sample line needs a year of four digits: set the clock")]
    Clock(jiff::civil::Date),
    /// The values cannot be written as a line.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The log folder is not trusted.
    #[error(transparent)]
    Folder(#[from] SpoolError),
    /// The line cannot be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The line was written without a lock.
    #[error(
        "the line is written to {path}, but without a lock: {why}; find who holds it with fuser(1)"
    )]
    Unlocked {
        /// The file.
        path: PathBuf,
        /// Why the lock was not available.
        why: String,
    },
    /// The process was asked to stop while it measured: rates over a part of the window would look
    /// like those of the whole.
    #[error("stopped before the first sample had measured its window")]
    Interrupted,
    /// The disk is full, and no log can be removed.
    #[error(
        "the line cannot be written to {0}: the disk is full, and no log of an earlier day is left \
         there that the store has; make room, or deliver what is pending (log2aws-agent ship)"
    )]
    Full(PathBuf),
    /// The counters cannot be saved.
    #[error(
        "the counters of this sample cannot be kept in {path}: {source}; or name another folder \
         with --state-dir"
    )]
    State {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl SampleError {
    /// Whether a folder of ours cannot be written although its disk has room. In the sandbox of a
    /// service it may be there again after a restart.
    pub fn is_folder_lost(&self) -> bool {
        let (Self::Append(AppendError::Folder { source, .. } | AppendError::Open { source, .. })
        | Self::State { source, .. }) = self
        else {
            return false;
        };
        matches!(
            source.kind(),
            ErrorKind::ReadOnlyFilesystem
                | ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::StaleNetworkFileHandle
        )
    }
}

/// Appends one line.
///
/// # Errors
/// [`SampleError`]; the log then has no part of the line.
pub fn run(config: &SampleConfig, world: &World<'_>) -> Result<SampleReport, SampleError> {
    let proc_root = &world.proc_root;
    let first = Snapshot::take(proc_root)?;
    let (snapshot, columns, interval) = match config.mode {
        SampleMode::SinceBoot => {
            let columns =
                vmstat::since_boot(first.now, first.memory, &first.counters, units(proc_root));
            (first, columns, None)
        }
        SampleMode::Interval { window } => since_last(config, world, first, window)?,
    };

    let now = world.time.now().to_zoned(world.zone.clone());
    let day = Day::from_date(now.date()).ok_or(SampleError::Clock(now.date()))?;
    let line = compose(&Sample {
        time: now.datetime(),
        uptime_seconds: Some(snapshot.counters.uptime_centis / 100),
        // A line may omit this; without the permission to read it, the rest still counts.
        users: users::count(&proc_root.path).ok(),
        load: proc::read_loadavg(&read(proc_root, "proc/loadavg")?)?,
        vmstat: columns,
        guest: None,
    })?;
    let file = config.log_dir.join(format!("{day}.log"));
    let mode = if interval.is_some() { Mode::Interval } else { Mode::SinceBoot };
    let metadata = metadata(config, world, &snapshot, mode);
    match spool::check_folder(&config.log_dir) {
        Ok(()) | Err(SpoolError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let mut removed = Vec::new();
    let unlocked = loop {
        let appended = day_log::append(&file, &metadata, &line, config.sync, world.time);
        let error = match appended {
            Ok(unlocked) => break unlocked,
            Err(error) => error,
        };
        if !error.source().is_some_and(is_full) {
            return Err(error.into());
        }
        // A failure to make room matters less than the full disk.
        let Some(spool) = config.spool() else { return Err(SampleError::Full(file)) };
        match spool.make_room(day) {
            Ok(Some(day)) => removed.push(day),
            _ if spool.forget_oldest() => {}
            _ => return Err(SampleError::Full(file)),
        }
    };
    let unlocked = unlocked.map(|why| SampleError::Unlocked { path: file.clone(), why });
    let state_error = keep(config, now.timestamp(), snapshot).err().or(unlocked);
    // Nothing is created in another user's state folder, because that user could not open it.
    if let Some(spool) = config.spool()
        && spool::state::make(&spool.state_dir).is_ok()
    {
        removed.extend(spool.prepare(day));
    }
    Ok(SampleReport { file, day, line, interval, removed, state_error })
}

/// The last sample with a state folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastSampleAt {
    /// When its line was written.
    pub at: Timestamp,
}

/// The time of the last sample; `None` if there was none, or its state is unreadable.
pub fn last(state_dir: &Path) -> Option<LastSampleAt> {
    state::load(state_dir).map(|last| LastSampleAt { at: last.at })
}

/// Saves a sample without counters, for tests of what reads its time.
#[cfg(test)]
pub(crate) fn save_at(state_dir: &Path, at: Timestamp) {
    let sample = LastSample { at, boot_id: None, counters: Counters::default() };
    assert!(state::save(state_dir, &sample).is_ok());
}

/// The metadata line of this machine.
fn metadata(config: &SampleConfig, world: &World<'_>, at: &Snapshot, mode: Mode) -> Metadata {
    Metadata {
        server: Some(config.server.clone()),
        cores: NonZeroU32::new(at.now.cores),
        // A zone without a name (a plain file as /etc/localtime) is omitted rather than guessed.
        zone: world.zone.iana_name().and_then(|name| name.parse().ok()),
        mode: Some(mode),
        interval: config.interval,
        note: config.note.clone(),
        other: Vec::new(),
    }
}

/// Rates since the last sample, or over `window` from now if there is no basis: no saved state,
/// another boot, a counter that went back, or a sample just taken.
fn since_last(
    config: &SampleConfig,
    world: &World<'_>,
    first: Snapshot,
    window: Duration,
) -> Result<(Snapshot, Columns, Option<Duration>), SampleError> {
    let proc_root = &world.proc_root;
    let kept = config.state_dir.as_deref().and_then(state::load).filter(|last| {
        last.boot_id.is_some()
            && last.boot_id == first.boot_id
            && vmstat::follows(&last.counters, &first.counters, first.now.cores, units(proc_root))
            && elapsed(&last.counters, &first.counters) >= window
    });
    let (earlier, later) = if let Some(last) = kept {
        (last.counters, first)
    } else {
        world.time.sleep(window);
        if world.time.is_stopping() {
            return Err(SampleError::Interrupted);
        }
        (first.counters, Snapshot::take(proc_root)?)
    };
    let columns =
        vmstat::between(later.now, later.memory, &earlier, &later.counters, units(proc_root));
    let interval = elapsed(&earlier, &later.counters);
    Ok((later, columns, Some(interval)))
}

fn elapsed(earlier: &Counters, later: &Counters) -> Duration {
    let centis = later.uptime_centis.saturating_sub(earlier.uptime_centis);
    Duration::from_millis(centis.saturating_mul(10))
}

fn keep(config: &SampleConfig, at: Timestamp, snapshot: Snapshot) -> Result<(), SampleError> {
    let Some(folder) = &config.state_dir else { return Ok(()) };
    let Snapshot { boot_id, counters, .. } = snapshot;
    state::save(folder, &LastSample { at, boot_id, counters })
        .map_err(|source| with_hint(&state::path(folder), source))
        .map_err(|source| SampleError::State { path: state::path(folder), source })?;
    Ok(())
}

fn units(proc_root: &ProcRoot) -> Units {
    Units { page_kib: proc_root.page_size / 1024, ticks_per_second: proc_root.ticks_per_second }
}

/// The kernel's counters at one moment, as close together as four reads can be.
struct Snapshot {
    now: Processes,
    memory: Memory,
    counters: Counters,
    /// `None` if the kernel does not provide it; then the state is not used.
    boot_id: Option<String>,
}

impl Snapshot {
    fn take(proc_root: &ProcRoot) -> Result<Self, SampleError> {
        let mut counters = Counters {
            uptime_centis: proc::read_uptime(&read(proc_root, "proc/uptime")?)?,
            ..Counters::default()
        };
        let now = proc::read_stat(&read(proc_root, "proc/stat")?, &mut counters)?;
        proc::read_vmstat(&read(proc_root, "proc/vmstat")?, &mut counters)?;
        let memory = proc::read_meminfo(&read(proc_root, "proc/meminfo")?)?;
        let boot_id = read(proc_root, "proc/sys/kernel/random/boot_id").ok();
        let boot_id = boot_id.map(|text| text.trim().to_owned()).filter(|id| !id.is_empty());
        Ok(Self { now, memory, counters, boot_id })
    }
}

fn read(proc_root: &ProcRoot, path: &str) -> Result<String, SampleError> {
    read_text(&proc_root.path.join(path))
        .map_err(|source| SampleError::Read { path: proc_root.path.join(path), source })
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = Vec::with_capacity(8 << 10);
    File::open(path)?.take(MAX_PROC).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
