//! Forgetting what is past keeping, a little at a time.

use std::time::Duration;

use crate::{
    store::{Store, StoreError},
    time::Clock,
    work::Stop,
};

/// How often there is a look for what is past keeping.
const EVERY: Duration = Duration::from_secs(3600);
/// Between two bites, so that polls come first.
const PAUSE: Duration = Duration::from_millis(50);

/// Sweeps every hour until told to stop.
pub async fn run(store: Store, clock: Clock, keep: Duration, mut stop: Stop) {
    loop {
        match sweep(&store, clock, keep, &stop).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "forgot what is past keeping"),
            Err(error) => {
                tracing::error!(%error, "cannot forget what is past keeping, trying again in an hour")
            }
        }
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(
    store: &Store,
    clock: Clock,
    keep: Duration,
    stop: &Stop,
) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    while !stop.is_stopping() {
        let rows = store.sweep(clock.now(), keep).await?;
        if rows == 0 {
            break;
        }
        forgotten += rows;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(forgotten)
}
