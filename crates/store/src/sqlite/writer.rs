//! The one writer: runs many requests in one transaction, and answers each only after that was committed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::sql::Sql;
use crate::{Error, ready};

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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready as at_once;
    use std::time::Duration;

    use tempfile::TempDir;
    use tokio::task::{JoinHandle, JoinSet};

    use super::super::Sqlite;
    use super::*;

    /// A store that does not wait for other processes.
    fn store() -> (Sqlite, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchword.db");
        (Sqlite::open_waiting(&path, 256, 4, true, Duration::ZERO).unwrap(), folder)
    }

    async fn note(sql: Sql<'_>, name: &str) -> Result<usize, Error> {
        sql.run("insert into meta (name, value) values ($1, 0)", &[&name]).await
    }

    fn notes(store: &Sqlite) -> i64 {
        let text = "select count(*) from meta where name <> 'revocations_source'";
        let count = async |sql: Sql<'_>| sql.one(text, &[], |row| row.take()).await;
        store.read(&count).unwrap().unwrap()
    }

    fn execute(sql: Sql<'_>, text: &str) -> rusqlite::Result<()> {
        let Sql::Sqlite(connection) = sql else { unreachable!("the store is on SQLite") };
        connection.execute_batch(text)
    }

    /// Keeps the writer busy until told to go on.
    async fn hold(store: &Sqlite) -> (JoinHandle<Result<(), Error>>, std::sync::mpsc::Sender<()>) {
        let (started, has_started) = oneshot::channel();
        let (go, may_go) = std::sync::mpsc::channel();
        let store = store.clone();
        let started = Cell::new(Some(started));
        let hold = async move |_: Sql<'_>| {
            started.take().unwrap().send(()).unwrap();
            may_go.recv().map_err(|_| Error::Unavailable)
        };
        let held = tokio::spawn(async move { store.write(hold).await });
        has_started.await.unwrap();
        (held, go)
    }

    /// Runs `spoil` between two others, all three in one group.
    async fn in_the_middle(
        store: &Sqlite,
        spoil: impl AsyncFn(Sql<'_>) -> Result<(), Error> + Send + 'static,
    ) -> [Option<Error>; 3] {
        let (started, has_started) = std::sync::mpsc::channel();
        let (go, may_go) = std::sync::mpsc::channel();
        let first = store.write(async move |sql| {
            started.send(()).unwrap();
            may_go.recv().unwrap();
            note(sql, "first").await
        });
        let rest = async {
            let (spoiled, last) = (store.write(spoil), store.write(async |sql| note(sql, "last").await));
            // Polled in order: when the third is, the first holds the group open and the second waits in the queue.
            let open = async { has_started.recv().and(go.send(()).map_err(|_| std::sync::mpsc::RecvError)).unwrap() };
            tokio::join!(biased; spoiled, last, open)
        };
        let (first, (spoiled, last, ())) = tokio::join!(biased; first, rest);
        [first.err(), spoiled.err(), last.err()]
    }

    #[tokio::test]
    async fn a_panic_undoes_one_request_and_the_writer_goes_on() {
        let (store, _folder) = store();
        let outcomes = in_the_middle(&store, async |sql| {
            note(sql, "spoiled").await?;
            panic!("on purpose")
        })
        .await;
        assert!(matches!(outcomes, [None, Some(Error::Broken(_)), None]), "{outcomes:?}");
        assert_eq!(notes(&store), 2);
    }

    #[tokio::test]
    async fn an_error_undoes_what_its_own_request_did() {
        let (store, _folder) = store();
        let outcomes = in_the_middle(&store, async |sql| {
            note(sql, "spoiled").await?;
            Err(Error::Taken("username"))
        })
        .await;
        assert!(matches!(outcomes, [None, Some(Error::Taken("username")), None]), "{outcomes:?}");
        assert_eq!(notes(&store), 2);
    }

    #[tokio::test]
    async fn nobody_is_told_success_when_the_commit_fails() {
        let (store, _folder) = store();
        let outcomes = in_the_middle(&store, async |sql| {
            // A grant without its session, which is noticed only at the commit.
            execute(
                sql,
                "pragma defer_foreign_keys = on;
                insert into grants values (zeroblob(16), zeroblob(16), '', '', 0, 0)",
            )?;
            Ok(())
        })
        .await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Error::Broken(_)))), "{outcomes:?}");
        assert_eq!(notes(&store), 0);
        store.write(async |sql| note(sql, "afterwards").await).await.unwrap();
        assert_eq!((notes(&store), store.commits()), (1, 1));
    }

    #[tokio::test]
    async fn nobody_is_told_success_when_the_database_rolls_back_by_itself() {
        let (store, _folder) = store();
        let outcomes = in_the_middle(&store, async |sql| {
            // What SQLite does by itself when the disk is full.
            execute(sql, "rollback")?;
            Err(Error::broken("disk full"))
        })
        .await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Error::Unavailable))), "{outcomes:?}");
        assert_eq!(notes(&store), 0);
        store.write(async |sql| note(sql, "afterwards").await).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_database_asks_to_try_again_and_is_ill_until_something_was_written() {
        let (store, _folder) = store();
        let most = async |pages| store.write(async move |sql| Ok(execute(sql, pages)?)).await.unwrap();
        let large =
            async |sql: Sql<'_>| sql.run("insert into meta (name, value) values (hex(zeroblob(100000)), 0)", &[]).await;
        most("pragma max_page_count = 1").await;
        assert!(matches!(store.write(large).await, Err(Error::Unavailable)));
        assert!(store.is_ill());
        most("pragma max_page_count = 1000000").await;
        assert!(store.is_ill(), "nothing was written yet");
        store.write(large).await.unwrap();
        assert!(!store.is_ill() && notes(&store) == 1);
    }

    #[tokio::test]
    async fn while_another_process_writes_the_answer_is_to_try_again() {
        let (store, folder) = store();
        let outside = Connection::open(folder.path().join("watchword.db")).unwrap();
        outside.execute_batch("begin immediate").unwrap();
        assert!(matches!(store.write(async |sql| note(sql, "early").await).await, Err(Error::Unavailable)));
        assert_eq!(notes(&store), 0, "reading goes on");
        outside.execute_batch("rollback").unwrap();
        store.write(async |sql| note(sql, "later").await).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_turns_callers_away_at_once() {
        let (store, _folder) = store();
        let (held, go) = hold(&store).await;
        let mut waiting = JoinSet::new();
        for _ in 0..5000 {
            let store = store.clone();
            waiting.spawn(async move { store.write(async |_| Ok(())).await });
        }
        let mut turned_away = 0;
        while turned_away < 5000 - 4096 {
            assert!(matches!(waiting.join_next().await, Some(Ok(Err(Error::Unavailable)))));
            turned_away += 1;
        }
        go.send(()).unwrap();
        assert!(waiting.join_all().await.into_iter().all(|outcome| outcome.is_ok()));
        held.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn nothing_is_done_for_a_caller_who_left_before_it_began() {
        let (store, _folder) = store();
        let (held, go) = hold(&store).await;
        tokio::select! {
            biased;
            _ = store.write(async |sql| note(sql, "abandoned").await) => panic!("the writer is held up"),
            () = at_once(()) => {}
        }
        go.send(()).unwrap();
        store.write(async |sql| note(sql, "wanted").await).await.unwrap();
        held.await.unwrap().unwrap();
        let names = async |sql: Sql<'_>| sql.all("select name from meta", &[], |row| row.take::<String>()).await;
        assert_eq!(store.read(&names).unwrap(), ["revocations_source", "wanted"]);
    }
}
