//! What a backup is encrypted under: a password, or the content of a key file.

use std::path::Path;

use zeroize::Zeroizing;

use super::Sealed;

/// The variable that holds the password of a backup.
pub const PASSWORD_VARIABLE: &str = "WATCHWORD_BACKUP_PASSWORD";

/// A password or a key. It has no `Debug`.
pub enum Secret {
    /// Something to remember; made costly to guess.
    Password(Zeroizing<String>),
    /// Something random; 32 bytes or more.
    KeyFile(Zeroizing<Vec<u8>>),
}

/// Why there is no password or key. The message says what to do; it never contains either.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(String);

impl Secret {
    /// What was given: a key file, else a password file, else the variable. None if nothing was.
    pub fn given(
        key_file: Option<&Path>,
        password_file: Option<&Path>,
        env: &[(String, String)],
    ) -> Result<Option<Self>, SecretError> {
        if let Some(path) = key_file {
            let key = read(path)?;
            if key.len() < 32 {
                return Err(SecretError(format!(
                    "the key file {} has less than 32 bytes. Make one: openssl rand -base64 32 > backup.key",
                    path.display()
                )));
            }
            return Ok(Some(Self::KeyFile(key)));
        }
        let password = match password_file {
            Some(path) => Some(text(&read(path)?, &format!("the password file {}", path.display()))?),
            None => {
                env.iter().find(|(name, _)| name == PASSWORD_VARIABLE).map(|(_, text)| Zeroizing::new(text.clone()))
            }
        };
        match password {
            Some(password) if password.is_empty() => Err(SecretError("the password of the backup is empty".to_owned())),
            password => Ok(password.map(Self::Password)),
        }
    }

    /// Refuses a password that a thief of the file would guess: he may try as often as he likes.
    pub fn strong(self) -> Result<Self, SecretError> {
        if let Self::Password(password) = &self {
            let nobody = "backup".parse().expect("it is a username");
            domain::password::judge(password, &nobody, None)
                .map_err(|weakness| SecretError(format!("the password of the backup is too weak. {weakness}")))?;
        }
        Ok(self)
    }

    /// How a new backup under it says so.
    pub fn sealed(&self) -> Sealed {
        let salt = token::base64url::encode(crate::random::bytes::<32>());
        match self {
            Self::Password(_) => Sealed::Password(salt),
            Self::KeyFile(_) => Sealed::KeyFile(salt),
        }
    }

    pub(super) fn is_for(&self, sealed: &Sealed) -> bool {
        matches!((self, sealed), (Self::Password(_), Sealed::Password(_)) | (Self::KeyFile(_), Sealed::KeyFile(_)))
    }
}

/// The content of a small file, without the end of its last line.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let read = std::fs::read(path).map(Zeroizing::new);
    let mut content = read.map_err(|e| SecretError(format!("cannot read {}: {e}", path.display())))?;
    while content.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        content.pop();
    }
    Ok(content)
}

fn text(bytes: &[u8], name: &str) -> Result<Zeroizing<String>, SecretError> {
    let text = str::from_utf8(bytes).map_err(|_| SecretError(format!("{name} is not text in UTF-8")))?;
    Ok(Zeroizing::new(text.to_owned()))
}
