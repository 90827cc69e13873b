//! Opening the database, and the two ways in: many readers, one writer.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use crate::migrations::{is_ours, migrate};
use crate::sql::Sql;
use crate::writer::{Message, Request, Writer};
use crate::{Error, OpenError};

/// Everything that Watchword remembers. Clones share one database.
#[derive(Clone)]
pub struct Store {
    queue: mpsc::Sender<Message>,
    readers: Arc<Readers>,
    commits: Arc<AtomicU64>,
}

/// Where the database is and how it is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file. It is created, for its owner only, if it does not exist; its folder must.
    pub path: PathBuf,
    /// Most requests in one commit; 1 means one commit per request.
    pub group: usize,
    /// How many connections read.
    pub readers: usize,
}

struct Readers {
    /// None once the store is closed.
    connections: Box<[Mutex<Option<Connection>>]>,
    turn: AtomicUsize,
}

impl Options {
    /// The usual numbers.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), group: 256, readers: 4 }
    }
}

impl Store {
    /// Opens the database, creates it if there is none, and brings its schema up to date.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        Self::open_waiting(options, BUSY_TIMEOUT)
    }

    pub(crate) fn open_waiting(options: &Options, busy: Duration) -> Result<Self, OpenError> {
        let path = &options.path;
        let failed = |error| OpenError::of(path, error);
        let writing = open_for_writing(path, busy)?;
        let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let readers = (0..options.readers.max(1))
            .map(|_| connect(path, reading, busy).map(|connection| Mutex::new(Some(connection))))
            .collect::<rusqlite::Result<_>>()
            .map_err(failed)?;

        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer { connection: writing, group: options.group.max(1), commits: commits.clone() };
        let (queue, waiting) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(waiting))
            .map_err(|error| OpenError::Failed { path: path.clone(), source: Box::new(error) })?;
        Ok(Self { queue, commits, readers: Arc::new(Readers { connections: readers, turn: AtomicUsize::new(0) }) })
    }

    /// Finishes what was asked for, moves everything into the one file and closes it. Later calls are `Unavailable`.
    pub async fn close(&self) {
        for reader in &self.readers.connections {
            lock(reader).take();
        }
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            // Without an answer the writer was closed by somebody else's call.
            let _ = closed.await;
        }
    }

    /// How many transactions this store has committed since it was opened.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction of the writer, and returns once that is on disk.
    ///
    /// A panic or error in `work` undoes what `work` did and nothing else. If the future is dropped, `work` is not begun;
    /// once begun, it is finished.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Sql<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let job = Message::Job(Box::new(Request::new(work, reply)));
        self.queue.try_send(job).map_err(|_| Error::Unavailable)?;
        outcome.await.unwrap_or(Err(Error::Unavailable))
    }

    /// Runs `work`, one statement, on this thread: it takes microseconds.
    pub(crate) fn read<T>(&self, work: impl FnOnce(Sql<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let reader = self.readers.free();
        work(Sql(reader.as_ref().ok_or(Error::Unavailable)?))
    }
}

impl Readers {
    /// A connection that nobody uses now, or else the next one to become free.
    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        let count = self.connections.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .find_map(|step| self.connections[(turn.wrapping_add(step)) % count].try_lock().ok())
            .unwrap_or_else(|| lock(&self.connections[turn % count]))
    }
}

/// A panic while reading leaves nothing half done, so the connection can be used again.
fn lock(reader: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_for_writing(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::NoFolder(path.to_owned()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => OpenError::NotWritable(path.to_owned()),
        _ => OpenError::Failed { path: path.to_owned(), source: Box::new(error) },
    };
    let failed = |error| OpenError::of(path, error);
    // Held until the schema is up to date: SQLite itself does not wait for a second process that turns on the log.
    let _alone = create(path).map_err(refused)?;
    if path.is_dir() {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    let writing = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(path, writing, busy).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::NotWritable(path.to_owned()));
    }
    if !is_ours(&connection).map_err(failed)? {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(failed)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Creates the file if there is none. Returns its folder, locked against other processes that open it too.
fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder)?;
    match folder.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An existing file must not be opened here: closing it again would drop the locks SQLite holds in this process.
    match options.open(path) {
        Ok(file) => file.sync_all().and_then(|()| folder.sync_all())?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(folder)
}

/// A connection with the settings that every one of them has.
fn connect(path: &Path, flags: OpenFlags, busy: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise SQLite compiles a statement on a table with partial indexes anew at every run, in case a better plan
    // exists for its values. That costs more than the run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // full: normal loses acknowledged commits when the power fails. The two with fullfsync matter on macOS alone.
    connection.execute_batch(
        "pragma synchronous = full;
        pragma fullfsync = on;
        pragma checkpoint_fullfsync = on;
        pragma foreign_keys = on;
        pragma trusted_schema = off;
        pragma temp_store = memory;
        pragma mmap_size = 0;
        pragma cache_size = -2000;
        pragma journal_size_limit = 16777216;",
    )?;
    Ok(connection)
}

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many requests may wait for the writer. More would only wait longer than their callers do.
const QUEUE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tempfile::TempDir;

    use super::*;

    fn store() -> (Store, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::open(&Options::new(folder.path().join("watchword.db"))).unwrap(), folder)
    }

    #[tokio::test]
    async fn a_check_writes_nothing() {
        let (store, folder) = store();
        let log = || fs::read(folder.path().join("watchword.db-wal")).unwrap();
        let before = log();
        for _ in 0..3 {
            store.check().await.unwrap();
        }
        assert!(log() == before);
    }

    #[tokio::test]
    async fn a_check_waits_as_long_as_writing_is_stuck() {
        let (store, folder) = store();
        let outside = Connection::open(folder.path().join("watchword.db")).unwrap();
        outside.execute_batch("begin immediate").unwrap();
        let mut check = std::pin::pin!(store.check());
        tokio::select! {
            biased;
            outcome = &mut check => panic!("{outcome:?}"),
            () = ready(()) => {}
        }
        outside.execute_batch("rollback").unwrap();
        check.await.unwrap();
    }

    #[tokio::test]
    async fn a_check_notices_that_the_writer_is_gone() {
        let (store, _folder) = store();
        let (reply, closed) = oneshot::channel();
        assert!(store.queue.send(Message::Close(reply)).await.is_ok());
        closed.await.unwrap();
        assert!(store.clock_floor().await.unwrap().is_none(), "reading goes on");
        assert!(matches!(store.check().await, Err(Error::Unavailable)));
    }
}
