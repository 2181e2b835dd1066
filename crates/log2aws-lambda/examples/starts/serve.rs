//! `log2aws serve` in the role of S3; logs are uploaded as a server uploads them.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fault;

/// The raw bucket of `serve`.
pub(crate) const RAW: &str = "serverlogs-local";
/// The analyzed bucket of `serve`.
pub(crate) const ANALYZED: &str = "analyzedlogs-local";

/// How long analysis of a log may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// A running `serve`, which is killed on drop.
pub(crate) struct Serve {
    /// Its address as a URL.
    pub(crate) url: String,
    folder: PathBuf,
    child: Child,
}

impl Serve {
    /// Starts one in its own folder.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self, Fault> {
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            // The days of the logs here are years old.
            .args(["--days-back", "36500", "--data-dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("serve has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let mut serve = Self { url: String::new(), folder: folder.to_owned(), child };
        let url = line.split(' ').find(|word| word.starts_with("http://"));
        url.ok_or("serve did not start")?.clone_into(&mut serve.url);
        Ok(serve)
    }

    /// Access key and secret from one of its key files.
    pub(crate) fn keys(&self, file: &str) -> Result<(String, String), Fault> {
        let text = std::fs::read_to_string(self.folder.join(file))?;
        let value = |name: &str| {
            let found = text.lines().filter_map(|line| line.split_once('='));
            let found = found.map(|(key, value)| (key.trim(), value.trim()));
            found.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let pair = value("aws_access_key_id").zip(value("aws_secret_access_key"));
        pair.ok_or_else(|| format!("{file} holds no keys").into())
    }

    /// Puts a log, and waits until `serve` has analyzed it.
    pub(crate) fn put(&self, server: &str, log: &Path) -> Result<(), Fault> {
        let ask = format!("{}/?server={server}&date=2019-08-01", self.url);
        let url = ureq::get(ask).call()?.body_mut().read_to_string()?;
        let file = File::open(log)?;
        let length = file.metadata()?.len();
        let request = ureq::put(url.trim()).header("Content-Length", length.to_string());
        request.send(file)?;
        let results = self.folder.join("buckets").join(ANALYZED).join(server);
        let begin = Instant::now();
        while !has_summary(&results) {
            if begin.elapsed() > PATIENCE {
                return Err(format!("serve makes nothing of {}", log.display()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// The summary is written last.
fn has_summary(results: &Path) -> bool {
    let files = std::fs::read_dir(results).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().contains(".json"))
}

impl Drop for Serve {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
