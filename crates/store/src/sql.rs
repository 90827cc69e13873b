//! SQL with `$1` parameters, and rows read column by column.

use rusqlite::types::{FromSql, ToSql};
use rusqlite::{CachedStatement, Connection, Row};

use domain::{SecretHash, UnixMillis};

use crate::Error;

/// A connection inside the transaction of one store function.
#[derive(Clone, Copy)]
pub(crate) struct Sql<'c>(pub(crate) &'c Connection);

/// The columns of a row, taken from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl Sql<'_> {
    /// Runs a statement that returns no rows; answers how many it changed.
    pub(crate) fn run(self, text: &str, values: &[&dyn ToSql]) -> Result<usize, Error> {
        Ok(self.prepare(text, values)?.raw_execute()?)
    }

    /// Runs a statement that returns at most one row.
    pub(crate) fn one<T>(
        self,
        text: &str,
        values: &[&dyn ToSql],
        read: impl FnOnce(&mut Columns<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.prepare(text, values)?;
        let mut rows = statement.raw_query();
        let Some(row) = rows.next()? else { return Ok(None) };
        let found = read(&mut Columns { row, next: 0 })?;
        if rows.next()?.is_some() {
            return Err(Error::broken("more than one row where at most one was expected"));
        }
        Ok(Some(found))
    }

    /// Runs a statement and reads all its rows.
    pub(crate) fn all<T>(
        self,
        text: &str,
        values: &[&dyn ToSql],
        mut read: impl FnMut(&mut Columns<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.prepare(text, values)?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(&mut Columns { row, next: 0 })?);
        }
        Ok(found)
    }

    /// Binds each value to the parameter whose *name* has its number.
    ///
    /// SQLite takes `$2` for a name and numbers names by their first appearance, so binding by position would swap
    /// the values of `where b = $2 and a = $1`; and what is left unbound it takes for null. Hence the mapping, and the
    /// refusal of texts whose numbers are not exactly 1 to the count of values.
    fn prepare(&self, text: &str, values: &[&dyn ToSql]) -> Result<CachedStatement<'_>, Error> {
        let mut statement = self.0.prepare_cached(text)?;
        if statement.parameter_count() != values.len() {
            return Err(Error::broken("a statement has more or fewer parameters than values"));
        }
        for place in 1..=values.len() {
            let number = statement.parameter_name(place).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
            let value = number.and_then(|number| values.get(number.checked_sub(1)?));
            let value = value.ok_or_else(|| Error::broken("a parameter is not numbered like its value"))?;
            statement.raw_bind_parameter(place, value)?;
        }
        Ok(statement)
    }
}

impl Columns<'_> {
    /// The next column.
    pub(crate) fn take<T: FromSql>(&mut self) -> Result<T, Error> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// The next column, a moment.
    pub(crate) fn moment(&mut self) -> Result<UnixMillis, Error> {
        self.take().map(UnixMillis)
    }

    /// The next column, a moment or null.
    pub(crate) fn moment_if_any(&mut self) -> Result<Option<UnixMillis>, Error> {
        Ok(self.take::<Option<i64>>()?.map(UnixMillis))
    }

    /// The next column, the hash of a secret or null.
    pub(crate) fn hash_if_any(&mut self) -> Result<Option<SecretHash>, Error> {
        Ok(self.take::<Option<[u8; 32]>>()?.map(SecretHash))
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
        let text = self.row.get_ref(self.next)?.as_str().map_err(|_| Error::broken(unreadable))?;
        self.next += 1;
        parse(text).ok_or(Error::broken(unreadable))
    }
}

/// How a counter is stored.
pub(crate) fn counter(value: u64) -> Result<i64, Error> {
    value.try_into().map_err(|_| Error::broken("a counter is beyond 63 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_to_the_parameter_of_its_number_wherever_that_appears() {
        let connection = Connection::open_in_memory().unwrap();
        let read = |row: &mut Columns<'_>| Ok((row.take::<i64>()?, row.take::<String>()?, row.take::<i64>()?));
        let row = Sql(&connection).one("select $2, $1, $2 where $3 = 'c'", &[&"a", &2, &"c"], read).unwrap();
        assert_eq!(row, Some((2, "a".to_owned(), 2)));
    }

    #[test]
    fn a_statement_runs_only_with_exactly_its_values() {
        let connection = Connection::open_in_memory().unwrap();
        for text in ["select $1", "select $1, $2, $3", "select $1, $3", "select $0, $1", "select ?1, ?2", "select ?, ?"]
        {
            let outcome = Sql(&connection).one(text, &[&1, &2], |_| Ok(()));
            assert!(matches!(outcome, Err(Error::Broken(_))), "{text}");
        }
    }
}
