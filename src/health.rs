//! How each feed fares, as `wirewatch feeds --json`, the API and the page tell it.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::{
    model::Feed,
    store::{FeedState, Lag},
    time::{self, Timestamp, rfc3339},
};

/// How far back items tell how late a feed is.
pub const LAG_SINCE: Duration = Duration::from_secs(30 * 86_400);

/// A feed as it is listed.
#[derive(Debug, PartialEq, Serialize)]
pub struct Health<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub publisher: &'a str,
    pub state: State,
    #[serde(serialize_with = "at")]
    pub last_success: Option<Timestamp>,
    #[serde(serialize_with = "at")]
    pub last_new_item: Option<Timestamp>,
    #[serde(serialize_with = "at")]
    pub next_poll: Option<Timestamp>,
    /// In a row.
    pub failures: u32,
    #[serde(serialize_with = "at")]
    pub failing_since: Option<Timestamp>,
    pub reason: Option<&'a str>,
    pub moved_to: Option<&'a str>,
    /// From the last poll to the next, in seconds, and what made it so long: the configured `interval`, the feed's `rhythm`,
    /// `backoff` after failures, or a wish of the server's or the feed's by its own name, such as `max-age` or `ttl`.
    pub interval_s: Option<f64>,
    pub interval_why: Option<&'static str>,
    /// Until then the server or the feed asked to be left alone.
    #[serde(serialize_with = "at")]
    pub not_before: Option<Timestamp>,
    /// From publication, as claimed, until seen: the middle, and what 95 % stay within. Of a month's items, without those that
    /// the first poll found.
    pub lag_p50_s: Option<f64>,
    pub lag_p95_s: Option<f64>,
    /// How often items were lost between two polls.
    pub overruns: u32,
    /// The hub that pushes the feed, while it does.
    pub push: Option<Push<'a>>,
}

/// A WebSub subscription that a hub has confirmed.
#[derive(Debug, PartialEq, Serialize)]
pub struct Push<'a> {
    pub hub: &'a str,
    /// When its lease ends, should it not be renewed.
    #[serde(serialize_with = "at")]
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Never polled.
    New,
    Ok,
    Failing,
    /// Answered 410 and is not asked again.
    Gone,
}

/// With three decimals: the store keeps milliseconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

fn at<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

impl<'a> Health<'a> {
    pub fn of(feed: &'a Feed, state: Option<&'a FeedState>, lag: Option<&Lag>) -> Self {
        // What was learnt at another address says nothing about this one.
        let state = state.filter(|state| state.url == feed.url);
        let interval = state
            .filter(|state| state.gone.is_none())
            .and_then(|state| {
                let interval = time::until(state.last_poll?, state.plan.next_poll);
                Some((interval, state.plan.why))
            });
        let of = |get: fn(&FeedState) -> Option<Timestamp>| state.and_then(get);
        Health {
            name: &feed.name,
            url: &feed.url,
            publisher: &feed.publisher,
            state: match state {
                Some(state) if state.gone.is_some() => State::Gone,
                Some(state) if state.failures > 0 => State::Failing,
                Some(state) if state.last_poll.is_some() => State::Ok,
                _ => State::New,
            },
            last_success: of(|state| state.last_success),
            last_new_item: of(|state| state.last_new_item),
            next_poll: of(|state| state.gone.is_none().then_some(state.plan.next_poll)),
            failures: state.map_or(0, |state| state.failures),
            failing_since: of(|state| state.failing_since),
            reason: state.and_then(|state| state.problem.as_deref()),
            moved_to: state.and_then(|state| state.moved_to.as_deref()),
            interval_s: interval.map(|(interval, _)| seconds(interval)),
            interval_why: interval.map(|(_, why)| why.name()),
            not_before: of(|state| state.plan.not_before),
            lag_p50_s: lag.map(|lag| seconds(lag.p50)),
            lag_p95_s: lag.map(|lag| seconds(lag.p95)),
            overruns: state.map_or(0, |state| state.overruns),
            push: state
                .and_then(|state| state.pushed.as_ref())
                .map(|pushed| Push {
                    hub: &pushed.hub,
                    until: Some(pushed.until),
                }),
        }
    }
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::New => "new",
            State::Ok => "ok",
            State::Failing => "failing",
            State::Gone => "gone",
        }
    }
}
