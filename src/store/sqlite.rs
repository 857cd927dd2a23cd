//! SQLite behind the door: one writer (`writer`) and one reader beside it.
//!
//! A database in memory is called in place instead, so that a scenario in virtual time repeats to the byte.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    StoreError,
    schema::{
        CHECK_WHOLE_BYTES_MAX, MIGRATIONS, check, migrate, opened_badly, quick_check,
        schema_version,
    },
    stories::Finder,
    writer::Writer,
};

/// Pages that the writer keeps: the rows of ten thousand feeds and the ends of the tables that grow.
const WRITER_CACHE_KIB: u32 = 4096;
/// How long a reader waits for a checkpoint or another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle on the store; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>, Finder);

enum Inner {
    /// In memory: called in place.
    Inline(Mutex<Connection>),
    File {
        // In the order in which they end: SQLite empties and removes the write-ahead log when its last connection may write.
        reader: Arc<Mutex<Connection>>,
        writer: Option<Writer>,
        /// Taken before a thread is: those who wait for the reader hold no thread each.
        reading: tokio::sync::Mutex<()>,
        /// Whether whoever had it before left without closing it.
        was_cut_off: bool,
        /// Held for as long as this daemon owns the store.
        _lock: Option<File>,
    },
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// An empty store that lives and dies with this value.
    ///
    /// # Errors
    /// When SQLite has no memory for it.
    pub fn in_memory() -> Result<Store, StoreError> {
        let cannot = failed("cannot open a database in memory");
        // Nobody else reaches this connection but through the lock below.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_in_memory_with_flags(flags).map_err(&cannot)?;
        configure(&connection).map_err(&cannot)?;
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
        // The log's file goes when the database is closed.
        let was_cut_off = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
        let mut connection = Connection::open(path).map_err(|error| opened_badly(path, &error))?;
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -{WRITER_CACHE_KIB}"
            ))
            .map_err(|error| opened_badly(path, &error))?;
        configure(&connection).map_err(|error| opened_badly(path, &error))?;
        migrate(&mut connection, path)?;
        check(&connection, path)?;
        let reader = open_reader(path)?;
        Ok(file(
            Some(Writer::start(connection, Some(path))?),
            reader,
            was_cut_off,
            Some(lock),
        ))
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
            .and_then(|()| configure(&connection))
            .map_err(|error| opened_badly(path, &error))?;
        let writer = Writer::start(connection, None)?;
        Ok(file(Some(writer), reader, false, None))
    }

    /// Opens a store to read it, beside a running daemon or after one.
    ///
    /// # Errors
    /// `Missing` where there is no database; `Foreign` or `Damaged` where it cannot be read.
    pub fn open_to_read(path: &Path) -> Result<Store, StoreError> {
        let reader = open_known(path)?;
        Ok(file(None, reader, false, None))
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

    /// Whether the daemon that had it before was killed: what it did in its last moments may not be written down.
    pub fn was_cut_off(&self) -> bool {
        matches!(
            &*self.0,
            Inner::File {
                was_cut_off: true,
                ..
            }
        )
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
            } => writer.write(doing, work).await,
        }
    }

    /// Runs `work` in a transaction soon, before every later write, and calls `done` when it is on the disk. What has not run
    /// when the machine dies is as if it had never been asked for; a store that is dropped runs it first.
    pub(super) async fn write_soon<T, F, D>(&self, doing: &'static str, work: F, done: D)
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        D: FnOnce(Result<T, StoreError>) + Send + 'static,
    {
        match &*self.0 {
            Inner::File {
                writer: Some(writer),
                ..
            } => writer.write_soon(doing, work, done).await,
            _ => done(self.write(doing, work).await),
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
            Inner::File {
                reader, reading, ..
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

    /// Runs `work` on what is committed, in place: for a few rows found by their keys, in microseconds. A hop to another
    /// thread and back costs several times as much, and every poll and every alert reads so.
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
                reader, reading, ..
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

fn file(
    writer: Option<Writer>,
    reader: Connection,
    was_cut_off: bool,
    lock: Option<File>,
) -> Store {
    Store(
        Arc::new(Inner::File {
            reader: Arc::new(Mutex::new(reader)),
            writer,
            reading: tokio::sync::Mutex::new(()),
            was_cut_off,
            _lock: lock,
        }),
        Finder::default(),
    )
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

/// What holds for every connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(128);
    // What a savepoint may have to undo: in memory, instead of a file for each group.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Without it SQLite plans a statement anew for each value that a range is compared with.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
