//! A line in the log for a feed that changes state, not for every poll.

use super::ask::MOVED_AGREEING;
use crate::{
    model::{Feed, Notice, NoticeKind, Severity},
    schedule,
    store::{FeedState, Harvest, PollOutcome},
    time::Timestamp,
};

/// One line per feed that changes state, not one per failing poll.
#[derive(Debug, PartialEq, Eq)]
pub enum StateChange {
    None,
    Fails { reason: String },
    Recovers,
    Gone,
    Moves { to: String },
    Silent,
    Speaks,
}

impl StateChange {
    pub fn of(
        feed: &Feed,
        state: &FeedState,
        outcome: &PollOutcome,
        now: Timestamp,
    ) -> StateChange {
        let was_silent = state
            .last_poll
            .is_some_and(|last| schedule::is_silent(state.last_new_item, last));
        let has_new = matches!(outcome, PollOutcome::Items(harvest) if !harvest.new.is_empty());
        match outcome {
            PollOutcome::Failed { problem } if state.failures == 0 => StateChange::Fails {
                reason: problem.clone(),
            },
            PollOutcome::Failed { .. } => StateChange::None,
            PollOutcome::Gone { .. } => StateChange::Gone,
            PollOutcome::Items(Harvest {
                moved_to: Some(to), ..
            }) if state.moved_to.as_ref() == Some(to)
                && state.moved_times + 1 == MOVED_AGREEING
                && *to != feed.url =>
            {
                StateChange::Moves { to: to.clone() }
            }
            _ if state.failures > 0 => StateChange::Recovers,
            _ if was_silent && has_new => StateChange::Speaks,
            _ if !was_silent && !has_new && schedule::is_silent(state.last_new_item, now) => {
                StateChange::Silent
            }
            _ => StateChange::None,
        }
    }

    pub fn log(&self, feed: &Feed, state: &FeedState) {
        let feed = &feed.name;
        match self {
            // A feed that is gone has a notice.
            StateChange::None | StateChange::Gone => {}
            StateChange::Fails { reason } => tracing::warn!(%feed, %reason, "feed fails"),
            StateChange::Recovers => {
                tracing::info!(%feed, failures = state.failures, "feed recovers");
            }
            StateChange::Moves { to } => {
                tracing::info!(%feed, %to, "feed moved; asking there from now on, please correct its url");
            }
            StateChange::Silent => {
                let days = schedule::SILENT_AFTER.as_secs() / 86_400;
                tracing::warn!(%feed, days, "feed is silent: no new item for so many days");
            }
            StateChange::Speaks => tracing::info!(%feed, "feed speaks again"),
        }
    }
}

/// What the operator should know after this poll. Said at every poll that shows it: only a change is recorded.
pub fn notices(feed: &Feed, outcome: &PollOutcome) -> Vec<Notice> {
    let gone = |text: String, is_over| Notice {
        kind: NoticeKind::FeedGone,
        subject: feed.name.clone(),
        text,
        url: feed.url.clone(),
        severity: Severity::Medium,
        is_over,
    };
    let name = &feed.name;
    match outcome {
        PollOutcome::Gone { problem } => vec![gone(
            format!("{name} is not asked again: {problem}; remove it or give it a new url"),
            false,
        )],
        PollOutcome::Unchanged | PollOutcome::Items(_) => {
            vec![gone(format!("{name} answers again"), true)]
        }
        PollOutcome::Failed { .. } => Vec::new(),
    }
}
