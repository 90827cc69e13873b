//! What can be told about a database by looking at it. Nothing is made and nothing changed, whatever its state.

use domain::signing_keys::KeyLife;
use domain::{Span, UnixMillis};

use crate::keys::all;
use crate::postgres::{PostgresFacts, inspect as inspect_postgres};
use crate::sql::Sql;
use crate::sqlite::{SqliteFacts, inspect as inspect_sqlite};
use crate::{Database, Error, OpenError};

/// A database, as found.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// How far its schema is.
    pub schema: Schema,
    /// What only this kind of database has.
    pub engine: Facts,
    /// What is kept in it; none without a schema that this version knows.
    pub kept: Option<Kept>,
}

/// How far a schema is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// There are no tables yet.
    Missing,
    /// The number of its last migration, which is an earlier one than this version's.
    Behind {
        /// Its last migration.
        found: i64,
        /// The last one that this version has.
        known: i64,
    },
    /// This version's.
    Current(i64),
}

impl Schema {
    /// Whether this version can work with it as it is.
    pub(crate) fn usable(self, database: impl FnOnce() -> String) -> Result<(), OpenError> {
        match self {
            Self::Current(_) => Ok(()),
            Self::Missing => Err(OpenError::Empty(database())),
            Self::Behind { found, known } => Err(OpenError::Behind { database: database(), found, known }),
        }
    }
}

/// What only one kind of database has.
#[derive(Clone, Debug)]
pub enum Facts {
    /// A file.
    Sqlite(SqliteFacts),
    /// A server.
    Postgres(PostgresFacts),
}

/// What is kept in a database.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The latest moment that a server has recorded.
    pub clock_floor: Option<UnixMillis>,
    /// What tells the master key in force from another.
    pub master: Option<i64>,
    /// The signing keys, oldest first.
    pub keys: Vec<KeyLife>,
    /// How many entries the revocation log has.
    pub revocations: i64,
    /// How many of them should have been swept a while ago.
    pub overdue: i64,
}

/// Looks at a database. `now` is the time here. Blocks this thread meanwhile.
pub fn inspect(database: &Database, now: UnixMillis) -> Result<Inspection, OpenError> {
    match database {
        Database::File(path) => inspect_sqlite(path, now),
        Database::Server(url) => inspect_postgres(url, now),
    }
}

/// What is kept, where there are tables.
pub(crate) async fn kept(sql: Sql<'_>, now: UnixMillis) -> Result<Kept, Error> {
    let number = |name: &'static str| async move { sql.one(name, &[], |row| row.take::<Option<i64>>()).await };
    let floor = "select max(value) from meta where name = 'clock_floor'";
    let master = "select max(value) from meta where name = 'master_key_check'";
    let counts = sql
        .one(
            "select count(*), coalesce(sum(case when keep_until < $1 then 1 else 0 end), 0)
            from revocations",
            &[&(now - SWEPT_BY).0],
            |row| Ok((row.take()?, row.take()?)),
        )
        .await?;
    let (revocations, overdue) = counts.unwrap_or_default();
    Ok(Kept {
        clock_floor: number(floor).await?.flatten().map(UnixMillis),
        master: number(master).await?.flatten(),
        keys: all(sql).await?.into_iter().map(|key| key.life).collect(),
        revocations,
        overdue,
    })
}

/// How long after its time an entry is swept at the latest, where a server is at work.
const SWEPT_BY: Span = Span::minutes(5);
