//! What the service manager is told: ready, reloading, stopping, still moving. Outside of systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The daemon polls and delivers.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload has begun; systemd wants the time in the same datagram (sd_notify(3), MONOTONIC_USEC).
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::warn!(%error, "cannot read the monotonic clock, so systemd is not told of the reload")
        }
    }
}

pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The line that `systemctl status` shows.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Everything still moves.
pub fn feed_watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// How long systemd waits between two signs of life, where the unit asks for them.
pub fn watchdog_limit() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot tell systemd");
    }
}
