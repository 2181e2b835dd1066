//! How the start tells the way into the dashboard.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use log2aws_server::SecretUrl;
use url::Url;

/// The way into a dashboard.
pub(crate) struct Invitation {
    link: SecretUrl,
    token_file: PathBuf,
    /// Whether what is written here is kept, for others to read.
    logged: bool,
}

impl Invitation {
    /// An invitation that is told on standard output.
    pub(crate) fn new(link: SecretUrl, token_file: PathBuf) -> Self {
        let logged = is_journal(std::env::var_os("JOURNAL_STREAM").as_deref());
        Self { link, token_file, logged }
    }

    /// Tells the link; or, where it would be kept, the place of the token.
    ///
    /// # Errors
    /// The output's.
    pub(crate) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let token = self.token_file.display();
        if self.logged {
            // The journal is read by more people than may see the dashboard, and handed on.
            let page = self.link.expose_url().parse().and_then(|link: Url| link.join("/ui/"));
            let page = page.as_ref().map_or("/ui/", Url::as_str);
            return writeln!(out, "dashboard: {page} (log in with the token in {token})");
        }
        writeln!(out, "dashboard: {}", self.link.expose_url())?;
        writeln!(out, "  (good once, for ten minutes; then the token in {token} opens it)")
    }
}

/// Whether standard output goes to systemd's journal, which is where `stream`, systemd's own
/// `JOURNAL_STREAM`, says that it goes.
fn is_journal(stream: Option<&OsStr>) -> bool {
    let named = stream.and_then(|stream| stream.to_str()?.split_once(':'));
    let output = std::fs::metadata("/proc/self/fd/1");
    named.zip(output.ok()).is_some_and(|((device, inode), output)| {
        device.parse() == Ok(output.dev()) && inode.parse() == Ok(output.ino())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use log2aws_server::{ServeConfig, Server};

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn the_link_is_told_once_and_not_to_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let allowed = "127.0.0.1".parse().unwrap();
        let config = ServeConfig::new(folder.path().to_owned(), allowed);
        let server = Server::open(config, Arc::new(SystemClock)).unwrap();
        let link = server.login_link("127.0.0.1:8750".parse().unwrap()).unwrap();
        let told = |logged| {
            let token_file = server.dashboard_token_file().to_owned();
            let mut out = Vec::new();
            Invitation { link: link.clone(), token_file, logged }.tell(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let here = told(false);
        let first = here.lines().next().unwrap();
        assert_eq!(first, format!("dashboard: {}", link.expose_url()));
        assert!(first.contains("http://127.0.0.1:8750/ui/login?once="), "{first}");
        let kept = told(true);
        assert!(!kept.contains("once"), "{kept}");
        assert!(
            kept.starts_with("dashboard: http://127.0.0.1:8750/ui/ (log in with the token in ")
        );
        let token = std::fs::read_to_string(server.dashboard_token_file()).unwrap();
        assert!(!here.contains(token.trim()) && !kept.contains(token.trim()));
    }

    #[test]
    fn the_journal_is_known_by_what_systemd_says_of_it() {
        let output = std::fs::metadata("/proc/self/fd/1").unwrap();
        let stream = format!("{}:{}", output.dev(), output.ino());
        assert!(is_journal(Some(OsStr::new(&stream))));
        for other in ["", "1", "1:", ":", "0:0", "x:y", &format!("{stream}0")] {
            assert!(!is_journal(Some(OsStr::new(other))), "{other}");
        }
        assert!(!is_journal(None));
    }
}
