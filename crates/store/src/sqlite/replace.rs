//! One database in place of another. Whenever this is cut off, the name leads to the one or the other, whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rusqlite::OpenFlags;
use rustix::fs::{CWD, FlockOperation, RenameFlags, fcntl_lock, renameat_with};
use rustix::io::Errno;

use super::backup::{named, refused};
use super::migrations::APPLICATION_ID;
use super::{connect, lock_folder};
use crate::OpenError;

/// Puts the database `new` where `database` is, and what was there, if anything, to `aside`, which must be free. All three
/// are in one folder.
///
/// Fails as `Locked` while any other process has the database open, and as `NotADatabase` if something else is in its
/// place; then nothing was changed. Answers whether there was one.
pub fn replace(new: &Path, database: &Path, aside: &Path) -> Result<bool, OpenError> {
    let failed = |error: io::Error| refused(database, error);
    // Whoever opens a database waits for this lock first.
    let folder = lock_folder(database).map_err(failed)?;
    let there = match fs::metadata(database) {
        Ok(there) if there.is_file() => true,
        Ok(_) => return Err(OpenError::NotADatabase(database.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed(error)),
    };
    let mut held = None;
    if there {
        drop(hold(database)?);
        settle(database);
        if !is_ours(database).map_err(failed)? {
            return Err(OpenError::NotADatabase(database.to_owned()));
        }
        held = Some(hold(database)?);
    }
    // Only beside a damaged database is any of these left; beside the new one it would be taken for its own.
    for suffix in ["-wal", "-journal"] {
        move_if_any(&named(database, suffix), &named(aside, suffix)).map_err(failed)?;
    }
    remove_if_any(&named(database, "-shm")).map_err(failed)?;
    if there { exchange(new, database, aside) } else { fs::rename(new, database) }.map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    drop(held);
    Ok(there)
}

/// Fails as `Locked` while any other process has the database open.
pub fn refuse_if_open(database: &Path) -> Result<(), OpenError> {
    if database.is_file() { hold(database).map(drop) } else { Ok(()) }
}

/// Keeps every process away that uses SQLite: each has a lock somewhere on the file for as long as it has it open.
fn hold(database: &Path) -> Result<File, OpenError> {
    let file = File::options().read(true).write(true).open(database).map_err(|error| refused(database, error))?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(OpenError::Locked(database.to_owned())),
        Err(error) => Err(refused(database, error.into())),
    }
}

/// Moves what a killed process has left in the log into the database itself. One that is damaged stays as it is.
fn settle(database: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(connection) = connect(database, flags, super::BUSY_TIMEOUT) {
        let _ = connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    }
}

/// Whether the file is empty or says that it is Watchword's, however damaged the rest may be.
fn is_ours(database: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(database)?.take(HEADER).read_to_end(&mut start)?;
    let id = start.get(68..72).and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
    Ok(start.is_empty() || (start.starts_with(b"SQLite format 3\0") && id.map(i64::from) == Some(APPLICATION_ID)))
}

/// The new one is called `aside` for a moment, so that one step of the file system swaps the two.
fn exchange(new: &Path, database: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(new, aside)?;
    match renameat_with(CWD, aside, CWD, database, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::rename(aside, new)?;
            fs::hard_link(database, aside)?;
            fs::rename(new, database)
        }
        swapped => swapped.map_err(io::Error::from),
    }
}

fn move_if_any(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).or_else(ignore_missing)
}

fn remove_if_any(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(ignore_missing)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// How long the header of a SQLite file is.
const HEADER: u64 = 100;
