//! Where it is measured: a file in a new folder, or a server that waits for its disk.

use std::time::Duration;

use store::{Database, Options, Store};
use tempfile::TempDir;
use test_postgres::Cluster;

use crate::What;
use crate::bare_postgres::BarePostgres;
use crate::bare_sqlite::BareSqlite;

pub enum Place {
    File(TempDir),
    Server(Cluster),
}

pub enum Bare {
    Sqlite(BareSqlite),
    Postgres(BarePostgres),
}

impl Place {
    pub fn file() -> Self {
        Self::File(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub fn server() -> Self {
        let durable = ["listen_addresses = ''", "fsync = on", "full_page_writes = on"];
        let sized = ["shared_buffers = 512MB", "max_wal_size = 4GB"];
        Self::Server(Cluster::start(&[&durable[..], &sized[..]].concat()))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "SQLite",
            Self::Server(_) => "PostgreSQL",
        }
    }

    pub fn path(&self) -> std::path::PathBuf {
        let Self::File(folder) = self else { panic!("a server is no file") };
        folder.path().join("watchword.db")
    }

    pub fn url(&self) -> String {
        let Self::Server(cluster) = self else { panic!("a file is no server") };
        cluster.url("postgres")
    }

    pub fn open(&self) -> Store {
        let options = match self {
            Self::File(_) => Options::file(self.path()),
            Self::Server(_) => Options::new(Database::Server(Box::new(self.url().parse().unwrap()))),
        };
        Store::open(&options).unwrap()
    }

    /// Has the planner look at the tables, as autovacuum does within a minute of their being filled.
    pub fn settle(&self) {
        if let Self::Server(cluster) = self {
            cluster.psql("postgres", "", "vacuum analyze");
        }
    }

    /// The engine alone, on what a store has made.
    pub async fn bare(&self) -> Bare {
        match self {
            Self::File(_) => Bare::Sqlite(BareSqlite::open(self.path())),
            Self::Server(_) => Bare::Postgres(BarePostgres::connect(&self.url()).await),
        }
    }
}

impl Bare {
    pub async fn rate(&mut self, what: What, callers: usize, span: Duration) -> f64 {
        match self {
            Self::Sqlite(bare) => bare.rate(what, callers, span),
            Self::Postgres(bare) => bare.rate(what, callers, span).await,
        }
    }
}
