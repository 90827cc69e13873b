//! Whether a server still has what this node saw acknowledged. After a failover to a standby that lagged behind it has not:
//! sessions that were ended and links that were used would be valid again.
//!
//! Every transaction that writes adds a mark of its own. What a server has is always a beginning of what was written, so
//! the marks of the latest commits vouch for all that came before them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use aws_lc_rs::rand;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::sql::Sql;

/// What one node knows to be committed.
pub(super) struct History {
    node_id: i64,
    latest: Cell<i64>,
    /// The marks of commits that were acknowledged, but for those that were before another one of them had begun.
    acknowledged: RefCell<BTreeSet<i64>>,
    /// Whether the database is known to have its tables.
    is_open: Cell<bool>,
    is_told: Cell<bool>,
}

/// The mark of one commit.
pub(super) struct Mark {
    pub(super) node_id: i64,
    pub(super) number: i64,
    before: BTreeSet<i64>,
}

impl History {
    pub(super) fn new() -> Self {
        let mut id = [0; 8];
        rand::fill(&mut id).expect("the system gives random bytes");
        let (latest, acknowledged) = (Cell::new(0), RefCell::default());
        let (is_open, is_told) = (Cell::new(false), Cell::new(false));
        Self { node_id: i64::from_le_bytes(id), latest, acknowledged, is_open, is_told }
    }

    /// The database has its tables from now on.
    pub(super) fn open(&self) {
        self.is_open.set(true);
    }

    /// For a commit that is about to be asked for.
    pub(super) fn next(&self) -> Mark {
        let number = self.latest.get() + 1;
        self.latest.set(number);
        Mark { node_id: self.node_id, number, before: self.acknowledged.borrow().clone() }
    }

    /// The commit was answered.
    pub(super) fn acknowledge(&self, mark: &Mark) {
        let mut acknowledged = self.acknowledged.borrow_mut();
        acknowledged.retain(|number| !mark.before.contains(number));
        acknowledged.insert(mark.number);
    }

    /// Whether the server has everything that was acknowledged here, and nobody else has missed anything in it.
    pub(super) async fn is_whole(&self, client: &Client) -> Result<bool, Error> {
        if !self.is_open.get() {
            return Ok(true);
        }
        let wanted: Vec<i64> = self.acknowledged.borrow().iter().copied().collect();
        let found = client
            .query_typed(
                "select (select count(*) from marks where node_id = $1 and number = any($2)) = cardinality($2)
                and not exists (select from meta where name = 'history_lost')",
                &[(&self.node_id, Type::INT8), (&wanted, Type::INT8_ARRAY)],
            )
            .await?;
        let is_whole = found.first().is_some_and(|row| row.get(0));
        if is_whole {
            self.is_told.set(false);
        }
        Ok(is_whole)
    }

    /// Writes down in a database that it has lost something, so that no restart takes that for granted, and makes every
    /// node on it look.
    pub(super) async fn refuse(&self, client: &Client) {
        if !self.is_told.replace(true) {
            tracing::error!("{REFUSAL}");
        }
        if let Err(error) = write_down(client).await {
            tracing::warn!(why = super::fault::reason(&error), "the loss could not be written down");
        }
    }
}

/// Once only; and first the row, then the end of all other connections, so that whoever connects later finds the row.
async fn write_down(client: &Client) -> Result<(), Error> {
    let text = "insert into meta (name, value) values ('history_lost', (extract(epoch from now()) * 1000)::bigint)
        on conflict (name) do nothing returning name";
    if client.query_typed(text, &[]).await?.is_empty() {
        return Ok(());
    }
    client
        .batch_execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
            and application_name = current_setting('application_name')",
        )
        .await
}

/// Whether a loss is written down in this database that nobody has accepted.
pub(super) async fn is_refused(client: &Client) -> Result<bool, Error> {
    let found = client.query_typed("select from meta where name = 'history_lost'", &[]).await?;
    Ok(!found.is_empty())
}

/// Goes on with a database although it has lost something.
pub(super) async fn danger_accept(client: &Client) -> Result<(), Error> {
    client.batch_execute("delete from meta where name = 'history_lost'").await
}

/// Deletes marks that vouch for nothing any more. A node that cannot reach the database for days still finds its latest.
pub(crate) async fn sweep(sql: Sql<'_>) -> Result<(), crate::Error> {
    if let Sql::Postgres(_) = sql {
        sql.run(
            "delete from marks where ctid = any (array(
                select m.ctid from marks m
                join (select node_id, max(number) as latest from marks group by node_id) as l using (node_id),
                (select (extract(epoch from now()) * 1000)::bigint as now) as clock
                where m.number < l.latest - 20000
                or (m.number < l.latest - 100 and m.marked_at < clock.now - 86400000)
                or m.marked_at < clock.now - 2592000000
                limit 100000))",
            &[],
        )
        .await?;
    }
    Ok(())
}

/// Adds a mark.
pub(super) const MARK: &str = "insert into marks (node_id, number) values ($1, $2)";

/// What is wrong, and what can be done.
pub(super) const REFUSAL: &str = "the database has lost writes that were acknowledged, as after a failover to a standby that \
    lagged behind: sessions that were ended and links that were used may be valid again. Nothing is asked of it. Bring back \
    the server that has them; or stop every node, run `watchword danger-accept-lost-writes`, and start them";
