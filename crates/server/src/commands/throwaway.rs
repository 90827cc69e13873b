//! What commands share that make an installation of their own: a folder that goes away, and people in it.

use std::path::{Path, PathBuf};

use domain::{Account, Roles, UserId};
use serde::Serialize;
use store::NewUser;
use zeroize::Zeroizing;

use crate::app::{App, StartError};

/// Somebody who can log in.
#[derive(Serialize)]
pub struct Person {
    /// Their name.
    pub username: String,
    /// Made for them.
    pub password: String,
    /// What they may do.
    pub roles: Vec<String>,
}

/// Adds an account with a password of its own.
pub async fn add(app: &App, name: &str, roles: Roles) -> Result<Person, StartError> {
    let password = super::accounts::generated_password();
    let hash = app.passwords.hash(Zeroizing::new(password.clone())).await;
    let created_at = app.clock.now();
    let account: Account = app
        .store
        .add_user(NewUser {
            user_id: UserId::new(created_at, &crate::random::bytes()),
            username: name.parse().expect("a well-formed name"),
            email: None,
            password: Some(hash.map_err(|_| StartError::System("a password could not be hashed".to_owned()))?),
            roles,
            created_at,
        })
        .await?;
    Ok(Person { username: account.username.to_string(), password, roles: account.roles.as_slice().to_vec() })
}

/// A folder of its own among the temporary files, deleted at the end.
pub struct Folder(PathBuf);

impl Folder {
    /// For the command of this name.
    pub fn make(command: &str) -> Result<Self, StartError> {
        use std::os::unix::fs::DirBuilderExt;
        let name = format!("watchword-{command}-{}", token::base64url::encode(crate::random::bytes::<9>()));
        let path: PathBuf = std::env::temp_dir().join(name);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| StartError::System(format!("cannot make the folder {}: {e}", path.display())))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the folder of this command could not be deleted");
        }
    }
}
