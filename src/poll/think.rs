//! Where documents are read and items matched: on two threads of their own, beside the runtime.
//!
//! The matcher's working memory is several megabytes and each thread's allocator keeps some more, so work that took any
//! thread of the runtime's would cost a hundred times what two threads do. In virtual time work is done in place: a clock
//! that runs ahead whenever the runtime is idle must not see it idle while a thread works for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use tokio::sync::oneshot;

use crate::{rule::Scratch, time::Clock};

/// More would leave the runtime's own threads too little on a machine with two processors, and these keep up with thousands
/// of documents a second.
const THREADS: usize = 2;

type Work = Box<dyn FnOnce(&mut Scratch) + Send>;

/// Hands work to the threads; they end with it.
#[derive(Debug)]
pub struct Thinkers(Kind);

#[derive(Debug)]
enum Kind {
    InPlace(Box<Mutex<Scratch>>),
    Threads(mpsc::Sender<Work>),
}

/// The work ended in a panic: a bug of ours, told by the panic's own message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp;

impl Thinkers {
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(clock: Clock) -> std::io::Result<Thinkers> {
        if matches!(clock, Clock::Virtual { .. }) {
            return Ok(Thinkers(Kind::InPlace(Box::new(Mutex::new(
                Scratch::small(),
            )))));
        }
        let (sender, receiver) = mpsc::channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 1..=THREADS {
            let receiver = receiver.clone();
            std::thread::Builder::new()
                .name(format!("thinker-{number}"))
                .spawn(move || serve(&receiver))?;
        }
        Ok(Thinkers(Kind::Threads(sender)))
    }

    /// Runs `work` and gives what it gave. Callers are as many as polls are in flight, so the queue needs no other bound.
    ///
    /// # Errors
    /// [`GaveUp`]; nothing but this one piece of work is lost.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, GaveUp> {
        match &self.0 {
            Kind::InPlace(scratch) => {
                let mut scratch = scratch.lock().unwrap_or_else(PoisonError::into_inner);
                safely(&mut scratch, work).ok_or(GaveUp)
            }
            Kind::Threads(sender) => {
                let (answer, answered) = oneshot::channel();
                let work: Work = Box::new(move |scratch| {
                    if let Some(value) = safely(scratch, work) {
                        // A caller that went away does not want the answer.
                        let _ = answer.send(value);
                    }
                });
                sender.send(work).map_err(|_| GaveUp)?;
                answered.await.map_err(|_| GaveUp)
            }
        }
    }
}

fn serve(receiver: &Mutex<mpsc::Receiver<Work>>) {
    let mut scratch = Scratch::small();
    loop {
        // One thread waits for work, the others wait for their turn to wait.
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(work) => work(&mut scratch),
            Err(mpsc::RecvError) => return,
        }
    }
}

/// What a panic left half done is thrown away.
fn safely<T>(scratch: &mut Scratch, work: impl FnOnce(&mut Scratch) -> T) -> Option<T> {
    let value = catch_unwind(AssertUnwindSafe(|| work(scratch)));
    if value.is_err() {
        *scratch = Scratch::small();
    }
    value.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bug_costs_one_piece_of_work() {
        for clock in [
            Clock::System,
            Clock::starting_at("2024-12-06T14:00:00Z".parse().unwrap()),
        ] {
            let thinkers = Thinkers::start(clock).unwrap();
            for _ in 0..2 * THREADS {
                let broken = thinkers.run(|_| -> u8 { panic!("a bug for this test") });
                assert_eq!(broken.await, Err(GaveUp));
            }
            assert_eq!(thinkers.run(|_| 7).await, Ok(7));
        }
    }
}
