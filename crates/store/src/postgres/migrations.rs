//! Opening the database: what is wrong with the server or the schema is said here, and what is missing is made.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::time::interval;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::{Connector, Refusal};
use super::fault::{describe, reason};
use super::history;
use super::session::{LOCK, LOCKS, Session};
use crate::OpenError;
use crate::db::Opening;
use crate::inspect::Schema;
use crate::migrations::{MIGRATIONS, Migration, newest};
use crate::transfer::{MUST_BE_CLOSED, close_postgres};

/// Connects and, if `makes`, brings the schema up to date. Many nodes may do so at once: one of them migrates, the others wait for it
/// and find nothing left to do.
pub(super) async fn open(connector: &Connector, opening: Opening) -> Result<Session, OpenError> {
    let database = connector.shown.as_str();
    let session = once_it_is_up(connector).await.map_err(|refusal| refused(database, refusal))?;
    if opening.makes {
        migrate(session.client(), database).await?;
    } else {
        schema(session.client(), database).await?.usable(|| database.to_owned())?;
    }
    let failed = |error| failure(database, &error);
    if opening.danger_accept_lost_writes {
        history::danger_accept(session.client()).await.map_err(failed)?;
    } else if history::is_refused(session.client()).await.map_err(failed)? {
        return Err(OpenError::HistoryLost(database.to_owned()));
    }
    connector.history.open();
    Ok(session)
}

/// A connection; where the server says that it is about to be there, as when a machine has just been switched on, it is waited for.
async fn once_it_is_up(connector: &Connector) -> Result<Session, Refusal> {
    let (began, mut ticks) = (Instant::now(), interval(AGAIN));
    loop {
        ticks.tick().await;
        let outcome = connector.connect().await;
        let Err(Refusal::Said(error)) = &outcome else { return outcome };
        if error.code() != Some(&SqlState::CANNOT_CONNECT_NOW) || began.elapsed() > COMING_UP {
            return outcome;
        }
        tracing::info!("PostgreSQL is coming up: {}", reason(error));
    }
}

/// How long a server that is coming up is waited for.
const COMING_UP: Duration = Duration::from_secs(30);

/// How often it is asked.
const AGAIN: Duration = Duration::from_secs(1);

/// How far the schema is. Changes nothing.
pub(super) async fn schema(client: &Client, database: &str) -> Result<Schema, OpenError> {
    let missing = missing(client, database).await?;
    Ok(match missing.first() {
        None => Schema::Current(newest()),
        Some(_) if missing.len() == MIGRATIONS.len() => Schema::Missing,
        Some(next) => Schema::Behind { found: next.number - 1, known: newest() },
    })
}

async fn migrate(client: &Client, database: &str) -> Result<(), OpenError> {
    let failed = |error| failure(database, &error);
    // A role that may not make tables can open a database that is up to date.
    if missing(client, database).await?.is_empty() {
        return Ok(());
    }
    // Making an index may take long; waiting for the node that makes it, longer.
    let begin = "begin; set local statement_timeout = 0; set local lock_timeout = '15min'";
    client.batch_execute(begin).await.map_err(failed)?;
    client.query_typed(LOCK, &[(&LOCKS, tokio_postgres::types::Type::INT8)]).await.map_err(failed)?;
    client.batch_execute("set local lock_timeout = '5min'").await.map_err(failed)?;
    for migration in missing(client, database).await? {
        apply(client, migration).await.map_err(failed)?;
    }
    stay_closed(client).await.map_err(failed)?;
    client.batch_execute("commit").await.map_err(failed)
}

/// The migrations that are still to be applied.
async fn missing(client: &Client, database: &str) -> Result<Vec<&'static Migration>, OpenError> {
    let failed = |error| failure(database, &error);
    let found = client.query_typed(FOUND, &[]).await.map_err(failed)?;
    let (is_ours, is_empty): (bool, bool) = match found.first() {
        Some(row) => (row.get(0), row.get(1)),
        None => (false, false),
    };
    if !is_ours && !is_empty {
        return Err(OpenError::NotOurs(database.to_owned()));
    }
    if !is_ours {
        return Ok(MIGRATIONS.iter().collect());
    }
    let applied = client.query_typed("select number, checksum from migrations order by number desc", &[]);
    let applied: Vec<(i64, Vec<u8>)> =
        applied.await.map_err(failed)?.iter().map(|row| (row.get(0), row.get(1))).collect();
    if let Some(&(found, _)) = applied.first().filter(|(number, _)| *number > newest()) {
        return Err(OpenError::Newer { database: database.to_owned(), found, known: newest() });
    }
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        let checksum = digest(&SHA256, migration.postgres.as_bytes());
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, was)) if was == checksum.as_ref() => {}
            Some(_) => return Err(OpenError::Altered { database: database.to_owned(), number: migration.number }),
            None => missing.push(migration),
        }
    }
    Ok(missing)
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(MIGRATIONS_TABLE).await?;
    client.batch_execute(migration.postgres).await?;
    let checksum = digest(&SHA256, migration.postgres.as_bytes());
    let record = "insert into migrations (number, name, checksum) values ($1, $2, $3)";
    client.execute(record, &[&migration.number, &migration.name, &checksum.as_ref()]).await.map(drop)
}

/// What refused changes goes on to do so, also in tables that were made anew.
async fn stay_closed(client: &Client) -> Result<(), tokio_postgres::Error> {
    let must_be = client.query_typed(MUST_BE_CLOSED, &[]).await?;
    if must_be.first().is_some_and(|row| row.get(0)) {
        client.batch_execute(&close_postgres()).await?;
    }
    Ok(())
}

/// Whether the schema is Watchword's, and whether it has none of the tables that would be in the way.
const FOUND: &str = "select
    (select count(*) = 3 from information_schema.columns where table_schema = current_schema()
        and table_name = 'migrations' and column_name in ('number', 'name', 'checksum')),
    (select count(*) = 0 from information_schema.tables where table_schema = current_schema() and table_name in
        ('migrations', 'users', 'setup_offers', 'sessions', 'grants', 'revocations', 'throttles', 'signing_keys', 'sealed_secrets',
        'meta', 'transfers', 'marks', 'verifiers', 'listeners', 'client_endings'))";

const MIGRATIONS_TABLE: &str = "create table if not exists migrations (
    number bigint not null primary key,
    name text not null,
    checksum bytea not null
)";

/// Why there is no connection, in words for the person who starts the server.
pub(super) fn refused(database: &str, refusal: Refusal) -> OpenError {
    let (database, why) = (database.to_owned(), refusal.to_string());
    match refusal {
        Refusal::Silence => OpenError::Unreachable { database, why },
        Refusal::Old(version) => OpenError::TooOld { database, version },
        Refusal::Encoding(encoding) => OpenError::Encoding { database, encoding },
        Refusal::HistoryLost => OpenError::HistoryLost(database),
        Refusal::Said(error) => failure(&database, &error),
    }
}

pub(super) fn failure(database: &str, error: &tokio_postgres::Error) -> OpenError {
    let (database, why) = (database.to_owned(), reason(error));
    let Some(refusal) = error.as_db_error() else {
        let is_io = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
        // The library tells this apart in words only.
        return if error.to_string().contains("TLS handshake") {
            OpenError::Tls { database, why }
        } else if is_io {
            OpenError::Unreachable { database, why }
        } else {
            OpenError::Failed { database, source: why.into() }
        };
    };
    let code = refusal.code();
    if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        OpenError::Login { database, why: refusal.message().to_owned() }
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        OpenError::NoDatabase(database)
    } else if [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_SCHEMA_NAME].contains(code) {
        OpenError::NotAllowed { database, why: refusal.message().to_owned() }
    } else {
        OpenError::Failed { database, source: describe(refusal).into() }
    }
}
