//! A past that is kept in memory: what backtests and tests judge by, as the store's rows are to the daemon.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    convert::Infallible,
};

use crate::{
    model::AlertStory,
    story::{KEY_TEXTS_MAX, Origin, Recent, Told, day_of},
    time::{self, Timestamp},
};

use super::{Decision, Held, Joined, Past, Rate, Spans, Standing, StoryState};

/// Texts, stories and alerts so far.
#[derive(Debug, Default)]
pub struct Memory {
    texts: Vec<Origin>,
    /// Newest last.
    by_key: HashMap<u64, VecDeque<usize>>,
    /// How many texts of a day have a word.
    words: HashMap<u64, BTreeMap<i64, u32>>,
    stories: Vec<Story>,
    by_uid: HashMap<String, usize>,
    rates: HashMap<String, RuleRate>,
    /// When it all began: rules are counted since then.
    began: Option<Timestamp>,
}

#[derive(Debug)]
struct Story {
    uid: String,
    items: u32,
    began: Timestamp,
    texts: usize,
    told: Vec<Told>,
    /// The newest alert of each rule.
    alerts: HashMap<String, Standing>,
    held: HashMap<String, Vec<Held>>,
}

#[derive(Debug, Default)]
struct RuleRate {
    at: Vec<Timestamp>,
    last_burst: Option<Timestamp>,
}

impl Memory {
    /// Says that something happened at this time, matched or not.
    pub fn observe(&mut self, at: Timestamp) {
        self.began = Some(self.began.map_or(at, |began| began.min(at)));
    }

    /// Remembers what was decided about an item that was seen at this time; gives the story's number.
    pub fn record(&mut self, at: Timestamp, decision: &Decision) -> Option<usize> {
        self.observe(at);
        for (rule, is_burst) in &decision.rates {
            let rate = self.rates.entry(rule.clone()).or_default();
            rate.at.push(at);
            if *is_burst {
                rate.last_burst = Some(at);
            }
        }
        let number = self.join(at, decision.joined.as_ref()?);
        let story = self.stories.get_mut(number)?;
        for judged in &decision.judged {
            if judged.is_release {
                story.held.remove(&judged.rule);
            }
            if let Some(held) = &judged.hold {
                story
                    .held
                    .entry(judged.rule.clone())
                    .or_default()
                    .push(held.clone());
            }
            if let Some(alert) = &judged.alert {
                let standing = Standing {
                    alert: alert.clone(),
                    confirmed: judged.confirmed,
                };
                story.alerts.insert(judged.rule.clone(), standing);
            }
        }
        Some(number)
    }

    /// A story as it stands.
    pub fn story_named(&self, uid: &str) -> Option<AlertStory> {
        let story = self.stories.get(*self.by_uid.get(uid)?)?;
        Some(super::told_by(&story.uid, story.items, &story.told))
    }

    fn join(&mut self, at: Timestamp, joined: &Joined) -> usize {
        let known = joined.story.and_then(|story| usize::try_from(story).ok());
        let number = known.unwrap_or(self.stories.len());
        if number >= self.stories.len() {
            self.by_uid.insert(joined.story_uid.clone(), number);
            self.stories.push(Story {
                uid: joined.story_uid.clone(),
                items: 0,
                began: at,
                texts: 0,
                told: Vec::new(),
                alerts: HashMap::new(),
                held: HashMap::new(),
            });
        }
        let Some(story) = self.stories.get_mut(number) else {
            return number;
        };
        story.items += u32::from(joined.is_another_item);
        let same =
            |told: &&mut Told| told.publisher == joined.publisher && told.origin == joined.origin;
        match story.told.iter_mut().find(same) {
            Some(told) => told.last = told.last.max(at),
            None => story.told.push(Told {
                publisher: joined.publisher.clone(),
                origin: joined.origin.clone(),
                last: at,
            }),
        }
        let text = joined.text.and_then(|text| usize::try_from(text).ok());
        let text = match text.and_then(|text| Some((text, self.texts.get_mut(text)?))) {
            Some((number, text)) => {
                text.last_seen = text.last_seen.max(at);
                number
            }
            None => {
                story.texts += 1;
                self.add_text(at, number, joined)
            }
        };
        for key in &joined.new_text.keys {
            let texts = self.by_key.entry(*key).or_default();
            if !texts.contains(&text) {
                texts.push_back(text);
            }
            if texts.len() > KEY_TEXTS_MAX {
                texts.pop_front();
            }
        }
        for word in &joined.new_text.counted {
            *self
                .words
                .entry(*word)
                .or_default()
                .entry(day_of(at))
                .or_insert(0) += 1;
        }
        number
    }

    fn add_text(&mut self, at: Timestamp, story: usize, joined: &Joined) -> usize {
        let new = &joined.new_text;
        self.texts.push(Origin {
            id: self.texts.len() as i64,
            story: story as i64,
            name: joined.origin.clone(),
            is_digest: new.is_digest,
            has_lead: new.has_lead,
            is_representative: new.is_representative,
            sketch: new.sketch.clone(),
            words: new.words.clone(),
            first_seen: at,
            last_seen: at,
            // Both as they are when it is asked for.
            story_began: at,
            story_texts: 0,
        });
        self.texts.len() - 1
    }

    fn story_at(&self, id: i64) -> Option<&Story> {
        self.stories.get(usize::try_from(id).ok()?)
    }
}

impl Recent for Memory {
    type Error = Infallible;

    fn texts_under(&self, key: u64) -> Result<Vec<i64>, Infallible> {
        let texts = self.by_key.get(&key);
        Ok(texts.map_or_else(Vec::new, |texts| {
            texts.iter().rev().map(|text| *text as i64).collect()
        }))
    }

    fn origin(&self, id: i64) -> Result<Option<Origin>, Infallible> {
        let text = usize::try_from(id).ok().and_then(|id| self.texts.get(id));
        Ok(text.and_then(|text| {
            let story = self.story_at(text.story)?;
            Some(Origin {
                story_began: story.began,
                story_texts: story.texts,
                ..text.clone()
            })
        }))
    }

    fn texts_with(&self, words: &[u64], from_day: i64) -> Result<Vec<u32>, Infallible> {
        let count = |word: &u64| {
            self.words.get(word).map_or(0, |days| {
                days.range(from_day..).map(|(_, texts)| texts).sum()
            })
        };
        Ok(words.iter().map(count).collect())
    }
}

impl Past for Memory {
    fn story(&self, id: i64) -> Result<Option<StoryState>, Infallible> {
        Ok(self.story_at(id).map(|story| StoryState {
            id,
            uid: story.uid.clone(),
            items: story.items,
            told: story.told.clone(),
        }))
    }

    fn alert(&self, story: i64, rule: &str) -> Result<Option<Standing>, Infallible> {
        Ok(self
            .story_at(story)
            .and_then(|story| story.alerts.get(rule).cloned()))
    }

    fn held(&self, story: i64, rule: &str, at: Timestamp) -> Result<Vec<Held>, Infallible> {
        let held = self.story_at(story).and_then(|story| story.held.get(rule));
        Ok(held.map_or_else(Vec::new, |held| {
            held.iter()
                .filter(|held| held.until >= at)
                .cloned()
                .collect()
        }))
    }

    fn rate(&self, rule: &str, spans: Spans) -> Result<Rate, Infallible> {
        let window_began = time::before(spans.at, spans.window);
        let baseline_began = time::before(window_began, spans.baseline);
        let known = self.rates.get(rule);
        let count = |from: Timestamp, to: Timestamp| {
            // Judged in the order of time.
            let at = known.map_or(&[][..], |rate| &rate.at);
            let until = |time: Timestamp| at.partition_point(|at| *at <= time);
            u32::try_from(until(to).saturating_sub(until(from))).unwrap_or(u32::MAX)
        };
        Ok(Rate {
            recent: count(window_began, spans.at),
            before: count(baseline_began, window_began),
            since: self.began,
            last_burst: known.and_then(|rate| rate.last_burst),
        })
    }
}
