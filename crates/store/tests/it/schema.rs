//! Both engines have the same tables, and a PostgreSQL schema is made once, by whoever comes first.

use store::{Database, OpenError, Options, Store};
use test_postgres::Schema;

use crate::support::{TestStore, new_session};

/// Table, column, whether it is never null, whether it belongs to the primary key.
const COLUMNS: [&str; 2] = [
    r#"select m.name || '.' || c.name || ' ' || (c."notnull" or c.pk > 0) || ' ' || (c.pk > 0)
    from sqlite_schema m, pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%'"#,
    "select c.relname || '.' || a.attname || ' ' || a.attnotnull::int || ' ' || coalesce((a.attnum = any(i.indkey))::int, 0)
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'",
];

/// Table, name (or that it is a constraint), whether it is unique, whether it is partial, columns.
const INDEXES: [&str; 2] = [
    r#"select m.tbl_name || ' ' || case when l.origin = 'u' then 'constraint' else m.name end || ' ' || l."unique" || ' '
    || l.partial || ' ' || (select group_concat(coalesce(name, 'expression'), ',') from (select name from pragma_index_info(m.name) order by seqno))
    from sqlite_schema m join pragma_index_list(m.tbl_name) l on l.name = m.name
    where m.type = 'index' and l.origin <> 'pk'"#,
    "select t.relname || ' ' || case when u.oid is null then c.relname else 'constraint' end || ' ' || i.indisunique::int
    || ' ' || (i.indpred is not null)::int || ' ' || (select string_agg(coalesce(a.attname, 'expression'), ',' order by k.place)
        from unnest(i.indkey) with ordinality k (number, place)
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
    left join pg_constraint u on u.conindid = c.oid and u.contype = 'u'
    where t.relnamespace = current_schema()::regnamespace and not i.indisprimary",
];

const MIGRATIONS: &str = "select number || ' ' || name from migrations";

fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort();
    lines
}

#[test]
fn both_engines_have_the_same_tables_columns_and_indexes() {
    let (file, server) = (TestStore::on_sqlite(), TestStore::on_postgres());
    let outside = file.outside();
    for ([sqlite, postgres], least) in [(COLUMNS, 30), (INDEXES, 8), ([MIGRATIONS; 2], 1)] {
        let mut query = outside.prepare(sqlite).unwrap();
        let on_sqlite = sorted(query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap));
        let lines = server.schema().psql(postgres);
        // Who wrote an entry, and what was written at all, is something that only many writers have to know.
        let shared = lines
            .lines()
            .filter(|line| !line.contains("xid") && !line.starts_with("marks.") && !line.starts_with("log_life."));
        assert_eq!(on_sqlite, sorted(shared.map(str::to_owned)));
        assert!(on_sqlite.len() >= least, "{on_sqlite:?}");
    }
}

/// How row.rs asks for a user's sessions, and so how the index must be written: where the one is not the other's, every session is read.
#[tokio::test]
async fn a_users_sessions_that_stand_are_found_by_their_index() {
    let source = include_str!("../../src/row.rs");
    let asked = source.split("macro_rules! is_of_user").nth(1).unwrap().split('"').nth(1).unwrap();
    let expression = asked.split(" = ").next().unwrap();
    assert_eq!(expression, "substr(user_id, 13)");
    let (file, server) = (TestStore::on_sqlite(), TestStore::on_postgres());
    let index = server.schema().psql("select pg_get_indexdef('sessions_standing_by_user'::regclass)");
    assert!(index.contains(&format!("({expression})")), "{index}");
    let plan =
        format!("explain query plan select 1 from sessions where {asked}$1, 13) and user_id = $1 and ended_at is null");
    let outside = file.outside();
    let plan: String = outside.prepare(&plan).unwrap().query_row([[1_u8; 16]], |row| row.get(3)).unwrap();
    assert!(plan.contains("sessions_standing_by_user"), "{plan}");
}

#[tokio::test]
async fn the_row_of_a_browsers_session_takes_at_most_a_hundred_and_sixty_bytes_on_postgresql() {
    let store = TestStore::on_postgres();
    store.user(1).await;
    let mut new = new_session(1, 1);
    new.amr = vec!["pwd".into()];
    new.user_agent = domain::device::marks("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    new.ip = [203, 0, 113, 250].into();
    store.open_session(new).await.unwrap().unwrap();
    let bytes: u64 = store.schema().psql("select pg_column_size(s) from sessions s").parse().unwrap();
    assert!((100..=160).contains(&bytes), "{bytes}");
}

#[test]
fn ten_nodes_that_open_a_new_database_at_once_migrate_it_once() {
    for _ in 0..3 {
        let schema = Schema::new();
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..10).map(|_| scope.spawn(|| open(&schema).map(drop))).collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
        assert_eq!(schema.psql("select count(*) = count(distinct number) and count(*) > 0 from migrations"), "t");
    }
}

#[tokio::test]
async fn a_newer_or_altered_schema_on_a_server_is_refused() {
    for (change, message) in [
        ("insert into migrations values (9999, 'from the future', '')", "its schema is number 9999"),
        ("update migrations set checksum = ''", "its migration 1 is not the one"),
    ] {
        let store = TestStore::on_postgres();
        store.close().await;
        store.execute(change);
        let before = store.schema().tables();
        let refusal = open(store.schema()).map(drop).unwrap_err().to_string();
        assert!(refusal.contains(message) && refusal.contains("postgres://"), "{refusal}");
        assert_eq!(store.schema().tables(), before);
    }
}

#[test]
fn tables_of_somebody_else_are_left_as_they_were() {
    let schema = Schema::new();
    schema.psql("create table users (title text)");
    assert!(matches!(open(&schema).map(drop), Err(OpenError::NotOurs(_))));
    assert_eq!(schema.psql("select count(*) from pg_tables where schemaname = current_schema()"), "1");
}

fn open(schema: &Schema) -> Result<Store, OpenError> {
    Store::open(&Options::new(Database::Server(Box::new(schema.url().parse().unwrap()))))
}
