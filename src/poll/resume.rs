//! When feeds fall due that a start or a reload finds in the store.

use std::time::Duration;

use super::{
    Watched,
    ask::{address, host_of},
    push,
};
use crate::{
    model::PollLimits,
    schedule::{self, Planned},
    store::{FeedId, FeedState},
    time::{self, Timestamp},
};

/// A poll is recorded within so long after its answer.
const RECORDED_WITHIN: Duration = Duration::from_millis(200);

/// When each feed is due. What a daemon asked in its last moments may not be written down, if it was `cut_off`: a feed that was due by
/// then counts as asked, so that a kill has no server asked too soon. Where the clock was set back meanwhile, a feed waits as long
/// as it had to wait after its last poll.
pub fn planned(
    watched: &Watched,
    states: &[FeedState],
    cut_off: bool,
    now: Timestamp,
) -> Vec<Planned<FeedId>> {
    let last = states.iter().filter_map(|state| state.last_poll).max();
    let last = last.filter(|last| cut_off && *last <= now);
    let planned = |state: &FeedState| {
        let feed = watched.feeds.get(&state.id)?;
        let PollLimits { interval, .. } = *feed.poll;
        let is_pushed = !push::lasts(state, now).is_zero();
        let due = schedule::replan(
            &feed.poll,
            state.plan,
            state.last_poll,
            state.failures,
            is_pushed,
        );
        let ahead = time::until(now, state.last_poll.unwrap_or(now));
        let due = time::before(due, ahead);
        Some(Planned {
            key: state.id,
            host: host_of(address(feed, state)),
            due: last.map_or(due, |last| unless_asked(due, last, interval)),
            interval,
        })
    };
    let alive = states.iter().filter(|state| state.gone.is_none());
    alive.filter_map(planned).collect()
}

/// The due time of a feed of a daemon that was cut off after it recorded its last poll.
fn unless_asked(due: Timestamp, last: Timestamp, interval: Duration) -> Timestamp {
    let end = time::after(last, RECORDED_WITHIN);
    match due <= end {
        true => time::after(end, interval),
        false => due,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_before_a_kill_counts_as_asked() {
        let at = time::from_ms;
        let interval = Duration::from_secs(60);
        // Due, the last recorded poll, and when the feed is asked.
        for (due, last, expected) in [
            (100_000, 110_000, 170_200),
            (110_000, 110_000, 170_200),
            (110_200, 110_000, 170_200),
            (110_201, 110_000, 110_201),
            (170_000, 110_000, 170_000),
        ] {
            let asked = unless_asked(at(due), at(last), interval);
            assert_eq!(asked, at(expected), "due {due}, last {last}");
        }
    }
}
