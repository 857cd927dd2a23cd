//! Each receiver's door: what is on its way through, how much more may go, and how the receiver fares.

use std::sync::Arc;

use super::{FAILING_AFTER, Postman, rounds::Parcel};
use crate::{notify::Receiver, time::Timestamp};

/// Deliveries that a receiver has answered and that are only being recorded, beside each that is out.
const RECORDING_PER_SLOT: usize = 8;

/// One receiver as the postman knows it. Nothing here matters after a restart.
pub(super) struct Door {
    pub(super) receiver: Arc<Receiver>,
    /// Deliveries under way: those that are out, and those of them that are only being recorded.
    pub(super) running: Vec<i64>,
    /// How many of `running` the receiver has answered.
    pub(super) recording: usize,
    /// It may have deliveries that were given up: the operator was told, or the daemon has just started.
    pub(super) may_have_dead: bool,
    /// The operator may have been told that it fails.
    pub(super) may_be_told: bool,
    /// In a row, over all its deliveries.
    pub(super) failures: u32,
    /// When the first of them was.
    pub(super) failing_since: Timestamp,
    /// It has failed for so long that a person was told.
    pub(super) is_away: bool,
    pub(super) rests_until: Timestamp,
    /// It answered 410; nothing more until the configuration is loaded anew.
    pub(super) is_disabled: bool,
}

impl Door {
    /// A fresh start; what is under way stays so.
    pub(super) fn opened(receiver: Arc<Receiver>, before: Option<Door>) -> Door {
        let (running, recording) =
            before.map_or((Vec::new(), 0), |door| (door.running, door.recording));
        Door {
            receiver,
            running,
            recording,
            may_have_dead: true,
            may_be_told: true,
            failures: 0,
            failing_since: Timestamp::MIN,
            is_away: false,
            rests_until: Timestamp::MIN,
            is_disabled: false,
        }
    }

    /// How many rounds may begin now.
    pub(super) fn free(&self, now: Timestamp) -> usize {
        if self.is_disabled || now < self.rests_until {
            return 0;
        }
        let notifier = &self.receiver.notifier;
        let (slots, batch) = (notifier.slots(), notifier.batch());
        if self.failures >= FAILING_AFTER {
            return 1_usize.saturating_sub(self.running.len().div_ceil(batch));
        }
        // A disk that takes nothing more must not leave more and more unrecorded.
        let recorded_later = match is_recorded_later(&self.receiver) {
            true => self.recording.min(slots * RECORDING_PER_SLOT),
            false => 0,
        };
        let out = self.running.len().saturating_sub(recorded_later);
        slots.saturating_sub(out.div_ceil(batch))
    }
}

/// Whether its next message may go out while the last one is being recorded: the disk takes longer than a receiver nearby. What
/// is made from what the receiver had before waits for the record.
fn is_recorded_later(receiver: &Receiver) -> bool {
    receiver.notifier.slots() > 1 && receiver.notifier.batch() == 1
}

/// How many rounds the receiver may have at once, those included that are only being recorded.
pub(super) fn rounds_max(receiver: &Receiver) -> usize {
    match is_recorded_later(receiver) {
        true => receiver.notifier.slots() * (1 + RECORDING_PER_SLOT),
        false => receiver.notifier.slots(),
    }
}

/// The claim on due deliveries of one receiver; dropped, they are due again.
pub struct Round {
    pub(super) postman: Arc<Postman>,
    pub(super) receiver: Arc<Receiver>,
    pub(super) parcels: Vec<Parcel>,
    pub(super) claimed: Vec<i64>,
    /// The receiver has answered.
    pub(super) is_answered: bool,
}

impl Round {
    /// Makes the place free for what is due next.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
        self.postman.door(&self.receiver.name, |door| {
            door.recording += self.claimed.len()
        });
        if is_recorded_later(&self.receiver) {
            self.postman.owed.notify_one();
        }
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.postman.door(&self.receiver.name, |door| {
            door.running.retain(|id| !self.claimed.contains(id));
            if self.is_answered {
                door.recording = door.recording.saturating_sub(self.claimed.len());
            }
        });
    }
}
