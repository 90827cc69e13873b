//! Where a test's server keeps its data, and another program's view of that: a SQLite file in the folder, or a schema of its
//! own on PostgreSQL when the environment says `WATCHWORD_TEST_DATABASE=postgres`.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;
use test_postgres::Schema;

pub struct Home {
    folder: TempDir,
    /// Else the database is a file in the folder.
    schema: Option<Schema>,
}

impl Home {
    pub fn new() -> Self {
        let schema = match std::env::var("WATCHWORD_TEST_DATABASE").as_deref() {
            Err(_) | Ok("sqlite") => None,
            Ok("postgres") => Some(Schema::new()),
            Ok(other) => panic!("WATCHWORD_TEST_DATABASE is sqlite or postgres, not {other}"),
        };
        Self { folder: tempfile::tempdir().unwrap(), schema }
    }

    /// On PostgreSQL, whatever the environment says.
    pub fn on_postgres() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), schema: Some(Schema::new()) }
    }

    /// The folder with the configuration, the master key and perhaps the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The lines of the configuration file that lead here.
    pub fn lines(&self) -> String {
        match &self.schema {
            None => format!("database = 'sqlite:{}'\n", self.file().display()),
            Some(schema) => {
                let key = self.folder().join("watchword.key");
                format!("database = '{}'\nmaster_key_file = '{}'\n", schema.url(), key.display())
            }
        }
    }

    pub fn execute(&self, sql: &str) {
        match &self.schema {
            None => self.open().execute_batch(sql).unwrap(),
            Some(schema) => drop(schema.psql(sql)),
        }
    }

    pub fn cell(&self, sql: &str) -> String {
        match &self.schema {
            None => self.open().query_row(sql, [], |row| row.get_ref(0).map(shown)).unwrap(),
            Some(schema) => schema.psql(sql),
        }
    }

    pub fn tables(&self) -> String {
        let Some(schema) = &self.schema else { return tables(&self.open()) };
        schema.tables()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let Some(schema) = &self.schema else {
            let files = ["watchword.db", "watchword.db-wal"].map(|name| self.folder().join(name));
            return files.iter().filter_map(|path| std::fs::read(path).ok()).flatten().collect();
        };
        schema.bytes()
    }

    fn open(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder().join("watchword.db")
    }
}

fn tables(database: &Connection) -> String {
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(sql).unwrap();
        let columns = statement.column_count();
        let line = |row: &rusqlite::Row<'_>| (0..columns).map(|n| row.get_ref(n).map(shown)).collect();
        let rows = statement.query_map([], line).unwrap();
        rows.map(|row: rusqlite::Result<Vec<String>>| row.unwrap().join("|")).collect()
    };
    let names = texts("select name from sqlite_schema where type = 'table' order by name");
    let table = |name: &String| format!("{name}\n{}\n", texts(&format!("select * from {name} order by 1")).join("\n"));
    names.iter().map(table).collect()
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => token::base64url::encode(bytes),
    }
}
