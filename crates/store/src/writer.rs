//! The one writer: runs many requests in one transaction, and answers each only after that was committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::sql::Sql;

/// The writing connection, on its own thread.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    /// Most requests per commit.
    pub(crate) group: usize,
    /// How many transactions were committed.
    pub(crate) commits: Arc<AtomicU64>,
}

/// What the writer is sent.
pub(crate) enum Message {
    /// Something to do.
    Job(Box<dyn Job>),
    /// Do what was sent before, then close the file and answer.
    Close(oneshot::Sender<()>),
}

/// One request, whatever its types.
pub(crate) trait Job: Send {
    /// Does the work inside a savepoint; false if what it did must be undone.
    fn run(&mut self, sql: Sql<'_>) -> bool;
    /// Tells the caller the outcome, or why it was lost.
    fn answer(self: Box<Self>, lost: Option<Error>);
}

/// A caller's work and where the outcome goes.
pub(crate) struct Request<F, T> {
    work: Option<F>,
    outcome: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl Writer {
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
        let mut fate = self.begin();
        while let Some(mut job) = next.take() {
            if fate.is_ok() {
                fate = self.step(job.as_mut());
            }
            ran.push(job);
            if ran.len() < self.group {
                match queue.try_recv() {
                    Ok(Message::Job(job)) => next = Some(job),
                    Ok(Message::Close(reply)) => close = Some(reply),
                    Err(_) => {}
                }
            }
        }
        let fate = fate.and_then(|()| self.commit());
        if fate.is_err() {
            self.roll_back();
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
        if !job.run(Sql(&self.connection)) {
            self.execute("rollback to job")?;
        }
        // A full disk makes SQLite roll back the whole transaction: then this fails, and nobody is told success.
        self.execute("release job")
    }

    fn commit(&self) -> Result<(), Error> {
        self.execute("commit")?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
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

impl<F, T> Request<F, T> {
    pub(crate) fn new(work: F, reply: oneshot::Sender<Result<T, Error>>) -> Self {
        Self { work: Some(work), outcome: None, reply }
    }
}

impl<F, T> Job for Request<F, T>
where
    F: FnOnce(Sql<'_>) -> Result<T, Error> + Send,
    T: Send,
{
    fn run(&mut self, sql: Sql<'_>) -> bool {
        let work = self.work.take().expect("a request runs once");
        let outcome = catch_unwind(AssertUnwindSafe(|| work(sql)))
            .unwrap_or_else(|_| Err(Error::broken("a store function panicked")));
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, lost: Option<Error>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = lost.map_or_else(|| outcome.unwrap_or(Err(Error::Unavailable)), Err);
        // The caller may have gone away; what was committed stays committed.
        let _ = reply.send(outcome);
    }
}
