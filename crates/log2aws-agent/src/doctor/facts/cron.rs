//! Cron jobs that sample or deliver, of this or of the older scripts.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read; a crontab or a script has a few KiB.
const MAX_FILE: u64 = 256 << 10;

/// Single files, folders of crontabs, and folders of scripts, under the root.
const CRONTABS: [&str; 2] = ["etc/crontab", "etc/anacrontab"];
const FOLDERS: [&str; 8] = [
    "etc/cron.d",
    "etc/cron.hourly",
    "etc/cron.daily",
    // The folders of Debian, RHEL and SUSE.
    "var/spool/cron/crontabs",
    "var/spool/cron",
    "var/spool/cron/tabs",
    "etc/periodic/hourly",
    "etc/periodic/daily",
];

/// The cron jobs that do our work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CronJobs {
    /// Jobs that take samples.
    pub(crate) sampling: Vec<Job>,
    /// Jobs that deliver logs.
    pub(crate) shipping: Vec<Place>,
    /// Folders of crontabs that this user may not read.
    pub(crate) unread: Vec<PathBuf>,
}

/// A job that samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) place: Place,
    /// The folder that it writes to, if it is certainly not ours.
    pub(crate) elsewhere: Option<PathBuf>,
}

/// A line of a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} line {}", self.file.display(), self.line)
    }
}

/// Reads the crontabs under `root`.
pub(crate) fn look(root: &Path, log_dir: &Path) -> CronJobs {
    let mut jobs = CronJobs::default();
    let mut files: Vec<PathBuf> = CRONTABS.iter().map(|file| root.join(file)).collect();
    for folder in FOLDERS.iter().map(|folder| root.join(folder)) {
        match fs::read_dir(&folder) {
            Ok(entries) => files.extend(entries.filter_map(|entry| Some(entry.ok()?.path()))),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => jobs.unread.push(folder),
            Err(_) => {}
        }
    }
    files.sort_unstable();
    for file in files {
        match read(&file) {
            Ok(text) => jobs.add(root, &file, &text, log_dir),
            Err(ErrorKind::PermissionDenied) => jobs.unread.push(file),
            Err(_) => {}
        }
    }
    jobs
}

impl CronJobs {
    fn add(&mut self, root: &Path, file: &Path, text: &str, log_dir: &Path) {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with('#') {
                continue;
            }
            let mut work = Work::of(line, log_dir);
            let mut code = line.to_owned();
            // Also reads a script that the line runs.
            for word in line.split_whitespace().filter(|word| word.starts_with('/')) {
                if let Ok(script) = read(&root.join(word.trim_start_matches('/'))) {
                    work |= Work::of_script(&script, log_dir);
                    code = format!("{code}\n{script}");
                }
            }
            let place = Place { file: file.to_owned(), line: number + 1 };
            if work.ships {
                self.shipping.push(place.clone());
            }
            if work.samples {
                self.sampling.push(Job { place, elsewhere: elsewhere(&code, log_dir) });
            }
        }
    }
}

/// The folder that a shell command writes to, if it is certainly not ours.
fn elsewhere(code: &str, log_dir: &Path) -> Option<PathBuf> {
    let mut folders = code.split(">>").skip(1).map(|to| {
        let to = to.trim_start().trim_start_matches(['"', '\'']);
        let known = to.split(|c: char| c.is_whitespace() || "\"'$`;|&)".contains(c)).next()?;
        // The text after the last slash is a file name, or its beginning.
        let (folder, _) = known.rsplit_once('/')?;
        let folder = Path::new(folder);
        (folder.is_absolute() && folder != log_dir).then(|| folder.to_owned())
    });
    let first = folders.next()??;
    folders.all(|folder| folder.is_some()).then_some(first)
}

/// What a piece of shell does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    samples: bool,
    ships: bool,
}

impl std::ops::BitOrAssign for Work {
    fn bitor_assign(&mut self, other: Self) {
        self.samples |= other.samples;
        self.ships |= other.ships;
    }
}

impl Work {
    fn of(line: &str, log_dir: &Path) -> Self {
        let ours = ["log2aws-agent", "log2aws"];
        let verb = |verb: &str| {
            let mut words = line.split_whitespace();
            words.any(|word| ours.contains(&word.rsplit('/').next().unwrap_or(word)))
                && words.next() == Some(verb)
        };
        let appends = || {
            let folder = log_dir.to_string_lossy();
            line.split_once(">>").is_some_and(|(_, to)| to.contains(&*folder))
        };
        Self {
            samples: verb("sample")
                || line.contains("vmstat") && line.contains("uptime")
                || appends(),
            ships: verb("ship") || line.contains("log2aws.sh"),
        }
    }

    /// The work of a script without its comments; commands may span several lines.
    fn of_script(text: &str, log_dir: &Path) -> Self {
        let code = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let has = |what: &str| code().any(|line| line.contains(what));
        let mut work = Self::default();
        for line in code() {
            work |= Self::of(line, log_dir);
        }
        work.samples |= has("vmstat") && has("uptime");
        work.ships |= has("curl") && has("server=") && has("date=");
        work
    }
}

/// The text of a regular file; binaries are ignored.
fn read(path: &Path) -> Result<String, ErrorKind> {
    let kind = |error: std::io::Error| error.kind();
    // Not a pipe, which may never have a writer.
    if !fs::metadata(path).map_err(kind)?.is_file() {
        return Err(ErrorKind::InvalidInput);
    }
    let mut text = String::new();
    fs::File::open(path).map_err(kind)?.take(MAX_FILE).read_to_string(&mut text).map_err(kind)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(line: &str) -> (bool, bool) {
        let work = Work::of(line, Path::new("/var/log/log2aws"));
        (work.samples, work.ships)
    }

    #[test]
    fn what_a_line_does() {
        let cron = "*/10 * * * * root ";
        for line in [
            "log2aws-agent sample",
            "/usr/bin/log2aws sample --since-boot",
            "echo $(date +\\%F) $(uptime) $(vmstat|tail -1) >> /tmp/x.log",
            "/opt/load >> /var/log/log2aws/$(date +\\%F).log",
        ] {
            assert_eq!(work(&format!("{cron}{line}")), (true, false), "{line}");
        }
        for line in ["/usr/bin/log2aws-agent ship --api https://a", "/opt/log2aws.sh"] {
            assert_eq!(work(&format!("{cron}{line}")), (false, true), "{line}");
        }
        for line in ["log2aws-agent doctor", "vmstat 1 2", "uptime", "cat /var/log/log2aws/x", ""] {
            assert_eq!(work(&format!("{cron}{line}")), (false, false), "{line}");
        }
    }

    #[test]
    fn where_lines_go() {
        let load = Some(PathBuf::from("/var/log/load"));
        for (code, folder) in [
            ("(uptime; vmstat) >> /var/log/load/$(date +\\%F).log", &load),
            ("uptime >>\"/var/log/load/x.log\"; vmstat >> /var/log/load/x.log", &load),
            ("uptime >> /var/log/log2aws/$(date +\\%F).log", &None),
            ("uptime >> /var/log/load/x; vmstat >> /var/log/log2aws/x", &None),
            ("uptime >> $LOG", &None),
            ("uptime >> x.log", &None),
            ("log2aws-agent sample", &None),
        ] {
            assert_eq!(elsewhere(code, Path::new("/var/log/log2aws")), *folder, "{code}");
        }
    }

    #[test]
    fn every_crontab_and_what_it_runs_is_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/crontab", "SHELL=/bin/sh\n# * * * * * root log2aws sample\n");
        write("etc/cron.d/load", "MAILTO=root\n*/10 * * * * root /opt/load.sh x\n");
        write("opt/load.sh", "#!/bin/sh\nup=$(uptime)\n# curl\nvm=$(vmstat | tail -1)\n");
        write("var/spool/cron/crontabs/ops", "5 0 * * * /opt/send.sh\n");
        write("opt/send.sh", "url=$(curl -s \"$api?server=$(hostname)&date=$day\")\n");
        let jobs = look(root.path(), Path::new("/var/log/log2aws"));
        let place = |path: &str, line| Place { file: root.path().join(path), line };
        assert_eq!(jobs.sampling, [Job { place: place("etc/cron.d/load", 2), elsewhere: None }]);
        assert_eq!(jobs.shipping, [place("var/spool/cron/crontabs/ops", 1)]);
        assert_eq!(jobs.unread, Vec::<PathBuf>::new());
    }
}
