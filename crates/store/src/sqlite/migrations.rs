//! Brings the schema up to date when the file is opened. Forward only.

use std::net::{AddrParseError, IpAddr};
use std::path::Path;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::OpenError;
use crate::migrations::{MIGRATIONS, Migration, newest};
use crate::row::address_bytes;
use crate::transfer::{MUST_BE_CLOSED, close_sqlite};

/// `WTCH` in the file's header: how a Watchword database is told from any other.
pub(super) const APPLICATION_ID: i64 = 0x5754_4348;

/// Whether the file is empty or a Watchword database. Changes nothing.
pub(crate) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.query_row("pragma application_id", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID || tables == 0)
}

/// Applies what is missing, in one transaction that holds the write lock: two processes may start at once.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::of(path, error);
    teach(connection).map_err(failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    make_table(&transaction).map_err(failed)?;
    let applied = applied(&transaction).map_err(failed)?;
    judge(&applied, path)?;
    for migration in MIGRATIONS {
        if !applied.iter().any(|(number, _)| *number == migration.number) {
            apply(&transaction, migration).map_err(failed)?;
        }
    }
    if applied.len() < MIGRATIONS.len() {
        stay_closed(&transaction).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Refuses what was migrated by a later version, or by other texts than this one has.
pub(super) fn judge(applied: &[(i64, Vec<u8>)], path: &Path) -> Result<(), OpenError> {
    let known = newest();
    if let Some(&(found, _)) = applied.iter().find(|(number, _)| *number > known) {
        return Err(OpenError::Newer { database: path.display().to_string(), found, known });
    }
    for migration in MIGRATIONS {
        let was = applied.iter().find(|(number, _)| *number == migration.number);
        if was.is_some_and(|(_, was)| was != checksum(migration).as_ref()) {
            return Err(OpenError::Altered { database: path.display().to_string(), number: migration.number });
        }
    }
    Ok(())
}

/// The migrations that were applied and their checksums, the last one first.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    let mut rows = connection.prepare("select number, checksum from migrations order by number desc")?;
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Gives SQLite the one function that a migration has no words for.
fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let bytes = |context: &mut Context<'_>| {
        let ip: Result<IpAddr, AddrParseError> = context.get_raw(0).as_str()?.parse();
        ip.map(address_bytes).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))
    };
    connection.create_scalar_function("address_bytes", 1, FunctionFlags::SQLITE_DETERMINISTIC, bytes)
}

/// What refused changes goes on to do so, also in tables that were made anew.
fn stay_closed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    if transaction.query_row(MUST_BE_CLOSED, [], |row| row.get(0))? {
        transaction.execute_batch(&close_sqlite())?;
    }
    Ok(())
}

fn make_table(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "create table if not exists migrations (
            number integer not null primary key,
            name text not null,
            checksum blob not null
        ) strict",
    )
}

fn apply(transaction: &Transaction<'_>, migration: &Migration) -> rusqlite::Result<()> {
    transaction.execute_batch(migration.sqlite)?;
    let record = "insert into migrations (number, name, checksum) values (?1, ?2, ?3)";
    transaction.execute(record, (migration.number, migration.name, checksum(migration).as_ref()))?;
    Ok(())
}

fn checksum(migration: &Migration) -> Digest {
    digest(&SHA256, migration.sqlite.as_bytes())
}
