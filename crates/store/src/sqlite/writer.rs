//! The one writer: runs many requests in one transaction, and answers each only after that was committed.

mod job;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::Error;
use crate::sql::Sql;
pub(crate) use job::{Job, Message, Request};

/// The writing connection, on its own thread.
pub(crate) struct Writer {
    connection: Connection,
    /// Most requests per commit.
    group: usize,
    /// How many transactions were committed.
    commits: Arc<AtomicU64>,
    /// Told when the log of revocations has grown.
    hints: Arc<Notify>,
    /// The last entry of that log that was seen.
    revoked: Cell<i64>,
    /// Whether the last transaction that had something to write could not.
    is_ill: Arc<AtomicBool>,
}

impl Writer {
    pub(crate) fn new(
        connection: Connection,
        group: usize,
        commits: Arc<AtomicU64>,
        hints: Arc<Notify>,
        is_ill: Arc<AtomicBool>,
    ) -> Self {
        Self { connection, group, commits, hints, revoked: Cell::new(0), is_ill }
    }

    /// Serves until asked to close, or until nobody is left who could ask.
    pub(crate) fn run(self, mut queue: mpsc::Receiver<Message>) {
        let mut close = None;
        while close.is_none() {
            match queue.blocking_recv() {
                Some(Message::Job(first)) => close = self.serve(first, &mut queue),
                Some(Message::Close(reply)) => close = Some(reply),
                None => break,
            }
        }
        self.close();
        if let Some(reply) = close {
            // Whoever asked may have stopped waiting; the file is closed all the same.
            let _ = reply.send(());
        }
    }

    /// Commits `first` and whatever else is waiting, then answers all of them.
    fn serve(&self, first: Box<dyn Job>, queue: &mut mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
        let mut close = None;
        let mut ran = Vec::new();
        let mut next = Some(first);
        let changes = self.connection.total_changes();
        let mut fate = self.begin();
        while let Some(mut job) = next.take() {
            // Nothing is consumed for a caller who has gone: whoever gave up waiting may ask again.
            if job.is_wanted() {
                if fate.is_ok() {
                    fate = self.step(job.as_mut());
                }
                ran.push(job);
            }
            if ran.len() < self.group {
                match queue.try_recv() {
                    Ok(Message::Job(job)) => next = Some(job),
                    Ok(Message::Close(reply)) => close = Some(reply),
                    Err(_) => {}
                }
            }
        }
        let fate = fate.and_then(|()| self.commit());
        match &fate {
            Err(_) => self.roll_back(),
            Ok(()) if self.connection.total_changes() > changes => self.is_well(),
            Ok(()) => {}
        }
        for job in ran {
            job.answer(fate.as_ref().err().map(Error::again));
        }
        close
    }

    fn begin(&self) -> Result<(), Error> {
        // Immediate: the lock that another process may hold is waited for here, before anybody's work has begun.
        self.execute("begin immediate")
    }

    /// Runs one request so that its failure undoes only itself. An error concerns the whole group.
    fn step(&self, job: &mut dyn Job) -> Result<(), Error> {
        self.execute("savepoint job")?;
        let is_done = job.run(Sql::Sqlite(&self.connection));
        if self.connection.is_autocommit() {
            // A full disk makes SQLite roll back the whole transaction. Nobody is told success.
            self.cannot_write("it gave up a transaction");
            return Err(Error::Unavailable);
        }
        if !is_done {
            self.execute("rollback to job")?;
        }
        self.execute("release job")
    }

    fn commit(&self) -> Result<(), Error> {
        self.execute("commit").inspect_err(|error| {
            if matches!(error, Error::Unavailable) {
                self.cannot_write("a commit failed");
            }
        })?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.hint();
        Ok(())
    }

    /// Wakes whoever follows the log of revocations, if it has grown. Microseconds, beside a commit that waits for a disk.
    fn hint(&self) {
        let last = "select seq from sqlite_sequence where name = 'revocations'";
        let last = self.connection.prepare_cached(last).and_then(|mut last| last.query_row([], |row| row.get(0)));
        // Without a row there has never been an entry. Should reading fail, whoever follows it polls all the same.
        if let Ok(last) = last
            && self.revoked.replace(last) != last
        {
            self.hints.notify_one();
        }
    }

    /// Says so once, however many callers it concerns.
    fn cannot_write(&self, why: &str) {
        if !self.is_ill.swap(true, Ordering::Relaxed) {
            tracing::error!(why, "the database cannot be written: is the disk full?");
        }
    }

    fn is_well(&self) {
        if self.is_ill.swap(false, Ordering::Relaxed) {
            tracing::info!("the database can be written again");
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("rollback")
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
    }

    fn execute(&self, text: &str) -> Result<(), Error> {
        self.connection.prepare_cached(text)?.raw_execute()?;
        Ok(())
    }

    /// Moves the log into the database file, so that the file alone is complete.
    fn close(self) {
        let checkpoint = self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
        if let Err(error) = checkpoint.and_then(|()| self.connection.close().map_err(|(_, error)| error)) {
            tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
        }
    }
}

#[cfg(test)]
mod tests;
