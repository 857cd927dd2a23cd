//! What the daemon has found since it started, for the lines that tell a person.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, atomic::AtomicUsize},
};

use crate::store::FeedId;

/// What has been found since the start, for the lines that tell a person.
#[derive(Debug, Default)]
pub struct Tally {
    pub new_items: AtomicUsize,
    pub alerts: AtomicUsize,
    /// Feeds that have answered or failed at least once since the start.
    contacted: Mutex<HashMap<FeedId, Contact>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    Answered,
    Failing,
}

impl Tally {
    /// How many feeds answer, and how many fail, by their last poll since the start.
    pub fn contacts(&self) -> (usize, usize) {
        let contacted = self
            .contacted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let failing = contacted
            .values()
            .filter(|contact| **contact == Contact::Failing)
            .count();
        (contacted.len() - failing, failing)
    }

    pub(super) fn note(&self, feed: FeedId, contact: Contact) {
        self.contacted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(feed, contact);
    }
}
