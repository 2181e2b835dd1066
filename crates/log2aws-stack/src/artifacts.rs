//! The zips of the two functions: finding, checking, and naming them by content.

use std::fmt;
use std::io::{Cursor, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::architecture::Architecture;

/// The file names of the two zips.
const GENERATE_URL: &str = "generate-url.zip";
const ANALYZE_LOG: &str = "analyze-log.zip";

/// The file that the runtime `provided.al2023` starts.
const BOOTSTRAP: &str = "bootstrap";

/// The file of a zip that names the version of log2aws which it belongs to.
const VERSION_FILE: &str = "log2aws-version";

/// The file beside zips whose programs passed their tests on a machine of their architecture: the
/// SHA-256 of both, in the format of `sha256sum`.
const TESTED: &str = "tested.sha256";

/// The version of this program, and so of the functions that fit it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How many bytes of a program show its architecture: the head of an ELF file.
const HEAD: usize = 20;

/// The most bytes of a zip that is read: what Lambda takes unpacked.
///
/// Source: AWS Lambda Developer Guide, "Lambda quotas": deployment package.
const MOST: u64 = 250 * 1024 * 1024;

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

/// The zips of both functions for one architecture.
#[derive(Clone, Debug)]
pub struct Functions {
    /// generate-url.
    pub generate_url: Artifact,
    /// analyze-log.
    pub analyze_log: Artifact,
    /// What both were built for.
    pub architecture: Architecture,
    /// Whether the release that they come from has tested just these zips on a machine of the
    /// architecture.
    pub tested: bool,
}

/// What was found: the zips of one or both architectures, all checked.
#[derive(Clone, Debug)]
pub struct Artifacts {
    found: Vec<Functions>,
}

/// Why the zips cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// They were not found.
    #[error(
        "the zips of the functions ({GENERATE_URL}, {ANALYZE_LOG}) are not both in {}; a release's \
         archive has them beside the program; or make them with `cargo xtask lambda` in the source, \
         or name their folder by --artifacts",
        listed(.0)
    )]
    Absent(Vec<PathBuf>),
    /// One cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One cannot run on Lambda.
    #[error(
        "{}: {problem}; unpack the release's archive anew, or make the zip with `cargo xtask lambda`",
        path.display()
    )]
    Wrong {
        /// The zip.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// One belongs to another version of this program.
    #[error(
        "{} is of {}, and this program is of log2aws {VERSION}; both must be of one version: take \
         program and zips from one release, or make the zips with `cargo xtask lambda` in the source \
         of this program",
        path.display(),
        version.as_ref().map_or_else(
            || "a log2aws that put no version into its zips".to_owned(),
            |version| format!("log2aws {version}"),
        )
    )]
    OtherVersion {
        /// The zip.
        path: PathBuf,
        /// The version in it.
        version: Option<String>,
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
    /// There are zips, but of the other architecture than the stack's.
    #[error(
        "the functions are to be for {wanted} ({why}), and the zips in {} are for {found}; name the \
         folder of those for {wanted} by --artifacts, or give --parameter Architecture={found}",
        folder.display()
    )]
    OtherArchitecture {
        /// What the stack is to have.
        wanted: Architecture,
        /// Why.
        why: String,
        /// Where the zips are.
        folder: PathBuf,
        /// What they are for.
        found: Architecture,
    },
}

fn listed(folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    folders.join(", ")
}

/// The folders to search, in order: the named folder and no other; else beside the program, in
/// `lambda` there, where a package would have them, and the output folder of `cargo xtask lambda`.
pub fn folders(named: Option<&Path>, program: Option<&Path>, current: &Path) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let beside = program.and_then(Path::parent);
    let mut folders: Vec<PathBuf> =
        beside.iter().flat_map(|folder| [folder.to_path_buf(), folder.join("lambda")]).collect();
    folders.extend(beside.and_then(Path::parent).map(|above| above.join("share/log2aws/lambda")));
    folders.push(current.join("target/lambda"));
    folders
}

impl Artifacts {
    /// Takes the zips from the first folder that has any: those in it, and those in a folder below
    /// it that has an architecture's name.
    ///
    /// # Errors
    /// [`ArtifactError`] names the file and the problem.
    pub fn find(folders: &[PathBuf]) -> Result<Self, ArtifactError> {
        for folder in folders {
            let mut found: Vec<Functions> = Vec::new();
            if has_any(folder) {
                found.push(both(folder)?);
            }
            for architecture in Architecture::ALL {
                let below = folder.join(architecture.to_string());
                let known = found.iter().any(|known| known.architecture == architecture);
                if known || !has_any(&below) {
                    continue;
                }
                let functions = both(&below)?;
                if functions.architecture != architecture {
                    return Err(ArtifactError::Wrong {
                        path: functions.generate_url.path,
                        problem: format!(
                            "its {BOOTSTRAP} is for {}, and its folder for {architecture}",
                            functions.architecture
                        ),
                    });
                }
                found.push(functions);
            }
            if !found.is_empty() {
                return Ok(Self { found });
            }
        }
        Err(ArtifactError::Absent(folders.to_vec()))
    }

    /// The zips for an architecture; `why` it must be that one.
    ///
    /// # Errors
    /// [`ArtifactError::OtherArchitecture`].
    pub fn of(
        &self,
        wanted: Architecture,
        why: impl fmt::Display,
    ) -> Result<&Functions, ArtifactError> {
        if let Some(found) = self.found.iter().find(|found| found.architecture == wanted) {
            return Ok(found);
        }
        let (folder, found) = self.found.first().map_or((Path::new("").to_owned(), wanted), |f| {
            let path = &f.generate_url.path;
            (path.parent().unwrap_or(path).to_owned(), f.architecture)
        });
        Err(ArtifactError::OtherArchitecture { wanted, why: why.to_string(), folder, found })
    }

    /// Whether the release has tested its zips on a machine of this architecture.
    pub fn tested(&self, architecture: Architecture) -> bool {
        self.found.iter().any(|found| found.tested && found.architecture == architecture)
    }
}

fn has_any(folder: &Path) -> bool {
    [GENERATE_URL, ANALYZE_LOG].iter().any(|name| folder.join(name).exists())
}

/// Both zips of a folder.
fn both(folder: &Path) -> Result<Functions, ArtifactError> {
    let (generate_url, one) = read(&folder.join(GENERATE_URL))?;
    let (analyze_log, other) = read(&folder.join(ANALYZE_LOG))?;
    if one != other {
        let (one_path, other_path) = (generate_url.path, analyze_log.path);
        return Err(ArtifactError::Mixed { one_path, one, other_path, other });
    }
    let path = folder.join(TESTED);
    let tested = match std::fs::read_to_string(&path) {
        Ok(sums) => [(&generate_url, GENERATE_URL), (&analyze_log, ANALYZE_LOG)].iter().all(
            |(artifact, name)| {
                let line = format!("{}  {name}", hex::encode(artifact.sha256));
                sums.lines().any(|known| known == line)
            },
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(source) => return Err(ArtifactError::Unreadable { path, source }),
    };
    Ok(Functions { generate_url, analyze_log, architecture: one, tested })
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
    let (architecture, version) = look_into(&bytes).map_err(wrong)?;
    if version.as_deref() != Some(VERSION) {
        return Err(ArtifactError::OtherVersion { path: path.to_owned(), version });
    }
    let sha256 = Sha256::digest(&bytes).into();
    Ok((Artifact { path: path.to_owned(), bytes, sha256 }, architecture))
}

/// The architecture of the program in a zip, and the version that the zip names.
fn look_into(bytes: &[u8]) -> Result<(Architecture, Option<String>), String> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| format!("it is no zip, or not a whole one ({error})"))?;
    let version = match zip.by_name(VERSION_FILE) {
        Ok(file) => {
            let mut text = String::new();
            let read = file.take(64).read_to_string(&mut text);
            read.map_err(|error| format!("its {VERSION_FILE} cannot be unpacked ({error})"))?;
            Some(text.trim().to_owned())
        }
        Err(_) => None,
    };
    let program = zip
        .by_name(BOOTSTRAP)
        .map_err(|_| format!("it holds no file {BOOTSTRAP}, which is what Lambda starts"))?;
    if program.unix_mode().is_some_and(|mode| mode & 0o111 == 0) {
        return Err(format!("its {BOOTSTRAP} is not executable"));
    }
    let mut head = Head::default();
    // To its end, where damage shows in the checksum.
    let read = std::io::copy(&mut program.take(MOST + 1), &mut head);
    let bytes = read.map_err(|error| format!("its {BOOTSTRAP} cannot be unpacked ({error})"))?;
    if bytes > MOST {
        return Err(format!("its {BOOTSTRAP} is larger than the 250 MiB that Lambda takes"));
    }
    match elf_machine(&head.0) {
        // Source: System V ABI, "ELF Header", e_machine: EM_X86_64 and EM_AARCH64.
        Some(62) => Ok((Architecture::X86_64, version)),
        Some(183) => Ok((Architecture::Arm64, version)),
        _ => Err(format!("its {BOOTSTRAP} is no 64-bit Linux program for x86_64 or arm64")),
    }
}

/// Keeps the first bytes that are written to it.
#[derive(Default)]
struct Head(Vec<u8>);

impl std::io::Write for Head {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let wanted = HEAD.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(&bytes[..wanted]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
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
mod tests;
