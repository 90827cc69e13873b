//! What the writer is asked to do, and how whoever asked is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::sql::Sql;
use crate::{Error, ready};

/// What the writer is sent.
pub(crate) enum Message {
    /// Something to do.
    Job(Box<dyn Job>),
    /// Do what was sent before, then close the file and answer.
    Close(oneshot::Sender<()>),
}

/// One request, whatever its types.
pub(crate) trait Job: Send {
    /// Whether anybody still waits for the outcome.
    fn is_wanted(&self) -> bool;
    /// Does the work inside a savepoint; false if what it did must be undone.
    fn run(&mut self, sql: Sql<'_>) -> bool;
    /// Tells the caller the outcome, or why it was lost.
    fn answer(self: Box<Self>, lost: Option<Error>);
}

/// A caller's work and where the outcome goes.
pub(crate) struct Request<F, T> {
    work: F,
    outcome: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<F, T> Request<F, T> {
    pub(crate) fn new(work: F, reply: oneshot::Sender<Result<T, Error>>) -> Self {
        Self { work, outcome: None, reply }
    }
}

impl<F, T> Job for Request<F, T>
where
    F: AsyncFn(Sql<'_>) -> Result<T, Error> + Send,
    T: Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, sql: Sql<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| ready((self.work)(sql))))
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
