//! Hits to alerts: whether an item that matched a rule tells people something, and the named reason why or why not.
//!
//! Pure: it is handed the past through [`Past`] and `now` by the loop. Every outcome has a [`Reason`], so that `why` can say
//! it. The clock is the moment an item was first seen; what a publisher claims decides nothing but backfill.

mod burst;
mod memory;
mod past;
mod reason;
mod write;

use std::time::Duration;

use crate::{
    model::{Alert, AlertStory, Feed, Hit, Item, Severity},
    rule::{Per, RuleSource},
    story::{self, Likeness, Placed, Telling, Told},
    time::{self, Timestamp},
};

pub use burst::BASELINE_MAX;
pub use memory::Memory;
pub use past::{Held, Joined, NewText, Past, Rate, Spans, Standing, StoryState};
pub use reason::Reason;
pub use write::{DOCUMENT_VERSION, stable_id};

/// An edit of an item that was seen longer ago alerts nobody.
const EDITS_ALERT: Duration = story::STORY_ALIVE;

/// What one item causes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The story that the item joins or opens; `None` where it alerts nobody.
    pub joined: Option<Joined>,
    pub judged: Vec<Judged>,
    /// Rules with a `burst` that the item counts for, and whether it is part of one.
    pub rates: Vec<(String, bool)>,
}

/// The outcome under one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub rule: String,
    pub reason: Reason,
    /// The alert to queue, as it is sent: its first revision, or the next.
    pub alert: Option<Alert>,
    /// The id of the alert that this item belongs to, new or old.
    pub about: Option<String>,
    /// The most publishers that a threshold asked for and got, where there is an alert.
    pub confirmed: u32,
    /// What waits for more publishers.
    pub hold: Option<Held>,
    /// Whether what waited under this rule and story waits no longer.
    pub is_release: bool,
}

/// What is known of an item that is judged again because its words changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    pub first_seen: Timestamp,
    /// The rules that matched it before.
    pub judged: Vec<String>,
}

/// An item and what matched in it.
#[derive(Clone, Debug)]
pub struct Matched<'a> {
    pub feed: &'a Feed,
    pub item: &'a Item,
    pub hits: Vec<(&'a RuleSource, Vec<Hit>)>,
    /// Every rule in force: a report that does not match one may confirm what it holds back.
    pub rules: &'a [RuleSource],
    /// Whether the feed gave items for the first time with this poll.
    pub is_first_contact: bool,
    /// Where the item is known and was changed.
    pub edited: Option<&'a Edited>,
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
    let is_known = |rule: &RuleSource| {
        matched
            .edited
            .is_some_and(|edited| edited.judged.contains(&rule.id))
    };
    let fresh: Vec<&(&RuleSource, Vec<Hit>)> = matched
        .hits
        .iter()
        .filter(|(rule, _)| !is_known(rule))
        .collect();
    if fresh.is_empty() {
        return Ok(Decision::default());
    }
    if let Some(reason) = recorded_alone(matched) {
        let judged = fresh.iter().map(|(rule, _)| Judged::because(rule, reason));
        return Ok(Decision {
            judged: judged.collect(),
            ..Decision::default()
        });
    }
    let telling = Telling::of(matched.feed, matched.item);
    let placed = story::place(&telling, past, matched.seen)?;
    let known = match &placed.beside {
        Some((text, _)) => past.story(text.story)?,
        None => None,
    };
    let case = Case::of(matched, past, now, telling, placed, known);
    let mut decision = Decision::default();
    for (rule, hits) in &fresh {
        if let Some(burst) = &rule.burst {
            let (refusal, is_burst) = burst::verdict(
                burst,
                past.rate(&rule.id, burst.spans(matched.seen))?,
                matched.seen,
            );
            decision.rates.push((rule.id.clone(), is_burst));
            if let Some(reason) = refusal {
                decision.judged.push(Judged::because(rule, reason));
                continue;
            }
        }
        case.under(rule, hits, &mut decision.judged)?;
    }
    for rule in matched.rules {
        let waits_for_others = rule.needs.is_some() || !rule.raise.is_empty();
        if waits_for_others && !matched.hits.iter().any(|(hit, _)| hit.id == rule.id) {
            case.beside(rule, &mut decision.judged)?;
        }
    }
    decision.joined = Some(case.joined);
    Ok(decision)
}

/// Why an item is recorded and takes no part in stories. A first poll floods nobody: what is older than the feed's `backfill` is
/// recorded alone. An item without a date cannot be shown to be old, so it alerts, unless `backfill` is nothing at all.
fn recorded_alone(matched: &Matched<'_>) -> Option<Reason> {
    if let Some(edited) = matched.edited {
        let is_late = edited.first_seen < time::before(matched.seen, EDITS_ALERT);
        return is_late.then_some(Reason::EditedLate);
    }
    let backfill = matched.feed.poll.backfill;
    let is_old = match matched.item.published {
        Some(published) => published < time::before(matched.seen, backfill),
        None => backfill.is_zero(),
    };
    (matched.is_first_contact && is_old).then_some(Reason::Backfill)
}

impl Judged {
    fn because(rule: &RuleSource, reason: Reason) -> Judged {
        Judged {
            rule: rule.id.clone(),
            reason,
            alert: None,
            about: None,
            confirmed: 0,
            hold: None,
            is_release: false,
        }
    }

    fn sends(rule: &RuleSource, reason: Reason, alert: Alert, confirmed: u32) -> Judged {
        Judged {
            about: Some(alert.id.clone()),
            alert: Some(alert),
            confirmed,
            ..Judged::because(rule, reason)
        }
    }
}

/// One item in its story.
struct Case<'a, P: ?Sized> {
    matched: &'a Matched<'a>,
    past: &'a P,
    now: Timestamp,
    /// The story's number, where it exists already.
    known: Option<i64>,
    /// The story with this item in it.
    story: AlertStory,
    told: Vec<Told>,
    is_copy: bool,
    joined: Joined,
}

impl<'a, P: Past + ?Sized> Case<'a, P> {
    fn of(
        matched: &'a Matched<'a>,
        past: &'a P,
        now: Timestamp,
        telling: Telling,
        placed: Placed,
        known: Option<StoryState>,
    ) -> Case<'a, P> {
        let (feed, item) = (matched.feed, matched.item);
        let copied = match &placed.beside {
            Some((text, Likeness::Copy)) if known.is_some() => Some(text),
            _ => None,
        };
        let origin = match (copied, telling.wire) {
            (Some(text), _) => text.name.clone(),
            (None, Some(agency)) => agency.to_owned(),
            (None, None) => stable_id(matched.seen, &["origin", &feed.name, &item.id]),
        };
        let founder = match &placed.beside {
            Some((text, _)) if known.is_some() => text.founder,
            _ => None,
        };
        let (known_id, uid, items, mut told) = match known {
            Some(story) => (Some(story.id), story.uid, story.items, story.told),
            None => (
                None,
                stable_id(matched.seen, &["story", &feed.name, &item.id]),
                0,
                Vec::new(),
            ),
        };
        match told
            .iter_mut()
            .find(|told| told.publisher == telling.publisher && told.origin == origin)
        {
            Some(told) => told.last = told.last.max(matched.seen),
            None => told.push(Told {
                publisher: telling.publisher.clone(),
                origin: origin.clone(),
                last: matched.seen,
            }),
        }
        // An edit of an item that some rule matched before is an item that the story has.
        let is_another_item = matched.edited.is_none_or(|edited| edited.judged.is_empty());
        Case {
            matched,
            past,
            now,
            known: known_id,
            story: told_by(&uid, items + u32::from(is_another_item), &told),
            told,
            is_copy: copied.is_some(),
            joined: Joined {
                story: known_id,
                story_uid: uid,
                text: copied.map(|text| text.id),
                founder,
                origin,
                publisher: telling.publisher,
                is_another_item,
                new_text: NewText {
                    keys: placed.keys,
                    is_digest: telling.is_digest,
                    has_lead: telling.has_lead,
                    is_representative: placed.is_representative,
                    sketch: telling.sketch,
                    words: placed.words,
                    counted: placed.counted,
                },
            },
        }
    }

    /// Under a rule that the item matches.
    fn under(
        &self,
        rule: &RuleSource,
        hits: &[Hit],
        judged: &mut Vec<Judged>,
    ) -> Result<(), P::Error> {
        let standing = match self.known {
            Some(story) => self.past.alert(story, &rule.id)?,
            None => None,
        };
        if let Some(standing) = &standing {
            if rule.per == Per::Story {
                judged.push(self.revise(rule, standing, Some(hits)));
                return Ok(());
            }
            if self.is_cooling(rule, standing) && self.severity(rule) <= standing.alert.severity {
                judged.push(Judged {
                    about: Some(standing.alert.id.clone()),
                    ..Judged::because(rule, Reason::CooledDown)
                });
                return Ok(());
            }
        }
        let alert = write::first(
            self.matched,
            rule,
            self.severity(rule),
            hits,
            &self.story,
            self.now,
        );
        if let Some(needs) = rule.needs
            && self.publishers(needs.within) < needs.publishers
        {
            let until = time::after(self.matched.seen, needs.within);
            judged.push(Judged {
                hold: Some(Held { until, alert }),
                ..Judged::because(rule, Reason::HeldNeedsPublishers)
            });
            return Ok(());
        }
        let held = self.held(rule)?;
        let reason = match self.matched.edited {
            _ if !held.is_empty() => Reason::Confirmed,
            Some(_) => Reason::Edited,
            None => Reason::FirstReport,
        };
        judged.push(Judged {
            is_release: !held.is_empty(),
            ..Judged::sends(rule, reason, alert, self.confirmed(rule))
        });
        if rule.per == Per::Item {
            judged.extend(held.into_iter().map(|held| self.release(rule, held.alert)));
        }
        Ok(())
    }

    /// Under a rule that the item does not match: it may still be the report that others waited for.
    fn beside(&self, rule: &RuleSource, judged: &mut Vec<Judged>) -> Result<(), P::Error> {
        let Some(story) = self.known else {
            return Ok(());
        };
        if let Some(standing) = self.past.alert(story, &rule.id)?
            && rule.per == Per::Story
        {
            let revised = self.revise(rule, &standing, None);
            judged.extend(revised.alert.is_some().then_some(revised));
            return Ok(());
        }
        let is_met = rule
            .needs
            .is_some_and(|needs| self.publishers(needs.within) >= needs.publishers);
        let mut held = if is_met { self.held(rule)? } else { Vec::new() };
        if rule.per == Per::Story {
            // One alert for all that waited: the newest.
            held = held.pop().into_iter().collect();
        }
        judged.extend(held.into_iter().map(|held| self.release(rule, held.alert)));
        Ok(())
    }

    fn release(&self, rule: &RuleSource, held: Alert) -> Judged {
        let alert = write::released(held, self.severity(rule), &self.story, self.now);
        Judged {
            is_release: true,
            ..Judged::sends(rule, Reason::Confirmed, alert, self.confirmed(rule))
        }
    }

    /// The one living alert of a rule on this story: the next revision, or the reason why there is none.
    fn revise(&self, rule: &RuleSource, standing: &Standing, hits: Option<&[Hit]>) -> Judged {
        let severity = self.severity(rule).max(standing.alert.severity);
        let confirmed = self.confirmed(rule);
        let is_edited = self.matched.edited.is_some() && hits.is_some();
        let cause = match () {
            () if severity > standing.alert.severity => Some(Reason::Raised),
            () if confirmed > standing.confirmed => Some(Reason::Confirmed),
            () if is_edited => Some(Reason::Edited),
            () => None,
        };
        let reason = match cause {
            // A higher severity passes every cooldown.
            Some(Reason::Raised) => Reason::Raised,
            Some(_) if self.is_cooling(rule, standing) => Reason::CooledDown,
            Some(cause) => cause,
            None if self.is_copy => Reason::SameOrigin,
            None => Reason::SameStory,
        };
        if matches!(reason, Reason::Raised | Reason::Confirmed | Reason::Edited) {
            let alert = write::next(
                self.matched,
                rule,
                &standing.alert,
                severity,
                hits,
                &self.story,
                self.now,
            );
            return Judged::sends(rule, reason, alert, confirmed.max(standing.confirmed));
        }
        Judged {
            about: Some(standing.alert.id.clone()),
            ..Judged::because(rule, reason)
        }
    }

    fn held(&self, rule: &RuleSource) -> Result<Vec<Held>, P::Error> {
        match self.known {
            Some(story) if rule.needs.is_some() => {
                self.past.held(story, &rule.id, self.matched.seen)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn is_cooling(&self, rule: &RuleSource, standing: &Standing) -> bool {
        let cooled =
            |cooldown| standing.alert.timing.queued > time::before(self.matched.seen, cooldown);
        rule.cooldown.is_some_and(cooled)
    }

    /// Independent publishers that told the story within this time.
    fn publishers(&self, within: Duration) -> u32 {
        story::independent(&self.told, time::before(self.matched.seen, within))
    }

    /// The rule's severity, lifted by every step of `raise` that is reached.
    fn severity(&self, rule: &RuleSource) -> Severity {
        let reached = rule
            .raise
            .iter()
            .filter(|raise| self.publishers(raise.within) >= raise.publishers);
        reached
            .map(|raise| raise.to)
            .fold(rule.severity, Severity::max)
    }

    /// The highest threshold that is reached.
    fn confirmed(&self, rule: &RuleSource) -> u32 {
        let raise = rule
            .raise
            .iter()
            .map(|raise| (raise.publishers, raise.within));
        let needs = rule.needs.map(|needs| (needs.publishers, needs.within));
        let reached = raise
            .chain(needs)
            .filter(|(publishers, within)| self.publishers(*within) >= *publishers);
        reached.map(|(publishers, _)| publishers).max().unwrap_or(0)
    }
}

/// A story as a document shows it.
fn told_by(uid: &str, items: u32, told: &[Told]) -> AlertStory {
    let origins = names(told.iter().map(|told| &told.origin)).len();
    AlertStory {
        id: uid.to_owned(),
        items,
        publishers: names(told.iter().map(|told| &told.publisher)),
        origins: u32::try_from(origins).unwrap_or(u32::MAX),
    }
}

/// Each once, in order.
fn names<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
