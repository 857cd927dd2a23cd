//! A dead man's switch: an address that is fetched as long as the daemon is alive, and whose owner raises the alarm when
//! that stops (Healthchecks.io, Uptime Kuma, Alertmanager's Watchdog). It carries no alerts.

use super::{Message, Notifier, Verdict, http_verdict, odd_reply, wire::Wire};
use crate::{
    envelope::{Envelope, Limits, Method, Reply, Request},
    time::Timestamp,
};

#[derive(Debug)]
pub struct Ping {
    /// May be a secret as a whole.
    pub wire: Wire,
}

const ANSWER_BYTES_MAX: usize = 64 << 10;
const REDIRECTS_MAX: u8 = 0;

impl Notifier for Ping {
    fn compose(&self, _message: &Message<'_>) -> Result<Envelope, String> {
        Ok(Envelope::Http(Request {
            method: Method::Get,
            url: self.wire.url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            limits: Limits {
                total: self.wire.timeout,
                body_bytes_max: ANSWER_BYTES_MAX,
                redirects_max: REDIRECTS_MAX,
                allow_private: self.wire.allow_private,
            },
        }))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        match reply {
            Reply::Http(response) => http_verdict(response, now),
            other => odd_reply(other),
        }
    }

    fn only_beats(&self) -> bool {
        true
    }
}
