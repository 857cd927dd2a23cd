//! The poller's turns in the loop: which feeds are due, and what becomes of a feed whose poll could not be recorded.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::Poller;
use crate::{
    store::{FeedId, StoreError},
    time::{self, Timestamp},
    work::{Job, Leased},
};

/// How long a feed rests when its poll could not be recorded.
const STORE_REST: Duration = Duration::from_secs(10);

/// The claim on a due feed; dropped unfinished, the feed is tried again soon.
pub struct Turn {
    poller: Arc<Poller>,
    feed: FeedId,
    is_finished: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_finished {
            let due = time::after(self.poller.clock.now(), STORE_REST);
            self.poller.agenda().finish(self.feed, due);
        }
    }
}

impl Turn {
    fn finish(mut self, due: Timestamp) {
        self.is_finished = true;
        self.poller.agenda().finish(self.feed, due);
    }
}

/// A handle that the loop runs.
pub struct Polls(pub Arc<Poller>);

impl Job for Polls {
    type Work = Turn;

    async fn lease(&self, now: Timestamp, free: usize) -> Result<Leased<Turn>, StoreError> {
        let mut agenda = self.0.agenda();
        let turns = agenda.take_due(now, free);
        let turn = |feed| Turn {
            poller: self.0.clone(),
            feed,
            is_finished: false,
        };
        Ok(Leased {
            work: turns.into_iter().map(turn).collect(),
            next: agenda.next_due(),
        })
    }

    async fn run(&self, turn: Turn) {
        let watched = self.0.watched();
        let Some(feed) = watched.feeds.get(&turn.feed).cloned() else {
            // The configuration dropped it between the lease and now.
            return turn.finish(Timestamp::MAX);
        };
        match self.0.poll(turn.feed, &feed, &watched).await {
            Ok(next) => {
                if self.0.is_store_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("polls are recorded again");
                }
                turn.finish(next);
            }
            Err(error) => {
                // One line for all feeds: a full disk stops every one of them.
                if !self.0.is_store_failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(feed = %feed.name, %error, "polls are not recorded; their items stay new and are tried again");
                }
                let rest = feed.poll.interval.max(STORE_REST);
                turn.finish(time::after(self.0.clock.now(), rest));
            }
        }
    }
}
