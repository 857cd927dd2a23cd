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
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    judge::{self, Decision, Matched, Memory, Reason},
    model::{Alert, Feed, Item},
    rule::{Per, RuleHits, RuleSet, Scratch},
    time::Timestamp,
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
    /// How often each reason was given, for a pair of item and rule.
    pub reasons: BTreeMap<Reason, u64>,
    /// Every item that takes part in a story.
    linked: Vec<Linked>,
}

/// An alert, and the item that opened it.
#[derive(Debug)]
pub struct Opened {
    /// The number of the item.
    pub number: u64,
    pub per: Per,
    /// As it was opened.
    pub alert: Alert,
    /// Its last revision, with its story as it stood in the end.
    pub last: Alert,
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

/// An item in its story.
#[derive(Debug)]
struct Linked {
    number: u64,
    /// Of this outcome.
    story: usize,
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
        let mut past = Memory::default();
        if let Some(began) = timeline.began() {
            past.observe(began);
        }
        let mut outcome = Outcome::default();
        let mut opened: HashMap<String, usize> = HashMap::new();
        for (at, found) in found {
            let number = found.moment.number;
            let rules: Vec<usize> = found.hits.iter().map(|hits| hits.rule).collect();
            let hits = found
                .hits
                .into_iter()
                .filter_map(|hits| Some((self.rules.rules().get(hits.rule)?, hits.hits)))
                .collect();
            let matched = Matched {
                feed: &found.feed,
                item: &found.item,
                hits,
                rules: self.rules.rules(),
                // Of each item its own time is the time it was seen: nothing is old at its first contact.
                is_first_contact: false,
                edited: None,
                seen: at,
                matched: at,
            };
            let Ok(decision) = judge::judge(&matched, &past, at);
            let story = past.record(at, &decision);
            outcome
                .linked
                .extend(story.map(|story| Linked { number, story }));
            for rule in rules {
                let id = self.rules.rules().get(rule).map(|rule| &rule.id);
                let mut judged = decision
                    .judged
                    .iter()
                    .filter(|judged| Some(&judged.rule) == id);
                outcome.matched.push(Match {
                    at,
                    number,
                    rule,
                    is_alerted: judged.any(|judged| {
                        judged
                            .alert
                            .as_ref()
                            .is_some_and(|alert| alert.revision == 1)
                    }),
                });
            }
            outcome.take(number, &decision, self.rules, &mut opened);
        }
        for opened in &mut outcome.opened {
            if let Some(story) = past.story_named(&opened.last.story.id) {
                opened.last.story = story;
            }
        }
        outcome
    }
}

impl Outcome {
    /// Takes over what one item caused; `opened` finds the alerts by id.
    fn take(
        &mut self,
        number: u64,
        decision: &Decision,
        rules: &RuleSet,
        opened: &mut HashMap<String, usize>,
    ) {
        for judged in &decision.judged {
            *self.reasons.entry(judged.reason).or_insert(0) += 1;
            let Some(alert) = &judged.alert else { continue };
            let place = *opened.entry(alert.id.clone()).or_insert(self.opened.len());
            if let Some(known) = self.opened.get_mut(place) {
                known.last = alert.clone();
                continue;
            }
            let rule = rules.rules().iter().find(|rule| rule.id == judged.rule);
            self.opened.push(Opened {
                number,
                per: rule.map_or_else(Per::default, |rule| rule.per),
                alert: alert.clone(),
                last: alert.clone(),
            });
        }
    }
}

/// The story of every item that any of the outcomes knows, by the item's number: one count of stories for all of them. Stories
/// that share an item are one.
fn stories_of(outcomes: &[&Outcome]) -> HashMap<u64, usize> {
    let mut story_of: HashMap<u64, usize> = HashMap::new();
    // What each story of each outcome is called in the common count, and by what name a called one goes on.
    let mut merged: Vec<usize> = Vec::new();
    let root = |merged: &[usize], mut story: usize| {
        while let Some(next) = merged.get(story).copied().filter(|next| *next != story) {
            story = next;
        }
        story
    };
    for outcome in outcomes {
        let mut called: HashMap<usize, usize> = HashMap::new();
        for linked in &outcome.linked {
            let own = *called.entry(linked.story).or_insert_with(|| {
                merged.push(merged.len());
                merged.len() - 1
            });
            let known = *story_of.entry(linked.number).or_insert(own);
            let (own, known) = (root(&merged, own), root(&merged, known));
            if let Some(story) = merged.get_mut(own.max(known)) {
                *story = own.min(known);
            }
        }
    }
    story_of
        .into_iter()
        .map(|(number, story)| (number, root(&merged, story)))
        .collect()
}

#[cfg(test)]
mod tests;
