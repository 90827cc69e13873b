//! `watchword backup`: a copy of the database in one file, while the server goes on.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::UnixMillis;
use jiff::Timestamp;
use store::{Duplicate, Whole};

use super::progress::watched;
use super::start::wrong;
use crate::app::StartError;
use crate::archive::{self, Head, PASSWORD_VARIABLE, Sealed, Secret};
use crate::clock::Clock;
use crate::config::Config;
use crate::keyring;

#[derive(clap::Args)]
pub struct Backup {
    /// The file to write, which must not exist; `-` writes to standard output [default: named after the time]
    file: Option<PathBuf>,
    /// Encrypt it under a password from WATCHWORD_BACKUP_PASSWORD, or as the other options say
    #[arg(long)]
    encrypt: bool,
    /// Encrypt it under the password in this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Encrypt it under this file of 32 random bytes or more, such as from `openssl rand -base64 32`
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    key_file: Option<PathBuf>,
}

pub fn run(backup: &Backup, config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
    let database = config.database.file().ok_or_else(|| wrong(ON_A_SERVER))?;
    if !database.exists() {
        return Err(wrong(format!("there is no database at {}; say where it is with --database", database.display())));
    }
    let secret = secret(backup, env)?;
    let now = Clock::wall();
    let file = backup.file.clone().unwrap_or_else(|| name(now));
    let (whole, sealed) = if file == Path::new("-") {
        if std::io::stdout().is_terminal() {
            return Err(wrong("a backup is no text: send standard output to a file or a program"));
        }
        pour(database, secret.as_ref(), now, &std::io::stdout())?
    } else {
        let target = Target::beside(&file)?;
        let poured = pour(database, secret.as_ref(), now, &target.unfinished)?;
        target.finish()?;
        poured
    };
    tell(&file, whole, &sealed, config, env)
}

/// Copies the database, checks the copy, and writes it out. Answers what was found, and how it is encrypted.
fn pour(
    database: &Path,
    secret: Option<&Secret>,
    now: UnixMillis,
    to: &(impl WriteTo + ?Sized),
) -> Result<(Whole, Sealed), StartError> {
    let copy = Duplicate::beside(database, "-backup").map_err(at_work)?;
    let size = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let whole = watched("Copying", || (size(copy.path()), size(database)), || copy.fill(database))?;
    let head = Head {
        made_at: now.0,
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        schema: whole.schema,
        bytes: whole.bytes,
        sealed: secret.map_or(Sealed::No, Secret::sealed),
    };
    let content = copy.content()?;
    let done = AtomicU64::new(0);
    let progress = || (done.load(Ordering::Relaxed), head.bytes);
    let written = watched("Writing", progress, || archive::write(&head, secret, content, to.writer(), &done));
    written.map_err(|e| wrong(format!("the backup cannot be written: {e}")))?;
    Ok((whole, head.sealed))
}

fn at_work(error: store::OpenError) -> StartError {
    match error {
        store::OpenError::Locked(_) => wrong("another backup of this database is being made"),
        error => error.into(),
    }
}

/// Somewhere that can be written to in turn.
trait WriteTo: Sync {
    fn writer(&self) -> impl Write;
}

impl WriteTo for std::io::Stdout {
    fn writer(&self) -> impl Write {
        BufWriter::with_capacity(BUFFER, self.lock())
    }
}

impl WriteTo for File {
    fn writer(&self) -> impl Write {
        BufWriter::with_capacity(BUFFER, self)
    }
}

/// The file to be, under another name until it is whole.
struct Target<'a> {
    file: &'a Path,
    part: PathBuf,
    /// Locked, so that it can be told from one that was left behind.
    unfinished: File,
}

impl<'a> Target<'a> {
    fn beside(file: &'a Path) -> Result<Self, StartError> {
        refuse_existing(file)?;
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let unfinished = store::unfinished(&part).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock => wrong(format!("another process is writing {}", part.display())),
            _ => wrong(format!("cannot write {}: {e}", part.display())),
        })?;
        Ok(Self { file, part, unfinished })
    }

    /// Gives it its name, once all of it is on disk.
    fn finish(self) -> Result<(), StartError> {
        refuse_existing(self.file)?;
        let folder = self.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = self.unfinished.sync_all().and_then(|()| std::fs::rename(&self.part, self.file));
        let kept = named.and_then(|()| File::open(folder)?.sync_all());
        kept.map_err(|e| wrong(format!("cannot write {}: {e}", self.file.display())))
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        // Once it has its name there is none; what remains otherwise is taken over by the next one of this name.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn refuse_existing(file: &Path) -> Result<(), StartError> {
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(wrong(format!("{} exists already; a backup overwrites nothing", file.display())))
}

fn secret(backup: &Backup, env: &[(String, String)]) -> Result<Option<Secret>, StartError> {
    if !backup.encrypt && backup.password_file.is_none() && backup.key_file.is_none() {
        return Ok(None);
    }
    let given = Secret::given(backup.key_file.as_deref(), backup.password_file.as_deref(), env).map_err(wrong)?;
    let given = given.ok_or_else(|| {
        wrong(format!("--encrypt needs a password: set {PASSWORD_VARIABLE}, or give --password-file or --key-file"))
    })?;
    given.strong().map(Some).map_err(wrong)
}

/// On standard error: standard output may be the backup itself.
fn tell(
    file: &Path,
    whole: Whole,
    sealed: &Sealed,
    config: &Config,
    env: &[(String, String)],
) -> Result<ExitCode, StartError> {
    let how = match sealed {
        Sealed::No => "not encrypted",
        Sealed::Password(_) => "encrypted under the password",
        Sealed::KeyFile(_) => "encrypted under the key file",
    };
    let megabytes = whole.bytes as f64 / 1e6;
    let mut lines =
        vec![format!("Wrote {}: {megabytes:.1} MB, schema {}, checked, {how}.", file.display(), whole.schema)];
    if *sealed == Sealed::No {
        lines.push(
            "Whoever reads it learns every username, address and password hash; --encrypt keeps that from them."
                .to_owned(),
        );
    }
    let (master, is_here) = keyring::find_master(config, env, whole.master)?;
    lines.push(format!(
        "The master key is not in it. Keep {master} apart from it: without that key it restores nothing."
    ));
    if !is_here {
        lines.push(format!("WARNING: what is in {master} is not the master key of this database."));
    }
    // Whoever reads may have gone; the backup is there all the same.
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn name(now: UnixMillis) -> PathBuf {
    let at = Timestamp::from_millisecond(now.0).unwrap_or_default();
    PathBuf::from(at.strftime("watchword-%Y%m%dT%H%M%SZ.backup").to_string())
}

/// How much is written at a time.
const BUFFER: usize = 1 << 20;

const ON_A_SERVER: &str = "this command is for SQLite files. The database is on a PostgreSQL server: use pg_dump or \
    pg_basebackup, as docs/postgres.md shows under Backups";
