//! SQLite behind the door: one writer thread that commits in groups, one reader beside it.
//!
//! Under load, many polls end at once and a commit costs milliseconds of `fsync`: the writer takes what waits, runs each
//! request in its own savepoint, commits once, and only then answers. A failed request rolls back alone. A database in
//! memory is called in place instead, so that a scenario in virtual time repeats to the byte.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig};
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, stories::Finder};

/// "wire" as a number, in the header of each of our databases.
const APPLICATION_ID: i32 = 0x7769_7265;
/// Each migration brings the schema from its index to the next version.
const MIGRATIONS: &[&str] = &[
    include_str!("sql/0001_first.sql"),
    include_str!("sql/0002_poll.sql"),
    include_str!("sql/0003_notices.sql"),
    include_str!("sql/0004_stories.sql"),
    include_str!("sql/0005_receivers.sql"),
    include_str!("sql/0006_push.sql"),
    include_str!("sql/0007_recent.sql"),
];
/// Requests that wait for the writer; beyond them callers wait.
const WAITING_MAX: usize = 1024;
/// Requests in one commit.
const GROUP_MAX: usize = 256;
/// Up to this size the whole database is checked before the daemon is ready.
const CHECK_WHOLE_BYTES_MAX: u64 = 256 << 20;
/// How long a reader waits for a checkpoint or another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Request = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// A handle on the store; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>, Finder);

enum Inner {
    /// In memory: called in place.
    Inline(Mutex<Connection>),
    File {
        writer: Option<mpsc::Sender<Request>>,
        thread: Option<JoinHandle<()>>,
        reader: Option<Arc<Mutex<Connection>>>,
        /// Taken before a thread is: those who wait for the reader hold no thread each.
        reading: tokio::sync::Mutex<()>,
        /// Held for as long as this daemon owns the store.
        _lock: Option<File>,
    },
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Inner::File {
            writer,
            thread,
            reader,
            ..
        } = self
        {
            // The reader first: SQLite empties and removes the write-ahead log when its last connection may write.
            drop(reader.take());
            drop(writer.take());
            if let Some(thread) = thread.take() {
                // The writer ends when its last sender is gone; joining makes its connection close before the lock is released.
                let _ = thread.join();
            }
        }
    }
}

impl Store {
    /// An empty store that lives and dies with this value.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn in_memory() -> Result<Store, StoreError> {
        let mut connection =
            Connection::open_in_memory().map_err(failed("cannot open a database in memory"))?;
        migrate(&mut connection, Path::new(":memory:"))?;
        Ok(Store(
            Arc::new(Inner::Inline(Mutex::new(connection))),
            Finder::default(),
        ))
    }

    /// Opens the daemon's store, made if there is none, checked and brought to this version's schema.
    ///
    /// # Errors
    /// Every kind of [`StoreError`] but `Missing`.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        if path == Path::new(":memory:") {
            return Store::in_memory();
        }
        let lock = take_lock(path)?;
        let mut connection = Connection::open(path).map_err(|error| opened_badly(path, &error))?;
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -16384;")
            .map_err(|error| opened_badly(path, &error))?;
        configure(&connection).map_err(|error| opened_badly(path, &error))?;
        migrate(&mut connection, path)?;
        check(&connection, path)?;
        let reader = open_reader(path)?;
        started(connection, reader, Some(lock))
    }

    /// Opens a store to make short changes in it, beside a running daemon or after one. SQLite lets one writer in at a time.
    ///
    /// # Errors
    /// As [`Store::open_to_read`].
    pub fn open_beside(path: &Path) -> Result<Store, StoreError> {
        let reader = open_known(path)?;
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| opened_badly(path, &error))?;
        connection
            .execute_batch("PRAGMA synchronous = FULL")
            .and_then(|()| connection.busy_timeout(BUSY_TIMEOUT))
            .map_err(|error| opened_badly(path, &error))?;
        started(connection, reader, None)
    }

    /// Opens a store to read it, beside a running daemon or after one.
    ///
    /// # Errors
    /// `Missing` where there is no database; `Foreign` or `Damaged` where it cannot be read.
    pub fn open_to_read(path: &Path) -> Result<Store, StoreError> {
        let reader = open_known(path)?;
        Ok(Store(
            Arc::new(Inner::File {
                writer: None,
                thread: None,
                reader: Some(Arc::new(Mutex::new(reader))),
                reading: tokio::sync::Mutex::new(()),
                _lock: None,
            }),
            Finder::default(),
        ))
    }

    /// The daemon that owns the store at this path, as `process 1234`, where one runs.
    pub fn owner(path: &Path) -> Option<String> {
        let lock_path = beside(path, ".lock");
        let file = File::options().read(true).open(&lock_path).ok()?;
        match file.try_lock_shared() {
            Err(std::fs::TryLockError::WouldBlock) => {
                let by = std::fs::read_to_string(&lock_path).unwrap_or_default();
                Some(format!("process {}", by.trim()))
            }
            _ => None,
        }
    }

    pub(super) fn finder(&self) -> Finder {
        self.1.clone()
    }

    /// Whether it lives in memory, where no other process can reach it.
    pub fn is_in_memory(&self) -> bool {
        matches!(&*self.0, Inner::Inline(_))
    }

    /// Runs `work` in a transaction and answers when it is on the disk.
    pub(super) async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &*self.0 {
            Inner::Inline(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let transaction = connection.transaction().map_err(failed(doing))?;
                let value = work(&transaction)?;
                transaction.commit().map_err(failed(doing))?;
                Ok(value)
            }
            Inner::File { writer: None, .. } => Err(StoreError::Failed(format!(
                "{doing}: this store was opened to be read"
            ))),
            Inner::File {
                writer: Some(writer),
                ..
            } => {
                let (answer, answered) = oneshot::channel();
                let request: Request = Box::new(move |connection| {
                    let outcome = in_savepoint(connection, doing, work);
                    Box::new(move |committed| {
                        let outcome = match committed {
                            Ok(()) => outcome,
                            Err(error) => Err(StoreError::Failed(format!("{doing}: {error}"))),
                        };
                        // A caller that went away does not want the answer.
                        let _ = answer.send(outcome);
                    })
                });
                let stopped = || StoreError::Failed(format!("{doing}: the store has stopped"));
                writer.send(request).await.map_err(|_| stopped())?;
                answered.await.map_err(|_| stopped())?
            }
        }
    }

    /// Runs `work` on what is committed.
    pub(super) async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &*self.0 {
            Inner::Inline(connection) => {
                work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Inner::File { reader: None, .. } => {
                Err(StoreError::Failed(format!("{doing}: the store is closing")))
            }
            Inner::File {
                reader: Some(reader),
                reading,
                ..
            } => {
                let reader = reader.clone();
                let _turn = reading.lock().await;
                tokio::task::spawn_blocking(move || {
                    work(&reader.lock().unwrap_or_else(PoisonError::into_inner))
                })
                .await
                .map_err(|error| StoreError::Failed(format!("{doing}: {error}")))?
            }
        }
    }

    /// Runs `work` on what is committed, in place: for a row or two found by their key, in microseconds. A hop to another
    /// thread and back costs several times as much, and every poll reads so.
    pub(super) async fn read_briefly<T, F>(
        &self,
        doing: &'static str,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &*self.0 {
            Inner::File {
                reader: Some(reader),
                reading,
                ..
            } => {
                // Whoever reads for long holds the turn, and waiting for it holds no thread.
                let _turn = reading.lock().await;
                work(&reader.lock().unwrap_or_else(PoisonError::into_inner))
            }
            _ => self.read(doing, work).await,
        }
    }

    /// Goes through the writer and back: the proof that the store moves.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.write("cannot reach the store", |connection| {
            connection
                .query_row("SELECT count(*) FROM receiver", [], |_| Ok(()))
                .map_err(failed("cannot reach the store"))
        })
        .await
    }

    /// Checks the archive's pages, which a large database leaves for after the start.
    ///
    /// # Errors
    /// `Damaged` with the first finding.
    pub async fn check_archive(&self, path: &Path) -> Result<(), StoreError> {
        let is_checked_already =
            std::fs::metadata(path).map_or(true, |meta| meta.len() <= CHECK_WHOLE_BYTES_MAX);
        if is_checked_already {
            return Ok(());
        }
        let path = path.to_owned();
        // On its own connection: the check of a large archive takes seconds, and polls read meanwhile.
        tokio::task::spawn_blocking(move || {
            quick_check(&open_reader(&path)?, &path, "PRAGMA quick_check(1)")
        })
        .await
        .map_err(|error| StoreError::Failed(format!("cannot check the archive: {error}")))?
    }
}

/// Turns an SQLite error into ours, with what was being done.
pub(super) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| StoreError::Failed(format!("{doing}: {error}"))
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

/// A reader of a database that there is, of this version.
fn open_known(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let reader = open_reader(path)?;
    let version = schema_version(&reader, path)?;
    if version != MIGRATIONS.len() {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            finding: format!(
                "its schema is version {version} and this wirewatch reads version {}: run the daemon of the same version",
                MIGRATIONS.len()
            ),
        });
    }
    Ok(reader)
}

/// A store whose writer runs in a thread of its own.
fn started(
    connection: Connection,
    reader: Connection,
    lock: Option<File>,
) -> Result<Store, StoreError> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let thread = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || write_in_groups(connection, receiver))
        .map_err(|error| StoreError::Failed(format!("cannot start the store's thread: {error}")))?;
    Ok(Store(
        Arc::new(Inner::File {
            writer: Some(sender),
            thread: Some(thread),
            reader: Some(Arc::new(Mutex::new(reader))),
            reading: tokio::sync::Mutex::new(()),
            _lock: lock,
        }),
        Finder::default(),
    ))
}

fn run_cached(connection: &Connection, statement: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute([])
}

fn write_in_groups(mut connection: Connection, mut requests: mpsc::Receiver<Request>) {
    let mut answers: Vec<Answer> = Vec::new();
    while let Some(first) = requests.blocking_recv() {
        let committed = (|| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(failed("cannot begin a transaction"));
            let transaction = match transaction {
                Ok(transaction) => transaction,
                Err(error) => {
                    // Dropping the request drops its answer: the caller hears that the store did not do it.
                    tracing::error!(%error, "store cannot write");
                    drop(first);
                    return Err(error);
                }
            };
            answers.push(first(&transaction));
            // A full disk makes SQLite roll the whole group back by itself: then nothing more may run as if inside it.
            while answers.len() < GROUP_MAX
                && !transaction.is_autocommit()
                && let Ok(next) = requests.try_recv()
            {
                answers.push(next(&transaction));
            }
            transaction.commit().map_err(failed("cannot commit"))
        })();
        for answer in answers.drain(..) {
            answer(committed.as_ref().copied());
        }
    }
}

fn take_lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = beside(path, ".lock");
    let was_here_before = lock_path.exists();
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    {
        return Err(StoreError::Failed(format!(
            "cannot open the database {}: there is no folder {}; make it, or correct [store] url",
            path.display(),
            folder.display()
        )));
    }
    let cannot = |error: std::io::Error| {
        StoreError::Failed(format!("cannot open {}: {error}", lock_path.display()))
    };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let by = std::fs::read_to_string(&lock_path).unwrap_or_default();
            let by = match by.trim() {
                "" => "process unknown".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(StoreError::InUse {
                path: path.to_owned(),
                by,
            });
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(cannot(error)),
    }
    // An empty file where a daemon has run before is a database that lost its contents, not a new one.
    let is_empty = std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
    if is_empty && was_here_before && !beside(path, "-wal").exists() {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            finding: "the file is empty".to_owned(),
        });
    }
    let write_pid = || -> std::io::Result<()> {
        use std::io::Write;
        file.set_len(0)?;
        write!(file, "{}", std::process::id())
    };
    let mut write_pid = write_pid;
    write_pid().map_err(cannot)?;
    Ok(file)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| opened_badly(path, &error))?;
    configure(&connection).map_err(|error| opened_badly(path, &error))?;
    Ok(connection)
}

/// What holds for every connection to a file.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // What a savepoint may have to undo: in memory, instead of a file for each group.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Without it SQLite plans a statement anew for each value that a range is compared with.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn opened_badly(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path: path.to_owned(),
            finding: error.to_string(),
        },
        _ => StoreError::Failed(format!(
            "cannot open the database {}: {error}",
            path.display()
        )),
    }
}

fn schema_version(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let pragma = |name: &str| {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            .map_err(|error| opened_badly(path, &error))
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| opened_badly(path, &error))?;
    let foreign = |finding: String| StoreError::Foreign {
        path: path.to_owned(),
        finding,
    };
    if tables == 0 && version == 0 {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(foreign(
            "it belongs to another program; give wirewatch its own file in [store] url".to_owned(),
        ));
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(foreign(format!(
            "its schema is version {version} and this wirewatch knows versions up to {}; run the newer wirewatch that wrote it",
            MIGRATIONS.len()
        ))),
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let version = schema_version(connection, path)?;
    let cannot = |error: rusqlite::Error| {
        StoreError::Failed(format!(
            "cannot bring the database {} to this version: {error}",
            path.display()
        ))
    };
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(cannot)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration).map_err(cannot)?;
    }
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
            MIGRATIONS.len()
        ))
        .map_err(cannot)?;
    transaction.commit().map_err(cannot)
}

/// Checks the database before the daemon trusts it: whole while it is small, else every table but the archive of items,
/// which [`Store::check_archive`] reads once the daemon is up.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if bytes <= CHECK_WHOLE_BYTES_MAX {
        return quick_check(connection, path, "PRAGMA quick_check(1)");
    }
    let cannot = |error: rusqlite::Error| opened_badly(path, &error);
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN ('item', 'seen', 'judgement', 'text', 'told')")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(cannot)?;
    for table in tables {
        quick_check(connection, path, &format!("PRAGMA quick_check({table})"))?;
    }
    Ok(())
}

fn quick_check(connection: &Connection, path: &Path, pragma: &str) -> Result<(), StoreError> {
    let finding: String = connection
        .query_row(pragma, [], |row| row.get(0))
        .map_err(|error| opened_badly(path, &error))?;
    match finding.as_str() {
        "ok" => Ok(()),
        finding => Err(StoreError::Damaged {
            path: path.to_owned(),
            finding: finding.to_owned(),
        }),
    }
}
