//! What a poll changes about a feed, for people: a line in the log for a feed that changes state, not for every poll, and
//! notices to the operator.

use std::time::Duration;

use super::{Visit, ask::MOVED_AGREEING};
use crate::{
    model::{Feed, Notice, NoticeKind, Severity},
    schedule::{self, FAILING_AFTER, Polled},
    store::{FeedState, Harvest, PollOutcome},
    time::{self, Timestamp, show_duration},
};

/// One line per feed that changes state, not one per failing poll.
#[derive(Debug, PartialEq, Eq)]
pub enum StateChange {
    None,
    Fails {
        reason: String,
    },
    Recovers,
    Moves {
        to: String,
    },
    /// It answers, and not with all of its feed.
    BreaksOff {
        reason: String,
    },
    IsWholeAgain,
}

impl StateChange {
    pub fn of(visit: &Visit<'_>, outcome: &PollOutcome) -> StateChange {
        let state = &visit.state;
        let was_in_part = state.failures == 0 && state.problem.is_some();
        match outcome {
            PollOutcome::Items(Harvest {
                in_part: Some(reason),
                ..
            }) => match was_in_part {
                true => StateChange::None,
                false => StateChange::BreaksOff {
                    reason: reason.clone(),
                },
            },
            PollOutcome::Failed { problem } if state.failures == 0 => StateChange::Fails {
                reason: problem.clone(),
            },
            // A feed that is gone has a notice.
            PollOutcome::Failed { .. } | PollOutcome::Gone { .. } | PollOutcome::Pushed(_) => {
                StateChange::None
            }
            PollOutcome::Unchanged | PollOutcome::Items(_) => match &visit.moved_to {
                Some(to)
                    if state.moved_to.as_ref() == Some(to)
                        && state.moved_times + 1 == MOVED_AGREEING
                        && *to != visit.feed.url =>
                {
                    StateChange::Moves { to: to.clone() }
                }
                _ if state.failures > 0 => StateChange::Recovers,
                _ if was_in_part => StateChange::IsWholeAgain,
                _ => StateChange::None,
            },
        }
    }

    pub fn log(&self, feed: &Feed, state: &FeedState) {
        let feed = &feed.name;
        match self {
            StateChange::None => {}
            StateChange::Fails { reason } => tracing::warn!(%feed, %reason, "feed fails"),
            StateChange::Recovers => {
                tracing::info!(%feed, failures = state.failures, "feed recovers");
            }
            StateChange::BreaksOff { reason } => {
                tracing::warn!(%feed, %reason, "feed is read in part");
            }
            StateChange::IsWholeAgain => tracing::info!(%feed, "feed is read whole again"),
            StateChange::Moves { to } => {
                tracing::info!(%feed, %to, "feed moved; asking there from now on, please correct its url");
            }
        }
    }
}

/// What the operator should know after this poll. A condition that holds is said at every poll that shows it, its end once
/// it may have ended: only a change is recorded. Of a sound feed without news there is nothing to say.
pub fn notices(visit: &Visit<'_>, outcome: &PollOutcome, polled: Polled) -> Vec<Notice> {
    let (state, now) = (&visit.state, visit.answered);
    let name = &visit.feed.name;
    let mut notices = Vec::new();
    let mut say = |kind, severity, is_over, text| {
        notices.push(Notice {
            kind,
            subject: name.clone(),
            text,
            url: visit.feed.url.clone(),
            severity,
            is_over,
        });
    };
    let for_days = |since: Timestamp| show_duration(whole_hours(time::until(since, now)));
    match outcome {
        PollOutcome::Gone { problem } => say(
            NoticeKind::FeedGone,
            Severity::Medium,
            false,
            format!("{name} is not asked again: {problem}; remove it or give it a new url"),
        ),
        PollOutcome::Failed { problem } if matches!(polled, Polled::NotAFeed { .. }) => say(
            NoticeKind::NotAFeed,
            Severity::Medium,
            false,
            format!("{name} does not answer with a feed: {problem}; what is known of it is kept"),
        ),
        PollOutcome::Failed { problem } => {
            let since = state.failing_since.unwrap_or(now);
            if time::until(since, now) >= FAILING_AFTER {
                let text = format!("{name} has failed for {}: {problem}", for_days(since));
                say(NoticeKind::FeedFailing, Severity::Medium, false, text);
            }
        }
        // A push says nothing of the feed's own server.
        PollOutcome::Pushed(_) => {}
        PollOutcome::Unchanged | PollOutcome::Items(_) => {
            let over = Severity::Info;
            if state.failures > 0 {
                for kind in [NoticeKind::FeedFailing, NoticeKind::NotAFeed] {
                    say(
                        kind,
                        over,
                        true,
                        format!("{name} answers with a feed again"),
                    );
                }
            }
            // The first answer at a new address.
            if state.last_listing.is_none() && state.last_poll.is_some() {
                let text = format!("{name} answers again");
                say(NoticeKind::FeedGone, over, true, text);
            }
            let (has_new, overran) = match outcome {
                PollOutcome::Items(harvest) => {
                    (!harvest.new.is_empty(), harvest.hurry_until.is_some())
                }
                _ => (false, false),
            };
            match outcome {
                PollOutcome::Items(Harvest {
                    storm: Some(items), ..
                }) => {
                    let text = format!(
                        "{name} gave new ids to its items all at once; {items} were recognised by their links or titles and alert nobody again"
                    );
                    say(NoticeKind::IdStorm, Severity::Medium, false, text);
                }
                PollOutcome::Items(_) => {
                    let text = format!("{name} keeps the ids of its items again");
                    say(NoticeKind::IdStorm, over, true, text);
                }
                _ => {}
            }
            let last = state.last_new_item;
            if schedule::is_silent(visit.rhythm.as_ref(), last, now) {
                let text = match has_new {
                    true => format!("{name} has a new item again"),
                    false => format!(
                        "{name} has had no new item for {}, far longer than is usual for it",
                        for_days(last.unwrap_or(now))
                    ),
                };
                let severity = if has_new { over } else { Severity::Medium };
                say(NoticeKind::FeedSilent, severity, has_new, text);
            }
            if overran {
                let text = format!(
                    "{name} lists less than it publishes between two polls: items were lost; a shorter interval would get them"
                );
                say(NoticeKind::Overrun, Severity::Medium, false, text);
            } else if state.hurry_until.is_some_and(|until| until <= now) {
                let text = format!("{name} has lost no items for a week");
                say(NoticeKind::Overrun, over, true, text);
            }
        }
    }
    notices
}

fn whole_hours(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() / 3600 * 3600)
}
