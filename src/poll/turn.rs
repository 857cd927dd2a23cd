//! The poller's turns in the loop: which feeds are due, and what becomes of a feed whose poll could not be recorded.

use std::{sync::Arc, time::Duration};

use super::Poller;
use crate::{
    schedule::Rhythm,
    store::{FeedId, FeedState, StoreError},
    time::{self, Timestamp},
    work::{Job, Leased},
};

/// How long a feed rests when its poll could not be recorded.
const STORE_REST: Duration = Duration::from_secs(10);
/// Nobody notices so little: intervals are seconds.
const GATHER: Duration = Duration::from_millis(20);

/// The claim on a due feed; dropped unfinished, the feed is tried again soon.
struct Claim {
    poller: Arc<Poller>,
    feed: FeedId,
    is_finished: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_finished {
            let due = time::after(self.poller.clock.now(), STORE_REST);
            self.poller.agenda().finish(self.feed, due);
        }
    }
}

impl Claim {
    fn finish(mut self, due: Timestamp) {
        self.is_finished = true;
        self.poller.agenda().finish(self.feed, due);
    }
}

/// A due feed, claimed, with what is known of it.
pub struct Turn {
    claim: Claim,
    state: FeedState,
    rhythm: Option<Rhythm>,
}

/// A handle that the loop runs.
pub struct Polls(pub Arc<Poller>);

impl Job for Polls {
    type Work = Turn;

    const GATHER: Duration = GATHER;

    async fn lease(&self, now: Timestamp, free: usize) -> Result<Leased<Turn>, StoreError> {
        self.0.keep_in_step();
        let (due, next) = {
            let mut agenda = self.0.agenda();
            (agenda.take_due(now, free), agenda.next_due())
        };
        let claim = |feed: &FeedId| Claim {
            poller: self.0.clone(),
            feed: *feed,
            is_finished: false,
        };
        let claims: Vec<Claim> = due.iter().map(claim).collect();
        let known = match due.is_empty() {
            true => Vec::new(),
            false => self.0.store.feed_states_of(due).await?,
        };
        // A feed without a row is watched no longer; its claim goes back.
        let turn = |(claim, known): (Claim, Option<_>)| {
            let (state, rhythm) = known?;
            Some(Turn {
                claim,
                state,
                rhythm,
            })
        };
        Ok(Leased {
            work: claims.into_iter().zip(known).filter_map(turn).collect(),
            next,
        })
    }

    async fn run(&self, turn: Turn) {
        let Turn {
            claim,
            state,
            rhythm,
        } = turn;
        let watched = self.0.watched();
        let Some(feed) = watched.feeds.get(&claim.feed).cloned() else {
            // The configuration dropped it between the lease and now.
            return claim.finish(Timestamp::MAX);
        };
        match self.0.poll(&feed, &watched, state, rhythm).await {
            Ok(next) => claim.finish(next),
            Err(error) => {
                self.0.recording.fails(&feed.name, &error);
                let rest = feed.poll.interval.max(STORE_REST);
                claim.finish(time::after(self.0.clock.now(), rest));
            }
        }
    }
}
