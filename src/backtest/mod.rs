//! The rules against the past: which alerts there would have been, had these rules been in force.
//!
//! The engine and the judge are the daemon's own; only the clock differs: an item's event time, when it was published,
//! stands for the moment it was seen. What matches does not depend on the order, what is alerted does. So items are matched
//! as they come, what matched is kept, and all of it is judged in the order of time once everything was read: memory grows
//! with what matches, never with the archive. Nothing is recorded, nothing is sent.

mod difference;
mod summary;
mod timeline;

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    sync::Arc,
};

use crate::{
    judge::{self, Decision, Matched, Past, STORY_ALIVE, StoryState},
    model::{Alert, Feed, Item},
    rule::{Per, RuleHits, RuleSet, Scratch},
    time::{self, Timestamp},
};

pub use difference::{Difference, difference};
pub use summary::{Days, Summary, Tally, bar, day_of, sparkline};
pub use timeline::{Moment, Timeline};

/// A set of rules and what it found.
#[derive(Debug)]
pub struct Trial<'r> {
    rules: &'r RuleSet,
    /// Its own: what is remembered of words serves one set of rules.
    scratch: Scratch,
    found: Vec<Found>,
}

/// An item that matched.
#[derive(Debug)]
struct Found {
    moment: Moment,
    feed: Arc<Feed>,
    item: Arc<Item>,
    hits: Vec<RuleHits>,
}

/// What the rules would have caused.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of time.
    pub opened: Vec<Opened>,
    /// Every pair of item and rule that matched.
    pub matched: Vec<Match>,
    /// Every item that matched a rule.
    linked: Vec<Linked>,
}

/// An alert, and the item that opened it.
#[derive(Debug)]
pub struct Opened {
    /// The number of the item.
    pub number: u64,
    pub per: Per,
    pub alert: Alert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub at: Timestamp,
    /// The number of the item.
    pub number: u64,
    /// Index into the compiled rules.
    pub rule: usize,
    pub is_alerted: bool,
}

/// What links an item to its story.
#[derive(Debug)]
struct Linked {
    at: Timestamp,
    number: u64,
    keys: Vec<u64>,
}

impl<'r> Trial<'r> {
    pub fn new(rules: &'r RuleSet) -> Trial<'r> {
        Trial {
            rules,
            scratch: Scratch::new(),
            found: Vec::new(),
        }
    }

    pub fn rules(&self) -> &'r RuleSet {
        self.rules
    }

    /// What the rules find in an item.
    pub fn hits(&mut self, feed: &Feed, item: &Item) -> Vec<RuleHits> {
        self.rules.hits_with(feed, item, &mut self.scratch)
    }

    /// Takes up an item that matched.
    pub fn add(&mut self, moment: Moment, feed: &Arc<Feed>, item: &Arc<Item>, hits: Vec<RuleHits>) {
        self.found.push(Found {
            moment,
            feed: feed.clone(),
            item: item.clone(),
            hits,
        });
    }

    /// Judges what matched in the order of time, as the daemon would have, had it seen each item when it was published.
    pub fn judge(self, timeline: &Timeline) -> Outcome {
        let mut found: Vec<(Timestamp, Found)> = self
            .found
            .into_iter()
            .filter_map(|found| Some((timeline.time_of(&found.moment)?, found)))
            .collect();
        found.sort_by_key(|(at, found)| (*at, found.moment.number));
        let mut stories = Stories::default();
        let mut outcome = Outcome::default();
        for (at, found) in found {
            let number = found.moment.number;
            let feed = with_publisher(&found.feed, &found.item);
            let rules: Vec<usize> = found.hits.iter().map(|hits| hits.rule).collect();
            let hits = found
                .hits
                .into_iter()
                .filter_map(|hits| Some((self.rules.rules().get(hits.rule)?, hits.hits)))
                .collect();
            let matched = Matched {
                feed: &feed,
                item: &found.item,
                hits,
                // Of each item its own time is the time it was seen: nothing is old at its first contact.
                is_first_contact: false,
                seen: at,
                matched: at,
            };
            let Ok(decision) = judge::judge(&matched, &stories, at);
            stories.record(at, &decision);
            for ((rule, _), judged) in matched.hits.iter().zip(&decision.judged) {
                outcome
                    .opened
                    .extend(judged.alert.clone().map(|alert| Opened {
                        number,
                        per: rule.per,
                        alert,
                    }));
            }
            let pairs = rules.into_iter().zip(&decision.judged);
            outcome.matched.extend(pairs.map(|(rule, judged)| Match {
                at,
                number,
                rule,
                is_alerted: judged.alert.is_some(),
            }));
            if let Some(link) = decision.story {
                outcome.linked.push(Linked {
                    at,
                    number,
                    keys: link.keys,
                });
            }
        }
        outcome
    }
}

/// An item of a file names its outlet itself where its feed is not configured.
fn with_publisher(feed: &Arc<Feed>, item: &Item) -> Arc<Feed> {
    match feed.publisher.is_empty() && !item.source.is_empty() {
        true => Arc::new(Feed {
            publisher: item.source.clone(),
            ..Feed::clone(feed)
        }),
        false => feed.clone(),
    }
}

/// The stories and alerts so far, in memory: what the store's rows are to the daemon.
#[derive(Debug, Default)]
struct Stories {
    stories: Vec<Story>,
    by_key: HashMap<u64, usize>,
}

#[derive(Debug)]
struct Story {
    uid: String,
    last_seen: Timestamp,
    items: u32,
    publishers: BTreeSet<String>,
    /// The first alert of each rule.
    alerts: HashMap<String, String>,
}

impl Stories {
    /// The story that any of these keys belongs to, where it still lives.
    fn find(&self, keys: &[u64], since: Timestamp) -> Option<usize> {
        let mut known = keys.iter().filter_map(|key| self.by_key.get(key).copied());
        let lives = |story: &Story| story.last_seen >= since;
        known.find(|story| self.stories.get(*story).is_some_and(lives))
    }

    /// An item joins a story, or opens one.
    fn join(&mut self, known: Option<usize>, at: Timestamp, uid: &str, keys: &[u64]) -> usize {
        let number = known.unwrap_or(self.stories.len());
        match self.stories.get_mut(number) {
            Some(story) => {
                story.last_seen = story.last_seen.max(at);
                story.items += 1;
            }
            None => self.stories.push(Story {
                uid: uid.to_owned(),
                last_seen: at,
                items: 1,
                publishers: BTreeSet::new(),
                alerts: HashMap::new(),
            }),
        }
        self.by_key.extend(keys.iter().map(|key| (*key, number)));
        number
    }

    fn record(&mut self, at: Timestamp, decision: &Decision) {
        let Some(link) = &decision.story else { return };
        let known = link.known.and_then(|number| usize::try_from(number).ok());
        let number = self.join(known, at, &link.uid, &link.keys);
        let Some(story) = self.stories.get_mut(number) else {
            return;
        };
        story.publishers.insert(link.publisher.clone());
        for alert in decision
            .judged
            .iter()
            .filter_map(|judged| judged.alert.as_ref())
        {
            let opened = story.alerts.entry(alert.rule.clone());
            opened.or_insert_with(|| alert.id.clone());
        }
    }
}

impl Past for Stories {
    type Error = Infallible;

    fn story(&self, keys: &[u64], since: Timestamp) -> Result<Option<StoryState>, Infallible> {
        Ok(self.find(keys, since).and_then(|number| {
            let story = self.stories.get(number)?;
            Some(StoryState {
                id: i64::try_from(number).ok()?,
                uid: story.uid.clone(),
                items: story.items,
                publishers: story.publishers.iter().cloned().collect(),
            })
        }))
    }

    fn alert(&self, story: &StoryState, rule: &str) -> Result<Option<String>, Infallible> {
        let story = usize::try_from(story.id)
            .ok()
            .and_then(|number| self.stories.get(number));
        Ok(story.and_then(|story| story.alerts.get(rule).cloned()))
    }
}

/// The story of every item that any of the outcomes knows, by the item's number: one count of stories for all of them.
fn stories_of(outcomes: &[&Outcome]) -> HashMap<u64, usize> {
    let mut linked: Vec<&Linked> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.linked)
        .collect();
    linked.sort_by_key(|item| (item.at, item.number));
    linked.dedup_by_key(|item| item.number);
    let mut stories = Stories::default();
    let story_of = linked.into_iter().map(|item| {
        let known = stories.find(&item.keys, time::before(item.at, STORY_ALIVE));
        (item.number, stories.join(known, item.at, "", &item.keys))
    });
    story_of.collect()
}

#[cfg(test)]
mod tests;
