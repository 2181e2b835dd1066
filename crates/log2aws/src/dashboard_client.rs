//! A client of the dashboard that acts like a browser, for the demo's own check.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use log2aws_core::key::RawKey;
use log2aws_server::SecretUrl;

/// How long a delivery may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// A logged-in session.
pub(crate) struct DashboardClient {
    agent: ureq::Agent,
    api: String,
    cookie: String,
}

impl DashboardClient {
    /// Logs in with the link from the start.
    ///
    /// # Errors
    /// The dashboard refuses it.
    pub(crate) fn log_in(api: &str, link: &SecretUrl) -> anyhow::Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        let agent: ureq::Agent = config.into();
        // Errors of the client can contain the link, which is a secret, so they are dropped.
        let answer = agent.get(link.expose_url()).call().ok();
        let answer = answer.context("the dashboard's login does not answer")?;
        let cookie = answer
            .headers()
            .get("set-cookie")
            .and_then(|cookie| cookie.to_str().ok()?.split(';').next())
            .with_context(|| format!("the dashboard's link opens nothing ({})", answer.status()))?;
        let cookie = cookie.to_owned();
        Ok(Self { agent, api: api.to_owned(), cookie })
    }

    /// Finds each delivery in the calendar, with as many samples as it has rows.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn check_calendar(
        &self,
        deliveries: &[(RawKey, usize)],
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        for (key, rows) in deliveries {
            let RawKey { server, day, .. } = key;
            let start = Instant::now();
            let path = format!("/ui/?to={day}&q={server}&lens=complete");
            while cell(&self.page(&path)?, key) != Some(*rows) {
                ensure!(
                    start.elapsed() < PATIENCE,
                    "the dashboard does not show the {rows} samples of {server} on {day}"
                );
                thread::sleep(Duration::from_millis(50));
            }
            // Without its address: the server ends with the program.
            writeln!(out, "5. look     the dashboard shows {server} on {day}, samples: {rows}")?;
        }
        Ok(())
    }

    fn page(&self, path: &str) -> anyhow::Result<String> {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.api))
            .header("cookie", &self.cookie)
            .call()
            .with_context(|| format!("{path} does not answer"))?;
        ensure!(answer.status() == 200, "{path} is answered with {}", answer.status());
        Ok(answer.body_mut().read_to_string()?)
    }
}

/// The number of samples in the title of the calendar's cell of a delivery.
fn cell(page: &str, key: &RawKey) -> Option<usize> {
    let (_, link) = page.split_once(&format!("s/{}/{}", key.server, key.day))?;
    let (tag, _) = link.split_once('>')?;
    let (_, title) = tag.split_once("title=\"")?;
    title.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use log2aws_core::key::KeyPrefix;

    use super::*;

    #[test]
    fn a_cell_is_found_by_its_server_and_day() {
        let day = "2026-11-24".parse().unwrap();
        let key = RawKey::new("web01".parse().unwrap(), day, KeyPrefix::Off);
        let cell_of = |day: &str, title: &str| {
            format!("<td><a href=s/web01/{day} class=g title=\"{title}\">3%</a>")
        };
        let before = cell_of("2026-11-23", "288 of 288 samples");
        let page = before.clone() + &cell_of("2026-11-24", "5 of 144 samples: 139 missing");
        assert_eq!(cell(&page, &key), Some(5));
        assert_eq!(cell(&(before.clone() + &cell_of("2026-11-24", "not due yet")), &key), None);
        assert_eq!(cell(&before, &key), None);
    }
}
