//! An input: a day log or a CSV, read once, and its own server and day.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use jiff::civil::DateTime;
use log2aws_core::chart::{ChartBuilder, Drawing, View};
use log2aws_core::convert::{Converter, Sink};
use log2aws_core::csv::{CsvReader, CsvTotals, is_csv};
use log2aws_core::day::Day as CalendarDay;
use log2aws_core::line::{Row, leading_time};
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use log2aws_core::sample::Sample;
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::{LogSummary, Rejects, Summary, SummaryBuilder, TakenAt};

use super::{ChartArgs, ChartError, STDIN, is_dash};

/// The block size in bytes.
const BLOCK: usize = 256 * 1024;

/// The header of a CSV must be within this many bytes.
const HEAD: usize = 4 * 1024;

/// The server name if it is unknown.
const UNKNOWN: &str = "unknown";

/// The longest summary that is read, in bytes; ours have at most 400 KiB.
const MAX_SUMMARY: u64 = 4 * 1024 * 1024;

/// A day ready to be drawn.
#[derive(Debug)]
pub(super) struct Day {
    /// The input's name in messages.
    pub(super) input: String,
    pub(super) server: ServerName,
    pub(super) date: CalendarDay,
    chart: ChartBuilder,
    log: LogSummary,
    notes: Vec<String>,
    faults: bool,
}

impl Day {
    /// Whether lines or cells could not be read.
    pub(super) fn has_faults(&self) -> bool {
        self.faults
    }

    /// Reports what could not be read, one line each.
    pub(super) fn tell(&self, stderr: &mut dyn Write) -> io::Result<()> {
        for note in &self.notes {
            writeln!(stderr, "chart: {}: {note}", self.input)?;
        }
        Ok(())
    }

    /// The chart.
    pub(super) fn draw(&self, view: &View) -> Drawing {
        self.chart.clone().finish_view(&self.server, &self.log, view)
    }
}

/// Reads an input to its end.
///
/// # Errors
/// [`ChartError`] if it cannot be read, or its day is unknown.
pub(super) fn read(path: &Path, args: &ChartArgs, stdin: &mut dyn Read) -> Result<Day, ChartError> {
    let input = if is_dash(path) { STDIN.to_owned() } else { path.display().to_string() };
    let failed = |source| ChartError::Read { input: input.clone(), source };
    let mut file;
    let from: &mut dyn Read = if is_dash(path) {
        stdin
    } else {
        file = File::open(path).map_err(failed)?;
        &mut file
    };
    let told = PathInfo::of(path);
    let day = args.date.or(told.day);
    let mut head = Vec::with_capacity(HEAD);
    from.take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    let mut rest = io::Cursor::new(&head).chain(from);
    let summary = || if is_dash(path) { Ok(None) } else { summary_beside(path) };
    let read = if is_csv(&head) {
        read_csv(&mut rest, day, summary(), args.taken_at, false)
    } else if is_csv(&unpacked(&head)) {
        read_csv(&mut MultiGzDecoder::new(rest), day, summary(), args.taken_at, true)
    } else {
        read_log(&mut rest, day, args.taken_at)
    };
    let read = read.map_err(failed)?;
    if read.empty
        && let Some(first) = read.first
    {
        return Err(ChartError::NoSample { input, first });
    }
    let (Some(day), Some(rows)) = (read.day, read.rows) else {
        return Err(ChartError::NoDay { input });
    };
    let named = args.server.clone().or(told.server).or(read.server).or(told.stem);
    let server = match named {
        Some(server) => server,
        None => UNKNOWN.parse().map_err(|error| failed(io::Error::other(error)))?,
    };
    Ok(Day {
        input,
        server,
        date: day,
        chart: rows.chart,
        log: rows.log,
        faults: read.faults,
        notes: read.notes,
    })
}

/// What is known from a path.
#[derive(Debug, Default)]
struct PathInfo {
    server: Option<ServerName>,
    day: Option<CalendarDay>,
    /// The file's name without its ending, if it is not a day.
    stem: Option<ServerName>,
}

impl PathInfo {
    /// `SERVER/DATE.log`, `DATE.log` or `SERVER-DATE.csv`, each with any ending.
    fn of(path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_dash(path) {
            return Self::default();
        }
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        if let Ok(day) = CalendarDay::parse_canonical(stem) {
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            let server = folder.and_then(|name| name.parse().ok());
            return Self { server, day: Some(day), stem: None };
        }
        let cut = stem.len().saturating_sub("-YYYY-MM-DD".len());
        if let (Some(server), Some(day)) = (stem.get(..cut), stem.get(cut + 1..))
            && let (Ok(server), Ok(day)) = (server.parse(), CalendarDay::parse_canonical(day))
        {
            return Self { server: Some(server), day: Some(day), stem: None };
        }
        Self { stem: stem.parse().ok(), ..Self::default() }
    }
}

/// The result of reading an input.
#[derive(Debug, Default)]
struct Outcome {
    day: Option<CalendarDay>,
    server: Option<ServerName>,
    rows: Option<Finished>,
    notes: Vec<String>,
    faults: bool,
    /// Whether no sample was found at all.
    empty: bool,
    /// What is wrong with the first line that could not be read.
    first: Option<String>,
}

#[derive(Debug)]
struct Finished {
    chart: ChartBuilder,
    log: LogSummary,
}

/// Builds chart and summary; the first row determines the day if it is not known otherwise.
#[derive(Debug, Default)]
struct Rows {
    day: Option<CalendarDay>,
    builders: Option<(ChartBuilder, SummaryBuilder)>,
    /// Metadata from before the first row.
    held: Metadata,
    /// The summary beside the CSV.
    known: Option<LogSummary>,
    first_reject: Option<Reject>,
    /// The times of the lines before the first row that could not be read.
    unreadable: Vec<Option<DateTime>>,
    taken_at: Option<TakenAt>,
    /// The number of samples, those of the day, and the day of the first one.
    seen: u64,
    drawn: u64,
    first_day: Option<CalendarDay>,
}

impl Rows {
    fn new(day: Option<CalendarDay>, taken_at: Option<TakenAt>) -> Self {
        let mut rows = Self { day, taken_at, ..Self::default() };
        rows.begin();
        rows
    }

    /// Creates the builders as soon as the day is known.
    fn begin(&mut self) {
        let Some(day) = self.day.filter(|_| self.builders.is_none()) else { return };
        let mut chart = match &self.known {
            Some(log) => ChartBuilder::in_force(day, log),
            None => ChartBuilder::new(day),
        };
        let mut summary = SummaryBuilder::new(day);
        chart.metadata(&self.held);
        summary.metadata(&self.held);
        if let Some(taken_at) = self.taken_at {
            summary.taken_at(taken_at);
        }
        self.unreadable.drain(..).for_each(|time| summary.unreadable(time));
        self.builders = Some((chart, summary));
    }

    fn take(&mut self, sample: &Sample) {
        let of = CalendarDay::from_date(sample.time.date());
        if self.builders.is_none() {
            self.day = of;
            self.begin();
        }
        self.seen += 1;
        self.drawn += u64::from(of == self.day);
        self.first_day = self.first_day.or(of);
        if let Some((chart, summary)) = &mut self.builders {
            chart.sample(sample);
            summary.sample(sample);
        }
    }

    /// A warning if all samples are of other days than the one to draw.
    fn elsewhere(&self) -> Option<String> {
        let (day, first) = (self.day?, self.first_day?);
        let what = if self.seen == 1 {
            "its only sample is not".to_owned()
        } else {
            format!("none of its {} samples is", self.seen)
        };
        (self.drawn == 0).then(|| format!("{what} of {day}; the first is of {first}"))
    }

    fn finish(self, rejects: Rejects) -> Option<Finished> {
        let (chart, summary) = self.builders?;
        let log = self.known.unwrap_or_else(|| summary.finish(rejects));
        Some(Finished { chart, log })
    }
}

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) {
        self.take(&row.sample());
    }

    fn reject(&mut self, reject: Reject) {
        match &mut self.builders {
            Some((_, summary)) => summary.reject(&reject),
            None => self.unreadable.push(leading_time(&reject.raw)),
        }
        self.first_reject.get_or_insert(reject);
    }

    fn metadata(&mut self, metadata: &Metadata) {
        if let Some((chart, summary)) = &mut self.builders {
            chart.metadata(metadata);
            summary.metadata(metadata);
        }
        // Kept for builders that are created later.
        let held = &mut self.held;
        held.server = metadata.server.clone().or(held.server.take());
        held.cores = metadata.cores.or(held.cores);
        held.mode = metadata.mode.or(held.mode);
        held.interval = metadata.interval.or(held.interval);
        held.zone = metadata.zone.clone().or(held.zone.take());
        held.note = metadata.note.clone().or(held.note.take());
    }
}

fn read_log(
    from: &mut dyn Read,
    day: Option<CalendarDay>,
    taken_at: Option<TakenAt>,
) -> io::Result<Outcome> {
    let mut rows = Rows::new(day, taken_at);
    let mut converter = Converter::new();
    blocks(from, |block| converter.push(block, &mut rows))?;
    let totals = converter.finish(&mut rows);
    let mut notes: Vec<_> = rows.elsewhere().into_iter().collect();
    let first = rows.first_reject.as_ref();
    let wrong = first.map(|reject| format!("line {}: {}", reject.line, reject.reason));
    if let Some(stopped) = totals.stopped.as_ref().filter(|_| totals.rejects > 1) {
        notes.push(format!("reading stopped at line {}: {}", stopped.line, stopped.reason));
    }
    if totals.rejects > 0 {
        let lines = if totals.rejects == 1 { "line" } else { "lines" };
        let first = wrong.as_ref().map(|wrong| format!(", first: {wrong}")).unwrap_or_default();
        notes.push(format!("{} {lines} rejected of {}{first}", totals.rejects, totals.lines));
    }
    notes.extend(totals.remarks());
    if let Some((_, summary)) = &mut rows.builders {
        summary.totals(&totals);
    }
    let faults = totals.rejects > 0;
    let rejects = Rejects::from(totals);
    Ok(Outcome {
        empty: rows.seen == 0,
        first: wrong,
        day: rows.day,
        server: rows.held.server.clone(),
        rows: rows.finish(rejects),
        notes,
        faults,
    })
}

fn read_csv(
    from: &mut dyn Read,
    day: Option<CalendarDay>,
    summary: Result<Option<Summary>, String>,
    taken_at: Option<TakenAt>,
    packed: bool,
) -> io::Result<Outcome> {
    let mut notes = Vec::new();
    let mut rows = Rows { day, taken_at, ..Rows::default() };
    let mut server = None;
    match summary {
        Ok(Some(summary)) if day.is_none_or(|day| day == summary.date) => {
            rows.day = Some(summary.date);
            rows.known = summary.log;
            server = Some(summary.server);
        }
        Ok(_) => {}
        Err(note) => notes.push(note),
    }
    rows.begin();
    let mut reader = CsvReader::new();
    let read = blocks(from, |block| reader.push(block, &mut |sample| rows.take(&sample)));
    let broken = match read {
        // Of damaged gzip data, the part before the damage is drawn, as for a log.
        Err(error) if packed && is_damage(&error) => Some(error),
        read => read.map(|()| None)?,
    };
    let totals = reader.finish(&mut |sample| rows.take(&sample));
    notes.extend(rows.elsewhere());
    notes.extend(faults(&totals));
    notes.extend(broken.as_ref().map(|error| {
        format!("line {}: the gzip data are damaged or cut short: {error}", totals.lines)
    }));
    Ok(Outcome {
        empty: rows.seen == 0,
        first: totals.faults.first().map(ToString::to_string),
        day: rows.day,
        server,
        rows: rows.finish(Rejects::default()),
        notes,
        faults: totals.faults_total > 0 || broken.is_some(),
    })
}

/// The faults of a CSV, one sentence each.
fn faults(totals: &CsvTotals) -> impl Iterator<Item = String> {
    let more = totals.faults_total - totals.faults.len() as u64;
    let more = (more > 0).then(|| format!("{more} more faults like these"));
    totals.faults.iter().map(ToString::to_string).chain(more)
}

/// The summary beside a CSV, if there is one: it has what the CSV lacks.
fn summary_beside(path: &Path) -> Result<Option<Summary>, String> {
    let plain = path.extension().is_some_and(|ending| ending != "gz");
    let place = if plain { path.to_owned() } else { path.with_extension("") };
    let place = place.with_extension("json");
    let mut json = Vec::new();
    match File::open(&place).and_then(|file| file.take(MAX_SUMMARY).read_to_end(&mut json)) {
        Ok(_) => Summary::from_json(&json).map(Some).map_err(|error| {
            format!("{} beside it is left out of account: {error}", place.display())
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} beside it cannot be read: {error}", place.display())),
    }
}

/// The beginning of the decompressed data; empty if they are not gzip.
fn unpacked(head: &[u8]) -> Vec<u8> {
    let mut start = Vec::new();
    // The head is truncated; what came before is enough.
    let _ = MultiGzDecoder::new(head).take(HEAD as u64).read_to_end(&mut start);
    start
}

/// Whether the gzip data are damaged, rather than the file unreadable.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Reads to the end, block by block.
fn blocks(from: &mut dyn Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(len) => take(&block[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
