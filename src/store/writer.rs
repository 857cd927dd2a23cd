//! The one writer: a thread that commits in groups.
//!
//! Under load, many polls end at once and a commit costs milliseconds of `fsync`: the writer takes what waits, runs each
//! request in its own savepoint, commits once, and only then answers. A failed request rolls back alone. What nobody waits
//! for lingers a moment and shares the next commit.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, checkpoint::Checkpointer, sqlite::failed};

/// Requests that wait for the writer; beyond them callers wait.
const WAITING_MAX: usize = 1024;
/// Requests in one commit.
const GROUP_MAX: usize = 256;
/// How long what nobody waits for may wait for company: ten thousand feeds asked every minute then cost ten commits a second
/// and not a hundred and sixty. It is what a power cut may forget of polls that caused nothing.
const LINGER: Duration = Duration::from_millis(100);
/// So much company is enough: what lingers takes memory.
const LINGERING_MAX: usize = 64;

type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
/// Runs in the writer's transaction; where there is none, it is told why and does nothing.
type Request = Box<dyn FnOnce(Result<&Connection, &StoreError>) -> Answer + Send>;
type Lingering = Mutex<Vec<Request>>;

/// A handle on the writer's thread; dropped, it waits until everything asked for has run.
pub struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    /// What nobody waits for; the next group begins with it.
    lingering: Arc<Lingering>,
    _checkpointer: Option<Checkpointer>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // It ends when its last sender is gone; joining makes its connection close before the lock is released.
            let _ = thread.join();
        }
    }
}

impl Writer {
    /// With the path of the database, its log is copied into it now and then.
    ///
    /// # Errors
    /// Where the database cannot be opened once more, or the system gives no thread.
    pub fn start(connection: Connection, checkpoints: Option<&Path>) -> Result<Writer, StoreError> {
        let is_written = Arc::<AtomicBool>::default();
        let checkpointer = checkpoints
            .map(|path| Checkpointer::start(path, is_written.clone()))
            .transpose()?;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let lingering = Arc::<Lingering>::default();
        let taken = lingering.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_in_groups(connection, receiver, &taken, &is_written))
            .map_err(|error| {
                StoreError::Failed(format!("cannot start the store's thread: {error}"))
            })?;
        Ok(Writer {
            requests: Some(sender),
            thread: Some(thread),
            lingering,
            _checkpointer: checkpointer,
        })
    }

    /// Runs `work` in a transaction and answers when it is on the disk.
    pub async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // A caller that went away does not want the answer.
        let request = request(doing, work, |outcome| {
            let _ = answer.send(outcome);
        });
        let stopped = || StoreError::Failed(format!("{doing}: the store has stopped"));
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests.send(request).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Runs `work` soon, before every later write, and calls `done` when it is on the disk.
    pub async fn write_soon<T, F, D>(&self, doing: &'static str, work: F, done: D)
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        D: FnOnce(Result<T, StoreError>) + Send + 'static,
    {
        let waiting = {
            let mut lingering = self
                .lingering
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            lingering.push(request(doing, work, done));
            lingering.len()
        };
        let Some(requests) = &self.requests else {
            return;
        };
        if waiting == 1 {
            let requests = requests.downgrade();
            tokio::spawn(async move {
                tokio::time::sleep(LINGER).await;
                if let Some(requests) = requests.upgrade() {
                    // A writer that is gone has run what lingered.
                    let _ = requests.send(nothing()).await;
                }
            });
        } else if waiting >= LINGERING_MAX {
            // Whoever comes waits for a place, so that a slow disk slows polling and fills no memory.
            let _ = requests.send(nothing()).await;
        }
    }
}

/// `work` as the writer runs it; `done` is told once it is committed, or why it is not.
fn request<T, F, D>(doing: &'static str, work: F, done: D) -> Request
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    D: FnOnce(Result<T, StoreError>) + Send + 'static,
{
    Box::new(move |connection| {
        let refused = move |error: &StoreError| StoreError::Failed(format!("{doing}: {error}"));
        let outcome = match connection {
            Ok(connection) => in_savepoint(connection, doing, work),
            Err(error) => Err(refused(error)),
        };
        Box::new(move |committed| {
            done(match committed {
                Ok(()) => outcome,
                Err(error) => Err(refused(error)),
            });
        })
    })
}

/// Wakes the writer for what lingers.
fn nothing() -> Request {
    Box::new(|_| Box::new(|_| ()))
}

fn in_savepoint<T>(
    connection: &Connection,
    doing: &'static str,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run_cached(connection, "SAVEPOINT request").map_err(failed(doing))?;
    // A panic is a bug of ours; it must cost one request, not the writer and every alert after it.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| {
            Err(StoreError::Failed(format!(
                "{doing}: a bug ended the request"
            )))
        });
    if outcome.is_err() {
        run_cached(connection, "ROLLBACK TO request").map_err(failed(doing))?;
    }
    run_cached(connection, "RELEASE request").map_err(failed(doing))?;
    outcome
}

fn run_cached(connection: &Connection, statement: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute([])
}

fn write_in_groups(
    mut connection: Connection,
    mut requests: mpsc::Receiver<Request>,
    lingering: &Lingering,
    is_written: &AtomicBool,
) {
    let take_lingering =
        || std::mem::take(&mut *lingering.lock().unwrap_or_else(PoisonError::into_inner));
    while let Some(first) = requests.blocking_recv() {
        let mut group = take_lingering();
        group.push(first);
        write_group(&mut connection, group, || requests.try_recv().ok());
        is_written.store(true, Ordering::Relaxed);
    }
    write_group(&mut connection, take_lingering(), || None);
}

/// Runs the requests, and more while there are any, in one transaction, and answers them all.
fn write_group(
    connection: &mut Connection,
    group: Vec<Request>,
    mut more: impl FnMut() -> Option<Request>,
) {
    let mut group = group.into_iter();
    let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
    let committed = (|| {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed("cannot begin a transaction"))?;
        // A full disk makes SQLite roll the whole group back by itself: then nothing more may run as if inside it.
        while !transaction.is_autocommit() {
            let next = group.next();
            match next.or_else(|| (answers.len() < GROUP_MAX).then(&mut more)?) {
                Some(request) => answers.push(request(Ok(&transaction))),
                None => break,
            }
        }
        transaction.commit().map_err(failed("cannot commit"))
    })();
    if let Err(error) = &committed {
        answers.extend(group.map(|request| request(Err(error))));
    }
    for answer in answers {
        answer(committed.as_ref().copied());
    }
}
