//! What to do about an error of a file: after its cause, not after the most frequent one.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The error of a file or folder with what to do about it. Its kind stays.
pub(crate) fn with_hint(path: &Path, error: io::Error) -> io::Error {
    let us = rustix::process::geteuid().as_raw();
    // A file that does not exist is created in its folder.
    let nearest = path.ancestors().find_map(|path| Some((path, fs::metadata(path).ok()?.uid())));
    match hint(error.kind(), nearest, us) {
        Some(hint) => io::Error::new(error.kind(), format!("{error}; {hint}")),
        None => error,
    }
}

/// The pure part: `nearest` is the file, or the nearest folder above it that exists, and its owner.
fn hint(kind: ErrorKind, nearest: Option<(&Path, u32)>, us: u32) -> Option<String> {
    Some(match kind {
        ErrorKind::ReadOnlyFilesystem => "it is on a read-only file system: see mount(8), and \
             dmesg(1) for a faulty disk; a service of systemd needs the folder in ReadWritePaths="
            .to_owned(),
        ErrorKind::StorageFull => {
            "make room there: for data (df -h), or for names (df -i)".to_owned()
        }
        ErrorKind::QuotaExceeded => format!("the quota of user {us} is used up: quota(1)"),
        ErrorKind::PermissionDenied => match nearest {
            Some((path, owner)) if owner != us => format!(
                "{} belongs to user {owner}, and this is user {us}; run as the user who owns it, \
                 or chown(1) it",
                path.display()
            ),
            Some((path, _)) => {
                format!("see the modes of {} and of the folders above it", path.display())
            }
            None => "run as the user who owns it".to_owned(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_advice() {
        let path = Path::new("/var/log/log2aws/2026-11-21.log");
        let told = |kind, owner| hint(kind, Some((path, owner)), 998).unwrap_or_default();
        assert!(told(ErrorKind::ReadOnlyFilesystem, 998).contains("read-only file system"));
        assert!(told(ErrorKind::StorageFull, 998).contains("df -i"));
        assert!(told(ErrorKind::QuotaExceeded, 998).contains("user 998"));
        let foreign = told(ErrorKind::PermissionDenied, 0);
        assert!(foreign.contains("21.log belongs to user 0, and this is user 998"), "{foreign}");
        let own = told(ErrorKind::PermissionDenied, 998);
        assert!(own.contains("modes") && !own.contains("run as"), "{own}");
        assert_eq!(told(ErrorKind::NotFound, 0), "");
    }

    #[test]
    fn the_kind_of_an_error_stays() {
        let full = with_hint(Path::new("/x"), ErrorKind::StorageFull.into());
        assert!(super::super::is_full(&full) && full.to_string().contains("; make room there"));
    }
}
