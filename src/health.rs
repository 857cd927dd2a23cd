//! How each feed fares, as `wirewatch feeds --json`, the API and the page tell it.

use serde::{Serialize, Serializer};

use crate::{
    model::Feed,
    store::FeedState,
    time::{Timestamp, rfc3339},
};

/// A feed as it is listed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Health<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub publisher: &'a str,
    pub state: State,
    #[serde(serialize_with = "time")]
    pub last_success: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    pub last_new_item: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    pub next_poll: Option<Timestamp>,
    /// In a row.
    pub failures: u32,
    pub reason: Option<&'a str>,
    pub moved_to: Option<&'a str>,
    /// The hub that pushes the feed, while it does.
    pub push: Option<Push<'a>>,
}

/// A WebSub subscription that a hub has confirmed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Push<'a> {
    pub hub: &'a str,
    #[serde(serialize_with = "time")]
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

fn time<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

impl<'a> Health<'a> {
    pub fn of(feed: &'a Feed, state: Option<&'a FeedState>) -> Self {
        // What was learnt at another address says nothing about this one.
        let state = state.filter(|state| state.url == feed.url);
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
            next_poll: of(|state| state.gone.is_none().then_some(state.next_poll)),
            failures: state.map_or(0, |state| state.failures),
            reason: state.and_then(|state| state.problem.as_deref()),
            moved_to: state.and_then(|state| state.moved_to.as_deref()),
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
