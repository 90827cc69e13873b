//! One of the two databases, on a connection that may take as long as it needs.

use std::path::Path;

use rusqlite::Connection;

use crate::postgres::Single;
use crate::sql::Sql;
use crate::{Database, Error, OpenError, sqlite};

/// A connection to either kind of database, and the words for it.
pub(super) struct Side {
    connection: Kind,
    /// Where it is, as it may be shown.
    pub(super) shown: String,
}

enum Kind {
    Sqlite(Connection),
    Postgres(Box<Single>),
}

impl Side {
    /// Opens the database, makes it if there is none, and brings its schema up to date.
    pub(super) async fn open(database: &Database) -> Result<Self, OpenError> {
        Self::open_if(database, true).await
    }

    /// Opens a database whose schema is up to date.
    pub(super) async fn open_as_it_is(database: &Database) -> Result<Self, OpenError> {
        Self::open_if(database, false).await
    }

    async fn open_if(database: &Database, makes: bool) -> Result<Self, OpenError> {
        let connection = match database {
            Database::File(path) => Kind::Sqlite(sqlite::single(path, makes)?),
            Database::Server(url) => Kind::Postgres(Box::new(Single::open(url, makes).await?)),
        };
        Ok(Self { connection, shown: shown(database) })
    }

    pub(super) fn sql(&self) -> Sql<'_> {
        match &self.connection {
            Kind::Sqlite(connection) => Sql::Sqlite(connection),
            Kind::Postgres(single) => Sql::Postgres(single.session()),
        }
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, text: &str) -> Result<(), Error> {
        match &self.connection {
            Kind::Sqlite(connection) => Ok(connection.execute_batch(text)?),
            Kind::Postgres(single) => single.batch(text).await,
        }
    }

    /// Whether nobody else moves an installation here at this time. A file is locked by the transaction that writes.
    pub(super) async fn claim(&self) -> Result<bool, Error> {
        match &self.connection {
            Kind::Sqlite(_) => Ok(true),
            Kind::Postgres(single) => single.lock(CLAIM).await,
        }
    }

    /// Begins a transaction. On SQLite nobody else writes until it ends.
    pub(super) async fn begin(&self) -> Result<(), Error> {
        self.batch(self.sql().either("begin immediate", "begin")).await
    }

    /// Runs `work` in a transaction: all of it, or nothing.
    pub(super) async fn atomically<T>(&self, work: impl AsyncFnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.begin().await?;
        let outcome = match work().await {
            Ok(value) => self.batch("commit").await.map(|()| value),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            self.undo().await;
        }
        outcome
    }

    /// Undoes what the transaction did, if there is one.
    pub(super) async fn undo(&self) {
        // Where this fails, the connection is gone and the transaction with it.
        let _ = self.batch("rollback").await;
    }
}

/// The database's name for people, which is the same from whichever folder; without the password.
pub(super) fn shown(database: &Database) -> String {
    match database {
        Database::File(path) => format!("sqlite:{}", absolute(path).display()),
        Database::Server(url) => url.to_string(),
    }
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Which lock says that somebody moves an installation here.
const CLAIM: i64 = 2;
