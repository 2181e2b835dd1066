//! The startup message about logging in to the dashboard.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use log2aws_server::SecretUrl;
use url::Url;

/// How to log in to a dashboard.
pub(crate) struct Invitation {
    link: SecretUrl,
    token_file: PathBuf,
    /// Whether the link may be printed.
    print_link: bool,
}

impl Invitation {
    /// A message for standard output. The link is printed only to a terminal, or if `print_link` is
    /// set: journals, log files and container logs keep their output, and more people read them
    /// than may use the dashboard.
    pub(crate) fn new(link: SecretUrl, token_file: PathBuf, print_link: bool) -> Self {
        Self { link, token_file, print_link: print_link || io::stdout().is_terminal() }
    }

    /// Prints the link, or if the output is kept, the path of the token file.
    ///
    /// # Errors
    /// The output's.
    pub(crate) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let token = self.token_file.display();
        if !self.print_link {
            let page = self.link.expose_url().parse().and_then(|link: Url| link.join("/ui/"));
            let page = page.as_ref().map_or("/ui/", Url::as_str);
            return writeln!(out, "dashboard: {page} (log in with the token in {token})");
        }
        writeln!(out, "dashboard: {}", self.link.expose_url())?;
        writeln!(out, "  (good once, for ten minutes; then the token in {token} opens it)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use log2aws_server::{ServeConfig, Server};

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn the_link_is_printed_where_nothing_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let allowed = "127.0.0.1".parse().unwrap();
        let config = ServeConfig::new(folder.path().to_owned(), allowed);
        let server = Server::open(config, Arc::new(SystemClock)).unwrap();
        let link = server.login_link("127.0.0.1:8750".parse().unwrap()).unwrap();
        let printed = |print_link| {
            let token_file = server.dashboard_token_file().to_owned();
            let mut out = Vec::new();
            Invitation { link: link.clone(), token_file, print_link }.tell(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let here = printed(true);
        let first = here.lines().next().unwrap();
        assert_eq!(first, format!("dashboard: {}", link.expose_url()));
        assert!(first.contains("http://127.0.0.1:8750/ui/login?once="), "{first}");
        let kept = printed(false);
        assert!(!kept.contains("once"), "{kept}");
        assert!(
            kept.starts_with("dashboard: http://127.0.0.1:8750/ui/ (log in with the token in ")
        );
        let token = std::fs::read_to_string(server.dashboard_token_file()).unwrap();
        assert!(!here.contains(token.trim()) && !kept.contains(token.trim()));
    }
}
