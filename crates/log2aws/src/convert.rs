//! `log2aws convert`: day logs to one CSV.

pub(crate) mod output;
mod writer;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use log2aws_core::convert::{Converter, Totals};
use log2aws_core::coverage::writers::WriterCheck;
use log2aws_core::reject::Stopped;

use log2aws_cli::exit::Exit;
use output::OutputFile;
use writer::{RejectWriter, RowWriter};

/// The block size in bytes.
const BLOCK: usize = 256 * 1024;

/// The name of standard output in a message.
const STDOUT: &str = "standard output";

/// What `convert` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// Day logs, plain or gzip; several make one CSV. "-" is standard input.
    #[arg(value_name = "INPUT", default_value = "-")]
    inputs: Vec<PathBuf>,
    /// Write the CSV to this file, which is only replaced on success. "-" is standard output.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Write lines that could not be read to this file, one JSON object each.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Exit with 3 if any line could not be read.
    #[arg(long)]
    strict: bool,
}

impl ConvertArgs {
    /// Whether standard input is one of the inputs.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.inputs.iter().any(|path| is_dash(path))
    }

    /// The file for the CSV; `None` is standard output.
    fn output_file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| !is_dash(path))
    }
}

/// Why a conversion failed; each variant names its file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// An input cannot be opened or read.
    #[error("{input} cannot be read")]
    Read { input: String, source: io::Error },
    /// An input is a folder.
    #[error("{} is a folder; name the logs in it, e.g. {}/*.log", .0.display(), .0.display())]
    Folder(PathBuf),
    /// Standard input is named more than once.
    #[error("\"-\" is named more than once, but standard input can be read only once")]
    StdinTwice,
    /// The result cannot be written.
    #[error("{output} cannot be written")]
    Write { output: String, source: io::Error },
    /// Rejects would be mixed with the rows.
    #[error("--rejects needs the name of a file; standard output is for the CSV")]
    RejectsToStdout,
    /// An output file is also an input, or written twice.
    #[error("{} would be written over while it is in use; name another file", .0.display())]
    SameFile(PathBuf),
}

/// Whether it is a usage error.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ConvertError>();
    error.is_some_and(|error| {
        matches!(
            error,
            ConvertError::StdinTwice | ConvertError::RejectsToStdout | ConvertError::SameFile(_)
        )
    })
}

/// Converts the inputs, one after the other.
///
/// # Errors
/// [`ConvertError`]. The files of `--output` and `--rejects` are then unchanged. A closed `stdout`
/// (`| head`) is not an error.
pub(crate) fn run(
    args: &ConvertArgs,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<Exit> {
    check_files(args)?;
    let mut output = args.output_file().map(create).transpose()?;
    let mut rejects = args.rejects.as_deref().map(create).transpose()?;
    let csv: &mut dyn Write = output.as_mut().map_or(stdout, |file| file);

    let written = convert_all(args, stdin, csv, rejects.as_mut().map(|file| file as _), stderr);
    let any_rejects = match written {
        Err(ConvertError::Write { output, source })
            if source.kind() == io::ErrorKind::BrokenPipe && output == STDOUT =>
        {
            return Ok(Exit::Done);
        }
        result => result?,
    };
    for (file, path) in [(rejects, args.rejects.as_deref()), (output, args.output_file())] {
        if let (Some(file), Some(path)) = (file, path) {
            file.commit().map_err(|source| cannot_write(path, source))?;
        }
    }
    Ok(if any_rejects && args.strict { Exit::Rejects } else { Exit::Done })
}

/// Converts all inputs; returns whether there were rejects.
fn convert_all<'a>(
    args: &ConvertArgs,
    stdin: &mut dyn Read,
    csv: &'a mut dyn Write,
    rejects: Option<&'a mut dyn Write>,
    stderr: &mut dyn Write,
) -> Result<bool, ConvertError> {
    let csv_error = |source| match args.output_file() {
        Some(path) => cannot_write(path, source),
        None => ConvertError::Write { output: STDOUT.to_owned(), source },
    };
    let rejects_error =
        |source| cannot_write(args.rejects.as_deref().unwrap_or(Path::new("rejects")), source);
    let mut rows = RowWriter::new(csv);
    let mut rejects = RejectWriter::new(rejects);
    let mut any_rejects = false;
    let mut block = vec![0; BLOCK];
    for path in &args.inputs {
        let input =
            if is_dash(path) { "standard input".to_owned() } else { path.display().to_string() };
        rejects.begin((args.inputs.len() > 1).then(|| input.clone()));
        let mut file;
        let from: &mut dyn Read = if is_dash(path) {
            stdin
        } else {
            file = File::open(path)
                .map_err(|source| ConvertError::Read { input: input.clone(), source })?;
            &mut file
        };
        let mut converter = Converter::new();
        let mut sink = writer::Both {
            writers: WriterCheck::default(),
            rows: &mut rows,
            rejects: &mut rejects,
        };
        loop {
            let len = match from.read(&mut block) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(ConvertError::Read { input, source }),
            };
            converter.push(&block[..len], &mut sink);
            sink.rows.check().map_err(csv_error)?;
            sink.rejects.check().map_err(rejects_error)?;
        }
        let totals = converter.finish(&mut sink);
        if let Some((first, days)) = sink.writers.finish() {
            let more =
                if days > 1 { format!(" and {} more days", days - 1) } else { String::new() };
            let _ = writeln!(
                stderr,
                "convert: {input}: {first}{more}: two programs wrote this log (cron beside the \
                 service?), or lines were written twice; all rows are in the CSV"
            );
        }
        if totals.rejects > 0 {
            any_rejects = true;
            // These messages are in the result too, so a closed stderr does not matter.
            let _ = summarise(stderr, &input, &totals, &rejects);
        }
        for remark in totals.remarks() {
            let _ = writeln!(stderr, "convert: {input}: {remark}");
        }
    }
    rows.finish().map_err(csv_error)?;
    rejects.finish().map_err(rejects_error)?;
    Ok(any_rejects)
}

/// One line about the rejects of one input.
fn summarise(
    stderr: &mut dyn Write,
    input: &str,
    totals: &Totals,
    rejects: &RejectWriter<'_>,
) -> io::Result<()> {
    if let Some(Stopped { line, reason }) = totals.stopped.as_ref().filter(|_| totals.rejects > 1) {
        writeln!(stderr, "convert: {input}: reading stopped at line {line}: {reason}")?;
    }
    let lines = if totals.rejects == 1 { "line" } else { "lines" };
    write!(stderr, "convert: {input}: {} {lines} rejected of {}", totals.rejects, totals.lines)?;
    if let Some((line, reason)) = rejects.first() {
        write!(stderr, ", first: line {line}: {reason}")?;
    }
    if totals.rejects > totals.rejects_kept && rejects.are_written() {
        write!(stderr, " (only the first {} are in the file)", totals.rejects_kept)?;
    }
    writeln!(stderr)
}

/// Whether a name means standard input or output.
fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn create(path: &Path) -> Result<OutputFile, ConvertError> {
    OutputFile::create(path).map_err(|source| cannot_write(path, source))
}

fn cannot_write(path: &Path, source: io::Error) -> ConvertError {
    ConvertError::Write { output: path.display().to_string(), source }
}

/// Checks every named file before anything is written.
fn check_files(args: &ConvertArgs) -> Result<(), ConvertError> {
    let mut used = Vec::new();
    let mut stdin_seen = false;
    for path in &args.inputs {
        if is_dash(path) {
            if std::mem::replace(&mut stdin_seen, true) {
                return Err(ConvertError::StdinTwice);
            }
            continue;
        }
        let metadata = std::fs::metadata(path)
            .map_err(|source| ConvertError::Read { input: path.display().to_string(), source })?;
        if metadata.is_dir() {
            return Err(ConvertError::Folder(path.clone()));
        }
        used.push(output::place(path));
    }
    if args.rejects.as_deref().is_some_and(is_dash) {
        return Err(ConvertError::RejectsToStdout);
    }
    for path in args.output_file().into_iter().chain(args.rejects.as_deref()) {
        let place = output::place(path);
        if used.contains(&place) && !output::is_special(path) {
            return Err(ConvertError::SameFile(path.to_owned()));
        }
        used.push(place);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
