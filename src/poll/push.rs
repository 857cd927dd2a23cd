//! What a hub pushes takes the way of a poll from `parse` on; and while a hub pushes, a feed is polled seldom.

use std::time::Duration;

use super::{Poller, Read, Visit};
use crate::{
    envelope::Response,
    model::{Feed, Item},
    store::{FeedId, FeedState, Harvest, PollOutcome, StoreError},
    time::{self, Timestamp},
};

/// What became of a pushed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushTaken {
    /// Its items are recorded, and what they cause is queued.
    Recorded,
    /// It says that there is something, not what: the feed is asked as soon as its interval allows.
    Thin,
    /// It holds nothing that could be read; the feed is asked, as after [`PushTaken::Thin`].
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
        let (state, rhythm) = self.store.feed_state(id).await?;
        let read = match self.read(document).await {
            Ok(read) if is_thin(&read) => {
                self.poll_soon(&feed, &state);
                return Ok(PushTaken::Thin);
            }
            Ok(read) => read,
            Err(error) => {
                self.poll_soon(&feed, &state);
                return Ok(PushTaken::Unreadable(error.to_string()));
            }
        };
        let visit = Visit {
            feed: &feed,
            watched: &watched,
            wishes: state.wishes,
            state,
            rhythm,
            is_whole: false,
            answered: seen,
            fresh: None,
            moved_to: None,
        };
        let harvest = Harvest {
            // Hubs bring what is new alone: that all of it is new does not tell that anything was lost.
            hurry_until: None,
            ..self
                .gather(&visit, read.parsed, read.items, read.validators, true)
                .await?
        };
        self.record_items(&visit, harvest, PollOutcome::Pushed)
            .await?;
        Ok(PushTaken::Recorded)
    }

    /// Polls a feed as soon as its interval and its server allow.
    fn poll_soon(&self, feed: &Feed, state: &FeedState) {
        let last = state.last_poll.unwrap_or(Timestamp::MIN);
        let due = time::after(last, feed.poll.interval)
            .max(self.clock.now())
            .max(state.plan.not_before.unwrap_or(Timestamp::MIN));
        // The loop looks every few seconds.
        self.agenda().hasten(state.id, due);
    }

    /// Polls a feed as any other again: its hub no longer pushes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fall_back(&self, id: FeedId) -> Result<(), StoreError> {
        let Some(feed) = self.watched().feeds.get(&id).cloned() else {
            return Ok(());
        };
        let (state, _) = self.store.feed_state(id).await?;
        let due = time::after(self.clock.now(), feed.poll.interval);
        let due = due.max(state.plan.not_before.unwrap_or(Timestamp::MIN));
        self.agenda().hasten(id, due);
        Ok(())
    }
}

/// Whether the document has no items, or items without any words: some publishers push no more than a sign or a link. Taken
/// for the item itself, the link would be known when the words come.
fn is_thin(read: &Read) -> bool {
    let is_wordless =
        |item: &Item| item.title.is_empty() && item.summary.is_empty() && item.content.is_empty();
    read.items.is_empty() || read.items.iter().any(|known| is_wordless(&known.item))
}

/// How long a hub goes on pushing the feed, as far as it has promised.
pub fn lasts(state: &FeedState, now: Timestamp) -> Duration {
    let pushed = state.pushed.as_ref();
    pushed.map_or(Duration::ZERO, |pushed| time::until(now, pushed.until))
}
