//! When feeds are not asked at their ease: while grave alerts come in, those that share the alerts' tags are asked as often as they may be.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Poller, Visit};
use crate::{
    model::{Alert, Severity},
    store::{AlertFilter, PollOutcome, StoreError},
    time::{self, Timestamp},
};

/// Alerts of this severity and above hurry feeds.
const URGENT_SEVERITY: Severity = Severity::High;
/// For so long after the last of them.
const URGENT_FOR: Duration = Duration::from_secs(3600);

/// The tags of grave alerts, each with the end of its hour.
#[derive(Debug, Default)]
pub struct Urgent(Mutex<HashMap<String, Timestamp>>);

impl Urgent {
    /// Notes the tags of grave alerts; gives those that were not urgent before.
    pub fn note(&self, alerts: &[Alert], now: Timestamp) -> Vec<String> {
        let mut new = Vec::new();
        let grave = alerts
            .iter()
            .filter(|alert| alert.severity >= URGENT_SEVERITY && !alert.drill);
        for alert in grave {
            let end = time::after(alert.timing.queued, URGENT_FOR);
            let mut tags = self.tags();
            tags.retain(|_, end| *end > now);
            for tag in alert.tags.iter().filter(|_| end > now) {
                match tags.get_mut(tag) {
                    Some(known) => *known = end.max(*known),
                    None => {
                        tags.insert(tag.clone(), end);
                        new.push(tag.clone());
                    }
                }
            }
        }
        new
    }

    /// Whether any of these tags is urgent.
    pub fn covers(&self, tags: &[String], now: Timestamp) -> bool {
        let urgent = self.tags();
        tags.iter()
            .any(|tag| urgent.get(tag).is_some_and(|end| *end > now))
    }

    fn tags(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Poller {
    /// How long the feed's rhythm suggests to wait; `None` where it does not count.
    pub(super) fn wait_by_rhythm(
        &self,
        visit: &Visit<'_>,
        outcome: &PollOutcome,
    ) -> Option<Duration> {
        let limits = &visit.feed.poll;
        let (rhythm, hurry_until) = match outcome {
            PollOutcome::Items(harvest) => (harvest.rhythm.as_ref(), harvest.hurry_until),
            _ => (None, None),
        };
        let rhythm = rhythm.or(visit.rhythm.as_ref())?;
        let hurries = hurry_until
            .or(visit.state.hurry_until)
            .is_some_and(|until| visit.answered < until);
        let is_urgent = || self.urgent.covers(&visit.feed.tags, visit.answered);
        if !limits.adaptive || hurries || is_urgent() {
            return None;
        }
        rhythm.wait(visit.answered, limits.interval, limits.interval_max)
    }

    /// Where these alerts are grave, feeds that share their tags are asked at their shortest interval from here on.
    pub(super) async fn hurry_with(&self, alerts: &[Alert]) -> Result<(), StoreError> {
        let tags = self.urgent.note(alerts, self.clock.now());
        if tags.is_empty() {
            return Ok(());
        }
        let (now, watched) = (self.clock.now(), self.watched());
        let at_ease = self.store.feeds_at_ease().await?;
        let mut agenda = self.agenda();
        for (id, last_poll, not_before) in at_ease {
            let Some(feed) = watched.feeds.get(&id) else {
                continue;
            };
            if feed.tags.iter().any(|tag| tags.contains(tag)) {
                let polled = last_poll.unwrap_or(Timestamp::MIN);
                let due = time::after(polled, feed.poll.interval + Duration::from_millis(1));
                agenda.hasten(id, due.max(now).max(not_before.unwrap_or(Timestamp::MIN)));
            }
        }
        Ok(())
    }

    /// Takes up after a start what grave alerts of the last hour asked for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn remember_urgent(&self) -> Result<(), StoreError> {
        let filter = AlertFilter {
            since: Some(time::before(self.clock.now(), URGENT_FOR)),
            severity_min: URGENT_SEVERITY,
            ..AlertFilter::default()
        };
        let rows = self.store.alerts(filter).await?;
        let alerts: Vec<Alert> = rows.into_iter().map(|row| row.alert).collect();
        self.hurry_with(&alerts).await
    }
}
