//! The door to memory: what was seen, what is owed, when to ask again. The store is the queue between the two loops.
//!
//! It promises: a method that returned `Ok` is on the disk, whole; one that returned an error changed nothing. One daemon
//! at a time owns a store, so claims on running work live in the loops and need no rows. It must never guess: a damaged
//! or newer database is refused, not repaired and not replaced.

mod checkpoint;
mod deliveries;
mod feeds;
mod hands;
mod history;
pub mod holds;
mod items;
mod judged;
mod notices;
mod outbox;
mod polls;
mod schema;
mod sqlite;
mod stories;
mod subscriptions;
mod writer;

use std::{path::PathBuf, time::Duration};

use crate::{
    hub::Announced,
    judge::{Decision, Edited, Past},
    model::{Alert, Item, ItemKey, Notice, Severity, Validators},
    parse::Identified,
    schedule::{Plan, Rhythm, Why, Wishes},
    secret::Secret,
    time::Timestamp,
};

pub use hands::{Acknowledged, Marked, Silence};
pub use outbox::{OutboxFilter, OutboxRow};
pub use sqlite::Store;

/// Why the store could not do it.
#[derive(Debug)]
pub enum StoreError {
    /// There is no database at this path (readers only; the daemon makes one).
    Missing(PathBuf),
    /// Another daemon owns it.
    InUse { path: PathBuf, by: String },
    /// It fails its own check. Nothing was changed.
    Damaged { path: PathBuf, finding: String },
    /// It was written by a newer wirewatch, or by another program.
    Foreign { path: PathBuf, finding: String },
    /// The disk or SQLite said no; trying again may help.
    Failed(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Missing(path) => write!(
                f,
                "there is no database at {} yet: `wirewatch run` makes it",
                path.display()
            ),
            StoreError::InUse { path, by } => write!(
                f,
                "the database {} is in use by another wirewatch ({by}): stop that one first, or give this one its own [store] url",
                path.display()
            ),
            StoreError::Damaged { path, finding } => write!(
                f,
                "the database {path} is damaged ({finding}). Nothing was changed. Restore a backup, or recover what can be read with \
                 `sqlite3 {path} .recover | sqlite3 recovered.db`; to start empty, move the file away yourself",
                path = path.display()
            ),
            StoreError::Foreign { path, finding } => {
                write!(
                    f,
                    "the database {} cannot be used: {finding}",
                    path.display()
                )
            }
            StoreError::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}

/// The number of a feed in this store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId(pub i64);

/// What the store knows of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedState {
    pub id: FeedId,
    pub name: String,
    pub url: String,
    pub validators: Validators,
    pub plan: Plan,
    pub first_contact: Option<Timestamp>,
    pub last_poll: Option<Timestamp>,
    /// When a request without validators was last made.
    pub last_whole: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    /// When items were last listed; a 304 lists none.
    pub last_listing: Option<Timestamp>,
    pub last_new_item: Option<Timestamp>,
    /// The latest publication of an item, by the feed's claim and never later than it was seen.
    pub newest: Option<Timestamp>,
    /// In a row.
    pub failures: u32,
    pub failing_since: Option<Timestamp>,
    pub problem: Option<String>,
    /// What the server and the feed wish for.
    pub wishes: Wishes,
    /// How often items were lost between two polls, and until when the feed is asked at its interval for that.
    pub overruns: u32,
    pub hurry_until: Option<Timestamp>,
    /// Where permanent redirects lead, and how many answers in a row agreed on it.
    pub moved_to: Option<String>,
    pub moved_times: u32,
    /// When the server answered 410.
    pub gone: Option<Timestamp>,
    /// The hub that pushes the feed, and until when.
    pub pushed: Option<Pushed>,
}

/// A subscription that a hub has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    pub hub: String,
    /// When the lease ends, should it not be renewed.
    pub until: Timestamp,
}

/// How late a feed's items were seen after their publication, by the feed's own claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Half of them were seen within this.
    pub p50: Duration,
    pub p95: Duration,
}

/// One poll as it is recorded, in one transaction.
#[derive(Clone, Debug)]
pub struct PollRecord {
    pub feed: FeedId,
    /// When the answer was here: the moment its items were first seen.
    pub at: Timestamp,
    pub plan: Plan,
    pub wishes: Wishes,
    /// Whether the request had no validators.
    pub is_whole: bool,
    /// Where permanent redirects led.
    pub moved_to: Option<String>,
    pub outcome: PollOutcome,
    /// What the operator should know of the feed; see [`Store::notice`].
    pub notices: Vec<Notice>,
    /// The receivers that are owed the notices.
    pub notices_to: Vec<String>,
}

impl PollRecord {
    /// A poll of a feed without wishes, which comes again at its interval.
    pub fn plain(
        feed: FeedId,
        at: Timestamp,
        next_poll: Timestamp,
        outcome: PollOutcome,
    ) -> PollRecord {
        PollRecord {
            feed,
            at,
            plan: Plan {
                next_poll,
                why: Why::Interval,
                not_before: None,
            },
            wishes: Wishes::default(),
            is_whole: false,
            moved_to: None,
            outcome,
            notices: Vec::new(),
            notices_to: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub enum PollOutcome {
    /// 304, or the same bytes again.
    Unchanged,
    Items(Harvest),
    /// A hub brought a document by itself: the feed's validators and next poll stay as they are.
    Pushed(Harvest),
    Failed {
        problem: String,
    },
    /// 410: the feed is not asked again at this address.
    Gone {
        problem: String,
    },
}

/// What a good answer gave.
#[derive(Clone, Debug, Default)]
pub struct Harvest {
    /// Of the answer; empty when the document was cut short and must be fetched again.
    pub validators: Validators,
    /// Every item the document lists.
    pub listed: Vec<ItemKey>,
    /// Those that were not seen before.
    pub new: Vec<Identified>,
    /// Those that were seen before with another title or summary.
    pub edited: Vec<Identified>,
    /// Those that were seen before under another key, which is forgotten.
    pub renamed: Vec<(ItemKey, Identified)>,
    /// Those that were seen by a version that did not keep their marks.
    pub unmarked: Vec<Identified>,
    /// Most keys changed at once: how many items were recognised by other marks.
    pub storm: Option<usize>,
    /// Who would push the feed.
    pub announced: Announced,
    /// The rhythm, where this answer taught something about it.
    pub rhythm: Option<Rhythm>,
    /// Items were lost before this answer: the feed is asked at its interval until then.
    pub hurry_until: Option<Timestamp>,
    /// Why this is not all of the feed: kept as the problem of a feed that answers. A first contact in part does not end it, or
    /// the next answer would bring the rest as news.
    pub in_part: Option<String>,
}

/// Decides what one new or edited item causes. Called inside the transaction, once for each of them.
pub type Judge = Box<
    dyn FnMut(&Item, Option<&Edited>, &dyn Past<Error = StoreError>) -> Result<Decided, StoreError>
        + Send,
>;

/// What a feed is known to have listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenItem {
    pub key: ItemKey,
    /// `None` where it was seen by a version that did not keep it; so with the marks.
    pub words: Option<ItemKey>,
    pub page: Option<ItemKey>,
    pub name: Option<ItemKey>,
}

/// A decision, and who is owed each of its alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    pub decision: Decision,
    /// For each of the decision's `judged`, in order, the names of the receivers.
    pub receivers: Vec<Vec<String>>,
}

/// What a recorded poll caused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Items that were new to the store.
    pub new_items: usize,
    /// Items whose title or summary changed.
    pub edited_items: usize,
    /// Alerts queued, newest revision each.
    pub alerts: Vec<Alert>,
    /// Deliveries now owed.
    pub deliveries: usize,
    /// Whether a hub is to be asked for a subscription, or for its end.
    pub has_hub_changed: bool,
    /// Notices that were news.
    pub notices: Vec<Alert>,
}

/// A delivery that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    pub id: i64,
    pub receiver: String,
    pub attempts: u32,
    pub owed_since: Timestamp,
    pub alert: Alert,
    /// The severity that the alert has reached since.
    pub severity: Severity,
    /// What the receiver's service needs to change or answer the alert's first message.
    pub handle: Option<String>,
    /// The message that it was put into at an earlier attempt, where others might have shared it.
    pub bound: Option<Bound>,
    /// As [`DeliveryRow::reason`].
    pub held: Option<String>,
}

/// The message that a delivery travels in from its first attempt on: who may have it already must not get it in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Alone,
    /// The digest or summary of this number.
    Bundle(i64),
}

/// A digest or summary that was formed once and goes out as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormedBundle {
    pub id: i64,
    /// `digest` or `rate-summary`.
    pub kind: String,
    pub formed: Timestamp,
}

/// How a delivery attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Taken; a service that can change or answer the message later may have given a handle for that.
    Done {
        handle: Option<String>,
    },
    /// Not to be sent: a silence covers it.
    Silenced,
    /// Held for a named reason until `due`; no attempt was made.
    Held {
        due: Timestamp,
        reason: &'static str,
    },
    /// What the alert's first message was is gone from the service: due again at once, as a new message.
    Anew {
        problem: String,
    },
    /// Owed still, due again at this time.
    Again {
        due: Timestamp,
        problem: String,
    },
    Dead {
        problem: String,
    },
}

/// One alert in the history.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AlertRow {
    /// The place of this revision among the newest ones of all alerts: ascending, for following.
    #[serde(skip)]
    pub changed: i64,
    #[serde(flatten)]
    pub alert: Alert,
    /// When a person took it on, and when a person called it a false positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<Timestamp>,
    pub deliveries: Vec<DeliveryRow>,
}

/// One delivery of an alert's latest revision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DeliveryRow {
    pub receiver: String,
    pub revision: u32,
    /// `owed`, `done` or `dead`.
    pub state: String,
    pub attempts: u32,
    pub settled: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub problem: Option<String>,
    /// Why it waits, waited or was not sent: `quiet-held`, `digest`, `rate-summary`, `silenced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A WebSub subscription, whole.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: i64,
    pub feed: FeedId,
    pub topic: String,
    pub hub: String,
    /// The last part of the callback's path; not to be guessed.
    pub token: String,
    /// What the hub signs with.
    pub secret: Secret,
    pub state: SubscriptionState,
    /// The address that the hub was given last.
    pub callback: Option<String>,
    pub lease_end: Option<Timestamp>,
    /// When the hub is asked next.
    pub due: Timestamp,
    /// Since it last confirmed.
    pub attempts: u32,
    pub problem: Option<String>,
}

impl Subscription {
    /// The callback where hubs reach us at `callbacks`.
    pub fn callback_at(&self, callbacks: Option<&str>) -> Option<String> {
        callbacks.map(|callbacks| format!("{callbacks}{}", self.token))
    }
}

/// What became of asking a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubSaid {
    /// It confirmed.
    Yes { lease_end: Timestamp },
    /// It will not push, or no longer.
    No { problem: String },
    /// No answer, or none that counts. A lease that runs goes on.
    Nothing { problem: String },
}

/// How far a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// The feed names a hub, which has not been asked yet.
    Offered,
    /// The hub shall confirm.
    Asked,
    /// It has confirmed; whether the lease still runs, `lease_end` tells.
    Live,
    /// It will not push.
    Denied,
    /// It shall confirm the end.
    Unwanted,
}

impl SubscriptionState {
    pub const ALL: [SubscriptionState; 5] = [
        SubscriptionState::Offered,
        SubscriptionState::Asked,
        SubscriptionState::Live,
        SubscriptionState::Denied,
        SubscriptionState::Unwanted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            SubscriptionState::Offered => "offered",
            SubscriptionState::Asked => "asked",
            SubscriptionState::Live => "live",
            SubscriptionState::Denied => "denied",
            SubscriptionState::Unwanted => "unwanted",
        }
    }

    pub fn parse(name: &str) -> Option<SubscriptionState> {
        SubscriptionState::ALL
            .into_iter()
            .find(|state| state.name() == name)
    }

    /// Whether the hub has our callback.
    fn is_with_hub(self) -> bool {
        matches!(self, SubscriptionState::Asked | SubscriptionState::Live)
    }
}

/// What is owed to one receiver, and what was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    pub receiver: String,
    pub owed: u64,
    pub dead: u64,
    /// Since when the oldest of the owed ones waits.
    pub owed_since: Option<Timestamp>,
}

/// Which alerts to list.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Updated at or after.
    pub since: Option<Timestamp>,
    pub rule: Option<String>,
    pub severity_min: Severity,
    /// Only alerts whose id begins so.
    pub id: Option<String>,
    /// Only alerts that were opened or revised after the one with this [`AlertRow::changed`].
    pub after: Option<i64>,
    /// At most so many, those that changed last.
    pub newest: Option<usize>,
}

/// A receiver that asked to be left alone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DisabledReceiver {
    pub name: String,
    pub since: Timestamp,
    pub reason: String,
}

/// An archived item with its feed and what was decided about it.
#[derive(Clone, Debug)]
pub struct ArchivedItem {
    pub feed: String,
    pub seen: Timestamp,
    pub item: Item,
    pub judgements: Vec<JudgementRow>,
    /// What it said before, oldest first.
    pub edits: Vec<EditRow>,
}

/// What an item said until it was edited.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EditRow {
    pub edited: Timestamp,
    pub title: String,
    pub summary: String,
}

/// How much the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Items and alerts ever recorded.
    pub items: usize,
    pub alerts: usize,
    /// Deliveries owed now, and given up.
    pub owed: usize,
    pub dead: usize,
}

/// What was decided about an item under one rule.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JudgementRow {
    pub rule: String,
    /// A name such as `first-report`.
    pub reason: String,
    /// The alert's id, where there is one.
    pub alert: Option<String>,
}
