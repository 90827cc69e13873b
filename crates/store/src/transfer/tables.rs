//! What an installation consists of: every table and column, in the one order in which they are copied and compared.

use std::sync::LazyLock;

use crate::datum::Kind;
use crate::sql::Sql;

/// A table, with its rows in the order of `key`.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The primary key; also the first column.
    pub(super) key: (&'static str, Kind),
    /// The other columns.
    pub(super) others: &'static [(&'static str, Kind)],
    /// Which rows belong to the installation, where some belong to the database and stay in it.
    pub(super) which: &'static str,
}

/// The statements about one table, in the words of each engine.
pub(super) struct Plan {
    pub(super) table: &'static Table,
    pub(super) count: String,
    pub(super) clear: String,
    first: [String; 2],
    next: [String; 2],
    one: [String; 2],
    many: [String; 2],
}

/// How many rows one statement inserts, where there are so many.
pub(super) const MANY: usize = 64;

/// All rows.
const ALL: &str = "true";

/// The number that tells one log of revocations from another belongs to the database: whoever has read to a place in the
/// one must not take it for a place in the other.
const NOT_OF_THE_LOG: &str = "name <> 'revocations_source'";

/// Every table but `migrations`, `transfers`, `marks` and `log_life`, which are about the database and not the installation, and
/// `listeners`, who will be heard of again within seconds. What another table refers to comes first. `revocations.xid` is not
/// here: it means something in one cluster only.
pub(super) const TABLES: [Table; 11] = [
    Table {
        name: "users",
        key: ("user_id", Kind::Bytes),
        others: &[
            ("username", Kind::Text),
            ("email", Kind::Text),
            ("password_hash", Kind::Text),
            ("roles", Kind::Text),
            ("epoch", Kind::Int),
            ("created_at", Kind::Int),
            ("disabled_at", Kind::Int),
        ],
        which: ALL,
    },
    Table {
        name: "setup_offers",
        key: ("only", Kind::Int),
        others: &[("secret_hash", Kind::Bytes), ("expires_at", Kind::Int)],
        which: ALL,
    },
    Table {
        name: "sessions",
        key: ("session_id", Kind::Bytes),
        others: &[
            ("created_at", Kind::Int),
            ("seen_at", Kind::Int),
            ("idle_expires_at", Kind::Int),
            ("expires_at", Kind::Int),
            ("epoch_at_issue", Kind::Int),
            ("authenticated_at", Kind::Int),
            ("ended_at", Kind::Int),
            ("max_access_minute", Kind::Int),
            ("sweep_minute", Kind::Int),
            ("user_id", Kind::Bytes),
            ("cookie_hash", Kind::Bytes),
            ("ip", Kind::Bytes),
            ("amr", Kind::Text),
            ("user_agent", Kind::Text),
            ("ended_why", Kind::Text),
        ],
        which: ALL,
    },
    Table {
        name: "grants",
        key: ("grant_id", Kind::Bytes),
        others: &[
            ("session_id", Kind::Bytes),
            ("client_id", Kind::Text),
            ("scope", Kind::Text),
            ("rotation", Kind::Int),
            ("rotated_at", Kind::Int),
        ],
        which: ALL,
    },
    Table {
        name: "revocations",
        key: ("seq", Kind::Int),
        others: &[("kind", Kind::Text), ("key", Kind::Bytes), ("value", Kind::Int), ("keep_until", Kind::Int)],
        which: ALL,
    },
    Table { name: "throttles", key: ("throttle_key", Kind::Bytes), others: &[("free_at", Kind::Int)], which: ALL },
    Table {
        name: "signing_keys",
        key: ("kid", Kind::Text),
        others: &[
            ("algorithm", Kind::Text),
            ("state", Kind::Text),
            ("public_jwk", Kind::Text),
            ("sealed", Kind::Bytes),
            ("created_at", Kind::Int),
            ("activated_at", Kind::Int),
            ("retired_at", Kind::Int),
        ],
        which: ALL,
    },
    Table { name: "meta", key: ("name", Kind::Text), others: &[("value", Kind::Int)], which: NOT_OF_THE_LOG },
    Table { name: "sealed_secrets", key: ("name", Kind::Text), others: &[("sealed", Kind::Bytes)], which: ALL },
    Table {
        name: "verifiers",
        key: ("name", Kind::Text),
        others: &[("secret_hash", Kind::Bytes), ("created_at", Kind::Int)],
        which: ALL,
    },
    Table { name: "client_endings", key: ("client_id", Kind::Text), others: &[("ended_at", Kind::Int)], which: ALL },
];

/// [`TABLES`] with their statements.
pub(super) fn plans() -> &'static [Plan] {
    static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| TABLES_IN_PLACE.iter().map(Plan::of).collect());
    &PLANS
}

static TABLES_IN_PLACE: [Table; 11] = TABLES;

/// The generated number of a row is copied like any other value, and those that follow must be higher.
pub(super) const GO_ON_NUMBERING: &str =
    "select setval(pg_get_serial_sequence('revocations', 'seq'), max(seq)) from revocations having count(*) > 0";

impl Table {
    /// All columns, the key first.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, Kind)> + '_ {
        std::iter::once(self.key).chain(self.others.iter().copied())
    }
}

impl Plan {
    fn of(table: &'static Table) -> Self {
        let (name, which) = (table.name, table.which);
        let list = table.columns().map(|(column, _)| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
        let key = format!("\"{}\"", table.key.0);
        // In the order of the bytes, whatever the server's language.
        let ordered = if matches!(table.key.1, Kind::Text) { format!("{key} collate \"C\"") } else { key.clone() };
        let page = |key: &str, after: &str, limit: &str| {
            format!("select {list} from {name} where {which}{after} order by {key} limit {limit}")
        };
        let insert = |overriding: &str, rows: usize| {
            format!("insert into {name} ({list}) {overriding} values {}", places(table.columns().count(), rows))
        };
        // A generated number is only taken as given when told so.
        let given = if name == "revocations" { "overriding system value" } else { "" };
        let next = |key: &str| page(key, &format!(" and {key} > $2"), "$1");
        Self {
            table,
            count: format!("select count(*) from {name} where {which}"),
            clear: format!("delete from {name} where {which}"),
            first: [page(&key, "", "$1"), page(&ordered, "", "$1")],
            next: [next(&key), next(&ordered)],
            one: [insert("", 1), insert(given, 1)],
            many: [insert("", MANY), insert(given, MANY)],
        }
    }

    /// The rows from the lowest key on, at most `$1`.
    pub(super) fn first(&'static self, sql: Sql<'_>) -> &'static str {
        sql.either(&self.first[0], &self.first[1])
    }

    /// The rows behind the key `$2`, at most `$1`.
    pub(super) fn next(&'static self, sql: Sql<'_>) -> &'static str {
        sql.either(&self.next[0], &self.next[1])
    }

    /// Adds one row.
    pub(super) fn one(&'static self, sql: Sql<'_>) -> &'static str {
        sql.either(&self.one[0], &self.one[1])
    }

    /// Adds [`MANY`] rows.
    pub(super) fn many(&'static self, sql: Sql<'_>) -> &'static str {
        sql.either(&self.many[0], &self.many[1])
    }
}

/// `($1, $2), ($3, $4)` for two columns and two rows.
fn places(columns: usize, rows: usize) -> String {
    let row = |row: usize| {
        let numbers = (1..=columns).map(|column| format!("${}", row * columns + column));
        format!("({})", numbers.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use test_postgres::Schema;

    use super::*;
    use crate::{Database, Options, Store};

    /// Table, column, type, and whether it is the primary key, as `name.name type key`.
    fn listed(int: &str, text: &str, bytes: &str) -> BTreeSet<String> {
        let columns = TABLES.iter().flat_map(|table| {
            table.columns().map(move |(column, kind)| {
                let kind = match kind {
                    Kind::Int => int,
                    Kind::Text => text,
                    Kind::Bytes => bytes,
                };
                format!("{}.{column} {kind} {}", table.name, i32::from(column == table.key.0))
            })
        });
        columns.collect()
    }

    #[test]
    fn every_column_of_a_sqlite_file_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchword.db");
        Store::open(&Options::file(&path)).unwrap();
        let file = rusqlite::Connection::open(path).unwrap();
        let mut query = file
            .prepare(
                "select m.name || '.' || c.name || ' ' || lower(c.type) || ' ' || (c.pk > 0)
                from sqlite_schema m, pragma_table_xinfo(m.name) c
                where m.type = 'table' and m.name not like 'sqlite_%' and m.name not in ('migrations', 'transfers', 'listeners')",
            )
            .unwrap();
        let there: BTreeSet<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(there, listed("integer", "text", "blob"));
    }

    #[test]
    fn every_column_of_a_postgresql_schema_is_listed() {
        let schema = Schema::new();
        Store::open(&Options::new(Database::Server(Box::new(schema.url().parse().unwrap())))).unwrap();
        let there = schema.psql(
            "select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, null) || ' '
            || coalesce((a.attnum = any(i.indkey))::int, 0)
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            left join pg_index i on i.indrelid = c.oid and i.indisprimary
            where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
            and c.relname not in ('migrations', 'transfers', 'marks', 'log_life', 'listeners')",
        );
        let there: BTreeSet<String> = there
            .lines()
            .filter(|line| *line != "revocations.xid xid8 0")
            // A minute is copied as a number like any other, although its column is narrower.
            .map(|line| line.replace("_minute integer ", "_minute bigint "))
            .collect();
        assert_eq!(there, listed("bigint", "text", "bytea"));
    }

    #[test]
    fn the_places_of_values_are_numbered_row_by_row() {
        assert_eq!(places(2, 3), "($1, $2), ($3, $4), ($5, $6)");
    }
}
