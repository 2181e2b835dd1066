//! The secrets of a data folder: generated at the first start, read at later ones.
//!
//! Five secrets, each in a file that only its owner can read:
//! * `credentials` (and `credentials.env`): the operator's key pair, for the whole S3 API;
//! * `signing-key`: the pair that signs the servers' URLs. It only allows a PUT of a day log, so if
//!   it leaks nothing can be read or listed;
//! * `metrics-token`: for scraping `/-/metrics`;
//! * `dashboard-token`: for the dashboard's login, and `dashboard-session-key`, which signs sessions
//!   (`crate::ui::tokens`).

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use log2aws_service::http::StoreId;
use rustix::fs::OFlags;
use rustix::io::Errno;
use url::Url;

use crate::config::{KeyFileAction, ServeError};

/// The profile in the files.
pub const PROFILE: &str = "log2aws";
/// The region in the files; any region is accepted in a signature's scope. It is not an AWS region:
/// for `us-east-1` boto3 and the AWS CLI presign with signature version 2, which is not accepted.
pub const REGION: &str = "local";

const OPERATOR_FILE: &str = "credentials";
const ENVIRONMENT_FILE: &str = "credentials.env";
const SIGNING_FILE: &str = "signing-key";
const TOKEN_FILE: &str = "metrics-token";
/// Not a secret. It is not part of a snapshot: what was delivered after the snapshot is missing in
/// a restored store, which gets a new id, so that servers send again what they keep.
const STORE_ID_FILE: &str = "store-id";

/// An access key and its secret; the secret does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The public half, which identifies the pair in signatures.
    pub access_key: String,
    secret: String,
}

impl KeyPair {
    /// The secret half, for signing and for the files of this module.
    pub fn expose_secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Fills a buffer with random bytes.
pub(crate) type Random<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), ServeError>;

/// Random bytes from the operating system.
///
/// # Errors
/// [`ServeError::Random`].
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), ServeError> {
    getrandom::fill(buffer).map_err(|error| ServeError::Random(error.to_string()))
}

/// A token of at least 16 characters; does not print.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Generates one: 24 random bytes in URL-safe characters.
    ///
    /// # Errors
    /// [`ServeError::Random`].
    pub(crate) fn make(random: Random<'_>) -> Result<Self, ServeError> {
        let mut bytes = [0; 24];
        random(&mut bytes)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads the token in a file; `None` if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, other users can read it, or it has no token.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, ServeError> {
        let Some(text) = read_secret(path)? else { return Ok(None) };
        let token = text.trim();
        let distinct: std::collections::HashSet<char> = token.chars().collect();
        if token.len() < 16 || distinct.len() < 8 || token.contains(char::is_control) {
            return Err(ServeError::KeyFileContent {
                path: path.to_owned(),
                expected: "a token of at least 16 characters, 8 different ones among them",
            });
        }
        Ok(Some(Self(token.to_owned())))
    }

    /// Reads the token in a file, or creates the file with a new one.
    ///
    /// # Errors
    /// As for [`Token::read`]; or the file cannot be written.
    pub(crate) fn read_or_make(path: &Path, random: Random<'_>) -> Result<Self, ServeError> {
        if let Some(token) = Self::read(path)? {
            return Ok(token);
        }
        let token = Self::make(random)?;
        write_secret(path, &format!("{}\n", token.0))?;
        Ok(token)
    }

    /// A token from a caller, valid or not.
    pub(crate) fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The token, for printing a new one once, and for comparison in constant time.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The secrets of one data folder.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) operator: KeyPair,
    pub(crate) signing: KeyPair,
    pub(crate) metrics: Token,
    folder: PathBuf,
}

impl Credentials {
    /// Reads the secrets of `folder`; missing ones are generated with `random`, which fills a
    /// buffer with random bytes.
    ///
    /// # Errors
    /// A file cannot be read or written, other users can read it, or it has no key.
    pub(crate) fn read_or_make(folder: &Path, random: Random<'_>) -> Result<Self, ServeError> {
        let mut pair = |file: &str| -> Result<KeyPair, ServeError> {
            let path = folder.join(file);
            if let Some(text) = read_secret(&path)? {
                return parse_pair(&text).ok_or(ServeError::KeyFileContent {
                    path,
                    expected: "aws_access_key_id and aws_secret_access_key",
                });
            }
            let pair = make_pair(random)?;
            write_secret(&path, &profile_text(&pair))?;
            Ok(pair)
        };
        let (operator, signing) = (pair(OPERATOR_FILE)?, pair(SIGNING_FILE)?);

        let metrics = Token::read_or_make(&folder.join(TOKEN_FILE), random)?;
        Ok(Self { operator, signing, metrics, folder: folder.to_owned() })
    }

    /// Reads the store's id, or makes one at the first start.
    ///
    /// # Errors
    /// The file cannot be read or written, or has no id.
    pub(crate) fn store_id(&self, random: Random<'_>) -> Result<StoreId, ServeError> {
        let path = self.folder.join(STORE_ID_FILE);
        let text = if let Some(text) = read_secret(&path)? {
            text
        } else {
            let mut bytes = [0; 16];
            random(&mut bytes)?;
            let text = hex::encode(bytes);
            write_secret(&path, &format!("{text}\n"))?;
            text
        };
        text.trim().parse().map_err(|_| ServeError::KeyFileContent {
            path,
            expected: "the id of the store; remove the file for a new one",
        })
    }

    /// Writes `credentials.env`, which a shell can `source`, for the current endpoint.
    ///
    /// # Errors
    /// [`ServeError::KeyFile`].
    pub(crate) fn write_environment(&self, endpoint: &Url) -> Result<(), ServeError> {
        let text = environment_text(&self.operator, endpoint);
        let path = self.folder.join(ENVIRONMENT_FILE);
        if read_secret(&path)?.is_some_and(|present| present == text) {
            return Ok(());
        }
        write_secret(&path, &text)
    }

    /// The file with the operator's key pair for a shell.
    pub(crate) fn environment_file(&self) -> PathBuf {
        self.folder.join(ENVIRONMENT_FILE)
    }
}

fn make_pair(random: Random<'_>) -> Result<KeyPair, ServeError> {
    let mut name = [0; 16];
    let mut secret = [0; 30];
    random(&mut name)?;
    random(&mut secret)?;
    let letter =
        |byte: &u8| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte & 31)]);
    let access_key = ['L', 'O', 'G', '2'].into_iter().chain(name.iter().map(letter)).collect();
    Ok(KeyPair { access_key, secret: BASE64_URL_SAFE_NO_PAD.encode(secret) })
}

/// The pair in the format of AWS's shared credentials file.
fn profile_text(pair: &KeyPair) -> String {
    format!(
        "[{PROFILE}]\naws_access_key_id={}\naws_secret_access_key={}\n",
        pair.access_key, pair.secret
    )
}

fn environment_text(pair: &KeyPair, endpoint: &Url) -> String {
    let endpoint = endpoint.as_str().trim_end_matches('/');
    format!(
        "export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}\n\
         export AWS_DEFAULT_REGION={REGION} AWS_ENDPOINT_URL={}\n",
        quoted(&pair.access_key),
        quoted(&pair.secret),
        quoted(endpoint)
    )
}

/// A text quoted as one shell word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Parses the pair of the profile [`PROFILE`]; other profiles are ignored.
fn parse_pair(text: &str) -> Option<KeyPair> {
    let mut in_profile = false;
    let (mut access_key, mut secret) = (None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            in_profile = name.trim() == PROFILE;
        } else if in_profile && let Some((key, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned()).filter(|value| usable(value));
            match key.trim() {
                "aws_access_key_id" => access_key = value,
                "aws_secret_access_key" => secret = value,
                _ => {}
            }
        }
    }
    Some(KeyPair { access_key: access_key?, secret: secret? })
}

/// Whether a key needs no quoting in a header, a query and a shell.
fn usable(value: &str) -> bool {
    (16..=128).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/=.".contains(&b))
}

/// Whom a file of secrets belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileOwner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl FileOwner {
    /// This process's user.
    pub(crate) fn of_process() -> Self {
        use rustix::process::{getegid, geteuid};
        Self { uid: geteuid().as_raw(), gid: getegid().as_raw() }
    }
}

fn read_secret(path: &Path) -> Result<Option<String>, ServeError> {
    read_secret_of(path, FileOwner::of_process())
}

/// Reads a file that `owner`, or root, has for itself; `None` if there is none.
///
/// # Errors
/// A file that cannot be read, is large, is a link, is somebody else's, or can be read by others.
pub(crate) fn read_secret_of(path: &Path, owner: FileOwner) -> Result<Option<String>, ServeError> {
    let failed =
        |source| ServeError::KeyFile { path: path.to_owned(), doing: KeyFileAction::Read, source };
    // The checks are of the file that is read, not of one that may take its name later.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(ServeError::KeyFileOwner { path: path.to_owned() });
        }
        Err(error) => return Err(failed(error)),
    };
    let meta = file.metadata().map_err(failed)?;
    if meta.uid() != owner.uid && meta.uid() != 0 {
        return Err(ServeError::KeyFileOwner { path: path.to_owned() });
    }
    if !meta.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ServeError::KeyFileOpen { path: path.to_owned(), mode });
    }
    if meta.len() > 64 * 1024 {
        return Err(failed(io::Error::other("it is larger than 64 KiB")));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

fn write_secret(path: &Path, text: &str) -> Result<(), ServeError> {
    write_secret_for(path, text, FileOwner::of_process())
}

/// Writes a file that only `owner` can read, whole or not at all, and on disk when it returns.
///
/// # Errors
/// A file that cannot be written, or given to its owner, which only root can.
pub(crate) fn write_secret_for(
    path: &Path,
    text: &str,
    owner: FileOwner,
) -> Result<(), ServeError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // A temporary file is created with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        if owner.uid != FileOwner::of_process().uid {
            fchown(file.as_file(), Some(owner.uid), Some(owner.gid))?;
        }
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| ServeError::KeyFile {
        path: path.to_owned(),
        doing: KeyFileAction::Written,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), ServeError> {
        let mut next = 0_u8;
        move |buffer| {
            for byte in buffer {
                *byte = next;
                next = next.wrapping_add(41);
            }
            Ok(())
        }
    }

    fn make(folder: &Path) -> Credentials {
        Credentials::read_or_make(folder, &mut counting()).unwrap()
    }

    #[test]
    fn made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let first = make(folder.path());
        let mut none = |_: &mut [u8]| -> Result<(), ServeError> { panic!("made a key again") };
        let second = Credentials::read_or_make(folder.path(), &mut none).unwrap();
        assert_eq!(first.operator, second.operator);
        assert_eq!(first.signing, second.signing);
        assert_eq!(first.metrics.expose(), second.metrics.expose());
        assert_ne!(first.operator.access_key, first.signing.access_key);
        assert_ne!(first.operator.secret, first.signing.secret);
        assert_eq!(first.operator.access_key.len(), 20);
        assert_eq!(first.operator.secret.len(), 40);
    }

    #[test]
    fn files_have_the_forms_that_clients_read_and_belong_to_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path());
        made.write_environment(&Url::parse("http://127.0.0.1:8750").unwrap()).unwrap();
        let text = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
        let pair = &made.operator;
        assert_eq!(
            text("credentials"),
            format!(
                "[log2aws]\naws_access_key_id={}\naws_secret_access_key={}\n",
                pair.access_key, pair.secret
            )
        );
        assert!(text("credentials.env").contains("AWS_ENDPOINT_URL='http://127.0.0.1:8750'\n"));
        for file in ["credentials", "credentials.env", "signing-key", "metrics-token"] {
            let bits = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(bits & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_shell_that_sources_the_file_runs_nothing_that_an_endpoint_says() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path());
        for endpoint in ["http://$(id)", "http://h/'$(id)'", "http://h/;a&id"] {
            let endpoint = Url::parse(endpoint).unwrap();
            made.write_environment(&endpoint).unwrap();
            let script = ". \"$1\" && printf %s \"$AWS_ENDPOINT_URL\"";
            let output = std::process::Command::new("sh")
                .args(["-c", script, "sh"])
                .arg(made.environment_file())
                .output()
                .unwrap();
            let sourced = String::from_utf8(output.stdout).unwrap();
            assert_eq!(sourced, endpoint.as_str().trim_end_matches('/'));
        }
    }

    #[test]
    fn a_file_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let path = folder.path().join("credentials");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Credentials::read_or_make(folder.path(), &mut counting()).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_spoilt_file_is_refused_and_not_replaced() {
        for (file, text) in [
            ("credentials", "[default]\naws_access_key_id=LOG2AAAAAAAAAAAAAAAA\n"),
            ("signing-key", ""),
            ("credentials", "[log2aws]\naws_access_key_id=a b\naws_secret_access_key=$(reboot)\n"),
            ("metrics-token", "short\n"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            write_secret(&folder.path().join(file), text).unwrap();
            let error = Credentials::read_or_make(folder.path(), &mut counting()).unwrap_err();
            assert!(matches!(error, ServeError::KeyFileContent { .. }), "{file}: {error}");
            assert_eq!(fs::read_to_string(folder.path().join(file)).unwrap(), text);
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path());
        let printed = format!("{made:?}");
        for secret in [&made.operator.secret, &made.signing.secret, &made.metrics.0] {
            assert!(!printed.contains(secret.as_str()));
        }
    }
}
