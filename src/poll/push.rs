//! What a hub pushes takes the way of a poll from `parse` on; and while a hub pushes, a feed is polled seldom.

use std::{sync::Arc, time::Duration};

use super::Poller;
use crate::{
    envelope::Response,
    hub::Announced,
    model::{Feed, Item},
    parse::Parsed,
    store::{FeedId, FeedState, Harvest, PollOutcome, StoreError},
    time::{self, Timestamp},
};

/// What became of a pushed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushTaken {
    /// Its items are recorded, and what they cause is queued.
    Recorded,
    /// It holds nothing that could be read.
    Unreadable(String),
    /// The feed is no longer watched.
    NotWatched,
}

impl Poller {
    /// Takes in a document that a hub brought. When this returns, all of it is recorded.
    ///
    /// # Errors
    /// When nothing was recorded: the hub should bring it again.
    pub async fn push(&self, id: FeedId, document: Response) -> Result<PushTaken, StoreError> {
        let watched = self.watched();
        let Some(feed) = watched.feeds.get(&id).cloned() else {
            return Ok(PushTaken::NotWatched);
        };
        let seen = self.clock.now();
        let state = self.store.feed_state(id).await?;
        let items = match self.read(document).await {
            Ok((Parsed { items, .. }, _)) => items,
            Err(problem) => return Ok(PushTaken::Unreadable(problem)),
        };
        let listed: Vec<_> = items.iter().map(Item::key).collect();
        let unseen = self.store.unseen(id, listed.clone()).await?;
        let new = items
            .into_iter()
            .filter(|item| unseen.contains(&item.key()))
            .collect();
        let harvest = Harvest {
            listed,
            new,
            announced: Announced::Unknown,
            ..Harvest::default()
        };
        let outcome = PollOutcome::Pushed(harvest);
        self.record_items(&feed, &state, seen, outcome, &watched)
            .await?;
        Ok(PushTaken::Recorded)
    }
}

/// How long a feed that answers is left alone: while its hub pushes, polling is the net below and the longest interval is
/// often enough. When the lease has run out, the feed is asked as any other.
pub fn interval(feed: &Arc<Feed>, state: &FeedState, now: Timestamp) -> Duration {
    let usual = feed.poll.interval;
    match &state.pushed {
        Some(pushed) => time::until(now, pushed.until)
            .min(feed.poll.interval_max)
            .max(usual),
        None => usual,
    }
}
