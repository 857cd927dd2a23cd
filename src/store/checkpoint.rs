//! The write-ahead log is copied into the database by a thread of its own: the writer would do it between two commits, and an
//! alert that comes then would wait for megabytes of pages.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema::opened_badly, sqlite::failed};

/// How often the log is copied, if anything was written: what is then in it is small, and few pages are written twice.
const EVERY: Duration = Duration::from_secs(5);
/// The log begins anew once all of it is copied; what is written meanwhile is copied by the next try.
const TRIES: usize = 4;

/// Ends with this value.
pub struct Checkpointer {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Checkpointer {
    /// `is_written` is set by whoever commits.
    ///
    /// # Errors
    /// Where the database cannot be opened once more, or the system gives no thread.
    pub fn start(path: &Path, is_written: Arc<AtomicBool>) -> Result<Checkpointer, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| opened_badly(path, &error))?;
        connection
            .execute_batch("PRAGMA synchronous = FULL")
            .map_err(failed("cannot set up the checkpoints"))?;
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    if is_written.swap(false, Ordering::Relaxed) {
                        checkpoint(&connection);
                    }
                }
            })
            .map_err(|error| {
                StoreError::Failed(format!("cannot start the store's thread: {error}"))
            })?;
        Ok(Checkpointer {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

/// Copies what nobody reads any more. Where it fails the log grows, until the writer copies it and says why it cannot.
fn checkpoint(connection: &Connection) {
    for _ in 0..TRIES {
        let pages = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        match pages {
            Ok((written, copied)) if copied < written => {}
            Ok(_) => return,
            Err(error) => {
                tracing::debug!(%error, "the write-ahead log is not copied yet");
                return;
            }
        }
    }
}
