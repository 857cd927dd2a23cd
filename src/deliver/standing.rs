//! How a receiver fares: it takes what it gets, stumbles, is away, wants nothing more; and what the operator is told of it.

use std::{sync::PoisonError, time::Duration};

use super::{FAILING_AFTER, Postman};
use crate::{
    model::{Notice, NoticeKind, Severity},
    notify::Receiver,
    schedule,
    store::{DisabledReceiver, Settlement},
    tell,
    time::{self, Timestamp},
};

/// The shortest and the longest rest of a receiver that fails: the longest is how late its recovery is noticed at most.
const REST_MIN: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(300);
/// A receiver that failed for so long was away: when it is back, all that it is owed is due at once.
const AWAY_AFTER: Duration = Duration::from_secs(10);
/// A receiver that failed for so long is told to the operator, through others.
const TELL_AFTER: Duration = Duration::from_secs(300);

impl Postman {
    pub(super) async fn came_through(&self, receiver: &Receiver, now: Timestamp) {
        let was_told = self.door(&receiver.name, |door| std::mem::take(&mut door.may_be_told));
        if was_told == Some(true) {
            self.tell(receiver, NoticeKind::ReceiverFailing, None).await;
        }
        let was_away = self.door(&receiver.name, |door| {
            let failures = std::mem::take(&mut door.failures);
            std::mem::take(&mut door.is_away).then_some((failures, door.failing_since))
        });
        let Some((failures, since)) = was_away.flatten() else {
            return;
        };
        let away = time::until(since, now);
        tracing::info!(receiver = %receiver.name, failures, away = time::show_duration(away), "receiver recovers");
        if let Err(error) = self.store.hasten(receiver.name.clone(), now).await {
            tracing::error!(
                receiver = %receiver.name, %error,
                "cannot hasten what waits for the receiver; it goes out as it falls due"
            );
        }
    }

    pub(super) async fn went_wrong(
        &self,
        receiver: &Receiver,
        now: Timestamp,
        asked: Option<Duration>,
        problem: &str,
    ) {
        let began_to_fail = self.door(&receiver.name, |door| {
            if door.failures == 0 {
                door.failing_since = now;
            }
            let failed_for = time::until(door.failing_since, now);
            let was_away = door.is_away;
            door.failures = door.failures.saturating_add(1);
            let is_failing = door.failures >= FAILING_AFTER;
            let rest = match is_failing {
                true => schedule::retry_wait(
                    failed_for,
                    REST_MIN,
                    REST_MAX,
                    door.failures,
                    &receiver.name,
                ),
                false => Duration::ZERO,
            };
            door.rests_until = time::after(now, rest.max(asked.unwrap_or_default()));
            door.is_away = is_failing && failed_for >= AWAY_AFTER;
            (door.is_away && !was_away, failed_for)
        });
        let Some((began_to_fail, failed_for)) = began_to_fail else {
            return;
        };
        if failed_for >= TELL_AFTER {
            let since = time::show_duration(failed_for);
            let text = format!(
                "receiver {} fails for {since}: {problem}; what it is owed is kept and tried again",
                receiver.name
            );
            let was_told = self.door(&receiver.name, |door| {
                std::mem::replace(&mut door.may_be_told, true)
            });
            // The store keeps one open notice; asking it at every attempt would be a write for nothing.
            if was_told == Some(false) || failed_for < 2 * TELL_AFTER {
                self.tell(receiver, NoticeKind::ReceiverFailing, Some(text))
                    .await;
            }
        }
        if began_to_fail {
            tracing::warn!(
                receiver = %receiver.name, reason = %problem,
                "receiver fails; what it is owed is kept and tried again"
            );
        }
    }

    pub(super) async fn disable(&self, receiver: &Receiver, now: Timestamp, reason: String) {
        self.door(&receiver.name, |door| door.is_disabled = true);
        tracing::error!(
            receiver = %receiver.name, %reason,
            "receiver wants nothing more; what it is owed is kept. Correct or remove it, then reload"
        );
        let text = format!(
            "receiver {} wants nothing more: {reason}; what it is owed is kept. Correct or remove it, then reload",
            receiver.name
        );
        self.door(&receiver.name, |door| door.may_be_told = true);
        self.tell(receiver, NoticeKind::ReceiverFailing, Some(text))
            .await;
        let disabled = DisabledReceiver {
            name: receiver.name.clone(),
            since: now,
            reason,
        };
        if let Err(error) = self.store.disable_receiver(disabled).await {
            tracing::error!(receiver = %receiver.name, %error, "cannot note that the receiver is disabled");
        }
    }

    /// Tells the operator of deliveries that were given up, or that none are left.
    pub(super) async fn tell_of_dead(&self, receiver: &Receiver, settled: &[(i64, Settlement)]) {
        let problem = settled.iter().find_map(|(_, settlement)| match settlement {
            Settlement::Dead { problem } => Some(problem),
            _ => None,
        });
        let mut had_dead = false;
        self.door(&receiver.name, |door| {
            had_dead = std::mem::replace(&mut door.may_have_dead, problem.is_some());
        });
        match problem {
            Some(problem) => {
                let text = format!(
                    "a delivery to {} was given up: {problem}; see wirewatch deliveries --dead, and wirewatch deliveries retry",
                    receiver.name
                );
                self.tell(receiver, NoticeKind::DeadLetter, Some(text))
                    .await;
            }
            None if had_dead && !settled.is_empty() => {
                match self.store.has_dead(receiver.name.clone()).await {
                    Ok(false) => self.tell(receiver, NoticeKind::DeadLetter, None).await,
                    _ => {
                        self.door(&receiver.name, |door| door.may_have_dead = true);
                    }
                }
            }
            None => {}
        }
    }

    /// Tells the operator of a receiver, through the others; without a text, that the condition is over.
    async fn tell(&self, receiver: &Receiver, kind: NoticeKind, text: Option<String>) {
        let to: Vec<String> = {
            let to = self
                .notices_to
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            to.iter()
                .filter(|name| **name != receiver.name)
                .cloned()
                .collect()
        };
        let is_over = text.is_none();
        let notice = Notice {
            kind,
            subject: receiver.name.clone(),
            text: text.unwrap_or_else(|| match kind {
                NoticeKind::DeadLetter => format!("nothing given up is left for {}", receiver.name),
                _ => format!("receiver {} takes alerts again", receiver.name),
            }),
            url: String::new(),
            severity: Severity::High,
            is_over,
        };
        if let Err(error) = tell::tell(&self.store, notice, &to, self.clock.now(), &self.owed).await
        {
            tracing::error!(receiver = %receiver.name, %error, "cannot record a notice");
        }
    }
}
