//! The one loop: lease due work, run it, settle it. Feeds and deliveries are its two users.
//!
//! A daemon owns its store alone, so a lease is a claim in the job's memory: dropping the work gives it back, and a killed
//! daemon loses nothing, since what was due is still due in the store. The loop never leases more than it can run, and
//! registers for the wake-up before it asks what is due, so that no wake-up is lost.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    store::StoreError,
    time::{self, Clock, Timestamp},
};

/// The longest sleep: the loop shows that it lives at least so often.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// How long the loop rests when the store refuses.
const STORE_REST: Duration = Duration::from_secs(1);

/// What falls due.
pub trait Job: Send + Sync + 'static {
    /// A claim on one piece of work; dropped, it is given back.
    type Work: Send + 'static;

    /// What falls due or ends within so short a time is taken together: to go round for each of a thousand small pieces of
    /// work a second costs more than the work.
    const GATHER: Duration = Duration::ZERO;

    /// At most `free` pieces of work that are due at `now`.
    fn lease(
        &self,
        now: Timestamp,
        free: usize,
    ) -> impl Future<Output = Result<Leased<Self::Work>, StoreError>> + Send;

    /// Does one piece to its end, every wait inside limited.
    fn run(&self, work: Self::Work) -> impl Future<Output = ()> + Send;
}

#[derive(Debug)]
pub struct Leased<W> {
    pub work: Vec<W>,
    /// When more falls due, as far as it is known.
    pub next: Option<Timestamp>,
}

/// Tells a loop to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// The other end of [`Stop`]; dropping it stops as well.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Stop(receiver))
    }

    pub fn stop(&self) {
        // Nobody listening means that all have stopped.
        let _ = self.0.send(true);
    }
}

impl Stop {
    /// Returns when it is time to stop.
    pub async fn wait(&mut self) {
        // An error means that the stopper is gone: that stops as well.
        let _ = self.0.wait_for(|is_stopping| *is_stopping).await;
    }

    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// When a loop last went round, for the watchdog.
#[derive(Debug)]
pub struct Pulse {
    started: Instant,
    beat_ms: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Pulse {
            started: Instant::now(),
            beat_ms: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    pub fn beat(&self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(ms, Ordering::Relaxed);
    }

    /// How long ago the loop went round.
    pub fn age(&self) -> Duration {
        self.started
            .elapsed()
            .saturating_sub(Duration::from_millis(self.beat_ms.load(Ordering::Relaxed)))
    }
}

/// What a loop needs beside its job.
#[derive(Clone, Debug)]
pub struct Loop {
    pub name: &'static str,
    /// Pieces of work at once, 1 or more; a reload may change it.
    pub slots: Arc<AtomicUsize>,
    pub clock: Clock,
    /// Something may have fallen due. Carries no data.
    pub wake: Arc<Notify>,
    pub pulse: Arc<Pulse>,
    pub stop: Stop,
}

/// Runs a job until it is told to stop, then lets what runs finish. The caller limits how long that may take.
pub async fn run<J: Job>(
    job: Arc<J>,
    Loop {
        name,
        slots,
        clock,
        wake,
        pulse,
        mut stop,
    }: Loop,
) {
    let mut running = JoinSet::new();
    let mut is_store_failing = false;
    while !stop.is_stopping() {
        let woken = wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let free = slots.load(Ordering::Relaxed).saturating_sub(running.len());
        let mut sleep = SLEEP_MAX;
        if free > 0 {
            let now = clock.now();
            match job.lease(now, free).await {
                Ok(leased) => {
                    assert!(
                        leased.work.len() <= free,
                        "a loop leases no more than it can run"
                    );
                    for work in leased.work {
                        let job = job.clone();
                        running.spawn(async move { job.run(work).await });
                    }
                    sleep = leased
                        .next
                        .map_or(SLEEP_MAX, |next| time::until(now, next).min(SLEEP_MAX));
                    is_store_failing = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_store_failing, true) {
                        tracing::error!(r#loop = name, %error, "store cannot say what is due, trying again");
                    }
                    sleep = STORE_REST;
                }
            }
        }
        pulse.beat();
        tokio::select! {
            () = stop.wait() => {}
            () = &mut woken => {}
            Some(ended) = running.join_next(), if !running.is_empty() => {
                report(name, ended);
                if !J::GATHER.is_zero() {
                    tokio::time::sleep(J::GATHER).await;
                }
            }
            () = tokio::time::sleep(sleep.max(J::GATHER)) => {}
        }
        // What has ended is collected at once, so that one round leases for all the places that became free.
        while let Some(ended) = running.try_join_next() {
            report(name, ended);
        }
    }
    while let Some(ended) = running.join_next().await {
        report(name, ended);
        pulse.beat();
    }
}

fn report(name: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(r#loop = name, %error, "a bug ended one piece of work; it will be tried again");
    }
}
