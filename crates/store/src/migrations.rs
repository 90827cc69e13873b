//! Brings the schema up to date when the file is opened. Forward only.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::OpenError;

struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "spine", sql: include_str!("../migrations/sqlite/0001_spine.sql") },
    Migration { number: 2, name: "keys", sql: include_str!("../migrations/sqlite/0002_keys.sql") },
];

/// `WTCH` in the file's header: how a Watchword database is told from any other.
const APPLICATION_ID: i64 = 0x5754_4348;

/// Whether the file is empty or a Watchword database. Changes nothing.
pub(crate) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.query_row("pragma application_id", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID || tables == 0)
}

/// Applies what is missing, in one transaction that holds the write lock: two processes may start at once.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::of(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    let applied = applied(&transaction).map_err(failed)?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if let Some(&(found, _)) = applied.iter().find(|(number, _)| *number > known) {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    for migration in MIGRATIONS {
        let checksum = digest(&SHA256, migration.sql.as_bytes());
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, was)) if was == checksum.as_ref() => {}
            Some(_) => return Err(OpenError::Altered { path: path.to_owned(), number: migration.number }),
            None => apply(&transaction, migration, checksum.as_ref()).map_err(failed)?,
        }
    }
    transaction.commit().map_err(failed)
}

fn applied(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    transaction.execute_batch(
        "create table if not exists migrations (
            number integer not null primary key,
            name text not null,
            checksum blob not null
        ) strict",
    )?;
    let mut rows = transaction.prepare("select number, checksum from migrations order by number desc")?;
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn apply(transaction: &Transaction<'_>, migration: &Migration, checksum: &[u8]) -> rusqlite::Result<()> {
    transaction.execute_batch(migration.sql)?;
    let record = "insert into migrations (number, name, checksum) values (?1, ?2, ?3)";
    transaction.execute(record, (migration.number, migration.name, checksum))?;
    Ok(())
}
