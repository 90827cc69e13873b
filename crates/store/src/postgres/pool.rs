//! The connections of one node, and running a store function on one of them: again if that can help, and never for long.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::connect::Connector;
use super::fault::Fault;
use super::hints::Hints;
use super::session::Session;
use crate::Error;
use crate::sql::Sql;

/// Most connections of one node. More would only wait for each other inside the server.
const CONNECTIONS: usize = 10;

/// How long a caller waits for one of them.
const TURN: Duration = Duration::from_secs(2);

/// How long a store function may take, from its first statement to the answer to its commit, repetitions included.
const CALL: Duration = Duration::from_secs(8);

/// How often a store function is begun.
const ATTEMPTS: u32 = 4;

/// How long the connections may take to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// Whether a store function changes anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One statement, which needs no transaction around it.
    Read,
    Write,
}

/// All connections of this node.
pub(super) struct Pool {
    connector: Rc<Connector>,
    /// Not in use. The one used last is used next, so that few are kept warm.
    idle: RefCell<Vec<Session>>,
    turns: Semaphore,
    commits: Arc<AtomicU64>,
    hints: Arc<Hints>,
    /// Whether the server answered when it was last asked.
    is_well: Cell<bool>,
}

/// Why an attempt came to nothing.
struct Failed {
    error: Error,
    /// Whether another attempt may succeed. Never after a commit without an answer: it may have happened.
    again: bool,
}

impl Pool {
    pub(super) fn new(connector: Rc<Connector>, first: Session, commits: Arc<AtomicU64>, hints: Arc<Hints>) -> Self {
        let (idle, turns) = (RefCell::new(vec![first]), Semaphore::new(CONNECTIONS));
        Self { connector, idle, turns, commits, hints, is_well: Cell::new(true) }
    }

    /// Waits for the right to use a connection.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        match timeout(TURN, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Error::Unavailable),
        }
    }

    /// Runs `work` on a connection.
    pub(super) async fn run<T, F>(&self, _turn: SemaphorePermit<'_>, mode: Mode, work: &F) -> Result<T, Error>
    where
        F: AsyncFn(Sql<'_>) -> Result<T, Error>,
    {
        let attempts = async {
            for _ in 1..ATTEMPTS {
                match self.attempt(mode, work).await {
                    Err(Failed { again: true, .. }) => {}
                    outcome => return outcome,
                }
            }
            self.attempt(mode, work).await
        };
        if let Ok(outcome) = timeout(CALL, attempts).await {
            return outcome.map_err(|failed| failed.error);
        }
        // The connection was dropped with the attempt, so that nobody else waits for what is left of it.
        self.is_ill("no answer in time");
        Err(Error::Unavailable)
    }

    async fn attempt<T, F>(&self, mode: Mode, work: &F) -> Result<T, Failed>
    where
        F: AsyncFn(Sql<'_>) -> Result<T, Error>,
    {
        let session = self.session().await?;
        session.start(mode);
        let outcome = AssertUnwindSafe(work(Sql::Postgres(&session))).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Err(Error::broken("a store function panicked")));
        match (outcome, session.fault()) {
            (Ok(value), None) => self.finish(session).await.map(|()| value),
            (outcome, fault) => {
                let error = outcome.err().unwrap_or_else(|| Error::broken("a store function went on after an error"));
                Err(self.give_up(session, fault, error).await)
            }
        }
    }

    async fn finish(&self, session: Session) -> Result<(), Failed> {
        let mark = self.connector.history.next();
        match session.commit(&mark).await {
            Ok(has_committed) => {
                if has_committed {
                    self.connector.history.acknowledge(&mark);
                }
                self.commits.fetch_add(has_committed.into(), Ordering::Relaxed);
                if session.has_revoked() {
                    self.hints.announce();
                }
                self.give_back(session);
                Ok(())
            }
            Err(error) if session.fault() == Some(Fault::Conflict) => {
                Err(self.give_up(session, Some(Fault::Conflict), error).await)
            }
            // Committed or not, nobody can say. Whoever asks again is safe: every store function bears it.
            Err(_) => {
                self.is_ill(&format!("a commit was not answered: {}", session.why()));
                Err(Failed { error: Error::Unavailable, again: false })
            }
        }
    }

    async fn give_up(&self, session: Session, fault: Option<Fault>, error: Error) -> Failed {
        match fault {
            None | Some(Fault::Refused | Fault::Conflict) => {
                if session.roll_back().await {
                    self.give_back(session);
                }
            }
            Some(Fault::Lost) => {
                self.is_ill(&session.why());
                // The others were made at the same time, to the same server.
                self.idle.borrow_mut().clear();
            }
            Some(Fault::Strange) => {}
        }
        Failed { error, again: matches!(fault, Some(Fault::Conflict | Fault::Lost)) }
    }

    /// A connection that is not in use, or a new one.
    async fn session(&self) -> Result<Session, Failed> {
        while let Some(session) = self.take_idle() {
            if !session.is_closed() && self.connector.is_current(&session) {
                return Ok(session);
            }
        }
        self.connector.connect().await.map_err(|refusal| {
            self.is_ill(&refusal.to_string());
            Failed { error: Error::Unavailable, again: false }
        })
    }

    fn take_idle(&self) -> Option<Session> {
        self.idle.borrow_mut().pop()
    }

    fn give_back(&self, session: Session) {
        if !self.is_well.replace(true) {
            tracing::info!("PostgreSQL answers again");
        }
        // Another server may have taken over: nobody goes on with the one before.
        if self.connector.is_current(&session) {
            self.idle.borrow_mut().push(session);
        }
    }

    /// Says so once, however many callers notice it.
    fn is_ill(&self, why: &str) {
        if self.is_well.replace(false) {
            tracing::warn!(why, "PostgreSQL does not answer");
        }
    }

    /// Closes every connection, once nobody uses one any more.
    pub(super) async fn close(&self) {
        self.idle.borrow_mut().clear();
        // What does not end by itself ends with the thread.
        let _ = timeout(GOODBYE, self.connector.closed()).await;
    }
}
