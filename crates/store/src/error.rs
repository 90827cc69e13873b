//! What can go wrong below a store function. Texts name tables and columns, never values.

use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

/// Why a store function has no answer. In every case nothing was changed, as far as anybody was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too busy, out of reach, or closing. The same call may succeed in a moment. Should a commit have been sent without an
    /// answer, it may have happened: every store function bears being called again.
    #[error("the database is busy; try again")]
    Unavailable,
    /// Another row has this value already: the column that must be unique.
    #[error("already taken: {0}")]
    Taken(&'static str),
    /// The installation is being moved to another database, and this one takes no more changes.
    #[error("the database takes no changes: its installation is being moved to another one")]
    Closed,
    /// The database failed, or holds something that this version cannot read.
    #[error("the database failed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the database cannot be opened, in words for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder is missing.
    #[error("cannot open the database {0}: its folder does not exist. Create the folder or set another path.")]
    NoFolder(PathBuf),
    /// The file or its folder cannot be written.
    #[error("cannot open the database {0}: no permission. Let this user read and write the file and its folder.")]
    NotWritable(PathBuf),
    /// Something else is in its place.
    #[error("cannot open {0}: it is not a Watchword database. Move it away or set another path.")]
    NotADatabase(PathBuf),
    /// A later version of Watchword has migrated it.
    #[error(
        "cannot open the database {database}: its schema is number {found} and this version of Watchword knows only up \
         to {known}. Start the newer version, or restore a backup from before the upgrade."
    )]
    Newer {
        /// Where it is.
        database: String,
        /// The highest migration it has.
        found: i64,
        /// The highest migration this version has.
        known: i64,
    },
    /// It was migrated by a text that is not the one of this version.
    #[error(
        "cannot open the database {database}: its migration {number} is not the one that this version of Watchword has. \
         Start the version that made it."
    )]
    Altered {
        /// Where it is.
        database: String,
        /// Which migration differs.
        number: i64,
    },
    /// Nobody has made its tables.
    #[error("there is nothing in the database {0} yet. Start the server once: it makes the tables.")]
    Empty(String),
    /// An earlier version has made its tables.
    #[error(
        "the database {database} has schema number {found}, and this version of Watchword works with {known}. Start the \
         server of this version: it brings the schema up to date."
    )]
    Behind {
        /// Where it is.
        database: String,
        /// The highest migration it has.
        found: i64,
        /// The highest migration this version has.
        known: i64,
    },
    /// Part of it cannot be read, or contradicts the rest.
    #[error("the database {database} is damaged: {what}. Restore a backup: watchword restore FILE.")]
    Damaged {
        /// Where it is.
        database: PathBuf,
        /// The first thing that is wrong.
        what: String,
    },
    /// Another process keeps it locked.
    #[error("cannot open the database {0}: another process keeps it locked. Stop that process and try again.")]
    Locked(PathBuf),
    /// The server of the URL does not answer.
    #[error(
        "cannot reach the database {database}: {why}. Start PostgreSQL, or correct the host and port; a standby does \
         not count."
    )]
    Unreachable {
        /// Where it should be.
        database: String,
        /// What the network said.
        why: String,
    },
    /// The connection cannot be encrypted as asked for.
    #[error(
        "cannot reach the database {database} safely: {why}. Have the server present a certificate for its host \
         name, name the authority's file with sslrootcert=, or choose another sslmode."
    )]
    Tls {
        /// Where it is.
        database: String,
        /// What is wrong with certificate or encryption.
        why: String,
    },
    /// The server does not let this user in.
    #[error("cannot log in to the database {database}: {why}. Correct user and password, or the server's pg_hba.conf.")]
    Login {
        /// Where it is.
        database: String,
        /// What the server said.
        why: String,
    },
    /// The server has no database of this name.
    #[error("cannot open the database {0}: there is none of this name. Create it, for example with createdb.")]
    NoDatabase(String),
    /// The user may not make or use the tables.
    #[error(
        "cannot use the database {database}: {why}. Make this user the owner of the database, or grant it usage and \
         create on the schema."
    )]
    NotAllowed {
        /// Where it is.
        database: String,
        /// What the server said.
        why: String,
    },
    /// The server is too old.
    #[error("cannot use the database {database}: it is PostgreSQL {version}, and Watchword needs 15 or later.")]
    TooOld {
        /// Where it is.
        database: String,
        /// Its major version.
        version: i64,
    },
    /// The database cannot hold every text.
    #[error(
        "cannot use the database {database}: it is encoded as {encoding}. Create it with encoding UTF8, for example with \
         createdb --encoding=UTF8 --template=template0."
    )]
    Encoding {
        /// Where it is.
        database: String,
        /// How it is encoded.
        encoding: String,
    },
    /// A failover has lost writes that were acknowledged, and nobody has accepted that.
    #[error(
        "cannot use the database {0}: it has lost writes that were acknowledged, as after a failover to a standby that \
         lagged behind. Bring back the server that has them; or stop every node, run \
         `watchword danger-accept-lost-writes`, and start them."
    )]
    HistoryLost(String),
    /// Other tables are in the way.
    #[error(
        "cannot use the database {0}: it has tables of the same names that are not Watchword's. Give Watchword a database \
         of its own, or a schema of its own with ?options=-csearch_path%3Dwatchword."
    )]
    NotOurs(String),
    /// The installation is being moved elsewhere, by a command that runs or was broken off.
    #[error(
        "cannot open the database {database}: its installation is being moved to {place}. Let `watchword migrate` finish, \
         run it again if it was broken off, or give up with `watchword reopen`."
    )]
    Leaving {
        /// Where it is.
        database: String,
        /// Where it goes.
        place: String,
    },
    /// The installation was moved elsewhere.
    #[error(
        "cannot open the database {database}: its installation was moved to {place}. Start the server with that database; \
         this one stays closed and can be deleted."
    )]
    Left {
        /// Where it was.
        database: String,
        /// Where it is now.
        place: String,
    },
    /// An installation is being moved here, and not all of it has arrived.
    #[error(
        "cannot open the database {database}: migration in progress: an installation is being moved here from {place}. \
         Let `watchword migrate` finish, or run it again if it was broken off."
    )]
    Arriving {
        /// Where it is to be.
        database: String,
        /// Where it comes from.
        place: String,
    },
    /// Anything else.
    #[error("cannot open the database {database}: {source}. Check the place where it is kept.")]
    Failed {
        /// Where it is.
        database: String,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn broken(text: &'static str) -> Self {
        Self::Broken(text.into())
    }

    /// The same once more, for each of the many that one failed commit concerns.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Unavailable => Self::Unavailable,
            Self::Taken(column) => Self::Taken(column),
            Self::Closed => Self::Closed,
            Self::Broken(source) => Self::Broken(source.to_string().into()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::SqliteFailure(failure, message) = &error {
            if matches!(failure.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) || is_full(*failure) {
                return Self::Unavailable;
            }
            if failure.extended_code == ffi::SQLITE_CONSTRAINT_TRIGGER {
                return Self::Closed;
            }
            let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
            if unique.contains(&failure.extended_code)
                && let Some(column) = message.as_deref().and_then(unique_column)
            {
                return Self::Taken(column);
            }
        }
        Self::Broken(Box::new(error))
    }
}

impl OpenError {
    pub(crate) fn of(path: &std::path::Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::NotWritable(path),
            _ => Self::Failed { database: path.display().to_string(), source: Box::new(error) },
        }
    }
}

/// Whether what was to be written could not be: there may be room again in a moment.
fn is_full(failure: ffi::Error) -> bool {
    let writing = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_SHMSIZE];
    failure.code == ErrorCode::DiskFull || writing.contains(&failure.extended_code)
}

/// Which column SQLite means in `UNIQUE constraint failed: table.column`.
fn unique_column(message: &str) -> Option<&'static str> {
    let named = message.rsplit('.').next()?;
    ["username", "email", "user_id", "session_id", "grant_id", "kid"].into_iter().find(|column| *column == named)
}
