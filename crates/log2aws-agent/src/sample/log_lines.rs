//! The content of a day log: its last lines, as the converter reads them.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use log2aws_core::convert::{Sink, convert_text};
use log2aws_core::line::Row;
use log2aws_core::metadata::{Metadata, Mode};
use log2aws_core::reject::Reject;
use log2aws_core::server_name::ServerName;

use crate::spool::open_regular;

/// How many bytes from the end are read: about ten days of lines.
const LOOK_BACK: u64 = 256 << 10;

/// The last lines of a log.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lines {
    /// The local times of the lines, in order.
    pub(crate) times: Vec<DateTime>,
    /// The number of unreadable lines.
    pub(crate) rejects: u64,
    /// The reason for the last unreadable line, and its beginning.
    pub(crate) reject: Option<(String, String)>,
    /// Load averages with decimal commas: the sampler's locale is not C.
    pub(crate) decimal_commas: bool,
    /// `uptime` does not count users.
    pub(crate) no_users: bool,
    /// The server and mode in its last metadata line.
    pub(crate) server: Option<ServerName>,
    pub(crate) mode: Option<Mode>,
    /// The last line has no line end.
    pub(crate) torn: bool,
}

impl Lines {
    /// The time of the latest line, in the zone of the log.
    pub(crate) fn last(&self, zone: &TimeZone) -> Option<Timestamp> {
        let time = self.times.iter().max()?;
        time.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
    }
}

/// Reads the end of the log at `path`.
pub(crate) fn read(path: &Path) -> io::Result<Lines> {
    let mut file = open_regular(path, OpenOptions::new().read(true))?;
    let from = file.metadata()?.len().saturating_sub(LOOK_BACK);
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(LOOK_BACK).read_to_end(&mut text)?;
    // The first line after the cut is incomplete.
    let start =
        if from == 0 { 0 } else { text.iter().position(|byte| *byte == b'\n').unwrap_or(0) };
    Ok(parse(&text[start..]))
}

/// Parses lines. Pure.
pub(crate) fn parse(text: &[u8]) -> Lines {
    let mut lines = Lines {
        decimal_commas: has_decimal_commas(text),
        torn: text.last().is_some_and(|byte| *byte != b'\n'),
        ..Lines::default()
    };
    lines.rejects = convert_text(text, &mut lines).rejects;
    lines
}

impl Sink for Lines {
    fn row(&mut self, row: &Row<'_>) {
        let sample = row.sample();
        self.times.push(sample.time);
        self.no_users |= sample.users.is_none();
    }

    fn reject(&mut self, reject: Reject) {
        let begins = String::from_utf8_lossy(&reject.raw).chars().take(40).collect();
        self.reject = Some((reject.reason.to_string(), begins));
    }

    fn metadata(&mut self, metadata: &Metadata) {
        self.server.clone_from(&metadata.server);
        self.mode = metadata.mode;
    }
}

/// `load average: 0,24, …`: a digit, a comma and a digit in place of a load.
fn has_decimal_commas(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        let line = String::from_utf8_lossy(line);
        line.split_once("average").is_some_and(|(_, loads)| {
            loads.as_bytes().windows(3).any(|three| {
                three[0].is_ascii_digit() && three[1] == b',' && three[2].is_ascii_digit()
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "0 0 0 1 0 0 0 0 0 0 0 0 0 0 99 0 0";

    #[test]
    fn forms_are_told_apart() {
        let ours = format!(
            "# log2aws/1 server=web01 mode=interval\n2026-11-22 00:00:01 up 5 min, 0 users, load average: 0.00, 0.00, 0.00 {TAIL}\n"
        );
        let lines = parse(ours.as_bytes());
        assert_eq!(lines.times, ["2026-11-22T00:00:01".parse::<DateTime>().unwrap()]);
        assert_eq!((lines.mode, lines.torn), (Some(Mode::Interval), false));
        assert_eq!(lines.server.unwrap().as_str(), "web01");
        assert!(!lines.decimal_commas && !lines.no_users && lines.rejects == 0);

        let busybox =
            format!("2026-11-22 00:00:01 up 5 min, load average: 0,24, 0,24, 0,16 {TAIL}");
        let lines = parse(busybox.as_bytes());
        assert!(lines.decimal_commas && lines.no_users && lines.torn);
        assert_eq!(lines.times.len(), 1);

        let lines = parse(format!("{ours}8月 06 21:57:52 up 5 min\n").as_bytes());
        let (reason, begins) = lines.reject.unwrap();
        assert!(reason.contains("expected a date") && begins.starts_with("8月"), "{reason}");
        assert_eq!((lines.rejects, lines.times.len()), (1, 1));
    }
}
