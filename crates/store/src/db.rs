//! The store and its two engines. A store function is written once, against [`Sql`], and runs on either.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use crate::postgres::{Mode, Postgres, PostgresUrl};
use crate::queues::Queues;
use crate::sql::Sql;
use crate::sqlite::Sqlite;
use crate::{Error, OpenError, transfer};

/// Everything that Watchword remembers. Clones share one database.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    reads: Arc<AtomicU64>,
    /// None on SQLite, whose one writer commits many requests together.
    pub(crate) queues: Option<Arc<Queues>>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Where the database is.
#[derive(Clone)]
pub enum Database {
    /// A SQLite file. It is created, for its owner only, if it does not exist; its folder must.
    File(PathBuf),
    /// A PostgreSQL server, version 15 or later.
    Server(Box<PostgresUrl>),
}

/// Which database, and how it is used.
#[derive(Clone)]
pub struct Options {
    /// Where it is.
    pub database: Database,
    /// Most requests in one commit of SQLite; 1 means one commit per request.
    pub group: usize,
    /// How many connections read from SQLite.
    pub readers: usize,
    /// Whether to make the tables, and bring them up to date. Else a database without them is an error, and opening one
    /// changes nothing.
    pub makes: bool,
    /// Goes on with a PostgreSQL database that has lost writes which had been acknowledged: what was revoked or used up by
    /// them may be valid again.
    pub danger_accept_lost_writes: bool,
}

/// What may be done to a server's database when it is opened.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    /// See [`Options::makes`].
    pub(crate) makes: bool,
    /// See [`Options::danger_accept_lost_writes`].
    pub(crate) danger_accept_lost_writes: bool,
}

impl Options {
    /// The usual numbers.
    pub fn new(database: Database) -> Self {
        Self { database, group: 256, readers: 4, makes: true, danger_accept_lost_writes: false }
    }

    fn opening(&self) -> Opening {
        Opening { makes: self.makes, danger_accept_lost_writes: self.danger_accept_lost_writes }
    }

    /// The usual numbers for a SQLite file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Database::File(path.into()))
    }
}

impl Store {
    /// Opens the database and brings its schema up to date; a SQLite file is created if there is none. Without
    /// [`Options::makes`] neither. Blocks this thread meanwhile.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        let engine = match &options.database {
            Database::File(path) => {
                let sqlite = Sqlite::open(path, options.group, options.readers, options.makes)?;
                let shown = path.display().to_string();
                let admitted = sqlite.read(&async |sql: Sql<'_>| Ok(transfer::admit(sql, &shown).await));
                admitted.unwrap_or_else(|error| Err(OpenError::Failed { database: shown, source: Box::new(error) }))?;
                Engine::Sqlite(sqlite)
            }
            Database::Server(url) => Engine::Postgres(Postgres::open(url, options.opening())?),
        };
        let queues = matches!(engine, Engine::Postgres(_)).then(Arc::default);
        Ok(Self { engine, reads: Arc::default(), queues })
    }

    /// Finishes what was asked for and closes the database. Later calls are `Unavailable`.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }

    /// How many transactions this store has committed since it was opened.
    pub fn commits(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.commits(),
            Engine::Postgres(postgres) => postgres.commits(),
        }
    }

    /// How many times this store has asked its database for something since it was opened, writing aside.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction, and returns once that is on disk.
    ///
    /// A panic or error in `work` undoes what `work` did and nothing else. If the future is dropped, `work` is not begun;
    /// once begun, it is finished. On PostgreSQL `work` may be undone and begun anew, so it must not remember anything.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFn(Sql<'_>) -> Result<T, Error> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(work).await,
            Engine::Postgres(postgres) => postgres.run(Mode::Write, work).await,
        }
    }

    /// Runs `work`, which is one statement that only reads. On SQLite it takes microseconds and runs on this thread.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFn(Sql<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.read(&work),
            Engine::Postgres(postgres) => postgres.run(Mode::Read, work).await,
        }
    }

    /// Waits for a hint that the log of revocations has grown.
    pub(crate) async fn hinted(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.hinted().await,
            Engine::Postgres(postgres) => postgres.hinted().await,
        }
    }

    /// Whether it could not be written lately, although it could be reached.
    pub(crate) fn is_ill(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.is_ill(),
            Engine::Postgres(_) => false,
        }
    }

    #[cfg(test)]
    pub(crate) fn sqlite(&self) -> &Sqlite {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite,
            Engine::Postgres(_) => panic!("this store is not on SQLite"),
        }
    }
}

/// The outcome of a store function on SQLite, where nothing in it has to be waited for.
pub(crate) fn ready<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("on SQLite a store function waits for nothing"),
    }
}
