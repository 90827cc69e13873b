//! Statements, with their values where their texts say.

use rusqlite::{CachedStatement, Connection};

use crate::Error;
use crate::datum::Value;

/// Binds each value to the parameter whose *name* has its number.
///
/// SQLite takes `$2` for a name and numbers names by their first appearance, so binding by position would swap the values
/// of `where b = $2 and a = $1`; and what is left unbound it takes for null. Hence the mapping, and the refusal of texts
/// whose numbers are not exactly 1 to the count of values.
pub(crate) fn prepare<'c>(
    connection: &'c Connection,
    text: &str,
    values: &[&dyn Value],
) -> Result<CachedStatement<'c>, Error> {
    let mut statement = connection.prepare_cached(text)?;
    if statement.parameter_count() != values.len() {
        return Err(Error::broken("a statement has more or fewer parameters than values"));
    }
    for place in 1..=values.len() {
        let number = statement.parameter_name(place).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| Error::broken("a parameter is not numbered like its value"))?;
        statement.raw_bind_parameter(place, value.datum())?;
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Sql;

    #[tokio::test]
    async fn a_value_goes_to_the_parameter_of_its_number_wherever_that_appears() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = Sql::Sqlite(&connection);
        let row = sql
            .one("select $2, $1, $2 where $3 = 'c'", &[&"a", &2i64, &"c"], |row| {
                Ok((row.take::<i64>()?, row.take::<String>()?, row.take::<i64>()?))
            })
            .await;
        assert_eq!(row.unwrap(), Some((2, "a".to_owned(), 2)));
    }

    #[tokio::test]
    async fn a_statement_runs_only_with_exactly_its_values() {
        let connection = Connection::open_in_memory().unwrap();
        for text in ["select $1", "select $1, $2, $3", "select $1, $3", "select $0, $1", "select ?1, ?2", "select ?, ?"]
        {
            let outcome = Sql::Sqlite(&connection).one(text, &[&1i64, &2i64], |_| Ok(())).await;
            assert!(matches!(outcome, Err(Error::Broken(_))), "{text}");
        }
    }
}
