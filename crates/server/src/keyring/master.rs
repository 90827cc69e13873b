//! The master key: from the environment, else from a file that only its owner may read.
//!
//! A new one takes the place of the file in three steps: it is written beside, the database goes over to it, the new file
//! takes the old one's name. Whichever step was the last, [`Source::load`] finds the key that fits and takes the rest.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use token::MasterKey;
use zeroize::Zeroizing;

use super::KeyError;
use crate::config::Config;

/// The variable that holds the master key instead of a file: 32 bytes as base64url without padding.
pub const MASTER_KEY_VARIABLE: &str = "WATCHWORD_MASTER_KEY";

/// The variable that holds the one to come, while the master key is exchanged.
pub const NEW_MASTER_KEY_VARIABLE: &str = "WATCHWORD_NEW_MASTER_KEY";

/// Where the master key comes from.
pub(super) enum Source {
    File(PathBuf),
    /// The one so far, and the one to come if it was given.
    Variables(Vec<MasterKey>),
}

/// What the database remembers of a master key, to tell it from another: 63 bits that say nothing else about it.
pub(super) fn mark(master: &MasterKey) -> i64 {
    let derived = master.subkey("watchword master key check");
    i64::from_be_bytes(derived[..8].try_into().expect("32 bytes have 8")) & i64::MAX
}

impl Source {
    pub(super) fn of(config: &Config, env: &[(String, String)]) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for wanted in [MASTER_KEY_VARIABLE, NEW_MASTER_KEY_VARIABLE] {
            let Some((name, text)) = env.iter().find(|(name, _)| name == wanted) else { continue };
            let key = MasterKey::from_base64url(text).map_err(|_| {
                KeyError::Master(format!("{name} is not 32 bytes as base64url without padding (43 characters)"))
            })?;
            keys.push(key);
        }
        Ok(if keys.is_empty() { Self::File(config.master_key_file()) } else { Self::Variables(keys) })
    }

    /// Whether the master key with this mark is here. Makes and changes nothing.
    pub(super) fn has(&self, check: i64) -> Result<bool, KeyError> {
        let fits = |key: &MasterKey| mark(key) == check;
        Ok(match self {
            Self::Variables(keys) => keys.iter().any(fits),
            Self::File(path) => {
                read(path)?.as_ref().is_some_and(fits) || read(&beside(path))?.as_ref().is_some_and(fits)
            }
        })
    }

    /// What a message calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Variables(_) => MASTER_KEY_VARIABLE.to_owned(),
        }
    }

    /// The master key with this mark. Makes the file only if there is no mark: while nothing has been encrypted yet.
    pub(super) fn load(&self, check: Option<i64>) -> Result<MasterKey, KeyError> {
        let fits = |key: &&MasterKey| check.is_none_or(|check| mark(key) == check);
        match self {
            Self::Variables(keys) => {
                let found = keys.iter().find(fits);
                found.cloned().ok_or_else(|| KeyError::Sealed(format!("the value of {MASTER_KEY_VARIABLE}")))
            }
            Self::File(path) => match (read(path)?, check) {
                (Some(key), _) if fits(&&key) => Ok(key),
                (found, Some(_)) => match read(&beside(path))?.filter(|key| fits(&key)) {
                    Some(key) => finish(path, &key).map(|()| key),
                    None if found.is_some() => Err(KeyError::Sealed(format!("a copy of {}", path.display()))),
                    None => Err(KeyError::Master(format!(
                        "the database's keys are encrypted under a master key that is missing: put back {}, or set \
                         {MASTER_KEY_VARIABLE}",
                        path.display()
                    ))),
                },
                (_, None) => make(path),
            },
        }
    }
}

/// A master key in a file beside the one in force. Both files are locked until it is in force itself.
pub(super) struct Unfinished<'a> {
    pub(super) key: MasterKey,
    path: &'a Path,
    _locked: [File; 2],
}

impl<'a> Unfinished<'a> {
    /// Writes a new key. Refused while another process is at it; what one left behind that was cut off is replaced.
    pub(super) fn write(path: &'a Path) -> Result<Self, KeyError> {
        let key = MasterKey::generate();
        let beside = beside(path);
        let locked = lock_in_force(path).and_then(|in_force| {
            let new = match write_private(&beside, &key) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    clear(&beside).and_then(|()| write_private(&beside, &key))
                }
                written => written,
            };
            Ok([in_force, new?])
        });
        let locked = locked.map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::AlreadyExists => {
                KeyError::Master("the master key is being exchanged by another process; nothing was changed".to_owned())
            }
            _ => KeyError::Master(format!("cannot write the new master key to {}: {e}", beside.display())),
        })?;
        Ok(Self { key, path, _locked: locked })
    }

    /// Puts it in the old one's place.
    pub(super) fn finish(self) -> Result<(), KeyError> {
        finish(self.path, &self.key)
    }

    /// Takes it away: nothing was encrypted under it.
    pub(super) fn discard(self) {
        // What remains otherwise is a key that opens nothing, and the next exchange replaces it.
        let _ = fs::remove_file(beside(self.path));
    }
}

/// The file in which a new key waits.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Keeps every other exchange out. The lock on the new file alone would not: one that finds a file left behind must not
/// remove another that was put in its place between the looking and the removing.
fn lock_in_force(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    lock(&file)?;
    // Before it was locked, another key may have taken its name.
    let is_in_force = fs::metadata(path)?.ino() == file.metadata()?.ino();
    if is_in_force { Ok(file) } else { Err(ErrorKind::WouldBlock.into()) }
}

/// Locks a file, or fails at once if another process has.
fn lock(file: &File) -> std::io::Result<()> {
    file.try_lock().map_err(|refused| match refused {
        TryLockError::WouldBlock => ErrorKind::WouldBlock.into(),
        TryLockError::Error(e) => e,
    })
}

/// Removes a new key that a process left behind which is gone: the database does not know of it.
fn clear(beside: &Path) -> std::io::Result<()> {
    let left_behind = File::open(beside)?;
    lock(&left_behind)?;
    fs::remove_file(beside)
}

fn finish(path: &Path, key: &MasterKey) -> Result<(), KeyError> {
    let renamed = fs::rename(beside(path), path).and_then(|()| sync_folder(path));
    match renamed {
        // Somebody else who looked for the key that fits was faster.
        Err(e) if e.kind() == ErrorKind::NotFound && read(path)?.is_some_and(|there| mark(&there) == mark(key)) => {
            Ok(())
        }
        Err(e) => Err(KeyError::Master(format!(
            "the new master key is in force, but could not be moved to {}: {e}. Rename {} to it",
            path.display(),
            beside(path).display()
        ))),
        Ok(()) => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<MasterKey>, KeyError> {
    let shown = path.display();
    match read_private(path) {
        Ok(text) => MasterKey::from_base64url(text.trim_ascii_end()).map(Some).map_err(|_| {
            KeyError::Master(format!("{shown} is not a Watchword master key; put back the original file"))
        }),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(KeyError::Master(format!("cannot use the master key file {shown}: {e}"))),
    }
}

fn read_private(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mode = fs::metadata(path)?.permissions().mode();
    // systemd lets one user alone at a credential by an access list, which shows as rights of the group.
    let of_others = if is_credential(path) { 0o037 } else { 0o077 };
    if mode & of_others != 0 {
        let text = format!("others may read it; run: chmod 600 {}", path.display());
        return Err(Error::new(ErrorKind::PermissionDenied, text));
    }
    fs::read_to_string(path).map(Zeroizing::new)
}

/// Whether systemd put the file there, with `LoadCredential=`, into a folder that belongs to this service alone.
fn is_credential(path: &Path) -> bool {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    folder.is_some_and(|folder| path.parent() == Some(Path::new(&folder)))
}

fn make(path: &Path) -> Result<MasterKey, KeyError> {
    let key = MasterKey::generate();
    let failed = |e| KeyError::Master(format!("cannot write the master key file {}: {e}", path.display()));
    match write_private(path, &key) {
        Ok(_) => Ok(key),
        // Another process that starts on the same new database was faster.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => read(path)?.ok_or_else(|| failed(e)),
        Err(e) => Err(failed(e)),
    }
}

/// The whole file appears at once, locked, or not at all, and never takes the place of another.
fn write_private(path: &Path, key: &MasterKey) -> std::io::Result<File> {
    let unfinished = path.with_extension(format!("key.{}", token::base64url::encode(crate::random::bytes::<6>())));
    let result = (|| -> std::io::Result<File> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.lock()?;
        file.write_all(key.to_base64url().as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&unfinished, path)?;
        Ok(file)
    })();
    // What may remain is a second name for the same key, or nothing.
    let _ = fs::remove_file(&unfinished);
    let file = result?;
    // The name too must survive a power loss: without this file, every stored key is lost.
    sync_folder(path)?;
    Ok(file)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
