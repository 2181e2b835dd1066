//! The stored content of a day: summary, rows and rejects, each present, absent or damaged.

use std::io::{ErrorKind, Read as _};

use log2aws_core::chart::{ChartBuilder, Drawing, View};
use log2aws_core::csv::{CsvFault, CsvReader};
use log2aws_core::day::Day;
use log2aws_core::day_report::{Report, ReportBuilder};
use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::ResultKind;
use log2aws_core::refused::RefusedVersions;
use log2aws_core::reopening::Reopening;
use log2aws_core::retired::Retirement;
use log2aws_core::sample::Sample;
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::{LogSummary, Rejects, Summary, SummaryBuilder, SummaryError};
use log2aws_core::usual::Usual;
use log2aws_service::ports::StoreError;
use sha2::{Digest, Sha256};

use super::rejects::{self, RejectExcerpt};
use crate::store_index::StoreIndex;

/// The longest CSV that is displayed; one sample a second gives almost as much.
const MAX_CSV: u64 = 16 * 1024 * 1024;

/// The longest summary that is read.
const MAX_SUMMARY: u64 = 4 * 1024 * 1024;

/// How much of the rejects file is read: enough for all rejects that are displayed.
const MAX_REJECTS: u64 = 2 * 1024 * 1024;

/// The state of a stored result.
#[derive(Debug)]
pub(crate) enum Stored<T> {
    Read(T),
    Absent,
    /// Incomplete, damaged, or of a newer version.
    Unreadable(SummaryError),
    /// Larger than the limit.
    Large,
    /// The store failed, with its message.
    Failed(String),
}

/// The rows of a CSV, kept as text and parsed each time: a parsed row takes many times the memory
/// of its text.
#[derive(Debug, Default)]
pub(crate) struct CsvRows {
    csv: Vec<u8>,
    /// The number of rows, including unreadable ones.
    pub(crate) count: u64,
    pub(crate) faults: Vec<CsvFault>,
    pub(crate) more_faults: u64,
}

impl CsvRows {
    /// Iterates over the readable rows.
    pub(crate) fn each(&self, row: impl FnMut(Sample)) {
        CsvReader::read(&self.csv, row);
    }
}

/// What a chart of a day needs.
#[derive(Debug)]
pub(crate) struct DayRows {
    pub(crate) summary: Stored<Summary>,
    pub(crate) csv: Stored<CsvRows>,
    /// The summary's log; computed from the CSV if there is no summary.
    pub(crate) log: Option<LogSummary>,
}

impl DayRows {
    /// Reads the rows of a day, and their summary.
    pub(crate) fn read(store_index: &StoreIndex, server: &ServerName, day: Day) -> Self {
        Self::from(day, &mut |kind, max| store_index.read(server, day, kind, max))
    }

    fn from(
        day: Day,
        read: &mut impl FnMut(ResultKind, u64) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Self {
        let summary = match read(ResultKind::Json, MAX_SUMMARY) {
            Ok(Some(json)) => match Summary::from_json(&json) {
                Ok(summary) => Stored::Read(summary),
                Err(error) => Stored::Unreadable(error),
            },
            Ok(None) => Stored::Absent,
            Err(error) => failed(&error),
        };
        let csv = match read(ResultKind::Csv, MAX_CSV) {
            Ok(Some(csv)) => Stored::Read(rows(csv)),
            Ok(None) => Stored::Absent,
            Err(error) => failed(&error),
        };
        let log = match (&summary, &csv) {
            (Stored::Read(summary), _) => summary.log.clone(),
            (_, Stored::Read(rows)) => Some(from_rows(day, rows)),
            _ => None,
        };
        Self { summary, csv, log }
    }

    /// The day's chart before it is drawn, and its summary; `None` without rows.
    pub(crate) fn chart(&self, day: Day) -> Option<(ChartBuilder, &LogSummary)> {
        chart(day, &self.csv, self.log.as_ref())
    }
}

fn chart<'a>(
    day: Day,
    csv: &Stored<CsvRows>,
    log: Option<&'a LogSummary>,
) -> Option<(ChartBuilder, &'a LogSummary)> {
    let (Stored::Read(rows), Some(log)) = (csv, log) else { return None };
    let mut builder = ChartBuilder::in_force(day, log);
    rows.each(|sample| builder.sample(&sample));
    Some((builder, log))
}

/// The refused versions of the day, or why they are unknown.
pub(crate) type Refused = Result<RefusedVersions, String>;

/// The current content of a day of a server in the store.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) server: ServerName,
    pub(crate) day: Day,
    pub(crate) summary: Stored<Summary>,
    pub(crate) csv: Stored<CsvRows>,
    pub(crate) refused: Refused,
    /// An operator's record that reopened the day, or why it is unknown.
    pub(crate) reopening: Result<Option<Reopening>, String>,
    /// The record with which the server is retired.
    pub(crate) retirement: Option<Retirement>,
    /// The summary's log; computed from the CSV if there is no summary.
    pub(crate) log: Option<LogSummary>,
    /// How many samples are not counted as missing because the log is the first of the server.
    pub(crate) before_first: u64,
    /// Identifies this version of the results.
    pub(crate) tag: String,
}

impl Content {
    /// Reads the content of a day.
    pub(crate) fn read(store_index: &StoreIndex, server: &ServerName, day: Day) -> Self {
        let mut hash = Sha256::new();
        let mut bytes = |kind, max| {
            let read = store_index.read(server, day, kind, max);
            if let Ok(Some(bytes)) = &read {
                hash.update(bytes);
            }
            read
        };
        let DayRows { summary, csv, log } = DayRows::from(day, &mut bytes);
        let refused = match bytes(ResultKind::Refused, MAX_SUMMARY) {
            Ok(lines) => RefusedVersions::from_jsonl(&lines.unwrap_or_default())
                .map_err(|error| error.to_string()),
            Err(error) => Err(error_chain(&error)),
        };
        let reopening = store_index.reopening(server, day).map_err(|error| error_chain(&error));
        let tag = hex::encode(&hash.finalize()[..4]);
        let lead = log.as_ref().map_or(0, |log| log.lead().missing);
        let before_first = if lead > 0 && store_index.is_first(server, day) { lead } else { 0 };
        let log = if before_first > 0 { log.map(|log| log.as_first_day()) } else { log };
        let (server, retirement) = (server.clone(), store_index.retirement(server));
        Self { server, day, summary, csv, refused, reopening, retirement, log, before_first, tag }
    }

    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        matches!((&self.summary, &self.csv), (Stored::Absent, Stored::Absent))
    }

    /// Why the store returned neither summary nor rows, if it failed.
    pub(crate) fn failed(&self) -> Option<&str> {
        match (&self.summary, &self.csv) {
            (Stored::Failed(why), Stored::Failed(_)) => Some(why),
            _ => None,
        }
    }

    /// The chart, with the usual day behind it, if there are rows to draw.
    pub(crate) fn drawing(&self, view: &View, usual: Option<&Usual>) -> Option<Drawing> {
        let (builder, log) = chart(self.day, &self.csv, self.log.as_ref())?;
        let builder = builder.with_usual(usual.cloned());
        Some(builder.finish_view(&self.server, log, view))
    }

    /// What is worth telling about the day, if there are rows.
    pub(crate) fn report(&self, usual: Option<&Usual>) -> Option<Report> {
        let (Stored::Read(rows), Some(log)) = (&self.csv, &self.log) else { return None };
        let mut report = ReportBuilder::new(self.day, log);
        rows.each(|sample| report.sample(&sample));
        Some(report.finish(log, usual))
    }

    /// The first of the lines that could not be read.
    pub(crate) fn rejects(&self, store_index: &StoreIndex) -> Stored<RejectExcerpt> {
        let file = match store_index.open(&self.server, self.day, ResultKind::Rejects) {
            Ok(Some(file)) => file,
            Ok(None) => return Stored::Absent,
            Err(error) => return failed(&error),
        };
        let mut beginning = Vec::new();
        match file.reader.take(MAX_REJECTS).read_to_end(&mut beginning) {
            Ok(read) => Stored::Read(rejects::read(&beginning, (read as u64) < MAX_REJECTS)),
            Err(error) => Stored::Failed(error.to_string()),
        }
    }
}

fn failed<T>(error: &StoreError) -> Stored<T> {
    if is_too_large(error) { Stored::Large } else { Stored::Failed(error_chain(error)) }
}

/// Whether a result has more bytes than may be read.
pub(crate) fn is_too_large(error: &StoreError) -> bool {
    matches!(error, StoreError::Failed { source, .. } if source.kind() == ErrorKind::FileTooLarge)
}

fn rows(csv: Vec<u8>) -> CsvRows {
    let totals = CsvReader::read(&csv, |_| {});
    let no_header = totals.faults.contains(&CsvFault::NoHeader);
    let more_faults = totals.faults_total.saturating_sub(totals.faults.len() as u64);
    CsvRows {
        csv,
        count: totals.lines.saturating_sub(u64::from(!no_header)),
        faults: totals.faults,
        more_faults,
    }
}

fn from_rows(day: Day, rows: &CsvRows) -> LogSummary {
    let mut builder = SummaryBuilder::new(day);
    rows.each(|sample| builder.sample(&sample));
    builder.finish(Rejects::default())
}

/// A store's error with its causes.
pub(crate) fn error_chain(error: &StoreError) -> String {
    ErrorChain(error).to_string()
}
