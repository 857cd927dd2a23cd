//! A past that is kept in memory: what backtests and tests judge by, as the store's rows are to the daemon.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
};

use crate::{
    model::AlertStory,
    story::{Index, Origin, Recent, STORY_LIFE, Told, day_of},
    time::{self, Timestamp},
};

use super::{Decision, Held, Joined, Past, Rate, Spans, Standing, StoryState};

/// Texts, stories and alerts so far.
#[derive(Debug, Default)]
pub struct Memory {
    /// Those that may still be joined, oldest first.
    texts: VecDeque<Origin>,
    /// Texts that were forgotten: the number of the first in `texts`.
    forgotten: usize,
    index: Index,
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
        let copied = joined.text.filter(|text| self.text_mut(*text).is_some());
        let text = match copied {
            Some(text) => text,
            None => self.add_text(at, number, joined),
        };
        if let Some(text) = self.text_mut(text) {
            text.last_seen = text.last_seen.max(at);
        }
        let new = &joined.new_text;
        self.index.add(text, &new.keys, &new.counted, day_of(at));
        number
    }

    fn add_text(&mut self, at: Timestamp, story: usize, joined: &Joined) -> i64 {
        if let Some(story) = self.stories.get_mut(story) {
            story.texts += 1;
        }
        let new = &joined.new_text;
        let dead = time::before(at, STORY_LIFE);
        while self
            .texts
            .pop_front_if(|text| text.first_seen < dead)
            .is_some()
        {
            self.forgotten += 1;
        }
        // From 1, as in a database.
        let id = (self.forgotten + self.texts.len() + 1) as i64;
        self.texts.push_back(Origin {
            id,
            story: story as i64,
            founder: joined
                .founder
                .or_else(|| joined.story.is_none().then_some(id)),
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
        id
    }

    fn place_of(&self, text: i64) -> Option<usize> {
        usize::try_from(text).ok()?.checked_sub(self.forgotten + 1)
    }

    fn text_mut(&mut self, text: i64) -> Option<&mut Origin> {
        let place = self.place_of(text)?;
        self.texts.get_mut(place)
    }

    fn story_at(&self, id: i64) -> Option<&Story> {
        self.stories.get(usize::try_from(id).ok()?)
    }
}

impl Recent for Memory {
    type Error = Infallible;

    fn texts_under(&self, key: u64) -> Result<Vec<i64>, Infallible> {
        Ok(self.index.texts_under(key))
    }

    fn origin(&self, id: i64) -> Result<Option<Origin>, Infallible> {
        let text = self.place_of(id).and_then(|place| self.texts.get(place));
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
        Ok(self.index.texts_with(words, from_day))
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
