//! What is urgent: while grave alerts come in, feeds that share their tags are asked as often as they may be.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    model::{Alert, Severity},
    time::{self, Timestamp},
};

/// Alerts of this severity and above hurry feeds.
pub const URGENT_SEVERITY: Severity = Severity::High;
/// For so long after the last of them.
pub const URGENT_FOR: Duration = Duration::from_secs(3600);

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
