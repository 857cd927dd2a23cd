//! What a receiver is owed by the clock alone: signs of life, and alerts of another receiver that nobody acknowledged.

use super::Postman;
use crate::{
    judge::{DOCUMENT_VERSION, stable_id},
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Severity},
    notice::RULE_PREFIX,
    notify::{Message, Receiver, Verdict},
    render::counted,
    store::{StoreError, holds::Since},
    time::{self, Timestamp},
};

impl Postman {
    /// Owes what has fallen due by the clock, and says when the next does.
    pub(super) async fn by_the_clock(
        &self,
        receiver: &Receiver,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut next: Option<Timestamp> = None;
        let mut note = |at: Timestamp| next = Some(next.map_or(at, |earlier| earlier.min(at)));
        if let Some(escalation) = &receiver.escalation {
            let (name, then) = (receiver.name.clone(), escalation.then.clone());
            let (count, at) = self
                .store
                .escalate(name, then, escalation.within, now)
                .await?;
            if count > 0 {
                tracing::warn!(receiver = %receiver.name, alerts = count, then = %escalation.then, "nobody acknowledged in time");
                // The other receiver may have been looked at already.
                note(time::after(now, std::time::Duration::from_millis(1)));
            }
            at.into_iter().for_each(&mut note);
        }
        if let Some(period) = receiver.heartbeat {
            let last = self.store.last_heartbeat(receiver.name.clone()).await?;
            let due = last.map_or(now, |last| time::after(last, period));
            if due <= now {
                let since = last.unwrap_or_else(|| time::before(now, period));
                let found = self.store.since(since).await?;
                let alert = alive(receiver, &found, since, now);
                let is_stored = !receiver.notifier.only_beats();
                if !is_stored {
                    self.ping(receiver, &alert, now).await;
                }
                let document = is_stored.then_some(alert);
                self.store
                    .beat(receiver.name.clone(), document, now)
                    .await?;
                note(time::after(now, period));
            } else {
                note(due);
            }
        }
        Ok(next)
    }

    /// Fetches a dead man's switch. One that fails is tried again at the next beat: that is what it is for.
    async fn ping(&self, receiver: &Receiver, alert: &Alert, now: Timestamp) {
        let Ok(envelope) = receiver
            .notifier
            .compose(&Message::new(&alert.id, alert, now))
        else {
            return;
        };
        let problem = match self.net.send(envelope).await {
            Ok(reply) => match receiver.notifier.verdict(&reply, now) {
                Verdict::Accepted => return,
                Verdict::TryAfter(_, text)
                | Verdict::Refused(text)
                | Verdict::Anew(text)
                | Verdict::Gone(text) => text,
            },
            Err(error) => error.to_string(),
        };
        tracing::warn!(receiver = %receiver.name, reason = %problem, "dead man's switch not reached");
    }
}

/// The document that says that the daemon is alive.
fn alive(receiver: &Receiver, found: &Since, since: Timestamp, now: Timestamp) -> Alert {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let title = format!(
        "alive: {}, {}, {}, {} lost",
        counted(count(found.feeds), "feed", "feeds"),
        counted(count(found.items), "item", "items"),
        counted(count(found.alerts), "alert", "alerts"),
        found.lost
    );
    let id = stable_id(now, &["heartbeat", &receiver.name]);
    Alert {
        version: DOCUMENT_VERSION,
        id: id.clone(),
        revision: 1,
        status: AlertStatus::Resolved,
        rule: format!("{RULE_PREFIX}heartbeat"),
        title: "wirewatch".to_owned(),
        severity: Severity::Info,
        tags: Vec::new(),
        drill: false,
        item: AlertItem {
            id: id.clone(),
            feed: "wirewatch".to_owned(),
            publisher: "wirewatch".to_owned(),
            title,
            url: String::new(),
            summary: format!("Counted since {}.", crate::render::minute(since)),
            lang: None,
            published: None,
            seen: now,
        },
        hits: Vec::new(),
        story: AlertStory {
            id,
            items: 1,
            publishers: vec!["wirewatch".to_owned()],
            origins: 1,
        },
        timing: AlertTiming {
            published: None,
            seen: now,
            matched: now,
            queued: now,
        },
    }
}
