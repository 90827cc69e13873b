//! The engine for many nodes: a thread of its own that runs store functions on pooled connections to PostgreSQL.
//!
//! The thread exists so that what is begun is finished although the caller leaves, as on SQLite, and because the futures of
//! store functions need not be `Send`. It waits for the network and decodes rows; the work is done by the server.

mod connect;
mod fault;
mod hints;
mod history;
mod inspect;
mod migrations;
mod pool;
mod session;
mod single;
mod tls;
mod url;

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::timeout;

use crate::db::Opening;
use crate::sql::Sql;
use crate::{Error, OpenError, transfer};
use connect::Connector;
use hints::Hints;
pub(crate) use history::sweep as sweep_marks;
pub use inspect::PostgresFacts;
pub(crate) use inspect::inspect;
pub(crate) use pool::Mode;
use pool::{GOODBYE, Pool};
pub(crate) use session::Session;
pub(crate) use single::Single;
pub use url::{PostgresUrl, UrlError};

/// The way to the thread that talks with the server.
#[derive(Clone)]
pub(crate) struct Postgres {
    messages: mpsc::UnboundedSender<Message>,
    places: Arc<Semaphore>,
    commits: Arc<AtomicU64>,
    hints: Arc<Hints>,
}

enum Message {
    Job(Job),
    /// Finish what was sent before, close every connection, and answer.
    Close(oneshot::Sender<()>),
}

type Job = Box<dyn FnOnce(Rc<Pool>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// How many callers may wait. More would only wait longer than they can.
const CALLERS: usize = 4096;

impl Postgres {
    /// Connects, checks the server, and, if `opening` says so, brings the schema up to date. Blocks this thread meanwhile.
    pub(crate) fn open(url: &PostgresUrl, opening: Opening) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Failed { database: url.to_string(), source: Box::new(error) };
        let connector = Connector::new(url)?;
        let (commits, hints) = (Arc::new(AtomicU64::new(0)), Arc::new(Hints::default()));
        let (messages, inbox) = mpsc::unbounded_channel();
        let (opened, outcome) = std::sync::mpsc::channel();
        let shared = (commits.clone(), hints.clone());
        // Made where it is dropped: a runtime cannot be dropped on a thread of another one, such as this may be.
        let serve = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => LocalSet::new().block_on(&runtime, open(connector, opening, shared, opened, inbox)),
            Err(error) => {
                let database = connector.shown;
                drop(opened.send(Err(OpenError::Failed { database, source: Box::new(error) })));
            }
        };
        thread::Builder::new().name("store-postgres".into()).spawn(serve).map_err(failed)?;
        let gone = |_| OpenError::Failed { database: url.to_string(), source: "its thread ended".into() };
        outcome.recv().map_err(gone)??;
        Ok(Self { messages, places: Arc::new(Semaphore::new(CALLERS)), commits, hints })
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Waits for a hint of this or another node that the log of revocations has grown.
    pub(crate) async fn hinted(&self) {
        self.hints.heard().await;
    }

    /// Runs `work`. Begun, it is finished, whether or not the caller still waits.
    pub(crate) async fn run<T, F>(&self, mode: Mode, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFn(Sql<'_>) -> Result<T, Error> + Send + 'static,
    {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Error::Unavailable)?;
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |pool| Box::pin(run(pool, mode, work, reply, place)));
        self.messages.send(Message::Job(job)).map_err(|_| Error::Unavailable)?;
        outcome.await.unwrap_or(Err(Error::Unavailable))
    }

    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.messages.send(Message::Close(reply)).is_ok() {
            // Without an answer it was closed by somebody else's call.
            let _ = closed.await;
        }
    }
}

async fn run<T, F>(
    pool: Rc<Pool>,
    mode: Mode,
    work: F,
    mut reply: oneshot::Sender<Result<T, Error>>,
    _place: OwnedSemaphorePermit,
) where
    F: AsyncFn(Sql<'_>) -> Result<T, Error>,
{
    let outcome = tokio::select! {
        biased;
        // Nothing is begun for a caller who has gone: whoever gave up waiting may ask again.
        () = reply.closed() => return,
        turn = pool.turn() => match turn {
            Ok(turn) => pool.run(turn, mode, &work).await,
            Err(error) => Err(error),
        },
    };
    // The caller may have gone away; what was committed stays committed.
    let _ = reply.send(outcome);
}

async fn open(
    connector: Connector,
    opening: Opening,
    (commits, hints): (Arc<AtomicU64>, Arc<Hints>),
    opened: std::sync::mpsc::Sender<Result<(), OpenError>>,
    inbox: mpsc::UnboundedReceiver<Message>,
) {
    let admitted = async {
        let first = migrations::open(&connector, opening).await?;
        transfer::admit(Sql::Postgres(&first), &connector.shown).await?;
        Ok(first)
    };
    match admitted.await {
        Ok(first) => {
            // Whoever opens waits for it.
            let _ = opened.send(Ok(()));
            let connector = Rc::new(connector);
            let pool = Rc::new(Pool::new(connector.clone(), first, commits, hints.clone()));
            let hinting = spawn_local(hints::exchange(connector, hints.clone()));
            let close = serve(pool.clone(), inbox).await;
            hints.close();
            // What does not end by itself ends with the thread.
            let _ = timeout(GOODBYE, hinting).await;
            pool.close().await;
            if let Some(reply) = close {
                // Whoever asked may have stopped waiting; the connections are closed all the same.
                let _ = reply.send(());
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    }
}

/// Does what is asked for until it is to end; answers who wants to be told when it has.
async fn serve(pool: Rc<Pool>, mut inbox: mpsc::UnboundedReceiver<Message>) -> Option<oneshot::Sender<()>> {
    let mut jobs = JoinSet::new();
    let mut close = None;
    while close.is_none() {
        tokio::select! {
            biased;
            message = inbox.recv() => match message {
                Some(Message::Job(job)) => drop(jobs.spawn_local(job(pool.clone()))),
                Some(Message::Close(reply)) => close = Some(reply),
                None => break,
            },
            Some(_) = jobs.join_next() => {}
        }
    }
    inbox.close();
    while let Some(message) = inbox.recv().await {
        if let Message::Job(job) = message {
            jobs.spawn_local(job(pool.clone()));
        }
    }
    while jobs.join_next().await.is_some() {}
    close
}
