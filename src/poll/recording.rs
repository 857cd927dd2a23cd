//! Whether polls are being recorded, said once for all feeds: a full disk stops every one of them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::store::StoreError;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    is_failing: Arc<AtomicBool>,
}

impl Recording {
    pub fn works(&self) {
        if self.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!("polls are recorded again");
        }
    }

    pub fn fails(&self, feed: &str, error: &StoreError) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%feed, %error, "polls are not recorded; their items stay new and are tried again");
        }
    }
}
