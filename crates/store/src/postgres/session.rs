//! One connection: statements prepared once, a transaction that begins when it is needed, and what went wrong in it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::TryStreamExt;
use futures_util::future::join;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Statement};

use super::fault::{Fault, judge, reason};
use super::history::{MARK, Mark};
use super::pool::Mode;
use crate::Error;
use crate::datum::Value;

/// A connection to the server, used by one store function at a time.
pub(crate) struct Session {
    client: Client,
    host: usize,
    born: u64,
    statements: RefCell<HashMap<&'static str, Statement>>,
    transaction: Cell<Transaction>,
    fault: Cell<Option<Fault>>,
    why: RefCell<String>,
    has_revoked: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// Each statement is one of its own.
    None,
    /// Begins with the first statement.
    Due,
    Open,
}

impl Session {
    /// A connection to the host of this number in the URL.
    pub(super) fn new(client: Client, host: usize) -> Self {
        let born = BORN.fetch_add(1, Ordering::SeqCst) + 1;
        let (statements, why) = (RefCell::default(), RefCell::default());
        let (transaction, fault) = (Cell::new(Transaction::None), Cell::new(None));
        Self { client, host, born, statements, transaction, fault, why, has_revoked: Cell::new(false) }
    }

    pub(super) fn host(&self) -> usize {
        self.host
    }

    /// Its number among all connections of this process, in the order in which they were made.
    pub(crate) fn born(&self) -> u64 {
        self.born
    }

    /// The number of the connection that was made last.
    pub(crate) fn last_born() -> u64 {
        BORN.load(Ordering::SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The first thing that went wrong since [`Session::start`].
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// What the server or the network said about it.
    pub(super) fn why(&self) -> String {
        self.why.borrow().clone()
    }

    /// Makes ready for a store function.
    pub(super) fn start(&self, mode: Mode) {
        self.fault.set(None);
        self.has_revoked.set(false);
        self.transaction.set(if mode == Mode::Write { Transaction::Due } else { Transaction::None });
    }

    /// Notes that the store function adds to the log of revocations.
    pub(crate) fn note_revocation(&self) {
        self.has_revoked.set(true);
    }

    /// Whether other nodes have something to learn once this is committed.
    pub(super) fn has_revoked(&self) -> bool {
        self.has_revoked.get()
    }

    /// Commits with a mark, if anything was begun. True if something was.
    pub(super) async fn commit(&self, mark: &Mark) -> Result<bool, Error> {
        let was = self.transaction.replace(Transaction::None);
        if was == Transaction::Open {
            let values: [&dyn Value; 2] = [&mark.node_id, &mark.number];
            let statement = self.statement(MARK, &values).await?;
            let marked = self.client.execute_raw(&statement, values.iter().map(|value| value.datum()));
            // Both go out together. Should the first fail, the second undoes the transaction.
            let (marked, committed) = join(marked, self.client.batch_execute("commit")).await;
            marked.and(committed).map_err(|error| self.failed(&error))?;
        }
        Ok(was == Transaction::Open)
    }

    /// Undoes everything. False: the connection cannot be used any more.
    pub(super) async fn roll_back(&self) -> bool {
        match self.transaction.replace(Transaction::None) {
            Transaction::Open => self.client.batch_execute("rollback").await.is_ok(),
            _ => true,
        }
    }

    pub(crate) async fn query(&self, text: &'static str, values: &[&dyn Value]) -> Result<Vec<Row>, Error> {
        let statement = self.statement(text, values).await?;
        let rows = async {
            let rows = self.client.query_raw(&statement, values.iter().map(|value| value.datum())).await?;
            rows.try_collect().await
        };
        self.run(text, rows).await
    }

    pub(crate) async fn execute(&self, text: &'static str, values: &[&dyn Value]) -> Result<usize, Error> {
        let statement = self.statement(text, values).await?;
        let changed = self.client.execute_raw(&statement, values.iter().map(|value| value.datum()));
        Ok(self.run(text, changed).await? as usize)
    }

    /// Waits for the lock of this number, and holds it to the end of the transaction.
    pub(crate) async fn lock(&self, number: i64) -> Result<(), Error> {
        self.query(LOCK, &[&(LOCKS | number)]).await.map(drop)
    }

    /// The connection itself, for what happens outside any store function.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    async fn run<T>(
        &self,
        text: &str,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let outcome = if self.transaction.get() == Transaction::Due {
            self.transaction.set(Transaction::Open);
            let begin = self.client.batch_execute("begin");
            if text.starts_with("select") {
                // Both go out together. Should only the first fail, the second has changed nothing.
                let (begun, outcome) = join(begin, statement).await;
                begun.and(outcome)
            } else {
                match begin.await {
                    Ok(()) => statement.await,
                    Err(error) => Err(error),
                }
            }
        } else {
            statement.await
        };
        outcome.map_err(|error| self.failed(&error))
    }

    async fn statement(&self, text: &'static str, values: &[&dyn Value]) -> Result<Statement, Error> {
        let known = self.statements.borrow().get(text).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let kinds: Vec<Type> = values.iter().map(|value| value.kind().postgres()).collect();
        let prepared = self.client.prepare_typed(text, &kinds).await.map_err(|error| self.failed(&error))?;
        self.statements.borrow_mut().insert(text, prepared.clone());
        Ok(prepared)
    }

    fn failed(&self, cause: &tokio_postgres::Error) -> Error {
        let (fault, error) = judge(cause);
        if self.fault.get().is_none() {
            self.fault.set(Some(fault));
            self.why.replace(reason(cause));
        }
        error
    }
}

static BORN: AtomicU64 = AtomicU64::new(0);

/// `WTCH`, so that the numbers are nobody else's in this database.
pub(super) const LOCKS: i64 = 0x5754_4348_0000_0000;

/// Takes the lock of a number below 256 until the transaction ends. Each installation has its own: one in another schema of the
/// same database is not kept waiting.
pub(super) const LOCK: &str =
    "select pg_advisory_xact_lock($1::bigint # (coalesce(current_schema()::regnamespace::oid::bigint, 0) << 8))";

/// The same until the connection ends.
pub(super) const LOCK_CONNECTION: &str =
    "select pg_advisory_lock($1::bigint # (coalesce(current_schema()::regnamespace::oid::bigint, 0) << 8))::text";
