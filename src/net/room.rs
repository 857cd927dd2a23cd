//! Memory that the bodies of answers share. Each has its own limit, but hundreds are read at once: a few large ones pass
//! together, more wait for one another, and feeds of usual size never do.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::envelope::NetError;

/// For all bodies that are larger than [`FREE_BYTES`], from their first byte until what they hold has been read.
pub const BODIES_BYTES_MAX: usize = 48 << 20;
/// Nobody waits for so little; hardly a feed is longer.
pub const FREE_BYTES: usize = 256 << 10;

const UNIT_BYTES: usize = 1 << 10;

/// The memory, counted.
#[derive(Clone, Debug)]
pub struct Rooms {
    free: Arc<Semaphore>,
    units: u32,
    /// When all is taken, perhaps by bodies that wait for more of it themselves, one of them at a time grows on beyond it.
    beyond: Arc<Semaphore>,
}

/// What one body has of it.
#[derive(Debug)]
pub struct Share {
    rooms: Rooms,
    held: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

/// The memory stayed taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

impl Rooms {
    pub fn new(bytes: usize) -> Rooms {
        let units = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX);
        Rooms {
            free: Arc::new(Semaphore::new(units as usize)),
            units,
            beyond: Arc::new(Semaphore::new(1)),
        }
    }

    #[cfg(test)]
    pub fn free_bytes(&self) -> usize {
        self.free.available_permits() * UNIT_BYTES
    }

    pub fn share(&self) -> Share {
        Share {
            rooms: self.clone(),
            held: None,
            beyond: None,
        }
    }
}

impl Share {
    /// Takes what a body of `bytes` needs beyond what it has, and waits for it.
    ///
    /// # Errors
    /// [`Crowded`], when others kept the memory until `deadline`.
    pub async fn reach(&mut self, bytes: usize, deadline: Instant) -> Result<(), Crowded> {
        if bytes <= FREE_BYTES || self.beyond.is_some() {
            return Ok(());
        }
        let wanted = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let has = self.held.as_ref().map_or(0, |held| held.num_permits());
        let more = (wanted.min(self.rooms.units) as usize).saturating_sub(has);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let Rooms { free, beyond, .. } = self.rooms.clone();
        let taken = timeout_at(deadline, async {
            tokio::select! {
                biased;
                taken = free.acquire_many_owned(more) => (taken.ok(), None),
                taken = beyond.acquire_owned() => (None, taken.ok()),
            }
        });
        let (taken, beyond) = taken.await.map_err(|_| Crowded)?;
        match (&mut self.held, taken) {
            (Some(held), Some(taken)) => held.merge(taken),
            (None, taken) => self.held = taken,
            (Some(_), None) => {}
        }
        self.beyond = beyond;
        Ok(())
    }

    /// Whether it has taken any, and so is to be kept as long as the body is.
    pub fn holds(&self) -> bool {
        self.held.is_some() || self.beyond.is_some()
    }
}

/// Memory for a body of `bytes`, beside the `held` bytes of what it is made from, taken from what all bodies share.
///
/// # Errors
/// [`NetError::Crowded`], when others kept the memory until `deadline`.
pub async fn grow(
    body: &mut Vec<u8>,
    bytes: usize,
    held: usize,
    share: &mut Share,
    deadline: Instant,
) -> Result<(), NetError> {
    let read = body.len();
    share
        .reach(bytes.saturating_add(held), deadline)
        .await
        .map_err(|Crowded| NetError::Crowded { bytes: read })?;
    body.reserve_exact(bytes.saturating_sub(read));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: usize = 1 << 20;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_one_another_and_small_ones_do_not() {
        let rooms = Rooms::new(MIB);
        let (mut first, mut beyond, mut late) = (rooms.share(), rooms.share(), rooms.share());
        first.reach(MIB / 2, soon()).await.unwrap();
        first.reach(MIB, soon()).await.unwrap();
        beyond.reach(MIB / 2, soon()).await.unwrap();
        let begun = Instant::now();
        late.reach(FREE_BYTES, soon()).await.unwrap();
        assert!(begun.elapsed().is_zero() && !late.holds());
        assert_eq!(late.reach(MIB / 2, soon()).await, Err(Crowded));
        assert_eq!(begun.elapsed().as_secs(), 30);
        let waits = tokio::spawn(async move { late.reach(MIB / 2, soon()).await });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(first);
        assert_eq!(waits.await.unwrap(), Ok(()));
        assert!(beyond.holds());
    }

    /// Each has a part and wants the rest: without a way beyond they would wait until they are late.
    #[tokio::test(start_paused = true)]
    async fn bodies_that_wait_for_one_another_all_end() {
        let rooms = Rooms::new(MIB);
        let begun = Instant::now();
        let bodies = (0..10).map(|_| {
            let mut share = rooms.share();
            tokio::spawn(async move {
                for bytes in [MIB / 3, MIB / 2, MIB, 10 * MIB] {
                    share.reach(bytes, soon()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        });
        for body in bodies.collect::<Vec<_>>() {
            body.await.unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn one_body_may_be_larger_than_all_of_it() {
        let mut share = Rooms::new(MIB).share();
        for bytes in [MIB - 1, 5 * MIB, 9 * MIB] {
            share.reach(bytes, soon()).await.unwrap();
        }
    }
}
