//! A file that is written beside its target and renamed when it is complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file to be written.
#[derive(Debug)]
pub(crate) enum OutputFile {
    /// A temporary file; dropped without [`OutputFile::commit`] it is removed.
    Beside {
        /// The temporary file.
        file: NamedTempFile,
        /// The target.
        place: PathBuf,
    },
    /// A device or pipe, written directly.
    Special(File),
}

impl OutputFile {
    /// Starts writing the file at `path`.
    ///
    /// # Errors
    /// Its folder does not exist or is not writable, or `path` is a folder.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if is_special(path) {
            return OpenOptions::new().write(true).open(path).map(Self::Special);
        }
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let place = place(path);
        let folder = place.parent().unwrap_or(Path::new("/"));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".log2aws-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // The usual mode of a new file, reduced by the umask.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        if !folder.is_dir() {
            let what = format!("the folder {} does not exist", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        }
        // Its message would name the temporary file.
        let file = builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))?;
        if let Ok(old) = std::fs::metadata(&place) {
            file.as_file().set_permissions(old.permissions())?;
        }
        Ok(Self::Beside { file, place })
    }

    /// Renames the file to its target.
    ///
    /// # Errors
    /// It cannot be written or renamed; the target is then unchanged.
    pub(crate) fn commit(self) -> io::Result<()> {
        match self {
            Self::Beside { file, place } => {
                file.as_file().sync_data()?;
                file.persist(place).map(drop).map_err(|error| error.error)
            }
            Self::Special(_) => Ok(()),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside { file, .. } => file.write(bytes),
            Self::Special(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside { file, .. } => file.flush(),
            Self::Special(file) => file.flush(),
        }
    }
}

/// Whether `path` is a device or pipe, which must never be replaced by a file.
pub(crate) fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// A canonical name of each target: links are resolved as far as possible.
pub(crate) fn place(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
