//! Streams one version of a raw log into its results, in memory that does not grow with it.

use std::fmt::Write as _;
use std::io::{self, Read};

use log2aws_core::chart::ChartBuilder;
use log2aws_core::convert::{Converter, Sink};
use log2aws_core::csv::CSV_HEADER;
use log2aws_core::key::ResultKind;
use log2aws_core::line::Row;
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use log2aws_core::summary::{LogSummary, Rejects, SummaryBuilder, SummaryError};
use sha2::{Digest, Sha256};

use super::RecordFailure;
use super::job::{Job, NewResult};
use crate::ports::{StoreError, Version};

/// How much of the log is read at once, in bytes.
const BLOCK: usize = 128 * 1024;

/// How much of a packed log is unpacked before its rows are written, in bytes. Deflate expands a
/// thousandfold at most (RFC 1951 leaves no more), so this bounds what waits in memory to 4 MiB.
const PACKED_BLOCK: usize = 4 * 1024;

/// What was learnt while converting.
pub(super) struct Converted {
    pub(super) log: LogSummary,
    /// Of the raw log as it is stored, in lower-case hex.
    pub(super) sha256: String,
}

/// Writes CSV, charts and rejects of one version. Nothing is to be seen of them before all of the
/// log has been read; then they appear one by one, each whole.
pub(super) fn convert(job: &Job<'_>, version: &Version) -> Result<Converted, RecordFailure> {
    let what = format!("{}/{}@{}", job.settings.raw_bucket, job.raw_key, version.id);
    let reading = |source| StoreError::Failed { what: format!("reading {what}"), source };
    let mut log = job.app.store.open(&job.settings.raw_bucket, &job.raw_key, &version.id)?;

    let mut results = Results::new(job)?;
    let mut converter = Converter::new();
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut step = 0;
    let mut block = vec![0; BLOCK];
    loop {
        let read = fill(log.as_mut(), &mut block).map_err(reading)?;
        let read = &block[..read];
        if size == 0 {
            step = if read.starts_with(&[0x1f, 0x8b]) { PACKED_BLOCK } else { BLOCK };
        }
        if read.is_empty() {
            break;
        }
        size += read.len() as u64;
        hash.update(read);
        for part in read.chunks(step) {
            converter.push(part, &mut results.waiting);
            results.drain()?;
        }
    }
    if size != version.size {
        return Err(RecordFailure::Length { what, read: size, size: version.size });
    }
    let totals = converter.finish(&mut results.waiting);
    let rejects = Rejects { count: totals.rejects, kept: totals.rejects_kept };
    let log = results.finish(rejects)?;
    let sha256 = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Converted { log, sha256 })
}

/// Reads until the block is full or the log ends.
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

/// The results as they grow.
struct Results<'a> {
    job: &'a Job<'a>,
    waiting: Buffers,
    csv: NewResult,
    rejects: Option<NewResult>,
}

/// What the converter has handed out and no upload has taken yet.
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
    fn new(job: &'a Job<'a>) -> Result<Self, StoreError> {
        let mut csv = CSV_HEADER.as_bytes().to_vec();
        csv.push(b'\n');
        let waiting = Buffers {
            csv,
            rejects: Vec::new(),
            summary: SummaryBuilder::new(job.key.day),
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

    fn finish(mut self, rejects: Rejects) -> Result<LogSummary, RecordFailure> {
        self.drain()?;
        let log = self.waiting.summary.finish(rejects);
        let (job, app) = (self.job, self.job.app);
        let drawing = self.waiting.chart.finish(&job.key.server, &log).to_svg();
        let svg = app.charts.svg().then(|| NewResult::of(job, ResultKind::Svg, &drawing));
        let svg = svg.transpose()?;
        let picture = app.charts.png().then(|| (app.rasterizer)(&drawing)).transpose();
        drop(drawing);
        // A picture that cannot be made costs itself, and the summary, which would say that all is done.
        let (picture, fault) = picture.map_or_else(|fault| (None, Some(fault)), |png| (png, None));
        let png = picture.map(|png| NewResult::of(job, ResultKind::Png, &png)).transpose()?;
        self.csv.commit()?;
        job.replace(ResultKind::Svg, svg)?;
        job.replace(ResultKind::Rejects, self.rejects)?;
        job.replace(ResultKind::Png, png)?;
        match fault {
            None => Ok(log),
            Some(reason) => Err(RecordFailure::Picture { key: job.raw_key.clone(), reason }),
        }
    }
}
