//! What a poll gave, matched, judged and written down in one transaction; and who hears of it.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Poller, Visit,
    change::{StateChange, notices},
    push,
    tally::Contact,
};
use crate::{
    judge::{self, Matched},
    model::{Feed, Item, ItemKey},
    notify::Receiver,
    parse::Identified,
    rule::{RuleHits, RuleSet},
    schedule::{self, Case, Plan, Polled},
    store::{Decided, Harvest, Judge, PollOutcome, PollRecord, Recorded, StoreError},
    tell,
    time::Timestamp,
};

/// What the rules found in items, by their keys.
type Hits = HashMap<ItemKey, Vec<RuleHits>>;

impl Poller {
    async fn match_items(
        &self,
        feed: &Arc<Feed>,
        harvest: Harvest,
        rules: &Arc<RuleSet>,
    ) -> Result<(Harvest, Hits), String> {
        if harvest.new.is_empty() && harvest.edited.is_empty() {
            return Ok((harvest, HashMap::new()));
        }
        let (feed, rules) = (feed.clone(), rules.clone());
        let matched = self.thinkers.run(move |scratch| {
            let changed = harvest.new.iter().chain(&harvest.edited);
            let hits = changed
                .map(|Identified { marks, item }| {
                    (marks.key, rules.hits_with(&feed, item, scratch))
                })
                .filter(|(_, hits)| !hits.is_empty())
                .collect();
            (harvest, hits)
        });
        matched
            .await
            .map_err(|_| "a bug of ours: matching gave up on this feed's items".to_owned())
    }

    pub(super) async fn record_items(
        &self,
        visit: &Visit<'_>,
        harvest: Harvest,
        outcome: fn(Harvest) -> PollOutcome,
    ) -> Result<Timestamp, StoreError> {
        let Visit {
            feed,
            watched,
            ref state,
            answered,
            ..
        } = *visit;
        let (harvest, mut hits) = match self.match_items(feed, harvest, &watched.rules).await {
            Ok(matched) => matched,
            // Recorded as if nothing had matched, an event would be lost; failed, the poll comes again.
            Err(problem) => {
                let polled = visit.failed(None);
                return self
                    .settle(visit, PollOutcome::Failed { problem }, polled)
                    .await;
            }
        };
        let matched_at = self.clock.now();
        let is_quiet = hits.is_empty();
        let is_first_contact = state.first_contact.is_none();
        let judge = {
            let (feed, watched, clock) = (feed.clone(), watched.clone(), self.clock);
            Box::new(
                move |item: &Item,
                      edited: Option<&judge::Edited>,
                      past: &dyn judge::Past<Error = StoreError>| {
                    let Some(hits) = hits.remove(&item.key()) else {
                        return Ok(Decided::default());
                    };
                    let rules = watched.rules.rules();
                    let hits = hits
                        .into_iter()
                        .filter_map(|hit| Some((rules.get(hit.rule)?, hit.hits)))
                        .collect();
                    let matched = Matched {
                        feed: &feed,
                        item,
                        hits,
                        rules,
                        is_first_contact,
                        edited,
                        seen: answered,
                        matched: matched_at,
                    };
                    let decision = judge::judge(&matched, past, clock.now())?;
                    let receivers = decision
                        .judged
                        .iter()
                        .map(|judged| owed_to(judged, &watched.receivers))
                        .collect();
                    Ok(Decided {
                        decision,
                        receivers,
                    })
                },
            )
        };
        let outcome = outcome(harvest);
        let polled = match is_first_contact {
            true => Polled::First,
            false => Polled::Answered,
        };
        let (next_poll, recorded) = self.record(visit, outcome, polled, judge, is_quiet).await?;
        self.announce(feed, &recorded);
        self.hurry_with(&recorded.alerts).await?;
        Ok(next_poll)
    }

    /// Records a poll that gave no items.
    pub(super) async fn settle(
        &self,
        visit: &Visit<'_>,
        outcome: PollOutcome,
        polled: Polled,
    ) -> Result<Timestamp, StoreError> {
        let judge_nothing = Box::new(
            |_: &Item, _: Option<&judge::Edited>, _: &dyn judge::Past<Error = StoreError>| {
                Ok(Decided::default())
            },
        );
        let (next_poll, _) = self
            .record(visit, outcome, polled, judge_nothing, true)
            .await?;
        Ok(next_poll)
    }

    /// Records a poll; a quiet one, of which no rule wants to know anything, without waiting for the disk.
    async fn record(
        &self,
        visit: &Visit<'_>,
        outcome: PollOutcome,
        polled: Polled,
        judge: Judge,
        is_quiet: bool,
    ) -> Result<(Timestamp, Recorded), StoreError> {
        let Visit {
            feed,
            ref state,
            answered,
            ..
        } = *visit;
        let plan = match &outcome {
            PollOutcome::Gone { .. } => Plan::NEVER,
            PollOutcome::Pushed(_) => state.plan,
            _ => schedule::plan(Case {
                name: &feed.name,
                limits: &feed.poll,
                answered,
                polled,
                fresh: visit.fresh,
                wishes: visit.wishes,
                rhythm: self.wait_by_rhythm(visit, &outcome),
                pushed: push::lasts(state, answered),
            }),
        };
        let contact = match &outcome {
            PollOutcome::Unchanged | PollOutcome::Items(_) => Contact::Answered,
            PollOutcome::Failed { .. } | PollOutcome::Gone { .. } => Contact::Failing,
            PollOutcome::Pushed(_) => Contact::Pushed,
        };
        let changed = StateChange::of(visit, &outcome);
        let poll = PollRecord {
            feed: state.id,
            at: answered,
            plan,
            wishes: visit.wishes,
            is_whole: visit.is_whole,
            moved_to: visit.moved_to.clone(),
            notices: notices(visit, &outcome, polled),
            notices_to: visit.watched.notices_to.clone(),
            outcome,
        };
        if is_quiet && may_linger(&poll) {
            self.record_soon(feed, poll).await;
            self.tally.note(state.id, contact);
            changed.log(feed, state);
            return Ok((plan.next_poll, Recorded::default()));
        }
        let recorded = self.store.record_poll(poll, judge).await?;
        self.recording.works();
        if !recorded.notices.is_empty() {
            recorded.notices.iter().for_each(tell::log);
            self.owed.notify_one();
        }
        if recorded.has_hub_changed {
            self.hubs_changed.notify_one();
        }
        self.tally.note(state.id, contact);
        changed.log(feed, state);
        Ok((plan.next_poll, recorded))
    }

    /// Records a poll that nobody waits for: lost with the machine, the feed is only asked again, and lists its items again.
    async fn record_soon(&self, feed: &Arc<Feed>, poll: PollRecord) {
        let (feed, recording) = (feed.clone(), self.recording.clone());
        let (hubs_changed, tally) = (self.hubs_changed.clone(), self.tally.clone());
        let done = move |recorded: Result<Recorded, StoreError>| match recorded {
            Ok(recorded) => {
                recording.works();
                tally
                    .new_items
                    .fetch_add(recorded.new_items, Ordering::Relaxed);
                if recorded.has_hub_changed {
                    hubs_changed.notify_one();
                }
            }
            Err(error) => recording.fails(&feed.name, &error),
        };
        self.store.record_poll_soon(poll, done).await;
    }

    fn announce(&self, feed: &Feed, recorded: &Recorded) {
        self.tally
            .new_items
            .fetch_add(recorded.new_items, Ordering::Relaxed);
        self.tally
            .alerts
            .fetch_add(recorded.alerts.len(), Ordering::Relaxed);
        for alert in &recorded.alerts {
            tracing::info!(
                alert = %alert.id, rule = %alert.rule, severity = alert.severity.name(), feed = %feed.name,
                title = %alert.item.title, url = %alert.item.url, "alert"
            );
        }
        if recorded.deliveries > 0 {
            self.owed.notify_one();
        }
        tracing::debug!(feed = %feed.name, new_items = recorded.new_items, alerts = recorded.alerts.len(), "polled");
    }
}

/// Whether a poll that caused no alert may be recorded a moment later: a hub is told that its push is taken once it is, and
/// a server that asked to be left alone would be asked too soon after a kill.
fn may_linger(poll: &PollRecord) -> bool {
    let is_polled = match poll.outcome {
        PollOutcome::Pushed(_) | PollOutcome::Gone { .. } => false,
        PollOutcome::Failed { .. } => poll.plan.not_before.is_none(),
        PollOutcome::Unchanged | PollOutcome::Items(_) => true,
    };
    is_polled && poll.notices.is_empty()
}

fn owed_to(judged: &judge::Judged, receivers: &[Arc<Receiver>]) -> Vec<String> {
    let Some(alert) = &judged.alert else {
        return Vec::new();
    };
    let wants = |receiver: &&Arc<Receiver>| {
        receiver
            .wants
            .takes(&alert.rule, alert.severity, &alert.tags)
    };
    receivers
        .iter()
        .filter(wants)
        .map(|receiver| receiver.name.clone())
        .collect()
}
