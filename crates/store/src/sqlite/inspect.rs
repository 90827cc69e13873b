//! Looking at a file without leaving a trace.

use std::path::Path;

use domain::UnixMillis;
use rusqlite::{Connection, OpenFlags};

use super::backup::{named, unchanging};
use super::migrations::{applied, is_ours, judge};
use super::{BUSY_TIMEOUT, connect};
use crate::inspect::{Facts, Inspection, Schema, kept};
use crate::migrations::newest;
use crate::sql::Sql;
use crate::{OpenError, ready};

/// What only a SQLite file has.
#[derive(Clone, Debug)]
pub struct SqliteFacts {
    /// The library's version.
    pub version: &'static str,
    /// `wal`, unless somebody changed it.
    pub journal_mode: String,
    /// Whether a commit waits until it is on disk.
    pub is_synchronous: bool,
    /// The first thing wrong with its pages; none if they are right.
    pub damage: Option<String>,
}

/// Looks at the database, beside a server that uses it or alone.
pub(crate) fn inspect(path: &Path, now: UnixMillis) -> Result<Inspection, OpenError> {
    let failed = |error| OpenError::of(path, error);
    let connection = look(path).map_err(failed)?;
    if !is_ours(&connection).map_err(failed)? {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    let text = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, String>(0));
    let quick_check = text("pragma quick_check(1)").map_err(failed)?;
    let facts = SqliteFacts {
        version: rusqlite::version(),
        // A file that is opened as unchanging says `delete`, so its header is asked.
        journal_mode: journal_mode(path).unwrap_or_else(|| "unknown".to_owned()),
        is_synchronous: connection.query_row("pragma synchronous", [], |row| row.get::<_, i64>(0)).map_err(failed)?
            >= 2,
        damage: (quick_check != "ok").then_some(quick_check),
    };
    let schema = schema(&connection, path)?;
    let kept = match schema {
        Schema::Missing => None,
        _ if facts.damage.is_some() => None,
        _ => Some(
            ready(kept(Sql::Sqlite(&connection), now))
                .map_err(|error| OpenError::Failed { database: path.display().to_string(), source: Box::new(error) })?,
        ),
    };
    Ok(Inspection { schema, engine: Facts::Sqlite(facts), kept })
}

/// How far the schema is. Changes nothing.
pub(super) fn schema(connection: &Connection, path: &Path) -> Result<Schema, OpenError> {
    let failed = |error| OpenError::of(path, error);
    let tables: i64 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return Ok(Schema::Missing);
    }
    let applied = applied(connection).map_err(failed)?;
    judge(&applied, path)?;
    let (found, known) = (applied.first().map_or(0, |(number, _)| *number), newest());
    Ok(if found == known { Schema::Current(found) } else { Schema::Behind { found, known } })
}

/// Where there is a log, somebody uses the file or was killed, and what is in the log counts. Where there is none, SQLite
/// would make one only to look.
fn look(path: &Path) -> rusqlite::Result<Connection> {
    if named(path, "-wal").exists() {
        return connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX, BUSY_TIMEOUT);
    }
    let connection = unchanging(path)?;
    connection.execute_batch("pragma synchronous = full")?;
    Ok(connection)
}

fn journal_mode(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut header = [0; 20];
    std::fs::File::open(path).ok()?.read_exact(&mut header).ok()?;
    Some(if header[18] == 2 { "wal" } else { "delete" }.to_owned())
}
