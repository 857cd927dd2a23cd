//! Alerts at the end of a file, one a line, each on disk before it counts as delivered.

use std::path::PathBuf;

use super::{Format, Message, Notifier, Verdict, odd_reply};
use crate::{
    envelope::{Envelope, Reply},
    time::Timestamp,
};

/// A file that grows; rotate it with `copytruncate` or by renaming, it is opened anew for every line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    pub format: Format,
}

impl Notifier for File {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        Ok(Envelope::Append {
            path: self.path.clone(),
            line: self.format.line(message)?,
        })
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
