//! The time zone, with its name, from the machine's own files.
//!
//! jiff finds a zone's name only with a database of all zones, which would be a tenth of the agent.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::{self, TimeZone};
use log2aws_core::day::Day;

/// The folder with the rules of all zones.
const ZONES: &str = "usr/share/zoneinfo";

/// The name of a zone of this machine, or rules such as `JST-9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneName(String);

/// This machine has no zone of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no time zone of this machine; give a name from /usr/share/zoneinfo such as Asia/Tokyo \
     (package tzdata)"
)]
pub struct ZoneNameError;

impl FromStr for ZoneName {
    type Err = ZoneNameError;

    fn from_str(text: &str) -> Result<Self, ZoneNameError> {
        let name = text.trim();
        by_name(Path::new("/"), OsStr::new(name)).ok_or(ZoneNameError)?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the time zone is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSource {
    /// `--time-zone`, or the key `time-zone`.
    pub setting: Option<ZoneName>,
    /// The variable `TZ`, used if there is no setting. With neither, `/etc/localtime` is used.
    pub tz: Option<OsString>,
}

impl ZoneSource {
    /// The current zone; UTC if none can be read, as `date` does.
    pub fn zone(&self) -> TimeZone {
        self.find().unwrap_or(TimeZone::UTC)
    }

    /// Whether the zone that is set exists.
    pub fn is_known(&self) -> bool {
        self.find().is_some()
    }

    fn find(&self) -> Option<TimeZone> {
        let root = Path::new("/");
        match (&self.setting, &self.tz) {
            (Some(name), _) => by_name(root, OsStr::new(&name.0)),
            (None, Some(tz)) if tz.is_empty() => Some(TimeZone::UTC),
            (None, Some(tz)) => by_name(root, tz).or_else(|| by_path(tz)),
            (None, None) => named(root, None).or_else(|| {
                // jiff caches it for some minutes, and this is called because it may have changed.
                jiff::tz::db().reset();
                TimeZone::try_system().ok()
            }),
        }
    }
}

impl fmt::Display for ZoneSource {
    /// The source, for a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.setting, &self.tz) {
            (Some(_), _) => f.write_str("--time-zone"),
            (None, Some(tz)) => write!(f, "TZ={}", tz.to_string_lossy()),
            (None, None) => f.write_str("/etc/localtime"),
        }
    }
}

/// The latest day that it is now anywhere: zones are up to 14 hours ahead of UTC. A log of this day
/// can be the one that another process is writing.
pub(crate) fn latest_day(now: Timestamp) -> Option<Day> {
    Day::from_date(now.to_zoned(TimeZone::fixed(tz::offset(14))).date())
}

/// A zone of the machine, or the one that POSIX rules describe.
fn by_name(root: &Path, name: &OsStr) -> Option<TimeZone> {
    named(root, Some(name)).or_else(|| {
        let rules = name.to_str()?.trim_start_matches(':');
        if rules == "UTC" { Some(TimeZone::UTC) } else { TimeZone::posix(rules).ok() }
    })
}

/// The zone in a file such as `/etc/localtime`; its name is unknown.
fn by_path(tz: &OsStr) -> Option<TimeZone> {
    let path = Path::new(tz.to_str()?.trim_start_matches(':'));
    let file = path.is_absolute().then(|| fs::read(path).ok()).flatten()?;
    TimeZone::tzif("", &file).ok()
}

/// The zone that `TZ` names, else the one that `/etc/localtime` links to. `None` if the machine has
/// no file of that name: `TZ` may contain rules instead (`JST-9`), and `/etc/localtime` may be a
/// copy.
pub(super) fn named(root: &Path, tz: Option<&OsStr>) -> Option<TimeZone> {
    let (name, file) = if let Some(tz) = tz {
        let name = tz.to_str()?.trim_start_matches(':');
        let name = name.split_once("/zoneinfo/").map_or(name, |(_, name)| name);
        (name.to_owned(), root.join(ZONES).join(name))
    } else {
        let file = root.join("etc/localtime");
        (name_in(&fs::read_link(&file).ok()?)?, file)
    };
    if name.is_empty() || name.starts_with('/') {
        return None;
    }
    TimeZone::tzif(&name, &fs::read(file).ok()?).ok()
}

/// The name of a zone in the path of its file.
fn name_in(file: &Path) -> Option<String> {
    let mut parts = file.components();
    parts.find(|part| part.as_os_str() == "zoneinfo")?;
    parts.collect::<PathBuf>().to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A machine with the files of two zones, in Tokyo.
    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let zones = root.path().join(ZONES);
        for (name, rules) in
            [("Asia/Tokyo", "JST-9"), ("America/New_York", "EST5EDT,M3.2.0,M11.1.0")]
        {
            fs::create_dir_all(zones.join(name).parent().unwrap()).unwrap();
            fs::write(zones.join(name), tzif(rules)).unwrap();
        }
        fs::create_dir(root.path().join("etc")).unwrap();
        symlink("../usr/share/zoneinfo/Asia/Tokyo", root.path().join("etc/localtime")).unwrap();
        root
    }

    /// A zone file (RFC 8536) without history, only rules.
    fn tzif(rules: &str) -> Vec<u8> {
        let header = |version: u8| {
            let mut header = b"TZif".to_vec();
            header.push(version);
            header.extend([0; 15]);
            // No leap seconds, no transitions, one type of four letters.
            for count in [0_u32, 0, 0, 0, 1, 4] {
                header.extend(count.to_be_bytes());
            }
            header.extend([0; 6]);
            header.extend(b"LMT\0");
            header
        };
        let mut file = header(b'2');
        file.extend(header(b'2'));
        file.extend(format!("\n{rules}\n").bytes());
        file
    }

    /// Name and hour at noon in Greenwich, in summer.
    fn told(zone: Option<TimeZone>) -> Option<(String, i8)> {
        let noon: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let zone = zone?;
        Some((zone.iana_name()?.to_owned(), noon.to_zoned(zone.clone()).hour()))
    }

    #[test]
    fn the_machines_link_names_its_zone() {
        let root = machine();
        let tokyo = Some(("Asia/Tokyo".to_owned(), 21));
        assert_eq!(told(named(root.path(), None)), tokyo);
    }

    #[test]
    fn the_variable_wins_over_the_link() {
        let root = machine();
        let new_york = Some(("America/New_York".to_owned(), 8));
        for tz in ["America/New_York", ":America/New_York", "/usr/share/zoneinfo/America/New_York"]
        {
            assert_eq!(told(named(root.path(), Some(OsStr::new(tz)))), new_york, "{tz}");
        }
    }

    #[test]
    fn rules_and_paths_are_zones_without_a_name() {
        let of = |tz: &str| {
            let source = ZoneSource { setting: None, tz: Some(tz.into()) };
            let noon: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
            let zone = source.find()?;
            let name = zone.iana_name().map(str::to_owned).filter(|name| !name.is_empty());
            Some((name, noon.to_zoned(zone).hour()))
        };
        assert_eq!(of("JST-9"), Some((None, 21)));
        assert_eq!(of(":JST-9"), Some((None, 21)));
        assert_eq!(of(""), Some((Some("UTC".to_owned()), 12)));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), tzif("JST-9")).unwrap();
        assert_eq!(of(&format!(":{}", file.path().display())), Some((None, 21)));
        for unknown in ["Asia/Nowhere", "/nonexistent", "Tokyo", "../../etc/passwd"] {
            assert_eq!(of(unknown), None, "{unknown}");
            assert!(unknown.parse::<ZoneName>().is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_setting_replaces_the_variable_and_names_itself() {
        let source = ZoneSource { setting: Some("JST-9".parse().unwrap()), tz: Some("UTC".into()) };
        assert_eq!(source.to_string(), "--time-zone");
        assert_ne!(source.zone(), TimeZone::UTC);
        let unknown = ZoneSource { setting: None, tz: Some("Mars/Olympus".into()) };
        assert!(!unknown.is_known() && unknown.zone() == TimeZone::UTC);
        assert_eq!(unknown.to_string(), "TZ=Mars/Olympus");
    }

    #[test]
    fn what_names_no_file_is_left_to_others() {
        let root = machine();
        for tz in ["JST-9", "Asia/Nowhere", "", ":", "/etc/localtime", "Asia"] {
            assert!(named(root.path(), Some(OsStr::new(tz))).is_none(), "{tz}");
        }
        fs::remove_file(root.path().join("etc/localtime")).unwrap();
        assert!(named(root.path(), None).is_none());
        // A copy has no name.
        let copy = root.path().join("etc/localtime");
        fs::copy(root.path().join(ZONES).join("Asia/Tokyo"), copy).unwrap();
        assert!(named(root.path(), None).is_none());
    }
}
