//! Streams one version of a raw log into its results, in bounded memory.

use std::collections::BTreeMap;
use std::io::{self, Read};

use log2aws_core::chart::ChartBuilder;
use log2aws_core::convert::{Converter, Sink};
use log2aws_core::csv::CSV_HEADER;
use log2aws_core::key::ResultKind;
use log2aws_core::line::Row;
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use log2aws_core::summary::{
    AcceptedVersion, LogSummary, Rejects, SummaryBuilder, SummaryError, TakenAt,
};

use super::RecordFailure;
use super::digest::LogDigest;
use super::job::{Job, NewResult};
use super::stored_summary::{day_before, result_name};
use crate::ports::{StoreError, VersionId};

/// How much of the log is read at once, in bytes.
const BLOCK: usize = 128 * 1024;

/// How much of a compressed log is expanded before its rows are written, in bytes. Deflate expands
/// at most about a thousandfold (a limit of RFC 1951), so at most 4 MiB wait in memory.
const PACKED_BLOCK: usize = 4 * 1024;

/// The facts found by the conversion, and the results, which are not visible yet.
pub(super) struct Converted {
    pub(super) log: LogSummary,
    /// The length of the raw log in bytes, as it is stored.
    pub(super) size: u64,
    /// The SHA-256 of the raw log as stored, in lower-case hex.
    pub(super) sha256: String,
    /// The SHA-256 of its first `prefix` bytes, if it is that long.
    pub(super) beginning: Option<String>,
    pub(super) results: NewResults,
}

/// Converts one version to CSV, charts and rejects.
pub(super) fn convert(
    job: &Job<'_>,
    version: &AcceptedVersion,
    prefix: Option<u64>,
) -> Result<Converted, RecordFailure> {
    let mut results = Results::new(job, version)?;
    let mut converter = Converter::with_max_gzip_ratio(job.app.max_gzip_ratio);
    let mut digest = LogDigest::new(prefix);
    let mut step = 0;
    let mut drained = Ok(());
    read(job, &version.version, |block| {
        if digest.size() == 0 {
            step = if block.starts_with(&[0x1f, 0x8b]) { PACKED_BLOCK } else { BLOCK };
        }
        digest.update(block);
        for part in block.chunks(step) {
            converter.push(part, &mut results.waiting);
            drained = results.drain();
            if drained.is_err() {
                return false;
            }
        }
        true
    })?;
    drained?;
    if let Some(size) = version.size.filter(|size| *size != digest.size()) {
        let what = format!("{}/{}@{}", job.settings.raw_bucket, job.raw_key, version.version);
        return Err(RecordFailure::Length { what, read: digest.size(), size });
    }
    let totals = converter.finish(&mut results.waiting);
    results.waiting.summary.totals(&totals);
    let rejects = Rejects::from(totals);
    let (log, results) = results.finish(rejects)?;
    let size = digest.size();
    let (sha256, beginning) = digest.finish();
    Ok(Converted { log, size, sha256, beginning, results })
}

/// The length and the SHA-256 of one version, and the SHA-256 of its first `prefix` bytes.
pub(super) fn digest(
    job: &Job<'_>,
    version: &str,
    prefix: Option<u64>,
) -> Result<(u64, String, Option<String>), StoreError> {
    let mut digest = LogDigest::new(prefix);
    read(job, version, |block| {
        digest.update(block);
        true
    })?;
    let size = digest.size();
    let (sha256, beginning) = digest.finish();
    Ok((size, sha256, beginning))
}

/// Reads one version block by block, until `take` returns false.
fn read(
    job: &Job<'_>,
    version: &str,
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<(), StoreError> {
    let what = || format!("reading {}/{}@{version}", job.settings.raw_bucket, job.raw_key);
    let reading = |source| StoreError::Failed { what: what(), source };
    let id = VersionId::new(version);
    let mut log = job.app.store.open(&job.settings.raw_bucket, &job.raw_key, &id)?;
    let mut block = vec![0; BLOCK];
    loop {
        let read = fill(log.as_mut(), &mut block).map_err(reading)?;
        if read == 0 || !take(&block[..read]) {
            return Ok(());
        }
    }
}

/// Reads until the block is full or the log ends. Returns the number of bytes.
fn fill(log: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match log.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The results while they are written.
struct Results<'a> {
    job: &'a Job<'a>,
    waiting: Buffers,
    csv: NewResult,
    rejects: Option<NewResult>,
}

/// Output of the converter that is not written to an upload yet.
struct Buffers {
    csv: Vec<u8>,
    rejects: Vec<u8>,
    summary: SummaryBuilder,
    chart: ChartBuilder,
    fault: Option<serde_json::Error>,
}

impl Sink for Buffers {
    fn row(&mut self, row: &Row<'_>) {
        self.csv.extend_from_slice(row.csv());
        self.csv.push(b'\n');
        let sample = row.sample();
        self.summary.sample(&sample);
        self.chart.sample(&sample);
    }

    fn reject(&mut self, reject: Reject) {
        self.summary.reject(&reject);
        if let Err(error) = serde_json::to_writer(&mut self.rejects, &reject) {
            self.fault.get_or_insert(error);
        }
        self.rejects.push(b'\n');
    }

    fn metadata(&mut self, metadata: &Metadata) {
        self.summary.metadata(metadata);
        self.chart.metadata(metadata);
    }
}

impl<'a> Results<'a> {
    fn new(job: &'a Job<'a>, version: &AcceptedVersion) -> Result<Self, StoreError> {
        let mut summary = SummaryBuilder::new(job.key.day);
        if let Some(arrival) = version.time {
            summary.taken_at(TakenAt::Moment(arrival));
        }
        let mut csv = CSV_HEADER.as_bytes().to_vec();
        csv.push(b'\n');
        let waiting = Buffers {
            csv,
            rejects: Vec::new(),
            summary,
            chart: ChartBuilder::new(job.key.day),
            fault: None,
        };
        let csv = NewResult::create(job, ResultKind::Csv)?;
        Ok(Self { job, waiting, csv, rejects: None })
    }

    fn drain(&mut self) -> Result<(), RecordFailure> {
        if let Some(error) = self.waiting.fault.take() {
            return Err(SummaryError::Json(error).into());
        }
        if !self.waiting.csv.is_empty() {
            self.csv.write(&self.waiting.csv)?;
            self.waiting.csv.clear();
        }
        if !self.waiting.rejects.is_empty() {
            let rejects = match &mut self.rejects {
                Some(rejects) => rejects,
                none => none.insert(NewResult::create(self.job, ResultKind::Rejects)?),
            };
            rejects.write(&self.waiting.rejects)?;
            self.waiting.rejects.clear();
        }
        Ok(())
    }

    fn finish(mut self, rejects: Rejects) -> Result<(LogSummary, NewResults), RecordFailure> {
        self.drain()?;
        if self.waiting.summary.needs_day_before()
            && let Some(before) = day_before(self.job)?
        {
            self.waiting.summary.day_before(before);
        }
        let log = self.waiting.summary.finish(rejects);
        let (job, app) = (self.job, self.job.app);
        let drawing = self.waiting.chart.finish(&job.key.server, &log).to_svg();
        let svg = app.charts.svg().then(|| NewResult::of(job, ResultKind::Svg, &drawing));
        let svg = svg.transpose()?;
        let picture = app.charts.png().then(|| (app.rasterizer)(&drawing)).transpose();
        drop(drawing);
        let (picture, fault) = picture.map_or_else(|fault| (None, Some(fault)), |png| (png, None));
        let png = picture.map(|png| NewResult::of(job, ResultKind::Png, &png)).transpose()?;
        let results = NewResults { csv: self.csv, svg, rejects: self.rejects, png, fault };
        Ok((log, results))
    }
}

/// The results of one version, fully written but not committed.
pub(super) struct NewResults {
    csv: NewResult,
    svg: Option<NewResult>,
    rejects: Option<NewResult>,
    png: Option<NewResult>,
    /// Why there is no PNG.
    fault: Option<String>,
}

impl NewResults {
    /// Makes each of them visible atomically, and removes results that only an earlier version had.
    /// Returns the version of each result.
    pub(super) fn commit(self, job: &Job<'_>) -> Result<BTreeMap<String, String>, RecordFailure> {
        let all = [
            (ResultKind::Csv, Some(self.csv)),
            (ResultKind::Svg, self.svg),
            (ResultKind::Rejects, self.rejects),
            (ResultKind::Png, self.png),
        ];
        let mut written = BTreeMap::new();
        for (kind, result) in all {
            match result {
                Some(result) => {
                    let version = result.commit()?.to_string();
                    written.insert(result_name(kind).to_owned(), version);
                }
                None => job.remove(kind)?,
            }
        }
        // If the PNG failed, the summary is not written either: it would mean that all is done.
        match self.fault {
            None => Ok(written),
            Some(reason) => Err(RecordFailure::Picture { key: job.raw_key.clone(), reason }),
        }
    }
}
