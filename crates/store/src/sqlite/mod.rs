//! The embedded engine and the two ways in: many readers, one writer.

pub(crate) mod backup;
mod inspect;
mod migrations;
mod open;
pub(crate) mod replace;
mod statement;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::sql::Sql;
use crate::{Error, OpenError, ready};
pub use inspect::SqliteFacts;
pub(crate) use inspect::inspect;
pub(crate) use open::single;
use open::{BUSY_TIMEOUT, connect, lock_folder, open_as_it_is, open_for_writing};
pub(crate) use statement::prepare;
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

/// How many requests may wait for the writer. More would only wait longer than their callers do.
const QUEUE: usize = 4096;

#[cfg(test)]
mod tests;
