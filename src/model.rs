//! The words of the program: what flows from a feed to a person. Plain data, no behaviour that needs the world.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How much an alert matters. Ordered: `Info` is the least.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 5] = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    pub fn parse(name: &str) -> Option<Severity> {
        Severity::ALL
            .into_iter()
            .find(|severity| severity.name() == name)
    }
}

/// One source that we poll. Its `name` is its id: the key of its table in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    pub name: String,
    /// `https:`, `http:` or `file:`.
    pub url: String,
    /// The family that counts once in corroboration: configured, else the site's registrable domain.
    pub publisher: String,
    pub tags: Vec<String>,
    /// The language the analyst declared, as a primary subtag: `en`.
    pub lang: Option<String>,
    /// Feeds that are asked in the same way share it.
    pub poll: Arc<PollLimits>,
}

/// How one feed is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollLimits {
    /// The shortest time between two polls.
    pub interval: Duration,
    /// Whether the time between polls may grow to `interval_max` by the feed's own rhythm.
    pub adaptive: bool,
    pub interval_max: Duration,
    /// For one whole poll, redirects and body included.
    pub timeout: Duration,
    /// Of the decoded body.
    pub body_bytes_max: usize,
    /// Items published longer ago than this are recorded, not alerted, on the first contact.
    pub backfill: Duration,
}

impl Feed {
    /// A feed known by its name alone: what `scan` and tests match items under.
    pub fn named(name: &str) -> Feed {
        Feed {
            name: name.to_owned(),
            url: String::new(),
            publisher: String::new(),
            tags: Vec::new(),
            lang: None,
            poll: Arc::default(),
        }
    }
}

impl Default for PollLimits {
    fn default() -> Self {
        PollLimits {
            interval: Duration::from_secs(300),
            adaptive: true,
            interval_max: Duration::from_secs(3600),
            timeout: Duration::from_secs(30),
            body_bytes_max: 10 << 20,
            backfill: Duration::from_secs(86_400),
        }
    }
}

/// What makes an item the same item within its feed, as a hash of [`Item::id`]. Never random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey(pub u64);

impl ItemKey {
    pub fn of(id: &str) -> ItemKey {
        ItemKey(xxhash_rust::xxh3::xxh3_64(id.as_bytes()))
    }
}

/// One entry of a feed as we keep it: plain text of bounded length, no markup, no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The feed's own id; else the canonical link; else title and date. Decided by `parse::identity` alone.
    pub id: String,
    pub title: String,
    pub summary: String,
    /// The longer text where the feed gives one; empty otherwise.
    pub content: String,
    /// Absolute, http or https; empty where the feed gives none.
    pub url: String,
    pub author: String,
    pub categories: Vec<String>,
    /// The outlet that an aggregator names for this item (RSS `<source>`).
    pub source: String,
    /// That outlet's address, where it is given.
    pub source_url: String,
    /// The language that the item or its feed declares, as a primary subtag.
    pub lang: Option<String>,
    /// The publisher's claim; never the clock of the rules.
    pub published: Option<Timestamp>,
}

impl Item {
    pub fn key(&self) -> ItemKey {
        ItemKey::of(&self.id)
    }
}

/// A part of an item that rules can match in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    Title,
    Summary,
    Content,
    Url,
    Author,
    Category,
    Source,
    Publisher,
    Lang,
}

/// Words of an item that made a rule match, where they stand, and which query asked for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub field: Field,
    /// Unicode scalar values from the start of the field as shown.
    pub start: usize,
    /// One past the last scalar value.
    pub end: usize,
    pub text: String,
    /// The query as the analyst wrote it.
    pub query: String,
}

/// Whether an alert still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    Firing,
    Acknowledged,
    Resolved,
}

/// One rule about one story: the alert document of INTERFACE.md, at one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub version: u32,
    /// Stays the same through all revisions.
    pub id: String,
    /// From 1.
    pub revision: u32,
    pub status: AlertStatus,
    pub rule: String,
    pub title: String,
    pub severity: Severity,
    pub tags: Vec<String>,
    pub drill: bool,
    pub item: AlertItem,
    pub hits: Vec<Hit>,
    pub story: AlertStory,
    pub timing: AlertTiming,
}

/// The item that an alert (or its latest revision) is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertItem {
    pub id: String,
    pub feed: String,
    pub publisher: String,
    pub title: String,
    pub url: String,
    pub summary: String,
    pub lang: Option<String>,
    pub published: Option<Timestamp>,
    pub seen: Timestamp,
}

impl AlertItem {
    pub fn of(feed: &Feed, item: &Item, seen: Timestamp) -> AlertItem {
        AlertItem {
            id: item.id.clone(),
            feed: feed.name.clone(),
            publisher: feed.publisher.clone(),
            title: item.title.clone(),
            url: item.url.clone(),
            summary: item.summary.clone(),
            lang: item.lang.clone().or_else(|| feed.lang.clone()),
            published: item.published,
            seen,
        }
    }
}

/// The story as it stood at this revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertStory {
    pub id: String,
    pub items: u32,
    pub publishers: Vec<String>,
    /// Independent texts: copies of one text count once.
    pub origins: u32,
}

/// When each stage was passed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertTiming {
    pub published: Option<Timestamp>,
    pub seen: Timestamp,
    pub matched: Timestamp,
    pub queued: Timestamp,
}

/// What wirewatch has to tell about itself: which condition, of what, and that it holds or is over. Whoever notices a
/// condition says so as often as it likes; the store records a change alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    /// The name of the feed or receiver it is about; for anything else one word, always the same.
    pub subject: String,
    /// One sentence for the operator, the subject named in it.
    pub text: String,
    /// Where it happened, as `http` or `https`; may be empty. Never a secret.
    pub url: String,
    pub severity: Severity,
    /// Whether the condition has ended.
    pub is_over: bool,
}

/// What the operator is told about. The alert document's `rule` is `notice.` and the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    FeedFailing,
    FeedSilent,
    FeedGone,
    NotAFeed,
    Overrun,
    IdStorm,
    DeadLetter,
    ReceiverFailing,
    ReloadRefused,
}

impl NoticeKind {
    pub const ALL: [NoticeKind; 9] = [
        NoticeKind::FeedFailing,
        NoticeKind::FeedSilent,
        NoticeKind::FeedGone,
        NoticeKind::NotAFeed,
        NoticeKind::Overrun,
        NoticeKind::IdStorm,
        NoticeKind::DeadLetter,
        NoticeKind::ReceiverFailing,
        NoticeKind::ReloadRefused,
    ];

    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::FeedFailing => "feed-failing",
            NoticeKind::FeedSilent => "feed-silent",
            NoticeKind::FeedGone => "feed-gone",
            NoticeKind::NotAFeed => "not-a-feed",
            NoticeKind::Overrun => "overrun",
            NoticeKind::IdStorm => "id-storm",
            NoticeKind::DeadLetter => "dead-letter",
            NoticeKind::ReceiverFailing => "receiver-failing",
            NoticeKind::ReloadRefused => "reload-refused",
        }
    }

    /// The title of its alert documents.
    pub fn title(self) -> &'static str {
        match self {
            NoticeKind::FeedFailing => "Feed fails",
            NoticeKind::FeedSilent => "Feed is silent",
            NoticeKind::FeedGone => "Feed is gone",
            NoticeKind::NotAFeed => "Not a feed",
            NoticeKind::Overrun => "Feed lists less than it publishes",
            NoticeKind::IdStorm => "Feed gave all its items new ids",
            NoticeKind::DeadLetter => "Alert not delivered",
            NoticeKind::ReceiverFailing => "Receiver fails",
            NoticeKind::ReloadRefused => "Configuration not taken",
        }
    }

    pub fn parse(name: &str) -> Option<NoticeKind> {
        NoticeKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn about(self) -> About {
        match self {
            NoticeKind::FeedFailing
            | NoticeKind::FeedSilent
            | NoticeKind::FeedGone
            | NoticeKind::NotAFeed
            | NoticeKind::Overrun
            | NoticeKind::IdStorm => About::Feed,
            NoticeKind::DeadLetter | NoticeKind::ReceiverFailing => About::Receiver,
            NoticeKind::ReloadRefused => About::Wirewatch,
        }
    }
}

/// What a notice's subject names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Feed,
    Receiver,
    Wirewatch,
}

/// The answer headers that make the next request conditional, byte for byte as the server sent them.
/// Replaced only together with the items they vouch for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<Vec<u8>>,
    pub last_modified: Option<Vec<u8>>,
}
