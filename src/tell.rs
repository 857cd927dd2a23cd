//! Telling the operator about wirewatch itself: each notice is recorded, logged and, where `[notices] to` names receivers,
//! owed to them like any alert.

use tokio::sync::Notify;

use crate::{
    model::{Alert, AlertStatus, Notice, Severity},
    store::{Store, StoreError},
    time::Timestamp,
};

/// Records that a condition holds or is over. `owed` is rung where that is news.
///
/// # Errors
/// When the store did not record it.
pub async fn tell(
    store: &Store,
    notice: Notice,
    to: &[String],
    now: Timestamp,
    owed: &Notify,
) -> Result<(), StoreError> {
    if let Some(alert) = store.notice(notice, to.to_vec(), now).await? {
        log(&alert);
        owed.notify_one();
    }
    Ok(())
}

/// One line for a notice that was news.
pub fn log(alert: &Alert) {
    let (rule, text) = (&alert.rule, &alert.item.title);
    match alert.status {
        AlertStatus::Resolved => tracing::info!(%rule, "{text}"),
        _ if alert.severity >= Severity::High => tracing::error!(%rule, "{text}"),
        _ => tracing::warn!(%rule, "{text}"),
    }
}
