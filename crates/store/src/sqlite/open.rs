//! Opening the file: made or found, ours or refused, and with the settings that every connection has.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::backup::refused;
use super::inspect::schema;
use super::migrations::{is_ours, migrate};
use crate::OpenError;

/// One connection that writes, for work that takes long. If `makes`, the database is created and its schema brought up to date.
pub(crate) fn single(path: &Path, makes: bool) -> Result<Connection, OpenError> {
    if makes { open_for_writing(path, BUSY_TIMEOUT) } else { open_as_it_is(path, BUSY_TIMEOUT) }
}

pub(super) fn open_for_writing(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::of(path, error);
    // Held until the schema is up to date: SQLite itself does not wait for a second process that turns on the log.
    let _alone = create(path).map_err(|error| refused(path, error))?;
    if path.is_dir() {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    let mut connection = connect_to_ours(path, busy)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(failed)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// A connection to a database that some server has made. Nothing is made here.
pub(super) fn open_as_it_is(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let _alone = lock_folder(path).map_err(|error| refused(path, error))?;
    let connection = connect_to_ours(path, busy)?;
    schema(&connection, path)?.usable(|| path.display().to_string())?;
    Ok(connection)
}

/// A connection that may write, to a database that is Watchword's or empty.
fn connect_to_ours(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::of(path, error);
    let writing = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, writing, busy).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::NotWritable(path.to_owned()));
    }
    if !is_ours(&connection).map_err(failed)? {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    Ok(connection)
}

/// Creates the file if there is none. Returns its folder, locked against other processes that open it too.
fn create(path: &Path) -> io::Result<File> {
    let folder = lock_folder(path)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An existing file must not be opened here: closing it again would drop the locks SQLite holds in this process.
    match options.open(path) {
        Ok(file) => file.sync_all().and_then(|()| folder.sync_all())?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(folder)
}

/// The folder of a database, locked against other processes that open or replace it.
pub(super) fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder)?;
    match folder.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(folder),
    }
}

/// A connection with the settings that every one of them has.
pub(super) fn connect(path: &Path, flags: OpenFlags, busy: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise SQLite compiles a statement on a table with partial indexes anew at every run, in case a better plan
    // exists for its values. That costs more than the run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // full: normal loses acknowledged commits when the power fails. The two with fullfsync matter on macOS alone.
    connection.execute_batch(
        "pragma synchronous = full;
        pragma fullfsync = on;
        pragma checkpoint_fullfsync = on;
        pragma foreign_keys = on;
        pragma trusted_schema = off;
        pragma temp_store = memory;
        pragma mmap_size = 0;
        pragma cache_size = -2000;
        pragma journal_size_limit = 16777216;",
    )?;
    Ok(connection)
}

/// How long to wait for another process that writes.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
