//! `log2aws chart`: the load chart of local day logs, or of their CSV.

mod args;
mod input;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use log2aws_core::chart::{Drawing, ViewError};
use log2aws_raster::RasterError;

use crate::convert::output::{self, OutputFile};
use log2aws_cli::exit::Exit;

pub(crate) use args::ChartArgs;
use args::{Format, Target};
use input::Day;

/// The name of standard input in a message.
const STDIN: &str = "standard input";
const STDOUT: &str = "standard output";

/// Why no chart was drawn; each variant names its file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChartError {
    /// An input cannot be opened or read.
    #[error("{input} cannot be read")]
    Read { input: String, source: io::Error },
    /// An input is a folder.
    #[error("{} is a folder; name the logs in it, e.g. {}/*.log", .0.display(), .0.display())]
    Folder(PathBuf),
    /// Standard input is named more than once.
    #[error("\"-\" is named more than once, but standard input can be read only once")]
    StdinTwice,
    /// The day of an input is unknown.
    #[error("{input} has no row that could tell its day; name the day with --date")]
    NoDay { input: String },
    /// An input has no samples; `first` is the problem of its first line.
    #[error("no line of {input} is a sample ({first}); name a day log or its CSV")]
    NoSample { input: String, first: String },
    /// One file for several charts.
    #[error("{0} inputs make {0} charts; name a folder with -o, e.g. -o charts/")]
    ManyToOne(usize),
    /// The format is unknown from the file's name and flags.
    #[error("the name {} shows no format; end it in .svg, .png or .html, or use --format", .0.display())]
    NoFormat(PathBuf),
    /// The window is invalid.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The scale is out of range.
    #[error("--scale {0} is not between 0.1 and 3.5")]
    Scale(f32),
    /// An output file is also an input, or written twice.
    #[error("{} would be written over while it is in use; name another file", .0.display())]
    SameFile(PathBuf),
    /// A picture for a terminal.
    #[error("a PNG is not text for a terminal; name a file with -o, or write -o - to do it anyway")]
    Terminal,
    /// The picture cannot be rendered.
    #[error("the chart of {input} cannot be drawn as PNG")]
    Raster { input: String, source: RasterError },
    /// The result cannot be written.
    #[error("{output} cannot be written")]
    Write { output: String, source: io::Error },
}

/// Whether it is a usage error.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    use ChartError as E;
    let error = error.downcast_ref::<ChartError>();
    error.is_some_and(|error| {
        matches!(
            error,
            E::StdinTwice
                | E::ManyToOne(_)
                | E::NoFormat(_)
                | E::View(_)
                | E::Scale(_)
                | E::SameFile(_)
                | E::Terminal
        )
    })
}

/// Refuses to write a picture to a terminal, which would take its bytes for commands. `-o -` does it
/// nevertheless.
///
/// # Errors
/// [`ChartError::Terminal`], or what is wrong with the flags.
pub(crate) fn refuse_terminal(args: &ChartArgs, stdout_is_terminal: bool) -> anyhow::Result<()> {
    let is_binary = args.output.is_none() && args.target()?.format == Format::Png;
    if is_binary && stdout_is_terminal {
        return Err(ChartError::Terminal.into());
    }
    Ok(())
}

/// Draws each input.
///
/// # Errors
/// [`ChartError`]. Incomplete files are not put in place. A closed `stdout` is not an error.
pub(crate) fn run(
    args: &ChartArgs,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let view = args.view()?;
    let target = args.target()?;
    check_inputs(args)?;
    let mut written: Vec<PathBuf> = Vec::new();
    let mut faults = false;
    for path in &args.inputs {
        let day = input::read(path, args, stdin)?;
        faults |= day.has_faults();
        // These messages are in the chart or the CSV too, so a closed stderr does not matter.
        let _ = day.tell(stderr);
        let drawing = day.draw(&view);
        let bytes = encode(&drawing, target.format, args.scale, &day.input)?;
        let Some(place) = target.place(&day) else {
            match stdout.write_all(&bytes).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
                done => done.map_err(|source| write_error(Path::new(STDOUT), source))?,
            }
            continue;
        };
        check_output(args, &place, &mut written)?;
        if target.folder
            && let Some(folder) = place.parent()
        {
            std::fs::create_dir_all(folder).map_err(|source| write_error(folder, source))?;
        }
        write(&place, &bytes).map_err(|source| write_error(&place, source))?;
    }
    Ok(if faults && args.strict { Exit::Rejects } else { Exit::Done })
}

fn encode(
    drawing: &Drawing,
    format: Format,
    scale: f32,
    input: &str,
) -> Result<Vec<u8>, ChartError> {
    match format {
        Format::Svg => Ok(drawing.to_svg()),
        Format::Html => Ok(drawing.to_html()),
        Format::Png => log2aws_raster::png_scaled(&drawing.to_svg(), scale)
            .map_err(|source| ChartError::Raster { input: input.to_owned(), source }),
    }
}

fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OutputFile::create(place)?;
    file.write_all(bytes)?;
    file.commit()
}

fn write_error(place: &Path, source: io::Error) -> ChartError {
    ChartError::Write { output: place.display().to_string(), source }
}

/// Checks every input before anything is written.
fn check_inputs(args: &ChartArgs) -> Result<(), ChartError> {
    let mut stdin_seen = false;
    for path in &args.inputs {
        if is_dash(path) {
            if std::mem::replace(&mut stdin_seen, true) {
                return Err(ChartError::StdinTwice);
            }
            continue;
        }
        let metadata = std::fs::metadata(path)
            .map_err(|source| ChartError::Read { input: path.display().to_string(), source })?;
        if metadata.is_dir() {
            return Err(ChartError::Folder(path.clone()));
        }
    }
    Ok(())
}

/// Whether a file may be written: it is not an input, and was not written before.
fn check_output(
    args: &ChartArgs,
    path: &Path,
    written: &mut Vec<PathBuf>,
) -> Result<(), ChartError> {
    if output::is_special(path) {
        return Ok(());
    }
    let place = output::place(path);
    let read = args.inputs.iter().any(|input| !is_dash(input) && output::place(input) == place);
    if read || written.contains(&place) {
        return Err(ChartError::SameFile(path.to_owned()));
    }
    written.push(place);
    Ok(())
}

/// Whether a name means standard input or output.
fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Target {
    /// The output file of a day; `None` is standard output.
    fn place(&self, day: &Day) -> Option<PathBuf> {
        let file = || format!("{}-{}.{}", day.server, day.date, self.format.suffix());
        let path = self.path.as_ref()?;
        Some(if self.folder { path.join(file()) } else { path.clone() })
    }
}
