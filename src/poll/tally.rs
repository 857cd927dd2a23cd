//! What the daemon has found since it started, for the lines that tell a person.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::store::FeedId;

/// What has been found since the start, for the lines that tell a person.
#[derive(Debug, Default)]
pub struct Tally {
    pub new_items: AtomicUsize,
    pub alerts: AtomicUsize,
    pub polls_answered: AtomicUsize,
    pub polls_failed: AtomicUsize,
    /// Documents that hubs brought.
    pub pushes: AtomicUsize,
    /// Feeds that have answered or failed at least once since the start.
    contacted: Mutex<HashMap<FeedId, Contact>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    Answered,
    Failing,
    /// A hub brought something: nothing is known of the feed's own server.
    Pushed,
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
        let counter = match contact {
            Contact::Answered => &self.polls_answered,
            Contact::Failing => &self.polls_failed,
            Contact::Pushed => &self.pushes,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if contact != Contact::Pushed {
            self.contacted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(feed, contact);
        }
    }
}
