//! Rows of any table: read in order, inserted many at a time, and boiled down to one hash.

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::future::try_join_all;

use super::tables::{MANY, Plan};
use crate::Error;
use crate::datum::{Datum, Kind, Value};
use crate::sql::{Columns, Sql};

/// One value of a row, owned.
#[derive(Clone)]
pub(super) enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// How many rows a table has, and the SHA-256 of them all in their canonical form, as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) rows: u64,
    pub(super) sha256: String,
}

/// A table, page by page.
pub(super) struct Reading<'c> {
    sql: Sql<'c>,
    plan: &'static Plan,
    after: Option<Cell>,
    is_over: bool,
}

impl<'c> Reading<'c> {
    pub(super) fn of(plan: &'static Plan, sql: Sql<'c>) -> Self {
        Self { sql, plan, after: None, is_over: false }
    }

    /// The next rows; none at the end.
    pub(super) async fn page(&mut self) -> Result<Vec<Vec<Cell>>, Error> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let read = |row: &mut Columns<'_>| self.plan.table.columns().map(|(_, kind)| Cell::read(kind, row)).collect();
        let rows: Vec<Vec<Cell>> = match &self.after {
            None => self.sql.all(self.plan.first(self.sql), &[&PAGE], read).await?,
            Some(key) => self.sql.all(self.plan.next(self.sql), &[&PAGE, key], read).await?,
        };
        self.is_over = (rows.len() as i64) < PAGE;
        self.after = rows.last().and_then(|row| row.first().cloned());
        Ok(rows)
    }
}

/// Adds rows to a table.
pub(super) async fn insert(sql: Sql<'_>, plan: &'static Plan, rows: &[Vec<Cell>]) -> Result<(), Error> {
    let whole = rows.len() / MANY * MANY;
    let (many, rest) = rows.split_at(whole);
    let add = |text: &'static str, rows: &[Vec<Cell>]| {
        let cells: Vec<Cell> = rows.iter().flatten().cloned().collect();
        async move {
            let values: Vec<&dyn Value> = cells.iter().map(|cell| cell as &dyn Value).collect();
            sql.run(text, &values).await
        }
    };
    // PostgreSQL gets all of them before it has answered the first.
    try_join_all(many.chunks(MANY).map(|rows| add(plan.many(sql), rows))).await?;
    try_join_all(rest.chunks(1).map(|rows| add(plan.one(sql), rows))).await?;
    Ok(())
}

/// Reads a table to its end; `watch` is told of every page how many rows it had.
pub(super) async fn summary(sql: Sql<'_>, plan: &'static Plan, mut watch: impl FnMut(u64)) -> Result<Summary, Error> {
    let (mut reading, mut hash, mut count) = (Reading::of(plan, sql), Context::new(&SHA256), 0);
    let mut text = Vec::new();
    loop {
        let rows = reading.page().await?;
        if rows.is_empty() {
            break;
        }
        text.clear();
        for row in &rows {
            canonical(row, &mut text);
        }
        hash.update(&text);
        count += rows.len() as u64;
        watch(rows.len() as u64);
    }
    Ok(Summary { rows: count, sha256: hex(hash.finish().as_ref()) })
}

/// A row as a line that no other row has. Every value says its type and where it ends.
fn canonical(row: &[Cell], into: &mut Vec<u8>) {
    for cell in row {
        match cell.datum() {
            Datum::Null => into.extend_from_slice(b"null;"),
            Datum::Int(number) => into.extend_from_slice(format!("int {number};").as_bytes()),
            Datum::Text(text) => into.extend_from_slice(format!("text {} {text};", text.len()).as_bytes()),
            Datum::Bytes(bytes) => into.extend_from_slice(format!("bytes {};", hex(bytes)).as_bytes()),
        }
    }
    into.push(b'\n');
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl Cell {
    fn read(kind: Kind, row: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Int => Self::Int(row.take()?),
            Kind::Text => Self::Text(row.take()?),
            Kind::Bytes => Self::Bytes(row.take()?),
        })
    }
}

impl Value for Cell {
    fn kind(&self) -> Kind {
        match self {
            Self::Int(_) => Kind::Int,
            Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
        }
    }

    fn datum(&self) -> Datum<'_> {
        match self {
            Self::Int(value) => value.map_or(Datum::Null, Datum::Int),
            Self::Text(value) => value.as_deref().map_or(Datum::Null, Datum::Text),
            Self::Bytes(value) => value.as_deref().map_or(Datum::Null, Datum::Bytes),
        }
    }
}

/// How many rows are read at a time: a multiple of [`MANY`].
const PAGE: i64 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_differ_in_anything_have_different_lines() {
        let text = |text: &str| Cell::Text(Some(text.to_owned()));
        let rows = [
            vec![text("a"), text("b")],
            vec![text("ab"), text("")],
            vec![text("a;text 1 b")],
            vec![text("a"), Cell::Text(None)],
            vec![text("null")],
            vec![Cell::Int(Some(0))],
            vec![Cell::Int(Some(-1))],
            vec![text("0")],
            vec![Cell::Bytes(Some(vec![0]))],
            vec![Cell::Bytes(Some(vec![0, 0]))],
            vec![Cell::Bytes(Some(Vec::new()))],
            vec![Cell::Bytes(None)],
            vec![text("\n")],
        ];
        let lines = rows.iter().map(|row| {
            let mut line = Vec::new();
            canonical(row, &mut line);
            line
        });
        let lines: std::collections::BTreeSet<_> = lines.collect();
        assert_eq!(lines.len(), rows.len());
    }
}
