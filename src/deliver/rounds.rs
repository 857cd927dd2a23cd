//! What may leave now to one receiver, and in which messages: silences, quiet hours, digests and rates are applied here,
//! at the moment a delivery is due, so that they hold from the moment they are written.

use super::{Postman, silenced::Silences};
use crate::{
    notify::{Receiver, bundle::BundleKind, hold::Held},
    store::{Bound, FormedBundle, Owed, Settlement, StoreError},
    time::{self, Timestamp},
};

/// Deliveries looked at in one go: bounds the memory of a receiver that is owed thousands.
const PAGE: usize = 500;
/// As [`PAGE`], of a receiver that fails.
const PROBE_PAGE: usize = 8;
/// Pages that one lease may put off before it lets other receivers have their turn.
const PAGES_MAX: usize = 64;

/// What one message settles, in the order in which it was owed; at least one delivery.
pub(super) struct Parcel {
    pub owed: Vec<Owed>,
    /// The digest or summary that it is, where it is one.
    pub bundle: Option<FormedBundle>,
}

impl Parcel {
    fn alone(owed: Owed) -> Parcel {
        Parcel {
            owed: vec![owed],
            bundle: None,
        }
    }
}

impl Postman {
    /// The rounds that may begin now, at most `rounds`; the parcels of a round go one after the other.
    pub(super) async fn rounds(
        &self,
        receiver: &Receiver,
        running: &[i64],
        now: Timestamp,
        rounds: usize,
    ) -> Result<Vec<Vec<Parcel>>, StoreError> {
        if rounds == 0 {
            return Ok(Vec::new());
        }
        let gathers = receiver.notifier.gathers();
        if gathers > 1 {
            let owed = self.due(receiver, running, now, gathers, false).await?;
            let owed = self.admit(receiver, owed, now).await?;
            let parcel = Parcel { owed, bundle: None };
            return Ok(match parcel.owed.is_empty() {
                true => Vec::new(),
                false => vec![vec![parcel]],
            });
        }
        if receiver.hold.is_any() {
            // One round at a time: a rate counts what was sent, and a summary follows what it sums up.
            return match running.is_empty() {
                true => {
                    let is_failing = self.is_failing(&receiver.name);
                    let round = self.held_round(receiver, now, is_failing).await?;
                    Ok(round.into_iter().collect())
                }
                false => Ok(Vec::new()),
            };
        }
        let batch = receiver.notifier.batch();
        let owed = self
            .due(receiver, running, now, rounds * batch, true)
            .await?;
        let mut singles = Vec::new();
        let mut formed = Vec::new();
        for owed in self.admit(receiver, owed, now).await? {
            match owed.bound {
                // Formed under an earlier configuration: it stays the message that it was.
                Some(Bound::Bundle(bundle))
                    if formed.iter().all(|parcel: &Parcel| {
                        parcel
                            .bundle
                            .as_ref()
                            .is_none_or(|known| known.id != bundle)
                    }) =>
                {
                    formed.extend(self.formed(receiver, bundle).await?);
                }
                Some(Bound::Bundle(_)) => {}
                Some(Bound::Alone) | None => singles.push(Parcel::alone(owed)),
            }
        }
        let mut all: Vec<Vec<Parcel>> = formed.into_iter().map(|parcel| vec![parcel]).collect();
        while !singles.is_empty() {
            let rest = singles.split_off(singles.len().min(batch));
            all.push(std::mem::replace(&mut singles, rest));
        }
        all.truncate(rounds);
        Ok(all)
    }

    /// The next round of a receiver with wishes about time.
    async fn held_round(
        &self,
        receiver: &Receiver,
        now: Timestamp,
        is_failing: bool,
    ) -> Result<Option<Vec<Parcel>>, StoreError> {
        // A receiver that fails is probed with one message; what waits is not bound into others for it.
        let page = if is_failing { PROBE_PAGE } else { PAGE };
        let bundle_max = receiver.notifier.bundle_max().max(2);
        for _ in 0..PAGES_MAX {
            let owed = self.due(receiver, &[], now, page, false).await?;
            if owed.is_empty() {
                return Ok(None);
            }
            let mut owed = self.admit(receiver, owed, now).await?;
            // Every one was settled or put off; look at the next ones.
            if owed.is_empty() {
                continue;
            }
            // A drill is a question whether the way is open: it waits for nothing.
            if owed.iter().any(|owed| owed.alert.drill) {
                owed.retain(|owed| owed.alert.drill);
                return Ok(Some(owed.into_iter().map(Parcel::alone).collect()));
            }
            let mut room = usize::MAX;
            if let Some(rate) = receiver.hold.rate {
                let since = time::before(now, rate.per);
                let sent = self
                    .store
                    .sent_after(receiver.name.clone(), since, rate.messages)
                    .await?;
                room = (rate.messages as usize).saturating_sub(sent.len());
                if let (0, Some(oldest)) = (room, sent.last()) {
                    let until =
                        time::after(*oldest, rate.per + std::time::Duration::from_millis(1));
                    self.store
                        .hold_due(receiver.name.clone(), now, until, Held::Rate.name())
                        .await?;
                    return Ok(None);
                }
            }
            owed.sort_by_key(|owed| owed.id);
            match owed.first().and_then(|first| first.bound) {
                Some(Bound::Bundle(bundle)) => {
                    let formed = self.formed(receiver, bundle).await?;
                    return Ok(formed.map(|parcel| vec![parcel]));
                }
                Some(Bound::Alone) => owed.truncate(1),
                None => {
                    let until = owed.iter().position(|owed| owed.bound.is_some());
                    owed.truncate(until.unwrap_or(owed.len()));
                }
            }
            if is_failing {
                owed.truncate(1);
                return Ok(Some(self.alone(receiver, owed).await?));
            }
            if receiver.hold.digest.is_some() {
                owed.truncate(bundle_max);
                let digest = self.form(receiver, BundleKind::Digest, owed, now).await?;
                return Ok(Some(digest));
            }
            let is_over = |owed: &Owed| {
                owed.bound.is_none() && owed.held.as_deref() == Some(Held::Rate.name())
            };
            let was_over = owed.iter().any(is_over);
            if room == usize::MAX || (owed.len() <= room && !was_over) {
                // The last place is kept for a summary of what may follow, unless one alert is all there is.
                let alone = match room {
                    usize::MAX => receiver.notifier.batch().max(receiver.notifier.slots()),
                    room => room,
                };
                owed.truncate(alone);
                return Ok(Some(self.alone(receiver, owed).await?));
            }
            let alone = if was_over { 0 } else { room.saturating_sub(1) };
            let mut rest = owed.split_off(alone);
            rest.truncate(bundle_max);
            let mut parcels = self.alone(receiver, owed).await?;
            parcels.extend(
                self.form(receiver, BundleKind::RateSummary, rest, now)
                    .await?,
            );
            return Ok(Some(parcels));
        }
        Ok(None)
    }

    async fn due(
        &self,
        receiver: &Receiver,
        running: &[i64],
        now: Timestamp,
        max: usize,
        in_turn: bool,
    ) -> Result<Vec<Owed>, StoreError> {
        self.store
            .due_deliveries(receiver.name.clone(), running.to_vec(), now, max, in_turn)
            .await
    }

    /// Those of the deliveries that may go now. What a silence covers is settled, what must wait is put off.
    async fn admit(
        &self,
        receiver: &Receiver,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<Vec<Owed>, StoreError> {
        if owed.is_empty() {
            return Ok(owed);
        }
        let silences = Silences::new(self.store.silences(now).await?);
        let mut settled = Vec::new();
        let mut admitted = Vec::with_capacity(owed.len());
        for owed in owed {
            let is_old_bundle = matches!(owed.bound, Some(Bound::Bundle(_))) && owed.attempts > 0;
            if owed.alert.drill || is_old_bundle {
                admitted.push(owed);
                continue;
            }
            if let Some(id) = silences.covers(&owed.alert) {
                tracing::info!(receiver = %receiver.name, alert = %owed.alert.id, silence = id, "delivery silenced");
                settled.push((owed.id, Settlement::Silenced));
                continue;
            }
            match receiver.hold.until(owed.severity, owed.owed_since, now) {
                Some((due, held)) => {
                    let reason = held.name();
                    settled.push((owed.id, Settlement::Held { due, reason }));
                }
                // Its earlier revisions may be held from before it grew worse; they go first.
                None if owed.alert.revision > 1
                    && receiver.hold.quiet.is_some()
                    && self.store.release_earlier(owed.id, now).await? > 0 => {}
                None => admitted.push(owed),
            }
        }
        if !settled.is_empty() {
            self.store.settle(settled, now).await?;
        }
        Ok(admitted)
    }

    /// Each of these as it is; where the receiver has others bundled, that is settled before it goes, lest one that arrived and
    /// was not recorded comes again in a bundle.
    async fn alone(&self, receiver: &Receiver, owed: Vec<Owed>) -> Result<Vec<Parcel>, StoreError> {
        let unbound = owed.iter().filter(|owed| owed.bound.is_none());
        let unbound: Vec<i64> = unbound.map(|owed| owed.id).collect();
        let has_bundles = receiver.hold.digest.is_some() || receiver.hold.rate.is_some();
        if has_bundles && !unbound.is_empty() {
            self.store.bind_alone(unbound).await?;
        }
        Ok(owed.into_iter().map(Parcel::alone).collect())
    }

    /// A digest or summary of these; one alert goes as it is.
    async fn form(
        &self,
        receiver: &Receiver,
        kind: BundleKind,
        owed: Vec<Owed>,
        now: Timestamp,
    ) -> Result<Vec<Parcel>, StoreError> {
        if owed.len() == 1 {
            return self.alone(receiver, owed).await;
        }
        let ids = owed.iter().map(|owed| owed.id).collect();
        let bundle = self.store.form_bundle(kind.name(), ids, now).await?;
        Ok(vec![Parcel {
            owed,
            bundle: Some(bundle),
        }])
    }

    async fn formed(&self, receiver: &Receiver, bundle: i64) -> Result<Option<Parcel>, StoreError> {
        let formed = self.store.bundle(bundle, receiver.name.clone()).await?;
        Ok(formed
            .filter(|(_, owed)| !owed.is_empty())
            .map(|(bundle, owed)| Parcel {
                owed,
                bundle: Some(bundle),
            }))
    }
}
