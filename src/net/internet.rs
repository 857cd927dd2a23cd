//! The real network: reqwest for HTTP, lettre for mail, one guarded way out.

use futures_util::future::BoxFuture;

use super::Net;
use crate::envelope::{Envelope, NetError, Reply};

/// The internet as reqwest and lettre reach it.
#[derive(Debug, Default)]
pub struct Internet;

impl Net for Internet {
    fn send(&self, envelope: Envelope) -> BoxFuture<'_, Result<Reply, NetError>> {
        let _ = envelope;
        Box::pin(async { Err(NetError::Local("not built yet".to_owned())) })
    }
}
