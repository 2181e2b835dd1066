//! The zips of the two functions: finding, checking, and naming them by content.

use std::fmt;
use std::io::{Cursor, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The file names of the two zips.
const GENERATE_URL: &str = "generate-url.zip";
const ANALYZE_LOG: &str = "analyze-log.zip";

/// The file that the runtime `provided.al2023` starts.
const BOOTSTRAP: &str = "bootstrap";

/// How many bytes of a program show its architecture: the head of an ELF file.
const HEAD: u64 = 20;

/// The most bytes of a zip that is read: what Lambda takes unpacked.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas": deployment package.
const MOST: u64 = 250 * 1024 * 1024;

/// The architecture of a program, as the template's parameter `Architecture` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    X86_64,
    /// 64-bit ARM.
    Arm64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A zip, ready for upload.
#[derive(Clone)]
pub struct Artifact {
    /// Where it was found.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, bytes) = (&self.path, self.bytes.len());
        f.debug_struct("Artifact")
            .field("path", path)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

impl Artifact {
    /// Its key: the same bytes always have the same key, so that a new program is noticed and an
    /// old one is not uploaded again.
    pub fn key(&self) -> String {
        format!("log2aws/{}.zip", hex::encode(self.sha256))
    }
}

/// The zips of both functions.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// generate-url.
    pub generate_url: Artifact,
    /// analyze-log.
    pub analyze_log: Artifact,
    /// What both were built for.
    pub architecture: Architecture,
}

/// Why the zips cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// They were not found.
    #[error(
        "the zips of the functions ({GENERATE_URL}, {ANALYZE_LOG}) are not both in {}; make them with \
         `cargo xtask lambda` in the source, or name their folder by --artifacts",
        listed(.0)
    )]
    Absent(Vec<PathBuf>),
    /// One cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The zip.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One cannot run on Lambda.
    #[error("{}: {problem}; make it anew with `cargo xtask lambda`", path.display())]
    Wrong {
        /// The zip.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// They have different architectures.
    #[error(
        "{} is for {one} and {} for {other}; both functions need the same",
        one_path.display(),
        other_path.display()
    )]
    Mixed {
        /// A zip.
        one_path: PathBuf,
        /// Its architecture.
        one: Architecture,
        /// The other zip.
        other_path: PathBuf,
        /// The other's architecture.
        other: Architecture,
    },
}

fn listed(folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    folders.join(", ")
}

/// The folders to search, in order: the named folder and no other; else beside the program and in
/// `lambda` there, and the output folder of `cargo xtask lambda`.
pub fn folders(named: Option<&Path>, program: Option<&Path>, current: &Path) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let beside = program.and_then(Path::parent);
    let mut folders: Vec<PathBuf> =
        beside.iter().flat_map(|folder| [folder.to_path_buf(), folder.join("lambda")]).collect();
    folders.push(current.join("target/lambda"));
    folders
}

impl Artifacts {
    /// Takes both zips from the first folder that has either.
    ///
    /// # Errors
    /// [`ArtifactError`] names the file and the problem.
    pub fn find(folders: &[PathBuf]) -> Result<Self, ArtifactError> {
        let has = |folder: &&PathBuf| {
            [GENERATE_URL, ANALYZE_LOG].iter().any(|name| folder.join(name).exists())
        };
        let folder =
            folders.iter().find(has).ok_or_else(|| ArtifactError::Absent(folders.to_vec()))?;
        let (generate_url, one) = read(&folder.join(GENERATE_URL))?;
        let (analyze_log, other) = read(&folder.join(ANALYZE_LOG))?;
        if one != other {
            let (one_path, other_path) = (generate_url.path, analyze_log.path);
            return Err(ArtifactError::Mixed { one_path, one, other_path, other });
        }
        Ok(Self { generate_url, analyze_log, architecture: one })
    }
}

fn read(path: &Path) -> Result<(Artifact, Architecture), ArtifactError> {
    let unreadable = |source| ArtifactError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(path);
            return Err(ArtifactError::Absent(vec![folder.to_owned()]));
        }
        opened => opened.map_err(unreadable)?,
    };
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let wrong = |problem: String| ArtifactError::Wrong { path: path.to_owned(), problem };
    if bytes.len() as u64 > MOST {
        return Err(wrong("it is larger than the 250 MiB that Lambda takes".to_owned()));
    }
    let architecture = look_into(&bytes).map_err(wrong)?;
    let sha256 = Sha256::digest(&bytes).into();
    Ok((Artifact { path: path.to_owned(), bytes, sha256 }, architecture))
}

/// The architecture of the program in a zip.
fn look_into(bytes: &[u8]) -> Result<Architecture, String> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| format!("it is no zip ({error})"))?;
    let program = zip
        .by_name(BOOTSTRAP)
        .map_err(|_| format!("it holds no file {BOOTSTRAP}, which is what Lambda starts"))?;
    if program.unix_mode().is_some_and(|mode| mode & 0o111 == 0) {
        return Err(format!("its {BOOTSTRAP} is not executable"));
    }
    let mut head = Vec::new();
    let read = program.take(HEAD).read_to_end(&mut head);
    read.map_err(|error| format!("its {BOOTSTRAP} cannot be unpacked ({error})"))?;
    match elf_machine(&head) {
        // Source: System V ABI, "ELF Header", e_machine: EM_X86_64 and EM_AARCH64.
        Some(62) => Ok(Architecture::X86_64),
        Some(183) => Ok(Architecture::Arm64),
        _ => Err(format!("its {BOOTSTRAP} is no 64-bit Linux program for x86_64 or arm64")),
    }
}

/// `e_machine` of a 64-bit little-endian ELF file.
fn elf_machine(head: &[u8]) -> Option<u16> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    head.get(18..20).and_then(|two| two.try_into().ok()).map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn program(machine: u8) -> Vec<u8> {
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(18, 0);
        head.extend([machine, 0]);
        head.resize(64, 0);
        head
    }

    fn put(folder: &Path, name: &str, entry: &str, mode: u32, bytes: &[u8]) {
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        zip.start_file(entry, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap();
    }

    fn found(folder: &Path) -> Result<Artifacts, String> {
        Artifacts::find(&[folder.to_owned()]).map_err(|error| error.to_string())
    }

    #[test]
    fn zips_are_found_and_named_by_their_bytes() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        put(folder, GENERATE_URL, BOOTSTRAP, 0o755, &program(183));
        put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(183));
        let both = found(folder).unwrap();
        assert_eq!(both.architecture, Architecture::Arm64);
        let key = both.generate_url.key();
        let hash = key.strip_prefix("log2aws/").and_then(|rest| rest.strip_suffix(".zip"));
        assert_eq!(hash.map(str::len), Some(64), "{key}");
        assert_eq!(key, both.analyze_log.key(), "the same bytes have the same key");
        let searched = [home.path().join("none"), folder.to_owned()];
        assert!(Artifacts::find(&searched).is_ok());
    }

    #[test]
    fn what_lambda_could_not_run_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        assert!(found(folder).unwrap_err().contains("cargo xtask lambda"));
        put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(62));
        assert!(found(folder).unwrap_err().contains("are not both in"));
        std::fs::write(folder.join(GENERATE_URL), b"PK, but no zip").unwrap();
        assert!(found(folder).unwrap_err().contains("it is no zip"));
        for (entry, mode, bytes, part) in [
            ("main", 0o755, program(62), "holds no file bootstrap"),
            (BOOTSTRAP, 0o644, program(62), "is not executable"),
            (BOOTSTRAP, 0o755, program(3), "no 64-bit Linux program"),
            (BOOTSTRAP, 0o755, b"#!/bin/sh\n".to_vec(), "no 64-bit Linux program"),
            (BOOTSTRAP, 0o755, Vec::new(), "no 64-bit Linux program"),
            (BOOTSTRAP, 0o755, program(183), "is for arm64 and"),
        ] {
            put(folder, GENERATE_URL, entry, mode, &bytes);
            let message = found(folder).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_named_folder_is_the_only_one() {
        let (named, program) = (Path::new("/zips"), Path::new("/usr/bin/log2aws"));
        let current = Path::new("/src");
        assert_eq!(folders(Some(named), Some(program), current), [named]);
        let usual = folders(None, Some(program), current);
        let expected = ["/usr/bin", "/usr/bin/lambda", "/src/target/lambda"];
        assert_eq!(usual, expected.map(PathBuf::from));
    }
}
