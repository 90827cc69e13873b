//! Looking at a server, be it a standby or an empty database.

use domain::UnixMillis;
use tokio::task::LocalSet;
use tokio_postgres::Row;

use super::connect::Connector;
use super::migrations::{failure, refused, schema};
use super::pool::Mode;
use super::session::Session;
use super::url::PostgresUrl;
use crate::OpenError;
use crate::inspect::{Facts, Inspection, Schema, kept};
use crate::sql::Sql;

/// What only a PostgreSQL server has.
#[derive(Clone, Debug)]
pub struct PostgresFacts {
    /// For example `15.8`.
    pub version: String,
    /// How it encodes text.
    pub encoding: String,
    /// Whether it waits for its disk at all.
    pub fsync: bool,
    /// Whether a page that was half written can be mended.
    pub full_page_writes: bool,
    /// What a commit waits for, where nobody asks for more.
    pub synchronous_commit: String,
    /// How transactions are kept apart, where nobody asks for another way.
    pub isolation: String,
    /// Whether it follows another server, and cannot be written.
    pub is_standby: bool,
    /// Whether transactions that write are refused.
    pub is_read_only: bool,
    /// Its clock.
    pub clock: UnixMillis,
    /// Connections that may still be made.
    pub connections_left: i64,
    /// For how long the oldest open transaction has been open, in seconds.
    pub oldest_transaction: i64,
}

/// Looks at the database from a thread of its own, as the caller may be on a runtime.
pub(crate) fn inspect(url: &PostgresUrl, now: UnixMillis) -> Result<Inspection, OpenError> {
    let failed = |what: String| OpenError::Failed { database: url.to_string(), source: what.into() };
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| failed(error.to_string()))?;
            LocalSet::new().block_on(&runtime, look(url, now))
        });
        looking.join().unwrap_or_else(|_| Err(failed("the thread that looked at it panicked".to_owned())))
    })
}

async fn look(url: &PostgresUrl, now: UnixMillis) -> Result<Inspection, OpenError> {
    let connector = Connector::looking(url)?;
    let session = connector.connect().await.map_err(|refusal| refused(&connector.shown, refusal))?;
    let found = inspection(&session, &connector.shown, now).await;
    drop(session);
    connector.closed().await;
    found
}

async fn inspection(session: &Session, database: &str, now: UnixMillis) -> Result<Inspection, OpenError> {
    let failed = |error: tokio_postgres::Error| failure(database, &error);
    let client = session.client();
    client.batch_execute("set default_transaction_read_only = on").await.map_err(failed)?;
    let row = client.query_one(FACTS, &[]).await.map_err(failed)?;
    let facts = facts(&row).map_err(failed)?;
    let schema = schema(client, database).await?;
    session.start(Mode::Read);
    let kept = match schema {
        Schema::Missing => None,
        _ => Some(kept(Sql::Postgres(session), now).await.map_err(|error| OpenError::Failed {
            database: database.to_owned(),
            source: format!("{error}: {}", session.why()).into(),
        })?),
    };
    Ok(Inspection { schema, engine: Facts::Postgres(facts), kept })
}

fn facts(row: &Row) -> Result<PostgresFacts, tokio_postgres::Error> {
    Ok(PostgresFacts {
        version: row.try_get(0)?,
        encoding: row.try_get(1)?,
        fsync: row.try_get(2)?,
        full_page_writes: row.try_get(3)?,
        synchronous_commit: row.try_get(4)?,
        isolation: row.try_get(5)?,
        is_standby: row.try_get(6)?,
        is_read_only: row.try_get(7)?,
        clock: UnixMillis(row.try_get(8)?),
        connections_left: row.try_get(9)?,
        oldest_transaction: row.try_get(10)?,
    })
}

/// `reset_val`: as it would be without what this connection has set for itself.
const FACTS: &str = "select
    current_setting('server_version'),
    current_setting('server_encoding'),
    current_setting('fsync') = 'on',
    current_setting('full_page_writes') = 'on',
    (select reset_val from pg_settings where name = 'synchronous_commit'),
    (select reset_val from pg_settings where name = 'default_transaction_isolation'),
    pg_is_in_recovery(),
    (select reset_val from pg_settings where name = 'default_transaction_read_only') = 'on',
    (extract(epoch from clock_timestamp()) * 1000)::bigint,
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
        - (select count(*) from pg_stat_activity where backend_type = 'client backend'),
    (select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::bigint from pg_stat_activity
        where pid <> pg_backend_pid() and backend_type = 'client backend')";
