//! The flags of `chart`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use log2aws_core::chart::{Language, SeriesId, Time, View, Window};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::TakenAt;

use super::{ChartError, is_dash};

/// The flags of `chart`.
#[derive(Debug, clap::Args)]
pub(crate) struct ChartArgs {
    /// Day logs, plain or gzip, or their CSV; each makes one chart. "-" is standard input.
    #[arg(value_name = "INPUT", default_value = "-")]
    pub(super) inputs: Vec<PathBuf>,
    /// Write the chart to this file, in the format of its name: .svg, .png or .html. A folder, e.g.
    /// "charts/", gets one file per input and is created if missing. "-" is standard output.
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// The format, if the name of the output does not show it [default: svg].
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// The server's name [default: from the path SERVER/DATE.log or the log].
    #[arg(long, value_name = "NAME")]
    pub(super) server: Option<ServerName>,
    /// The day to draw: YYYY-MM-DD, MM-DD, today, yesterday or -7d [default: from the path or the
    /// first row].
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, value_parser = crate::flag::day)]
    pub(super) date: Option<Day>,
    /// When the log was taken, e.g. "2026-11-30T14:30" on the server's clock: nothing after it is
    /// missing [default: at the end of its day].
    #[arg(long, value_name = "TIME")]
    pub(super) taken_at: Option<TakenAt>,
    /// The language of the chart, en or ja.
    #[arg(long, value_name = "LANG", default_value_t = Language::En)]
    pub(super) lang: Language,
    /// Draw the day from this time on.
    #[arg(long, value_name = "HH:MM", default_value_t = Time::START)]
    pub(super) from: Time,
    /// Draw the day up to this time.
    #[arg(long, value_name = "HH:MM", default_value_t = Time::END)]
    pub(super) till: Time,
    /// Omit these series, e.g. "load5,st": load1 load5 load15 us sy wa st r b free cache buff swpd
    /// si so bi bo. A panel without series is omitted.
    #[arg(long, value_name = "SERIES", value_delimiter = ',', value_parser = series)]
    pub(super) hide: Vec<SeriesId>,
    /// Scale of a PNG, 0.1 to 3.5; at 1 it is 1096 pixels wide.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(super) scale: f32,
    /// Exit with 3 if any line could not be read.
    #[arg(long)]
    pub(super) strict: bool,
}

/// What a chart is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A vector drawing.
    Svg,
    /// A picture.
    Png,
    /// A page of its own, with the values.
    Html,
}

/// The output of the charts.
#[derive(Debug)]
pub(super) struct Target {
    /// A file or a folder; `None` is standard output.
    pub(super) path: Option<PathBuf>,
    pub(super) folder: bool,
    pub(super) format: Format,
}

impl Format {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Html => "html",
        }
    }
}

impl ChartArgs {
    /// Whether standard input is one of the inputs.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.inputs.iter().any(|path| is_dash(path))
    }

    /// The view to draw.
    ///
    /// # Errors
    /// [`ChartError::View`] if the window ends before it begins.
    pub(super) fn view(&self) -> Result<View, ChartError> {
        let window = Window::new(self.from, self.till)?;
        let window = (!window.is_whole()).then_some(window);
        Ok(View { window, hidden: self.hide.clone(), language: self.lang, ..View::default() })
    }

    /// The output and its format.
    ///
    /// # Errors
    /// [`ChartError`] if the format is unknown, or the output cannot hold several charts.
    pub(super) fn target(&self) -> Result<Target, ChartError> {
        if !(0.1..=3.5).contains(&self.scale) {
            return Err(ChartError::Scale(self.scale));
        }
        let path = self.output.clone().filter(|path| !is_dash(path));
        let folder = path.as_deref().is_some_and(|path| path.is_dir() || ends_as_folder(path));
        if self.inputs.len() > 1 && !folder {
            return Err(ChartError::ManyToOne(self.inputs.len()));
        }
        let format = match (&path, self.format) {
            (_, Some(format)) => format,
            (Some(path), None) if !folder => format_of(path)?,
            _ => Format::Svg,
        };
        Ok(Target { path, folder, format })
    }
}

/// A series, with or without surrounding blanks.
fn series(text: &str) -> Result<SeriesId, <SeriesId as FromStr>::Err> {
    text.trim().parse()
}

/// Whether a name can only be that of a folder.
fn ends_as_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn format_of(path: &Path) -> Result<Format, ChartError> {
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
    <Format as ValueEnum>::from_str(suffix, true).map_err(|_| ChartError::NoFormat(path.to_owned()))
}
