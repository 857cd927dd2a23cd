//! Alerts on our standard output, one a line.

use super::{Format, Message, Notifier, Verdict, odd_reply};
use crate::{
    envelope::{Envelope, Reply},
    time::Timestamp,
};

/// The terminal or pipe that the daemon runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stdout {
    pub format: Format,
}

impl Notifier for Stdout {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        self.format.line(message).map(Envelope::Print)
    }

    fn bundle_max(&self) -> usize {
        200
    }

    fn verdict(&self, reply: &Reply, _now: Timestamp) -> Verdict {
        match reply {
            Reply::Written => Verdict::Accepted,
            other => odd_reply(other),
        }
    }
}
