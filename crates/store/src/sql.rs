//! SQL with `$1` parameters on either engine, and rows read column by column.
//!
//! On SQLite every step is ready at once, so a store function can be run to its end by polling it a single time.

use domain::UnixMillis;
use futures_util::future::try_join_all;

use crate::datum::{Datum, FromDatum, Value};
use crate::postgres::Session;
use crate::{Error, sqlite};

/// A connection inside the transaction of one store function.
#[derive(Clone, Copy)]
pub(crate) enum Sql<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c Session),
}

/// What only one transaction at a time may do, on all nodes together.
#[derive(Clone, Copy)]
#[repr(i64)]
pub(crate) enum Alone {
    /// Offering the setup, or creating the first administrator.
    Setup = 1,
}

/// The columns of a row, taken from left to right.
pub(crate) struct Columns<'r> {
    row: Row<'r>,
    next: usize,
}

#[derive(Clone, Copy)]
enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Sql<'_> {
    /// Runs a statement that returns no rows; answers how many it changed.
    pub(crate) async fn run(self, text: &'static str, values: &[&dyn Value]) -> Result<usize, Error> {
        match self {
            Self::Sqlite(connection) => Ok(sqlite::prepare(connection, text, values)?.raw_execute()?),
            Self::Postgres(session) => session.execute(text, values).await,
        }
    }

    /// Runs the same statement once for each list of values. PostgreSQL gets all of them before it has answered the first.
    pub(crate) async fn run_each<const N: usize>(
        self,
        text: &'static str,
        lists: &[[&dyn Value; N]],
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => {
                for values in lists {
                    self.run(text, values).await?;
                }
                Ok(())
            }
            Self::Postgres(_) => try_join_all(lists.iter().map(|values| self.run(text, values))).await.map(drop),
        }
    }

    /// Runs a statement that returns at most one row.
    pub(crate) async fn one<T>(
        self,
        text: &'static str,
        values: &[&dyn Value],
        read: impl FnOnce(&mut Columns<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let found;
        let has_more = match self {
            Self::Sqlite(connection) => {
                let mut statement = sqlite::prepare(connection, text, values)?;
                let mut rows = statement.raw_query();
                let Some(row) = rows.next()? else { return Ok(None) };
                found = read(&mut Columns::of(Row::Sqlite(row)))?;
                rows.next()?.is_some()
            }
            Self::Postgres(session) => {
                let rows = session.query(text, values).await?;
                let Some(row) = rows.first() else { return Ok(None) };
                found = read(&mut Columns::of(Row::Postgres(row)))?;
                rows.len() > 1
            }
        };
        if has_more {
            return Err(Error::broken("more than one row where at most one was expected"));
        }
        Ok(Some(found))
    }

    /// Runs a statement and reads all its rows.
    pub(crate) async fn all<T>(
        self,
        text: &'static str,
        values: &[&dyn Value],
        mut read: impl FnMut(&mut Columns<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = sqlite::prepare(connection, text, values)?;
                let mut rows = statement.raw_query();
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(read(&mut Columns::of(Row::Sqlite(row)))?);
                }
                Ok(found)
            }
            Self::Postgres(session) => {
                let rows = session.query(text, values).await?;
                rows.iter().map(|row| read(&mut Columns::of(Row::Postgres(row)))).collect()
            }
        }
    }

    /// The text for this engine, where the two differ.
    pub(crate) fn either(self, on_sqlite: &'static str, on_postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => on_sqlite,
            Self::Postgres(_) => on_postgres,
        }
    }

    /// Notes that this transaction adds to the log of revocations, which other nodes are told of after its commit. On
    /// SQLite the writer sees that by itself.
    pub(crate) fn note_revocation(self) {
        if let Self::Postgres(session) = self {
            session.note_revocation();
        }
    }

    /// Waits until no other transaction does what this one is about to do. Comes first in a store function, so that
    /// the statements behind it see what the others did. SQLite has one writer anyway.
    pub(crate) async fn alone(self, what: Alone) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => session.lock(what as i64).await,
        }
    }
}

impl<'r> Columns<'r> {
    fn of(row: Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    fn datum(&mut self) -> Result<Datum<'_>, Error> {
        let index = self.next;
        self.next += 1;
        match self.row {
            Row::Sqlite(row) => Datum::from_sqlite(row, index),
            Row::Postgres(row) => Datum::from_postgres(row, index),
        }
    }

    /// The next column.
    pub(crate) fn take<T: FromDatum>(&mut self) -> Result<T, Error> {
        T::from_datum(self.datum()?).ok_or_else(|| Error::broken("a column has a value of another type"))
    }

    /// The next column, a moment.
    pub(crate) fn moment(&mut self) -> Result<UnixMillis, Error> {
        self.take().map(UnixMillis)
    }

    /// The next column, a moment or null.
    pub(crate) fn moment_if_any(&mut self) -> Result<Option<UnixMillis>, Error> {
        Ok(self.take::<Option<i64>>()?.map(UnixMillis))
    }

    /// The next column, a counter.
    pub(crate) fn counter(&mut self) -> Result<u64, Error> {
        self.take::<i64>()?.try_into().map_err(|_| Error::broken("a counter is negative"))
    }

    /// The next column, a text in the form that `parse` reads; `unreadable` names the column.
    pub(crate) fn parsed<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
        unreadable: &'static str,
    ) -> Result<T, Error> {
        let Datum::Text(text) = self.datum()? else { return Err(Error::broken(unreadable)) };
        parse(text).ok_or(Error::broken(unreadable))
    }
}

/// How a counter is stored.
pub(crate) fn counter(value: u64) -> Result<i64, Error> {
    value.try_into().map_err(|_| Error::broken("a counter is beyond 63 bits"))
}
