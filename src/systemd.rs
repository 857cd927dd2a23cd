//! What the service manager is told: ready, reloading, stopping, still moving. Outside of systemd nothing happens.

use std::{io, time::Duration};

use sd_notify::NotifyState;
use tokio::time::timeout;

/// How long the service manager may take to read a word of ours. One that reads nothing must not stop the daemon.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// The daemon polls and delivers.
pub async fn ready(status: &str) {
    let status = status.to_owned();
    tell(move || sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)])).await;
}

/// A reload has begun; systemd wants the time in the same datagram (sd_notify(3), MONOTONIC_USEC).
pub async fn reloading() {
    tell(|| sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])).await;
}

pub async fn stopping() {
    tell(|| sd_notify::notify(&[NotifyState::Stopping])).await;
}

/// The line that `systemctl status` shows.
pub async fn status(status: &str) {
    let status = status.to_owned();
    tell(move || sd_notify::notify(&[NotifyState::Status(&status)])).await;
}

/// Everything still moves.
pub async fn feed_watchdog() {
    tell(|| sd_notify::notify(&[NotifyState::Watchdog])).await;
}

/// How long systemd waits between two signs of life, where the unit asks for them.
pub fn watchdog_limit() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

async fn tell(send: impl FnOnce() -> io::Result<()> + Send + 'static) {
    let problem = match timeout(HEARD_WITHIN, tokio::task::spawn_blocking(send)).await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not read its notification socket".to_owned(),
    };
    tracing::warn!(%problem, "cannot tell the service manager");
}
