//! SIGTERM and Ctrl-C as a future.

use std::io;

/// Resolves at the first SIGTERM or SIGINT. A second one ends the process at once: acknowledged
/// data are on disk, and unanalyzed logs are found at the next start.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("ended at once by a second signal");
            std::process::exit(1);
        });
    })
}
