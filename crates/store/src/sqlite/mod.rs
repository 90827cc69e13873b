//! The embedded engine: opening the file, and the two ways in: many readers, one writer.

pub(crate) mod backup;
mod inspect;
mod migrations;
pub(crate) mod replace;
mod writer;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, OpenFlags};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::datum::Value;
use crate::sql::Sql;
use crate::{Error, OpenError, ready};
use backup::refused;
pub use inspect::SqliteFacts;
pub(crate) use inspect::inspect;
use migrations::{is_ours, migrate};
use writer::{Message, Request, Writer};

/// One file: connections that read, and the way to the thread that writes.
#[derive(Clone)]
pub(crate) struct Sqlite {
    queue: mpsc::Sender<Message>,
    readers: Arc<Readers>,
    commits: Arc<AtomicU64>,
    hints: Arc<Notify>,
    is_ill: Arc<AtomicBool>,
}

struct Readers {
    /// None once the store is closed.
    connections: Box<[Mutex<Option<Connection>>]>,
    turn: AtomicUsize,
}

impl Sqlite {
    /// Opens the database. If `makes`, creates it if there is none, and brings its schema up to date.
    pub(crate) fn open(path: &Path, group: usize, readers: usize, makes: bool) -> Result<Self, OpenError> {
        Self::open_waiting(path, group, readers, makes, BUSY_TIMEOUT)
    }

    fn open_waiting(path: &Path, group: usize, readers: usize, makes: bool, busy: Duration) -> Result<Self, OpenError> {
        let failed = |error| OpenError::of(path, error);
        let writing = if makes { open_for_writing(path, busy)? } else { open_as_it_is(path, busy)? };
        let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let readers = (0..readers.max(1))
            .map(|_| connect(path, reading, busy).map(|connection| Mutex::new(Some(connection))))
            .collect::<rusqlite::Result<_>>()
            .map_err(failed)?;

        let (commits, hints) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let is_ill = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(writing, group.max(1), commits.clone(), hints.clone(), is_ill.clone());
        let (queue, waiting) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(waiting))
            .map_err(|error| OpenError::Failed { database: path.display().to_string(), source: Box::new(error) })?;
        Ok(Self {
            queue,
            commits,
            hints,
            is_ill,
            readers: Arc::new(Readers { connections: readers, turn: AtomicUsize::new(0) }),
        })
    }

    /// Finishes what was asked for, moves everything into the one file and closes it. Later calls are `Unavailable`.
    pub(crate) async fn close(&self) {
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
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Waits until the log of revocations has grown by this store.
    pub(crate) async fn hinted(&self) {
        self.hints.notified().await;
    }

    /// Whether the last transaction that had something to write could not: the disk may be full.
    pub(crate) fn is_ill(&self) -> bool {
        self.is_ill.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction of the writer, and returns once that is on disk.
    ///
    /// A panic or error in `work` undoes what `work` did and nothing else. If the future is dropped, `work` is not begun;
    /// once begun, it is finished.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFn(Sql<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let job = Message::Job(Box::new(Request::new(work, reply)));
        self.queue.try_send(job).map_err(|_| Error::Unavailable)?;
        outcome.await.unwrap_or(Err(Error::Unavailable))
    }

    /// Runs `work`, one statement, on this thread: it takes microseconds.
    pub(crate) fn read<T>(&self, work: &impl AsyncFn(Sql<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let reader = self.readers.free();
        ready(work(Sql::Sqlite(reader.as_ref().ok_or(Error::Unavailable)?)))
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

/// Binds each value to the parameter whose *name* has its number.
///
/// SQLite takes `$2` for a name and numbers names by their first appearance, so binding by position would swap the values
/// of `where b = $2 and a = $1`; and what is left unbound it takes for null. Hence the mapping, and the refusal of texts
/// whose numbers are not exactly 1 to the count of values.
pub(crate) fn prepare<'c>(
    connection: &'c Connection,
    text: &str,
    values: &[&dyn Value],
) -> Result<CachedStatement<'c>, Error> {
    let mut statement = connection.prepare_cached(text)?;
    if statement.parameter_count() != values.len() {
        return Err(Error::broken("a statement has more or fewer parameters than values"));
    }
    for place in 1..=values.len() {
        let number = statement.parameter_name(place).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| Error::broken("a parameter is not numbered like its value"))?;
        statement.raw_bind_parameter(place, value.datum())?;
    }
    Ok(statement)
}

/// One connection that writes, for work that takes long. If `makes`, the database is created and its schema brought up to date.
pub(crate) fn single(path: &Path, makes: bool) -> Result<Connection, OpenError> {
    if makes { open_for_writing(path, BUSY_TIMEOUT) } else { open_as_it_is(path, BUSY_TIMEOUT) }
}

fn open_for_writing(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::of(path, error);
    // Held until the schema is up to date: SQLite itself does not wait for a second process that turns on the log.
    let _alone = create(path).map_err(|error| refused(path, error))?;
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

/// A connection to a database that some server has made. Nothing is made here.
fn open_as_it_is(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::of(path, error);
    let _alone = lock_folder(path).map_err(|error| refused(path, error))?;
    let writing = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, writing, busy).map_err(failed)?;
    if !is_ours(&connection).map_err(failed)? {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    inspect::schema(&connection, path)?.usable(|| path.display().to_string())?;
    Ok(connection)
}

/// Creates the file if there is none. Returns its folder, locked against other processes that open it too.
fn create(path: &Path) -> io::Result<File> {
    let folder = lock_folder(path)?;
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

/// The folder of a database, locked against other processes that open or replace it.
fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder)?;
    match folder.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(folder),
    }
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
    use std::future::{pending, ready as at_once};

    use tempfile::TempDir;

    use super::*;
    use crate::{Options, Store};

    fn store() -> (Store, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::open(&Options::file(folder.path().join("watchword.db"))).unwrap(), folder)
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
            () = at_once(()) => {}
        }
        outside.execute_batch("rollback").unwrap();
        check.await.unwrap();
    }

    #[tokio::test]
    async fn a_check_notices_that_the_writer_is_gone() {
        let (store, _folder) = store();
        let (reply, closed) = oneshot::channel();
        assert!(store.sqlite().queue.send(Message::Close(reply)).await.is_ok());
        closed.await.unwrap();
        assert!(store.clock_floor().await.unwrap().is_none(), "reading goes on");
        assert!(matches!(store.check().await, Err(Error::Unavailable)));
    }

    #[tokio::test]
    async fn a_value_goes_to_the_parameter_of_its_number_wherever_that_appears() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = Sql::Sqlite(&connection);
        let row = sql
            .one("select $2, $1, $2 where $3 = 'c'", &[&"a", &2i64, &"c"], |row| {
                Ok((row.take::<i64>()?, row.take::<String>()?, row.take::<i64>()?))
            })
            .await;
        assert_eq!(row.unwrap(), Some((2, "a".to_owned(), 2)));
    }

    #[tokio::test]
    async fn a_statement_runs_only_with_exactly_its_values() {
        let connection = Connection::open_in_memory().unwrap();
        for text in ["select $1", "select $1, $2, $3", "select $1, $3", "select $0, $1", "select ?1, ?2", "select ?, ?"]
        {
            let outcome = Sql::Sqlite(&connection).one(text, &[&1i64, &2i64], |_| Ok(())).await;
            assert!(matches!(outcome, Err(Error::Broken(_))), "{text}");
        }
    }

    #[tokio::test]
    #[should_panic(expected = "waits for nothing")]
    async fn a_store_function_that_waits_for_something_else_is_a_mistake() {
        let (store, _folder) = store();
        let _ = store.sqlite().read(&async |_| pending::<Result<(), Error>>().await);
    }
}
