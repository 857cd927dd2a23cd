//! What judging may ask of the past, and what it decides is to be remembered.

use std::time::Duration;

use crate::{
    model::Alert,
    story::{Recent, Sketch, Told, Weighed},
    time::Timestamp,
};

/// What is known of a story when an item is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryState {
    pub id: i64,
    pub uid: String,
    pub items: u32,
    pub told: Vec<Told>,
}

/// An alert as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its latest revision.
    pub alert: Alert,
    /// The most independent publishers that a threshold of its rule asked for and got.
    pub confirmed: u32,
}

/// An alert that waits for others to tell the story.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// From then on it waits no longer.
    pub until: Timestamp,
    /// As it would have been sent.
    pub alert: Alert,
}

/// How often a rule matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Items within the window.
    pub recent: u32,
    /// Items of the baseline before the window.
    pub before: u32,
    /// Since when the rule is counted; `None` where it was never.
    pub since: Option<Timestamp>,
    /// When an item was last counted into a burst.
    pub last_burst: Option<Timestamp>,
}

/// The spans that a rate is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    pub at: Timestamp,
    pub window: Duration,
    pub baseline: Duration,
}

/// What judging may ask, inside the transaction that records the poll.
pub trait Past: Recent {
    /// A story with who told it.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn story(&self, id: i64) -> Result<Option<StoryState>, Self::Error>;

    /// The newest alert that a rule has opened on a story.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn alert(&self, story: i64, rule: &str) -> Result<Option<Standing>, Self::Error>;

    /// The alerts of a rule on a story that still wait at this time, oldest first.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn held(&self, story: i64, rule: &str, at: Timestamp) -> Result<Vec<Held>, Self::Error>;

    /// How often a rule matched, this item not counted.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn rate(&self, rule: &str, spans: Spans) -> Result<Rate, Self::Error>;
}

/// How an item is to be put into its story.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The number of a story that exists; a new one otherwise.
    pub story: Option<i64>,
    pub story_uid: String,
    /// The number of the text that the item copies; a new one otherwise.
    pub text: Option<i64>,
    /// The text that the story began with, where it is known; a new text of a new story begins it.
    pub founder: Option<i64>,
    /// The name of its text: an agency's, or the text's own.
    pub origin: String,
    pub publisher: String,
    /// Whether the story has one item more; not where an item of it was edited.
    pub is_another_item: bool,
    pub new_text: NewText,
}

/// What is kept of a text that is new, and what it is found by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewText {
    pub keys: Vec<u64>,
    pub is_digest: bool,
    pub has_lead: bool,
    pub is_representative: bool,
    pub sketch: Sketch,
    pub words: Vec<Weighed>,
    /// The words that it counts for; none for a copy.
    pub counted: Vec<u64>,
}
