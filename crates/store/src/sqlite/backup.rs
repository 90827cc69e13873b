//! A whole copy of a database that is in use: made in one transaction that only reads, and checked before it is trusted.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use domain::UnixMillis;
use rusqlite::{Connection, OpenFlags};

use super::connect;
use super::migrations::{APPLICATION_ID, applied, judge};
use crate::OpenError;

/// A copy of a SQLite database, in a file of its own that nobody else uses and that goes away with this value.
pub struct Duplicate {
    path: PathBuf,
    /// Locked, so that another process can tell it from one that was left behind.
    file: File,
}

/// What is known of a copy that was found to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its size.
    pub bytes: u64,
    /// The number of the last migration that was applied to it.
    pub schema: i64,
    /// What tells the master key that it belongs to from another; none if it was never used.
    pub master: Option<i64>,
}

impl Duplicate {
    /// An empty one, for its owner only, beside the database and named after it. One that a killed process left behind is
    /// taken over; while another process is at work on one, this is `Locked`.
    pub fn beside(database: &Path, suffix: &str) -> Result<Self, OpenError> {
        let path = named(database, suffix);
        let file = unfinished(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked(path.clone()),
            _ => refused(&path, error),
        })?;
        let copy = Self { path, file };
        // A log left behind would be taken for the new content's.
        copy.remove(&SIDES).map_err(|error| refused(&copy.path, error))?;
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes over everything that is committed in `database` at this moment. Others go on reading and writing it.
    ///
    /// What was deleted in the database is not in the copy, as it may be in the free pages of the file itself.
    pub fn fill(&self, database: &Path) -> Result<Whole, OpenError> {
        let failed = |error| OpenError::of(database, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = connect(database, flags, super::BUSY_TIMEOUT).map_err(failed)?;
        let to = self.path.to_str().ok_or_else(|| self.strange("its path is not UTF-8"))?;
        source.execute("vacuum into ?1", [to]).map_err(failed)?;
        drop(source);
        self.examine()
    }

    /// Its content, from the beginning. What is written here must be the whole of a database.
    pub fn content(&self) -> Result<&File, OpenError> {
        (&self.file).rewind().map_err(|error| refused(&self.path, error))?;
        Ok(&self.file)
    }

    /// Waits until it is on disk, and looks for anything wrong with it: every page and index, every reference, and
    /// whether this version can bring its schema up to date.
    pub fn examine(&self) -> Result<Whole, OpenError> {
        self.file.sync_all().map_err(|error| refused(&self.path, error))?;
        let bytes = self.file.metadata().map_err(|error| refused(&self.path, error))?.len();
        let failed = |error| self.damaged(&error);
        let connection = unchanging(&self.path).map_err(failed)?;
        let id: i64 = connection.query_row("pragma application_id", [], |row| row.get(0)).map_err(failed)?;
        if id != APPLICATION_ID {
            return Err(OpenError::NotADatabase(self.path.clone()));
        }
        let applied = applied(&connection).map_err(failed)?;
        judge(&applied, &self.path)?;
        if let Some(wrong) = wrong(&connection).map_err(failed)? {
            return Err(self.strange(&wrong));
        }
        let check = "select max(value) from meta where name = 'master_key_check'";
        let master = connection.query_row(check, [], |row| row.get(0)).map_err(failed)?;
        Ok(Whole { bytes, schema: applied.first().map_or(0, |(number, _)| *number), master })
    }

    /// Gives it to the owner of another file, as root must, and anybody else need not.
    pub fn give_to_owner_of(&self, other: &Path) -> Result<(), OpenError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let owners = |of: std::fs::Metadata| (of.uid(), of.gid());
            let given = std::fs::metadata(other).and_then(|theirs| {
                let (theirs, own) = (owners(theirs), owners(self.file.metadata()?));
                if theirs == own { Ok(()) } else { fchown(&self.file, Some(theirs.0), Some(theirs.1)) }
            });
            given.map_err(|error| refused(&self.path, error))?;
        }
        Ok(())
    }

    fn remove(&self, suffixes: &[&str]) -> io::Result<()> {
        suffixes.iter().try_for_each(|suffix| match std::fs::remove_file(named(&self.path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    fn damaged(&self, error: &rusqlite::Error) -> OpenError {
        self.strange(&error.to_string())
    }

    fn strange(&self, what: &str) -> OpenError {
        OpenError::Damaged { database: self.path.clone(), what: what.to_owned() }
    }
}

impl Drop for Duplicate {
    fn drop(&mut self) {
        // What remains is taken over by the next one.
        let _ = self.remove(&SIDES).and_then(|()| self.remove(&[""]));
    }
}

/// A new file for its owner only, locked for as long as it is open. One that a killed process left behind is removed
/// first, whoever made it; `WouldBlock` if another process is at work on it.
pub fn unfinished(path: &Path) -> io::Result<File> {
    match made(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let left_behind = File::open(path)?;
            lock(&left_behind)?;
            std::fs::remove_file(path)?;
            made(path)
        }
        made => made,
    }
}

fn made(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    lock(&file)?;
    // Before it was locked, another process may have taken it for one that was left behind.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if std::fs::symlink_metadata(path)?.ino() != file.metadata()?.ino() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
    }
    Ok(file)
}

fn lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|refused| match refused {
        TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        TryLockError::Error(error) => error,
    })
}

/// The latest moment that a database has seen, as far as that can be told without touching it.
pub fn clock_floor_of(database: &Path) -> Option<UnixMillis> {
    let text = "select value from meta where name = 'clock_floor'";
    unchanging(database).ok()?.query_row(text, [], |row| row.get(0)).ok().map(UnixMillis)
}

/// A connection to a file that nobody changes: it neither locks nor makes files.
pub(crate) fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let name =
        percent_encoding::percent_encode(path.as_os_str().as_encoded_bytes(), percent_encoding::NON_ALPHANUMERIC);
    let name = name.to_string().replace("%2F", "/");
    let name = if name.starts_with('/') { name } else { format!("./{name}") };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
}

/// The first thing that is wrong inside a database.
fn wrong(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let integrity: String = connection.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    if integrity != "ok" {
        return Ok(Some(integrity));
    }
    let mut dangling = connection.prepare("pragma foreign_key_check")?;
    let mut rows = dangling.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(Some(format!("a row of {table} names one of {parent} that is not there")))
}

/// The path with something appended to the file's name.
pub(super) fn named(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What a failure of the file system means here.
pub(super) fn refused(path: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::NoFolder(path.to_owned()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => OpenError::NotWritable(path.to_owned()),
        _ => OpenError::Failed { database: path.display().to_string(), source: Box::new(error) },
    }
}

/// What SQLite may keep beside a database.
const SIDES: [&str; 3] = ["-wal", "-shm", "-journal"];
