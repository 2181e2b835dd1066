//! The machine's zone with its name, from the machine's own files.
//!
//! jiff finds a zone's name only with a database of all zones, which would be a tenth of the agent.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

/// The folder with the rules of all zones.
const ZONES: &str = "usr/share/zoneinfo";

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

    use jiff::Timestamp;

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
