//! What is owed becomes delivered: at least once per (alert, revision, receiver), for days if need be.
//!
//! Every receiver has slots and a rest of its own, so that a dead one delays no other. While a receiver fails, one delivery
//! at a time probes it; when it has come back, everything owed to it is due at once, oldest first. A delivery given up is
//! kept as dead with its reason, never dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    envelope::NetError,
    net::Net,
    notify::{Message, Receiver, Verdict},
    schedule,
    store::{DisabledReceiver, Owed, Settlement, Store, StoreError},
    time::{self, Clock, Timestamp},
    work::{Job, Leased},
};

/// The shortest and the longest wait between two attempts of one delivery.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// The shortest and the longest rest of a receiver that fails: the longest is how late its recovery is noticed at most.
const REST_MIN: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(300);
/// A delivery that still fails so long after it was first owed is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// Failures in a row after which the receiver itself counts as failing. Fewer are taken as the deliveries' own: a receiver
/// that stumbles now and then goes on getting the others.
const FAILING_AFTER: u32 = 3;
/// A receiver that failed for so long was away: when it is back, all that it is owed is due at once.
const AWAY_AFTER: Duration = Duration::from_secs(10);
/// How long what could not be recorded waits.
const STORE_REST: Duration = Duration::from_secs(5);

/// The second user of the loop.
pub struct Postman {
    store: Store,
    net: Arc<dyn Net>,
    clock: Clock,
    doors: Mutex<HashMap<String, Door>>,
}

/// One receiver as the postman knows it. Nothing here matters after a restart.
struct Door {
    receiver: Arc<Receiver>,
    running: Vec<i64>,
    /// In a row, over all its deliveries.
    failures: u32,
    /// When the first of them was.
    failing_since: Timestamp,
    /// It has failed for so long that a person was told.
    is_away: bool,
    rests_until: Timestamp,
    /// It answered 410; nothing more until the configuration is loaded anew.
    is_disabled: bool,
}

impl Door {
    fn free(&self, now: Timestamp) -> usize {
        if self.is_disabled || now < self.rests_until {
            return 0;
        }
        let slots = if self.failures >= FAILING_AFTER {
            1
        } else {
            self.receiver.notifier.slots()
        };
        slots.saturating_sub(self.running.len().div_ceil(self.receiver.notifier.batch()))
    }
}

/// The claim on due deliveries of one receiver; dropped, they are due again.
pub struct Round {
    postman: Arc<Postman>,
    receiver: Arc<Receiver>,
    owed: Vec<Owed>,
    claimed: Vec<i64>,
}

impl Drop for Round {
    fn drop(&mut self) {
        self.postman.door(&self.receiver.name, |door| {
            door.running.retain(|id| !self.claimed.contains(id))
        });
    }
}

/// A handle that the loop runs.
pub struct Deliveries(pub Arc<Postman>);

impl Job for Deliveries {
    type Work = Round;

    async fn lease(&self, now: Timestamp, free: usize) -> Result<Leased<Round>, StoreError> {
        let mut leased = Leased {
            work: Vec::new(),
            next: None,
        };
        for (receiver, running, rounds, rests_until) in self.0.open_doors(now) {
            let batch = receiver.notifier.batch();
            let rounds = rounds.min(free - leased.work.len());
            let mut running = running;
            if rounds > 0 {
                let mut owed = self
                    .0
                    .store
                    .due_deliveries(receiver.name.clone(), running.clone(), now, rounds * batch)
                    .await?;
                while !owed.is_empty() {
                    let rest = owed.split_off(owed.len().min(batch));
                    running.extend(owed.iter().map(|owed| owed.id));
                    leased
                        .work
                        .push(self.0.claim(&receiver, std::mem::replace(&mut owed, rest)));
                }
            }
            if let Some(next) = self
                .0
                .store
                .next_delivery(receiver.name.clone(), running)
                .await?
            {
                // What is due but has no place here is leased when a place becomes free.
                let next = next.max(rests_until);
                if next > now {
                    leased.next = Some(leased.next.map_or(next, |earlier| earlier.min(next)));
                }
            }
        }
        Ok(leased)
    }

    async fn run(&self, mut round: Round) {
        let mut settled = Vec::with_capacity(round.owed.len());
        let mut is_away = false;
        for owed in std::mem::take(&mut round.owed) {
            if is_away {
                // The rest of the round stays due; the door rests.
                break;
            }
            let (settlement, went_through) = self.0.deliver(&round.receiver, &owed).await;
            is_away = !went_through;
            settled.extend(settlement.map(|settlement| (owed.id, settlement)));
        }
        // What went out and cannot be recorded (a full disk) stays claimed, so that it does not go out again and again.
        let mut has_failed = false;
        while let Err(error) = self
            .0
            .store
            .settle(settled.clone(), self.0.clock.now())
            .await
        {
            if !std::mem::replace(&mut has_failed, true) {
                tracing::error!(receiver = %round.receiver.name, %error, "deliveries made but not recorded yet, trying again");
            }
            tokio::time::sleep(STORE_REST).await;
        }
    }
}

impl Postman {
    /// Delivers to nobody until [`Postman::serve`] is called.
    pub fn new(store: Store, net: Arc<dyn Net>, clock: Clock) -> Postman {
        Postman {
            store,
            net,
            clock,
            doors: Mutex::new(HashMap::new()),
        }
    }

    /// Serves these receivers from here on. Each gets a fresh start: the operator has just looked at them.
    pub fn serve(&self, receivers: &[Arc<Receiver>]) {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *doors);
        for receiver in receivers {
            let running = before
                .remove(&receiver.name)
                .map_or_else(Vec::new, |door| door.running);
            let door = Door {
                receiver: receiver.clone(),
                running,
                failures: 0,
                failing_since: Timestamp::MIN,
                is_away: false,
                rests_until: Timestamp::MIN,
                is_disabled: false,
            };
            doors.insert(receiver.name.clone(), door);
        }
    }

    /// How many rounds all these receivers together may have at once.
    pub fn slots(receivers: &[Arc<Receiver>]) -> usize {
        receivers
            .iter()
            .map(|receiver| receiver.notifier.slots())
            .sum::<usize>()
            .max(1)
    }

    fn door<T>(&self, name: &str, with: impl FnOnce(&mut Door) -> T) -> Option<T> {
        self.doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(name)
            .map(with)
    }

    /// Receivers, what runs to them, how many rounds they have room for, and until when they rest; by name, so that
    /// scenarios repeat.
    fn open_doors(&self, now: Timestamp) -> Vec<(Arc<Receiver>, Vec<i64>, usize, Timestamp)> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open: Vec<_> = doors
            .values()
            .filter(|door| !door.is_disabled)
            .map(|door| {
                (
                    door.receiver.clone(),
                    door.running.clone(),
                    door.free(now),
                    door.rests_until,
                )
            })
            .collect();
        open.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        open
    }

    fn claim(self: &Arc<Self>, receiver: &Arc<Receiver>, owed: Vec<Owed>) -> Round {
        let claimed: Vec<i64> = owed.iter().map(|owed| owed.id).collect();
        self.door(&receiver.name, |door| door.running.extend(&claimed));
        Round {
            postman: self.clone(),
            receiver: receiver.clone(),
            owed,
            claimed,
        }
    }

    /// One attempt: how it is to be recorded (not at all after a 410: it stays owed as it is), and whether the receiver is there.
    async fn deliver(&self, receiver: &Receiver, owed: &Owed) -> (Option<Settlement>, bool) {
        let id = idempotency_key(owed);
        let message = Message::new(&id, &owed.alert, self.clock.now());
        let verdict = match receiver.notifier.compose(&message) {
            Err(problem) => Verdict::Refused(problem),
            Ok(envelope) => match self.net.send(envelope).await {
                Ok(reply) => receiver.notifier.verdict(&reply, self.clock.now()),
                Err(NetError::Unsendable(problem)) => Verdict::Refused(problem),
                Err(error) => Verdict::TryAfter(None, error.to_string()),
            },
        };
        let now = self.clock.now();
        match verdict {
            Verdict::Accepted => {
                self.came_through(receiver, now).await;
                tracing::debug!(receiver = %receiver.name, alert = %owed.alert.id, attempts = owed.attempts + 1, "delivered");
                (Some(Settlement::Done), true)
            }
            Verdict::Anew(problem) | Verdict::Refused(problem) => {
                // The receiver is there; it is this message that it will never take.
                self.came_through(receiver, now).await;
                Self::log_dead(receiver, owed, &problem);
                (Some(Settlement::Dead { problem }), true)
            }
            Verdict::TryAfter(asked, problem) => {
                self.went_wrong(receiver, now, asked, &problem);
                let age = time::until(owed.owed_since, now);
                if age >= GIVE_UP_AFTER {
                    Self::log_dead(receiver, owed, &problem);
                    return (Some(Settlement::Dead { problem }), false);
                }
                let wait = schedule::retry_wait(age, WAIT_MIN, WAIT_MAX, owed.attempts, &id);
                let due = time::after(now, wait.max(asked.unwrap_or_default()));
                (Some(Settlement::Again { due, problem }), false)
            }
            Verdict::Gone(reason) => {
                self.disable(receiver, now, reason).await;
                (None, false)
            }
        }
    }

    async fn came_through(&self, receiver: &Receiver, now: Timestamp) {
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

    fn went_wrong(
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
            door.is_away && !was_away
        });
        if began_to_fail == Some(true) {
            tracing::warn!(
                receiver = %receiver.name, reason = %problem,
                "receiver fails; what it is owed is kept and tried again"
            );
        }
    }

    async fn disable(&self, receiver: &Receiver, now: Timestamp, reason: String) {
        self.door(&receiver.name, |door| door.is_disabled = true);
        tracing::error!(
            receiver = %receiver.name, %reason,
            "receiver wants nothing more; what it is owed is kept. Correct or remove it, then reload"
        );
        let disabled = DisabledReceiver {
            name: receiver.name.clone(),
            since: now,
            reason,
        };
        if let Err(error) = self.store.disable_receiver(disabled).await {
            tracing::error!(receiver = %receiver.name, %error, "cannot note that the receiver is disabled");
        }
    }

    fn log_dead(receiver: &Receiver, owed: &Owed, problem: &str) {
        tracing::error!(
            receiver = %receiver.name, alert = %owed.alert.id, rule = %owed.alert.rule, attempts = owed.attempts + 1, reason = %problem,
            "delivery given up"
        );
    }
}

/// The idempotency key of (alert, revision, receiver), the same on every attempt. Standard Webhooks wants no full stop in it.
pub fn idempotency_key(owed: &Owed) -> String {
    let receiver: String = owed
        .receiver
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{}-{}-{receiver}", owed.alert.id, owed.alert.revision)
}
