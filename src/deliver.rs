//! What is owed becomes delivered: at least once per (alert, revision, receiver), for days if need be.
//!
//! Every receiver has slots and a rest of its own, so that a dead one delays no other. While a receiver fails, one delivery
//! at a time probes it; when it has come back, everything owed to it is due at once, oldest first. A delivery given up is
//! kept as dead with its reason, never dropped.

mod beat;
mod door;
mod rounds;
mod silenced;
mod standing;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use self::{door::Door, rounds::Parcel};
use crate::{
    envelope::NetError,
    model::Alert,
    net::Net,
    notify::{
        Message, Receiver, Verdict,
        bundle::{self, BundleKind},
    },
    schedule,
    store::{Owed, Settlement, Store, StoreError},
    time::{self, Clock, Timestamp},
    work::{Job, Leased},
};

pub use self::{door::Round, silenced::words_of};

/// The shortest and the longest wait between two attempts of one delivery.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// A delivery that still fails so long after it was first owed is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// Failures in a row after which the receiver itself counts as failing. Fewer are taken as the deliveries' own: a receiver
/// that stumbles now and then goes on getting the others.
const FAILING_AFTER: u32 = 3;
/// A service's handle for a message is not kept where it is longer.
const HANDLE_BYTES_MAX: usize = 1_000;
/// How long what could not be recorded waits.
const STORE_REST: Duration = Duration::from_secs(5);

/// The second user of the loop.
pub struct Postman {
    store: Store,
    net: Arc<dyn Net>,
    clock: Clock,
    /// Rung when the operator is owed a notice.
    owed: Arc<Notify>,
    doors: Mutex<HashMap<String, Door>>,
    notices_to: Mutex<Vec<String>>,
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
        for (receiver, mut running, rounds, rests_until) in self.0.open_doors(now) {
            let mut falls_due = |at: Timestamp| {
                leased.next = Some(leased.next.map_or(at, |earlier: Timestamp| earlier.min(at)));
            };
            if let Some(next) = self.0.by_the_clock(&receiver, now).await? {
                falls_due(next);
            }
            let rounds = rounds.min(free - leased.work.len());
            for parcels in self.0.rounds(&receiver, &running, now, rounds).await? {
                let round = self.0.claim(&receiver, parcels);
                running.extend(&round.claimed);
                leased.work.push(round);
            }
            let name = receiver.name.clone();
            let (is_due, next) = self.0.store.next_delivery(name, running, now).await?;
            // What is due but has no place here is leased when a place becomes free.
            if is_due && rests_until > now {
                falls_due(rests_until);
            }
            if let Some(next) = next {
                falls_due(next.max(rests_until));
            }
        }
        Ok(leased)
    }

    async fn run(&self, mut round: Round) {
        let mut settled = Vec::with_capacity(round.claimed.len());
        let mut is_away = false;
        for parcel in std::mem::take(&mut round.parcels) {
            if is_away {
                // The rest of the round stays due; the door rests.
                break;
            }
            let (settlement, went_through) = self.0.deliver(&round.receiver, &parcel).await;
            is_away = !went_through;
            if let Some(settlement) = settlement {
                let each = parcel.owed.iter().map(|owed| (owed.id, settlement.clone()));
                settled.extend(each);
            }
        }
        round.answered();
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
        self.0.tell_of_dead(&round.receiver, &settled).await;
    }
}

impl Postman {
    /// Delivers to nobody until [`Postman::serve`] is called.
    pub fn new(store: Store, net: Arc<dyn Net>, clock: Clock, owed: Arc<Notify>) -> Postman {
        Postman {
            store,
            net,
            clock,
            owed,
            doors: Mutex::new(HashMap::new()),
            notices_to: Mutex::new(Vec::new()),
        }
    }

    /// Serves these receivers from here on. Each gets a fresh start: the operator has just looked at them.
    pub fn serve(&self, receivers: &[Arc<Receiver>], notices_to: &[String]) {
        *self
            .notices_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = notices_to.to_vec();
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *doors);
        for receiver in receivers {
            let before = before.remove(&receiver.name);
            let door = Door::opened(receiver.clone(), before);
            doors.insert(receiver.name.clone(), door);
        }
    }

    /// How many rounds all these receivers together may have at once, those included that are only being recorded.
    pub fn slots(receivers: &[Arc<Receiver>]) -> usize {
        receivers
            .iter()
            .map(|receiver| door::rounds_max(receiver))
            .sum::<usize>()
            .max(1)
    }

    /// Whether the receiver counts as failing.
    fn is_failing(&self, name: &str) -> bool {
        self.door(name, |door| door.failures >= FAILING_AFTER) == Some(true)
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

    fn claim(self: &Arc<Self>, receiver: &Arc<Receiver>, parcels: Vec<Parcel>) -> Round {
        let claimed: Vec<i64> = parcels
            .iter()
            .flat_map(|parcel| parcel.owed.iter().map(|owed| owed.id))
            .collect();
        self.door(&receiver.name, |door| door.running.extend(&claimed));
        Round {
            postman: self.clone(),
            receiver: receiver.clone(),
            parcels,
            claimed,
            is_answered: false,
        }
    }

    /// One attempt: how it is to be recorded (not at all after a 410: it stays owed as it is), and whether the receiver is there.
    async fn deliver(&self, receiver: &Receiver, parcel: &Parcel) -> (Option<Settlement>, bool) {
        let Some(owed) = parcel.owed.last() else {
            return (None, true);
        };
        let first = parcel.owed.first().unwrap_or(owed);
        let alerts: Vec<Alert> = match parcel.owed.len() {
            1 if parcel.bundle.is_none() => Vec::new(),
            _ => parcel.owed.iter().map(|owed| owed.alert.clone()).collect(),
        };
        let (id, bundle) = match &parcel.bundle {
            Some(formed) => {
                let kind = BundleKind::parse(&formed.kind).unwrap_or(BundleKind::Digest);
                let id = format!("{}-{}", kind.name(), formed.id);
                let document = bundle::document(kind, &id, &alerts, formed.formed);
                (key(&id, 1, &owed.receiver), Some(document))
            }
            None => (idempotency_key(owed), None),
        };
        let past = match receiver.notifier.past_max() {
            0 => Vec::new(),
            max => match self.store.had_by(receiver.name.clone(), max).await {
                Ok(past) => past,
                // Written without them, the file would lose its past.
                Err(error) => {
                    let due = time::after(self.clock.now(), STORE_REST);
                    let problem = error.to_string();
                    return (Some(Settlement::Again { due, problem }), false);
                }
            },
        };
        let message = Message {
            id: &id,
            alert: bundle.as_ref().unwrap_or(&owed.alert),
            alerts: &alerts,
            handle: owed.handle.as_deref().filter(|_| alerts.is_empty()),
            past: &past,
            now: self.clock.now(),
        };
        let mut handle = None;
        let verdict = match receiver.notifier.compose(&message) {
            Err(problem) => Verdict::Refused(problem),
            Ok(envelope) => match self.net.send(envelope).await {
                Ok(reply) => {
                    handle = receiver
                        .notifier
                        .handle(&reply)
                        .filter(|handle| handle.len() <= HANDLE_BYTES_MAX && alerts.is_empty());
                    receiver.notifier.verdict(&reply, self.clock.now())
                }
                Err(NetError::Unsendable(problem)) => Verdict::Refused(problem),
                Err(error) => Verdict::TryAfter(None, error.to_string()),
            },
        };
        let now = self.clock.now();
        match verdict {
            Verdict::Accepted => {
                self.came_through(receiver, now).await;
                tracing::debug!(receiver = %receiver.name, alert = %owed.alert.id, attempts = owed.attempts + 1, "delivered");
                (Some(Settlement::Done { handle }), true)
            }
            Verdict::Anew(problem) if owed.handle.is_some() => {
                self.came_through(receiver, now).await;
                (Some(Settlement::Anew { problem }), true)
            }
            Verdict::Anew(problem) | Verdict::Refused(problem) => {
                // The receiver is there; it is this message that it will never take.
                self.came_through(receiver, now).await;
                Self::log_dead(receiver, owed, &problem);
                (Some(Settlement::Dead { problem }), true)
            }
            Verdict::TryAfter(asked, problem) => {
                self.went_wrong(receiver, now, asked, &problem).await;
                let age = time::until(first.owed_since, now);
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

    fn log_dead(receiver: &Receiver, owed: &Owed, problem: &str) {
        tracing::error!(
            receiver = %receiver.name, alert = %owed.alert.id, rule = %owed.alert.rule, attempts = owed.attempts + 1, reason = %problem,
            "delivery given up"
        );
    }
}

/// The idempotency key of (alert, revision, receiver), the same on every attempt. Standard Webhooks wants no full stop in it.
pub fn idempotency_key(owed: &Owed) -> String {
    key(&owed.alert.id, owed.alert.revision, &owed.receiver)
}

fn key(id: &str, revision: u32, receiver: &str) -> String {
    let receiver: String = receiver
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{id}-{revision}-{receiver}")
}
