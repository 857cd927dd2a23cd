//! Hits to alerts: whether an item that matched a rule tells people something, and the named reason why or why not.
//!
//! Pure: it is handed the past through [`Past`] and `now` by the loop. Every outcome has a [`Reason`], so that `why` can say it.

use std::time::Duration;

use crate::{
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Feed, Hit, Item},
    rule::{Per, RuleSource},
    story,
    time::{self, Timestamp},
};

/// The version of the alert document.
pub const DOCUMENT_VERSION: u32 = 1;
/// How long a story stays open for further items.
pub const STORY_ALIVE: Duration = Duration::from_secs(72 * 3600);

/// Why an item that matched a rule did or did not become an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The first item of this story under this rule, or any item where the rule alerts per item.
    FirstReport,
    /// The rule has already alerted on this story.
    SameStory,
    /// First contact with the feed, and the item is older than `backfill`.
    Backfill,
}

impl Reason {
    /// The name that the store, the log and `why` show.
    pub fn name(self) -> &'static str {
        match self {
            Reason::FirstReport => "first-report",
            Reason::SameStory => "same-story",
            Reason::Backfill => "backfill",
        }
    }
}

/// What one new item causes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The story that the item joins or opens; `None` where it alerts nobody.
    pub story: Option<StoryLink>,
    pub judged: Vec<Judged>,
}

/// How the store links an item to its story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryLink {
    /// The store's number of a story that exists already.
    pub known: Option<i64>,
    pub uid: String,
    pub keys: Vec<u64>,
    pub publisher: String,
}

/// The outcome under one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub rule: String,
    pub reason: Reason,
    /// The alert to queue, as it is sent.
    pub alert: Option<Alert>,
    /// The id of the alert that this item belongs to, new or old.
    pub about: Option<String>,
}

/// What is known of the story when an item is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryState {
    pub id: i64,
    pub uid: String,
    pub items: u32,
    pub publishers: Vec<String>,
}

/// What judging may ask of the past, inside the transaction that records the poll.
pub trait Past {
    /// What the past answers with when it cannot be read.
    type Error;

    /// The story that any of these keys belongs to, if it was alive at or after `since`.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn story(&self, keys: &[u64], since: Timestamp) -> Result<Option<StoryState>, Self::Error>;

    /// The id of the alert that this rule has already opened on the story.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn alert(&self, story: &StoryState, rule: &str) -> Result<Option<String>, Self::Error>;
}

/// A new item and what matched in it.
#[derive(Clone, Debug)]
pub struct Matched<'a> {
    pub feed: &'a Feed,
    pub item: &'a Item,
    pub hits: Vec<(&'a RuleSource, Vec<Hit>)>,
    /// Whether the feed gave items for the first time with this poll.
    pub is_first_contact: bool,
    /// When the answer that brought the item was here: the clock of the rules.
    pub seen: Timestamp,
    /// When the rules had been matched.
    pub matched: Timestamp,
}

/// Decides what a matched item causes.
///
/// # Errors
/// When the past cannot be read.
pub fn judge<P: Past + ?Sized>(
    matched: &Matched<'_>,
    past: &P,
    now: Timestamp,
) -> Result<Decision, P::Error> {
    if matched.hits.is_empty() {
        return Ok(Decision::default());
    }
    if is_backfill(matched) {
        let recorded = |(rule, _): &(&RuleSource, Vec<Hit>)| Judged {
            rule: rule.id.clone(),
            reason: Reason::Backfill,
            alert: None,
            about: None,
        };
        return Ok(Decision {
            story: None,
            judged: matched.hits.iter().map(recorded).collect(),
        });
    }
    let keys = story::keys(matched.item);
    let known = past.story(&keys, time::before(matched.seen, STORY_ALIVE))?;
    let uid = match &known {
        Some(story) => story.uid.clone(),
        None => stable_id(
            matched.seen,
            &["story", &matched.feed.name, &matched.item.id],
        ),
    };
    let told = tell(known.as_ref(), &uid, &matched.feed.publisher);
    let mut judged = Vec::with_capacity(matched.hits.len());
    for (rule, hits) in &matched.hits {
        let opened_before = match (rule.per, &known) {
            (Per::Story, Some(story)) => past.alert(story, &rule.id)?,
            (Per::Story, None) | (Per::Item, _) => None,
        };
        judged.push(match opened_before {
            Some(alert) => Judged {
                rule: rule.id.clone(),
                reason: Reason::SameStory,
                alert: None,
                about: Some(alert),
            },
            None => {
                let alert = write(matched, rule, hits, &told, now);
                let about = Some(alert.id.clone());
                Judged {
                    rule: rule.id.clone(),
                    reason: Reason::FirstReport,
                    alert: Some(alert),
                    about,
                }
            }
        });
    }
    let link = StoryLink {
        known: known.map(|story| story.id),
        uid,
        keys,
        publisher: matched.feed.publisher.clone(),
    };
    Ok(Decision {
        story: Some(link),
        judged,
    })
}

/// A first poll floods nobody: what is older than the feed's `backfill` is recorded alone. An item without a date cannot be
/// shown to be old, so it alerts, unless `backfill` is nothing at all.
fn is_backfill(matched: &Matched<'_>) -> bool {
    let backfill = matched.feed.poll.backfill;
    matched.is_first_contact
        && match matched.item.published {
            Some(published) => published < time::before(matched.seen, backfill),
            None => backfill.is_zero(),
        }
}

/// The story as it stands with this item in it.
fn tell(known: Option<&StoryState>, uid: &str, publisher: &str) -> AlertStory {
    let mut publishers = known.map_or_else(Vec::new, |story| story.publishers.clone());
    if !publishers.iter().any(|known| known == publisher) {
        publishers.push(publisher.to_owned());
    }
    publishers.sort();
    // Items are linked by the same words or the same link alone, so the story has one text: one origin.
    AlertStory {
        id: uid.to_owned(),
        items: known.map_or(0, |story| story.items) + 1,
        publishers,
        origins: 1,
    }
}

fn write(
    matched: &Matched<'_>,
    rule: &RuleSource,
    hits: &[Hit],
    story: &AlertStory,
    now: Timestamp,
) -> Alert {
    let Matched { feed, item, .. } = matched;
    Alert {
        version: DOCUMENT_VERSION,
        id: stable_id(matched.seen, &["alert", &rule.id, &feed.name, &item.id]),
        revision: 1,
        status: AlertStatus::Firing,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity,
        tags: rule.tags.clone(),
        drill: false,
        item: AlertItem::of(feed, item, matched.seen),
        hits: hits.to_vec(),
        story: story.clone(),
        timing: AlertTiming {
            published: item.published,
            seen: matched.seen,
            matched: matched.matched,
            queued: now,
        },
    }
}

/// A UUID version 7 (RFC 9562, 5.7) whose random part is a hash of what it names: no randomness, yet unique and in order of time.
pub fn stable_id(at: Timestamp, parts: &[&str]) -> String {
    let mut bytes = Vec::with_capacity(128);
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    let hash = xxhash_rust::xxh3::xxh3_128(&bytes).to_be_bytes();
    let mut tail = [0; 10];
    tail.copy_from_slice(&hash[..10]);
    let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(ms, &tail)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn rule(id: &str, per: Per) -> RuleSource {
        RuleSource {
            id: id.to_owned(),
            title: "Armed group gains ground".to_owned(),
            severity: crate::model::Severity::High,
            tags: vec!["syria".to_owned()],
            per,
            ..RuleSource::default()
        }
    }

    /// A past that remembers what it was told in this test: keys, story, rule, alert.
    type Told = (Vec<u64>, StoryState, String, String);

    #[derive(Default)]
    struct Memory(RefCell<Vec<Told>>);

    impl Past for Memory {
        type Error = std::convert::Infallible;

        fn story(&self, keys: &[u64], _: Timestamp) -> Result<Option<StoryState>, Self::Error> {
            let told = self.0.borrow();
            Ok(told
                .iter()
                .find(|(known, ..)| known.iter().any(|key| keys.contains(key)))
                .map(|(_, story, ..)| story.clone()))
        }

        fn alert(&self, story: &StoryState, rule: &str) -> Result<Option<String>, Self::Error> {
            let told = self.0.borrow();
            Ok(told
                .iter()
                .find(|(_, s, r, _)| s.id == story.id && r == rule)
                .map(|(.., alert)| alert.clone()))
        }
    }

    impl Memory {
        fn note(&self, decision: &Decision) {
            let Some(link) = &decision.story else { return };
            for judged in &decision.judged {
                let story = StoryState {
                    id: 7,
                    uid: link.uid.clone(),
                    items: 1,
                    publishers: vec![link.publisher.clone()],
                };
                self.0.borrow_mut().push((
                    link.keys.clone(),
                    story,
                    judged.rule.clone(),
                    judged.about.clone().unwrap(),
                ));
            }
        }
    }

    fn item(id: &str, title: &str, published: Option<&str>) -> Item {
        Item {
            id: id.to_owned(),
            title: title.to_owned(),
            published: published.map(|at| at.parse().unwrap()),
            ..Item::default()
        }
    }

    fn reasons(
        past: &Memory,
        feed: &str,
        item: &Item,
        rule: &RuleSource,
        is_first_contact: bool,
    ) -> Vec<&'static str> {
        let seen = "2024-12-06T14:03:11.204Z".parse().unwrap();
        let mut feed = Feed::named(feed);
        feed.publisher = feed.name.clone();
        let matched = Matched {
            feed: &feed,
            item,
            hits: vec![(rule, Vec::new())],
            is_first_contact,
            seen,
            matched: seen,
        };
        let decision = judge(&matched, past, seen).unwrap();
        past.note(&decision);
        decision
            .judged
            .iter()
            .map(|judged| judged.reason.name())
            .collect()
    }

    #[test]
    fn a_reprint_joins_its_story_and_per_item_rules_alert_each_time() {
        let past = Memory::default();
        let by_story = rule("advance", Per::Story);
        let title = "Rebel forces advance on the city of Homs";
        assert_eq!(
            reasons(&past, "bbc", &item("1", title, None), &by_story, false),
            ["first-report"]
        );
        assert_eq!(
            reasons(&past, "cnn", &item("2", title, None), &by_story, false),
            ["same-story"]
        );
        assert_eq!(
            reasons(
                &past,
                "cnn",
                &item("3", "Another town falls to rebel forces", None),
                &by_story,
                false
            ),
            ["first-report"]
        );
        let by_item = rule("each", Per::Item);
        assert_eq!(
            reasons(&past, "bbc", &item("4", title, None), &by_item, false),
            ["first-report"]
        );
        assert_eq!(
            reasons(&past, "cnn", &item("5", title, None), &by_item, false),
            ["first-report"]
        );
    }

    #[test]
    fn a_first_contact_records_what_is_old() {
        let rule = rule("advance", Per::Item);
        for (published, is_first_contact, reason) in [
            (Some("2024-12-06T10:00:00Z"), true, "first-report"),
            (Some("2024-12-04T10:00:00Z"), true, "backfill"),
            (Some("2024-12-04T10:00:00Z"), false, "first-report"),
            (None, true, "first-report"),
        ] {
            let item = item("1", "Rebels enter the city", published);
            assert_eq!(
                reasons(&Memory::default(), "bbc", &item, &rule, is_first_contact),
                [reason],
                "{published:?}"
            );
        }
    }

    #[test]
    fn ids_are_stable_distinct_and_in_order_of_time() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let early = stable_id(at("2024-12-06T14:03:11Z"), &["a", "b"]);
        assert_eq!(early, stable_id(at("2024-12-06T14:03:11Z"), &["a", "b"]));
        assert_ne!(early, stable_id(at("2024-12-06T14:03:11Z"), &["ab", ""]));
        assert!(early < stable_id(at("2024-12-06T14:03:12Z"), &["a", "b"]));
        assert_eq!(&early[14..15], "7");
    }
}
