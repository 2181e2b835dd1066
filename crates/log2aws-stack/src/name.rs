//! The stack's name: that of the repository or the folder, and the environment.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use log2aws_ssm::env_name::EnvName;

/// A valid CloudFormation stack name.
///
/// Source: AWS CloudFormation API Reference, `CreateStack`, `StackName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackName(String);

/// A text that is not a valid stack name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} can name no stack: that begins with a letter and has up to 128 letters, digits and '-'; \
     give one by --stack-name"
)]
pub struct StackNameError(String);

impl StackName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The default name for the current folder: that of the git repository that contains `folder`,
    /// by its first remote, else that of the repository's folder, else that of `folder` itself;
    /// then the environment. Without `.git`, and with `-` for `_`.
    ///
    /// # Errors
    /// [`StackNameError`] if that is not a valid name.
    pub fn of(folder: &Path, env: &EnvName) -> Result<Self, StackNameError> {
        let repository = folder.ancestors().find(|above| above.join(".git").exists());
        let home = repository.unwrap_or(folder);
        let remote = std::fs::read_to_string(home.join(".git/config")).ok();
        let base = remote.as_deref().and_then(remote_name).map(str::to_owned);
        let base = base.or_else(|| Some(home.file_name()?.to_string_lossy().into_owned()));
        format!("{}-{env}", base.unwrap_or_default().replace('_', "-")).parse()
    }
}

/// The last part of the URL of the first remote in a git config.
fn remote_name(config: &str) -> Option<&str> {
    let remote = config.lines().skip_while(|line| !line.trim().starts_with("[remote "));
    let url = remote.skip(1).take_while(|line| !line.trim().starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "url").then(|| value.trim())
    })?;
    let last = url.trim_end_matches('/').rsplit(['/', ':']).next()?;
    Some(last.strip_suffix(".git").unwrap_or(last)).filter(|name| !name.is_empty())
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StackName {
    type Err = StackNameError;

    fn from_str(text: &str) -> Result<Self, StackNameError> {
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if first && rest && text.len() <= 128 {
            Ok(Self(text.to_owned()))
        } else {
            Err(StackNameError(text.chars().take(140).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(folder: &Path) -> String {
        match StackName::of(folder, &"dev".parse().unwrap()) {
            Ok(name) => name.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_repository_names_its_stack_and_so_does_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("load_logs");
        std::fs::create_dir_all(folder.join("deploy")).unwrap();
        assert_eq!(of(&folder), "load-logs-dev");
        std::fs::create_dir(folder.join(".git")).unwrap();
        assert_eq!(of(&folder.join("deploy")), "load-logs-dev");
        for url in ["git@git.example:ops/our_logs.git", "https://git.example/ops/our_logs/"] {
            let config = format!(
                "[url \"git@x:\"]\n\turl = no\n[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n"
            );
            std::fs::write(folder.join(".git/config"), config).unwrap();
            assert_eq!(of(&folder.join("deploy")), "our-logs-dev");
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_flag_that_helps() {
        assert!(of(Path::new("/srv/2019 logs")).contains("--stack-name"));
        for wrong in ["", "1a", "a b", "本", &"a".repeat(129)] {
            assert!(wrong.parse::<StackName>().is_err(), "{wrong}");
        }
        assert!("log2aws-dev".parse::<StackName>().is_ok());
    }
}
