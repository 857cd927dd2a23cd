//! The services that people read. A notifier does no I/O and has no clock: it turns a message into an envelope and a reply
//! into a verdict; one postman (`deliver.rs`) posts.

pub mod email;
pub mod file;
pub mod stdout;
pub mod webhook;

use std::time::Duration;

use globset::GlobSet;

use crate::{
    envelope::{Envelope, Reply},
    model::{Alert, Severity},
    time::Timestamp,
};

/// What deliver.rs can do next, decided from the reply alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Try again: after the time the service asked for, else by the usual backoff. The text says what it answered.
    TryAfter(Option<Duration>, String),
    /// This message will never be taken; trying again is useless.
    Refused(String),
    /// The service wants nothing more from us (410): no further message until the configuration is loaded anew.
    Gone(String),
}

/// A kind of service with its own settings.
pub trait Notifier: Send + Sync + std::fmt::Debug {
    /// The message as this service takes it.
    ///
    /// # Errors
    /// A sentence that says why it cannot be written; the delivery is dead.
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String>;

    /// What the reply means. `now` dates a `Retry-After` that names a time.
    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict;

    /// How many rounds of deliveries may run at once, 1 or more.
    fn slots(&self) -> usize {
        4
    }

    /// How many deliveries one round makes, one after the other, before they are recorded together, 1 or more. What lies
    /// on this machine takes many; over a network each is recorded on its own.
    fn batch(&self) -> usize {
        1
    }
}

/// One alert revision on its way to one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The idempotency key of (alert, revision, receiver): the same on every attempt.
    pub id: &'a str,
    pub alert: &'a Alert,
    /// When this attempt is made.
    pub now: Timestamp,
}

/// A configured destination.
#[derive(Debug)]
pub struct Receiver {
    pub name: String,
    pub wants: Wants,
    pub notifier: Box<dyn Notifier>,
}

/// Which alerts a receiver is owed.
#[derive(Clone, Debug)]
pub struct Wants {
    pub severity_min: Severity,
    /// Globs over rule ids; `None` is every rule.
    pub rules: Option<GlobSet>,
    /// Any of these; empty is every tag.
    pub tags: Vec<String>,
}

impl Wants {
    pub fn takes(&self, rule: &str, severity: Severity, tags: &[String]) -> bool {
        severity >= self.severity_min
            && self.rules.as_ref().is_none_or(|globs| globs.is_match(rule))
            && (self.tags.is_empty() || tags.iter().any(|tag| self.tags.contains(tag)))
    }
}
