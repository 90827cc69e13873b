//! `watchword restore`: a backup in place of the database, and the end of whatever must not come back to life with it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::UnixMillis;
use domain::revocation::keep_until;
use jiff::Timestamp;
use store::{Duplicate, OpenError, Options, Store, Voided, Whole};

use super::output::line;
use super::progress::watched;
use super::start::{existing, wrong};
use crate::app::StartError;
use crate::archive::{self, Head, Secret};
use crate::clock::Clock;
use crate::config::Config;
use crate::keyring;
use crate::moments::{ago, moment};

#[derive(clap::Args)]
pub struct Restore {
    /// The backup; `-` reads standard input
    #[arg(required_unless_present = "by_other_means", conflicts_with = "by_other_means")]
    file: Option<PathBuf>,
    /// The file with the password that it is encrypted under; else WATCHWORD_BACKUP_PASSWORD is taken
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The key file that it is encrypted under
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    key_file: Option<PathBuf>,
    /// Only look whether it could be restored; the database stays as it is
    #[arg(long)]
    check: bool,
    /// Let the sessions and keys of the backup stand, although some of them have been ended since it was made
    #[arg(long, conflicts_with = "check")]
    keep_sessions: bool,
    /// The database was put back already, by pg_restore or with a copied file: end everything that was issued
    #[arg(long, conflicts_with_all = ["check", "keep_sessions"])]
    by_other_means: bool,
}

pub async fn run(restore: Restore, config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
    let Some(file) = &restore.file else { return finish(config).await };
    let database = config.database.file().ok_or_else(|| wrong(ON_A_SERVER))?;
    if !restore.check {
        store::refuse_if_open(database).map_err(in_use)?;
    }
    let secret = Secret::given(restore.key_file.as_deref(), restore.password_file.as_deref(), env).map_err(wrong)?;
    let staged = Duplicate::beside(database, "-restoring").map_err(|error| match error {
        OpenError::Locked(_) => wrong("another backup is being restored here"),
        error => error.into(),
    })?;
    let (head, whole) = unpack(file, secret.as_ref(), &staged)?;
    let now = Clock::wall();
    let made = UnixMillis(head.made_at);
    line(format!(
        "{} is whole: made {} ({}) by Watchword {}, schema {}.",
        file.display(),
        moment(made),
        ago(made, now),
        head.made_by,
        whole.schema
    ));
    if restore.check {
        return warn_of_master(whole, config, env).map(|()| ExitCode::SUCCESS);
    }
    let voided = prepare(&staged, database, restore.keep_sessions, now).await?;
    let aside = aside(database, now);
    let owner = if database.exists() { database } else { folder(database) };
    staged.give_to_owner_of(owner)?;
    let replaced = store::replace(staged.path(), database, &aside).map_err(in_use)?;
    line(format!("Restored {}.", database.display()));
    if replaced {
        line(format!("What was there before is in {}; delete it when it is not needed any more.", aside.display()));
    }
    tell(voided, made);
    warn_of_master(whole, config, env)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends everything that was issued, in a database that was put back by somebody else.
async fn finish(config: &Config) -> Result<ExitCode, StartError> {
    let store = existing(config).await?;
    let now = later(store.clock_floor().await?, Clock::wall());
    let voided = store.void_everything(keep_until(now), now).await;
    let raised = store.raise_clock_floor(now).await;
    store.close().await;
    raised?;
    tell(Some(voided?), now);
    line("Restart every server on this database.");
    Ok(ExitCode::SUCCESS)
}

/// The database in the backup, found to be whole.
fn unpack(file: &Path, secret: Option<&Secret>, staged: &Duplicate) -> Result<(Head, Whole), StartError> {
    let refused = |why: &dyn std::fmt::Display| wrong(format!("cannot restore {}: {why}", file.display()));
    let (from, size): (Box<dyn BufRead>, u64) = if file == Path::new("-") {
        (Box::new(std::io::stdin().lock()), 0)
    } else {
        let open = File::open(file).map_err(|e| refused(&e))?;
        let size = open.metadata().map_or(0, |found| found.len());
        (Box::new(BufReader::with_capacity(1 << 20, open)), size)
    };
    let done = AtomicU64::new(0);
    let progress = || (done.load(Ordering::Relaxed), size);
    let mut to = BufWriter::with_capacity(1 << 20, staged.content()?);
    let read = watched("Reading", progress, || archive::read(from, secret, &mut to, &done));
    let head = read.map_err(|e| refused(&e))?;
    to.flush().map_err(|e| refused(&e))?;
    drop(to);
    let whole = staged.examine().map_err(|error| match error {
        OpenError::Damaged { what, .. } => refused(&format!("the database in it is damaged: {what}")),
        OpenError::NotADatabase(_) => refused(&"what is in it is not a Watchword database"),
        OpenError::Newer { found, known, .. } => refused(&format!(
            "its schema is number {found} and this version of Watchword knows only up to {known}; use the newer version"
        )),
        error => refused(&error),
    })?;
    Ok((head, whole))
}

/// Brings the schema up to date and ends what must not come back to life, before anybody can see it.
async fn prepare(
    staged: &Duplicate,
    database: &Path,
    keep_sessions: bool,
    now: UnixMillis,
) -> Result<Option<Voided>, StartError> {
    let store = Store::open(&Options::file(staged.path()))?;
    let work = async {
        // No clock may start before what the database in its place has seen.
        let now = later(store.clock_floor().await?, later(store::clock_floor_of(database), now));
        let voided = if keep_sessions {
            store.let_stand().await?;
            None
        } else {
            Some(store.void_everything(keep_until(now), now).await?)
        };
        store.raise_clock_floor(now).await?;
        Ok::<_, StartError>(voided)
    };
    let outcome = work.await;
    store.close().await;
    outcome
}

fn tell(voided: Option<Voided>, made: UnixMillis) {
    match voided {
        Some(voided) => {
            line(format!(
                "Ended {} sessions and made {} signing keys worthless; everybody logs in again. The server makes a new \
                 key when it is started.",
                voided.sessions, voided.keys
            ));
        }
        None => {
            line(format!(
                "WARNING: the sessions stand as they did on {}. Whoever was logged out since is logged in again, as is \
                 a thief; refresh tokens that were used since are refused; keys that were revoked since are trusted \
                 again.",
                moment(made)
            ));
        }
    }
    line(
        "Accounts are as they were, too: whoever was disabled since, or got a new password or other roles, must again. \
         Look at them before you start the server: watchword user list",
    );
}

fn warn_of_master(whole: Whole, config: &Config, env: &[(String, String)]) -> Result<(), StartError> {
    let (master, is_here) = keyring::find_master(config, env, whole.master)?;
    if !is_here {
        line(format!(
            "WARNING: {master} does not hold the master key that belongs to this backup. Put that back before you start \
             the server; with another one it does not start."
        ));
    }
    Ok(())
}

fn in_use(error: OpenError) -> StartError {
    match error {
        OpenError::Locked(path) => wrong(format!(
            "{} is in use by a server or another command. Stop it first; nothing was changed",
            path.display()
        )),
        error => error.into(),
    }
}

fn later(one: Option<UnixMillis>, other: UnixMillis) -> UnixMillis {
    one.map_or(other, |one| one.max(other))
}

/// A name that is free, for what was there before.
fn aside(database: &Path, now: UnixMillis) -> PathBuf {
    let at = Timestamp::from_millisecond(now.0).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
    let named = |count: u32| {
        let mut name = database.as_os_str().to_owned();
        name.push(format!("-replaced-{at}"));
        if count > 0 {
            name.push(format!("-{count}"));
        }
        PathBuf::from(name)
    };
    (0..u32::MAX).map(named).find(|path| path.symlink_metadata().is_err()).expect("some number is free")
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

const ON_A_SERVER: &str = "this command is for SQLite files. The database is on a PostgreSQL server: use pg_restore, as \
    docs/postgres.md shows under Backups, and then watchword restore --by-other-means";
