//! The master key: from the environment, else from a file that only its owner may read.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use token::MasterKey;
use zeroize::Zeroizing;

use super::KeyError;
use crate::config::Config;

/// The variable that holds the master key instead of a file: 32 bytes as base64url without padding.
pub const MASTER_KEY_VARIABLE: &str = "WATCHWORD_MASTER_KEY";

/// Reads the master key. Makes the file only while `needed` is false: while nothing has been encrypted under it yet.
pub(super) fn load(config: &Config, env: &[(String, String)], needed: bool) -> Result<MasterKey, KeyError> {
    let refuse = |text: String| Err(KeyError::Master(text));
    if let Some((name, text)) = env.iter().find(|(name, _)| name == MASTER_KEY_VARIABLE) {
        return MasterKey::from_base64url(text)
            .or_else(|_| refuse(format!("{name} is not 32 bytes as base64url without padding (43 characters)")));
    }
    let path = config.master_key_file();
    let shown = path.display();
    match read_private(&path) {
        Ok(text) => MasterKey::from_base64url(text.trim_ascii_end())
            .or_else(|_| refuse(format!("{shown} is not a Watchword master key; put back the original file"))),
        Err(e) if e.kind() == ErrorKind::NotFound && needed => refuse(format!(
            "the database's keys are encrypted under a master key that is missing: put back {shown}, or set {MASTER_KEY_VARIABLE}"
        )),
        Err(e) if e.kind() == ErrorKind::NotFound => make(&path),
        Err(e) => refuse(format!("cannot use the master key file {shown}: {e}")),
    }
}

fn read_private(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        let text = format!("others may read it; run: chmod 600 {}", path.display());
        return Err(std::io::Error::new(ErrorKind::PermissionDenied, text));
    }
    std::fs::read_to_string(path).map(Zeroizing::new)
}

fn make(path: &Path) -> Result<MasterKey, KeyError> {
    let key = MasterKey::generate();
    let written = write_private(path, key.to_base64url().as_bytes());
    written
        .map(|()| key)
        .map_err(|e| KeyError::Master(format!("cannot write the master key file {}: {e}", path.display())))
}

/// The whole file appears at once, or not at all, and never takes the place of another.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension(format!("key.{}", token::base64url::encode(crate::random::bytes::<6>())));
    let result = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::hard_link(&unfinished, path)
    })();
    // What may remain is a second name for the same key, or nothing.
    let _ = std::fs::remove_file(&unfinished);
    result?;
    // The name too must survive a power loss: without this file, every stored key is lost.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}
